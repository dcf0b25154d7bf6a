// Keeps the status page up to date. The page works without it.
"use strict";
(() => {
  const every = 15000, patience = 10000;
  const form = document.querySelector("form");
  const touch = document.getElementById("touch");
  const list = document.getElementById("list");
  const cards = new Map(); // by id: what the server last sent
  const toggled = new Map(); // by id: what the reader opened or closed
  let etag = "", asked = 0, since = new Date(), skew = 0, timer;

  for (const id of new URLSearchParams(location.search).getAll("open")) toggled.set(id, true);
  for (const card of list.children) cards.set(card.id, card.outerHTML);
  for (const id of ["summary", "shown", "busiest"]) cards.set("#" + id, document.getElementById(id).innerHTML);
  document.body.classList.add("live");
  document.querySelector("form button").hidden = true;
  list.addEventListener("click", (e) => {
    const summary = e.target.closest("summary");
    if (summary) toggled.set(summary.closest("article").id, !summary.parentElement.open);
  });

  const span = (ms) => {
    const s = Math.round(Math.max(0, ms) / 1000);
    return s < 100 ? s + " s" : s < 5400 ? Math.round(s / 60) + " min" : s < 172800 ? Math.round(s / 3600) + " h" : Math.round(s / 86400) + " d";
  };
  const tellTimes = () => {
    const now = Date.now() + skew;
    for (const t of document.querySelectorAll("details[open] time[class]")) {
      t.title = t.title || t.textContent + " UTC";
      const to = Date.parse(t.dateTime) - now;
      const text = t.className === "past" ? span(-to) + " ago" : to < 1000 ? "now" : "in " + span(to);
      if (t.textContent !== text) t.textContent = text;
    }
  };

  // replace puts in what has changed and leaves everything else, so that focus and what
  // the reader opened stay.
  const replace = (doc) => {
    for (const id of ["summary", "shown", "busiest"]) {
      const next = doc.getElementById(id).innerHTML;
      if (cards.get("#" + id) !== next) document.getElementById(id).innerHTML = next;
      cards.set("#" + id, next);
    }
    const focused = document.activeElement && document.activeElement.closest("article");
    const order = [];
    for (const next of [...doc.getElementById("list").children]) {
      let card = document.getElementById(next.id);
      const html = next.outerHTML;
      if (!card || cards.get(next.id) !== html) {
        const details = next.querySelector("details");
        if (toggled.has(next.id)) details.open = toggled.get(next.id);
        const adopted = document.adoptNode(next);
        if (card) card.replaceWith(adopted);
        card = adopted;
      }
      cards.set(next.id, html);
      order.push(card);
    }
    if (order.length !== list.children.length || order.some((card, i) => list.children[i] !== card)) list.replaceChildren(...order);
    if (focused && !focused.contains(document.activeElement)) {
      const card = document.getElementById(focused.id);
      if (card) card.querySelector("summary").focus({ preventScroll: true });
    }
  };

  const inTouch = (reason) => {
    document.body.classList.toggle("stale", reason !== "");
    touch.hidden = reason === "";
    const text = reason && "Out of touch with the exporter since " + since.toISOString().slice(11, 19) + " UTC (" + reason + "). What is shown is from then.";
    if (touch.textContent !== text) touch.textContent = text;
  };

  const withQuery = (query) => location.pathname + (query.toString() && "?" + query);

  // address is that of the page with what the reader opened: of closed accounts the server
  // sends one line.
  const address = () => {
    const query = new URLSearchParams(location.search);
    query.delete("open");
    for (const [id, open] of toggled) if (open) query.append("open", id);
    return withQuery(query);
  };

  const update = async () => {
    const mine = ++asked;
    clearTimeout(timer);
    const abort = new AbortController();
    const giveUp = setTimeout(() => abort.abort(), patience);
    try {
      const response = await fetch(address(), { signal: abort.signal, headers: { Accept: "text/html" } });
      if (!response.ok) throw new Error("HTTP " + response.status);
      const text = await response.text();
      if (mine !== asked) return;
      const tag = response.headers.get("ETag") || "";
      if (tag === "" || tag !== etag) {
        const doc = new DOMParser().parseFromString(text, "text/html");
        const build = doc.body.dataset.build;
        if (!build) throw new Error("another page");
        if (build !== document.body.dataset.build) return location.reload();
        replace(doc);
        etag = tag;
      }
      const date = Date.parse(response.headers.get("Date"));
      if (date) skew = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
      since = new Date(Date.now() + skew);
      inTouch("");
    } catch (e) {
      if (mine === asked) inTouch(e.name === "AbortError" ? "no response in " + patience / 1000 + " s" : e.name === "TypeError" ? "no connection" : e.message);
    } finally {
      clearTimeout(giveUp);
      if (mine === asked) timer = setTimeout(update, every);
      tellTimes();
    }
  };

  const filter = () => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    history.replaceState(null, "", withQuery(query));
    update();
  };
  let typing;
  form.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, 200); });
  form.addEventListener("submit", (e) => { e.preventDefault(); filter(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) update(); });
  addEventListener("online", update);
  list.addEventListener("toggle", (e) => {
    if (e.target.open && e.target.querySelector(".more")) {
      toggled.set(e.target.closest("article").id, true);
      update();
    }
    tellTimes();
  }, true);
  setInterval(tellTimes, 5000);
  tellTimes();
  timer = setTimeout(update, every);
})();
