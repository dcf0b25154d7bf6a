package twiliotest_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func faulty(t *testing.T, path string, f twiliotest.Fault, args ...string) reply {
	t.Helper()
	s := twiliotest.New(options())
	s.Inject(f)
	return get(t, s, path, args...)
}

func TestFaultsInPlaceOfTheAnswer(t *testing.T) {
	for _, c := range []struct {
		fault        twiliotest.Fault
		status, code int
		header       string // Retry-After
		body         string
	}{
		{twiliotest.Fault{Kind: twiliotest.RateLimit, RetryAfter: "7"}, 429, 20429, "7", ""},
		{twiliotest.Fault{Kind: twiliotest.ServerError}, 500, 20500, "", ""},
		{twiliotest.Fault{Kind: twiliotest.ServerError, Status: 503, RetryAfter: "1"}, 503, 20503, "1", ""},
		{twiliotest.Fault{Kind: twiliotest.HTMLError}, 502, 0, "", "<html>"},
		{twiliotest.Fault{Kind: twiliotest.Unauthorized}, 401, 20003, "", ""},
		{twiliotest.Fault{Kind: twiliotest.Forbidden}, 403, 70051, "", ""},
		{twiliotest.Fault{Kind: twiliotest.EchoCredentials}, 400, 20001, "", secret},
	} {
		r := faulty(t, "/v1/Sims", c.fault)
		if r.status != c.status || r.code() != c.code || r.header.Get("Retry-After") != c.header || !strings.Contains(r.body, c.body) {
			t.Errorf("%s: %d %v %s", c.fault.Kind, r.status, r.header, r.body)
		}
	}
	var op *net.OpError
	if r := faulty(t, "/v1/Sims", twiliotest.Fault{Kind: twiliotest.Reset}); !errors.As(r.err, &op) {
		t.Errorf("reset: %v", r.err)
	}
	if r := faulty(t, "/v1/Sims", twiliotest.Fault{Kind: twiliotest.Truncate}); r.status != 200 || !errors.Is(r.err, io.ErrUnexpectedEOF) || r.body == "" {
		t.Errorf("truncate: %d %v", r.status, r.err)
	}
	if r := faulty(t, "/v1/Sims", twiliotest.Fault{Kind: twiliotest.MalformedJSON}); r.status != 200 || r.err != nil || json.Valid([]byte(r.body)) {
		t.Errorf("malformed: %d %v", r.status, r.err)
	}
	r := tokenRequest(t, goodForm())
	s := twiliotest.New(options())
	s.Inject(twiliotest.Fault{Kind: twiliotest.EchoCredentials})
	if have := send(s.Transport(), r); !strings.Contains(have.body, "koresecret") {
		t.Errorf("echo of the form: %s", have.body)
	}
}

func TestFaultsOverSockets(t *testing.T) {
	s := twiliotest.New(options())
	srv := server(t, s)
	for _, kind := range []twiliotest.FaultKind{twiliotest.Reset, twiliotest.Truncate} {
		s.ClearFaults()
		s.Inject(twiliotest.Fault{Kind: kind})
		r := request(t, "GET", srv.URL+"/v1/Sims", "")
		r.SetBasicAuth(acct, secret)
		if have := send(srv.Client().Transport, r); have.err == nil {
			t.Errorf("%s: no error", kind)
		}
	}
	s.ClearFaults()
	r := request(t, "GET", srv.URL+"/v1/Sims?PageSize=5", "")
	r.SetBasicAuth(acct, secret)
	have := send(srv.Client().Transport, r)
	if !strings.HasPrefix(have.next(), srv.URL+"/v1/Sims?PageSize=5&Page=1&PageToken=") {
		t.Errorf("next: %s", have.next())
	}
	r = request(t, "GET", srv.URL+"/v1/Sims?PageSize=5", "")
	r.SetBasicAuth(acct, secret)
	r.Header.Set("X-Forwarded-Proto", "https")
	if have := send(srv.Client().Transport, r); !strings.HasPrefix(have.next(), "https://") {
		t.Errorf("next behind a proxy: %s", have.next())
	}
}

func TestFaultsInTheAnswer(t *testing.T) {
	s := twiliotest.New(options())
	usage := func(kind twiliotest.FaultKind) (reply, []map[string]any) {
		s.ClearFaults()
		if kind != "" {
			s.Inject(twiliotest.Fault{Kind: kind})
		}
		r := get(t, s, "/v1/UsageRecords", "Group", "sim")
		if kind == twiliotest.NoList {
			return r, nil
		}
		return r, r.list(t, "usage_records")
	}
	_, plain := usage("")
	if r, _ := usage(twiliotest.ForeignNext); !strings.HasPrefix(r.next(), "http://attacker.invalid/v1/UsageRecords?") {
		t.Errorf("foreign: %s", r.next())
	}
	if r, _ := usage(twiliotest.LoopNext); r.next() != r.json["meta"].(map[string]any)["url"] {
		t.Errorf("loop: %s", r.next())
	}
	if r, _ := usage(twiliotest.NoList); r.json["usage_records"] != nil || r.json["meta"] == nil {
		t.Errorf("no list: %s", r.body)
	}
	if r, records := usage(twiliotest.UnknownFields); records[0]["x_added"] == nil || r.json["x_added"] == nil {
		t.Errorf("unknown: %s", r.body)
	}
	if _, records := usage(twiliotest.NullNumbers); records[0]["data_upload"] != nil || records[0]["data_total_billed"] != nil {
		t.Errorf("null: %v", records[0])
	}
	if _, records := usage(twiliotest.NegativeNumbers); number(t, records[0]["data_upload"]) >= 0 || !strings.HasPrefix(records[0]["data_total_billed"].(string), "-") {
		t.Errorf("negative: %v", records[0])
	}
	if _, records := usage(twiliotest.EmptyStrings); records[0]["data_total_billed"] != "" || records[0]["billed_unit"] != "" {
		t.Errorf("empty: %v", records[0])
	}
	if _, records := usage(twiliotest.MissingPeriod); records[0]["period"] != nil {
		t.Errorf("period: %v", records[0])
	}
	if _, records := usage(twiliotest.ShrinkTotals); total(t, records).Upload >= total(t, plain).Upload || number(t, records[0]["data_upload"]) != number(t, plain[0]["data_upload"])*9/10 {
		t.Errorf("shrink: %v", records[0])
	}
	n := len(plain)
	if _, records := usage(twiliotest.DuplicateRecords); len(records) != n+1 || records[n]["data_upload"] != records[0]["data_upload"] || records[n]["sim_sid"] != records[0]["sim_sid"] {
		t.Errorf("duplicate: %v", records[n])
	}
	if _, records := usage(twiliotest.ConflictingDuplicates); len(records) != n+1 || records[n]["data_upload"] == records[0]["data_upload"] || records[n]["sim_sid"] != records[0]["sim_sid"] {
		t.Errorf("conflict: %v", records[n])
	}
	seen := make(map[string]bool)
	for range 12 {
		_, records := usage(twiliotest.UnreadableNumbers)
		b, _ := json.Marshal(records[0]["data_upload"])
		seen[string(b)] = true
	}
	if len(seen) < 6 || !seen["1.5"] {
		t.Errorf("unreadable: %v", seen)
	}
	for _, kind := range []twiliotest.FaultKind{twiliotest.ForeignNext, twiliotest.LoopNext} {
		s.ClearFaults()
		s.Inject(twiliotest.Fault{Kind: kind})
		if r := get(t, s, monthlyPath); !strings.Contains(r.next(), "/Usage/Records/Monthly.json?") {
			t.Errorf("%s on account usage: %s", kind, r.next())
		}
	}
	s.ClearFaults()
	s.Inject(twiliotest.Fault{Kind: twiliotest.InvalidPageToken, Times: 1})
	r := get(t, s, "/v1/Sims", "PageSize", "10")
	q := request(t, "GET", r.next(), "")
	q.SetBasicAuth(acct, secret)
	if have := send(s.Transport(), q); r.status != 200 || have.code() != 21481 {
		t.Errorf("page token: %d, %s", r.status, have.body)
	}
}

func TestFaultsAreCounted(t *testing.T) {
	s := twiliotest.New(options())
	s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Endpoint: twiliotest.Networks})
	s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Account: child})
	s.Inject(twiliotest.Fault{Kind: twiliotest.RateLimit, Endpoint: twiliotest.Sims, After: 1, Times: 2})
	s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Sims, Times: 1})
	for i, want := range []int{403, 429, 429, 200, 200} {
		if r := get(t, s, "/v1/Sims"); r.status != want {
			t.Errorf("request %d: have %d, want %d", i, r.status, want)
		}
	}
}

func TestTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Now = nil
		s := twiliotest.New(o)
		client := &http.Client{Transport: s.Transport(), Timeout: 3 * time.Second}
		ask := func(ctx context.Context) (*http.Response, error) {
			r := request(t, "GET", "http://supersim/v1/Sims", "").WithContext(ctx)
			r.SetBasicAuth(acct, secret)
			return client.Do(r)
		}
		s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Minute, Times: 2})
		began := time.Now()
		if _, err := ask(t.Context()); err == nil || time.Since(began) != 3*time.Second {
			t.Errorf("timeout: %v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}

		// A body that nobody reads, then one that is given up half-way.
		res, err := ask(t.Context())
		if err != nil || res.StatusCode != 200 || res.Request == nil {
			t.Fatal(res, err)
		}
		_ = res.Body.Close()
		ctx, cancel = context.WithCancel(t.Context())
		if res, err = ask(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled body: %v", err)
		}
		_ = res.Body.Close()
		s.ClearFaults()
		s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 2 * time.Second})
		began = time.Now()
		if res, err = ask(t.Context()); err != nil || time.Since(began) != 2*time.Second {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}) // synctest.Test fails if a goroutine is left
}

// TestRedirects: each leads where its kind says, and the resource is served there.
func TestRedirects(t *testing.T) {
	for kind, want := range map[twiliotest.FaultKind]string{
		twiliotest.Redirect:             "/moved/v1/Sims?PageSize=5",
		twiliotest.RedirectWithoutQuery: "/moved/v1/Sims",
		twiliotest.RedirectLoop:         "/v1/Sims?PageSize=5",
		twiliotest.RedirectEndless:      "/moved/v1/Sims?PageSize=5",
		twiliotest.RedirectForeign:      "http://attacker.invalid/v1/Sims?PageSize=5",
	} {
		r := faulty(t, "/v1/Sims", twiliotest.Fault{Kind: kind}, "PageSize", "5")
		if have := r.header.Get("Location"); r.status != 307 || have != want {
			t.Errorf("%s: %d to %s, want %s", kind, r.status, have, want)
		}
	}
	s := twiliotest.New(options())
	s.Inject(twiliotest.Fault{Kind: twiliotest.Redirect})
	if r := get(t, s, "/moved/v1/Sims"); r.status != 200 || len(r.list(t, "sims")) != 25 {
		t.Errorf("after a redirect: %s", r.body)
	}
	s.ClearFaults()
	s.Inject(twiliotest.Fault{Kind: twiliotest.RedirectEndless})
	if r := get(t, s, "/moved/v1/Sims", "PageSize", "5"); r.header.Get("Location") != "/moved/moved/v1/Sims?PageSize=5" {
		t.Errorf("after a redirect to ever new paths: %d %v", r.status, r.header)
	}
}

// TestBodies: faults of the body as it is sent.
func TestBodies(t *testing.T) {
	plain := get(t, twiliotest.New(options()), "/v1/Fleets").body
	gunzip := func(text string) string {
		r, err := gzip.NewReader(strings.NewReader(text))
		if err != nil {
			return err.Error()
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	for _, x := range []struct {
		fault    twiliotest.Fault
		encoding string
		good     func(body string) bool
	}{
		{twiliotest.Fault{Kind: twiliotest.OtherBody, Body: "null"}, "", func(b string) bool { return b == "null" }},
		{twiliotest.Fault{Kind: twiliotest.TrailingData, Body: "{}"}, "", func(b string) bool { return b == plain+"{}" }},
		{twiliotest.Fault{Kind: twiliotest.Gzip}, "gzip", func(b string) bool { return gunzip(b) == plain }},
		{twiliotest.Fault{Kind: twiliotest.GzipUnlabelled}, "", func(b string) bool { return gunzip(b) == plain }},
		{twiliotest.Fault{Kind: twiliotest.GzipMislabelled}, "gzip", func(b string) bool { return b == plain }},
		{twiliotest.Fault{Kind: twiliotest.GzipTruncated}, "gzip", func(b string) bool { return strings.Contains(gunzip(b), "unexpected EOF") }},
		{twiliotest.Fault{Kind: twiliotest.UnknownEncoding}, "x-none", func(b string) bool { return b == plain }},
		{twiliotest.Fault{Kind: twiliotest.GzipBomb}, "gzip", func(b string) bool {
			r, err := gzip.NewReader(strings.NewReader(b))
			if err != nil || len(b) > 1<<20 {
				return false
			}
			n, err := io.Copy(io.Discard, r)
			return err == nil && n > 256<<20
		}},
		{twiliotest.Fault{Kind: twiliotest.DeepJSON}, "", func(b string) bool { return strings.Contains(b, strings.Repeat("[", 20_000)) }},
		{twiliotest.Fault{Kind: twiliotest.DuplicateKeys}, "", func(b string) bool { return strings.Count(b, `"data_limit":1,`) == 1 }},
		{twiliotest.Fault{Kind: twiliotest.DuplicateList}, "", func(b string) bool { return strings.HasSuffix(b, `,"fleets":[]}`) }},
		{twiliotest.Fault{Kind: twiliotest.HugePage}, "", func(b string) bool { return json.Valid([]byte(b)) && len(b) > 16<<20 }},
		{twiliotest.Fault{Kind: twiliotest.HugeText}, "", func(b string) bool { return json.Valid([]byte(b)) && len(b) > 1<<20 }},
		{twiliotest.Fault{Kind: twiliotest.EmptyList}, "", func(b string) bool { return strings.Contains(b, `"fleets":[]`) }},
		{twiliotest.Fault{Kind: twiliotest.ListIsObject}, "", func(b string) bool { return strings.Contains(b, `"fleets":{}`) }},
		{twiliotest.Fault{Kind: twiliotest.NullRecord}, "", func(b string) bool { return strings.Contains(b, `"fleets":[null]`) }},
	} {
		if r := faulty(t, "/v1/Fleets", x.fault); r.status != 200 || r.header.Get("Content-Encoding") != x.encoding || !x.good(r.body) {
			t.Errorf("%s: %d, encoding %q, body of %d bytes that begins with %.200q", x.fault.Kind, r.status, r.header.Get("Content-Encoding"), len(r.body), r.body)
		}
	}
	if r := faulty(t, "/v1/Fleets", twiliotest.Fault{Kind: twiliotest.ResetBody}); !errors.Is(r.err, syscall.ECONNRESET) {
		t.Errorf("reset in the body: %v", r.err)
	}
}

// TestMovingRecords: a listing of pages in which a record is added or removed in front
// after the first one.
func TestMovingRecords(t *testing.T) {
	all := func(kind twiliotest.FaultKind) (sids []string) {
		o := options()
		o.MaxPageSize = 10
		s := twiliotest.New(o)
		if kind != "" {
			s.Inject(twiliotest.Fault{Kind: kind})
		}
		r := get(t, s, "/v1/Sims", "PageSize", "1000")
		for pages := 1; ; pages++ {
			for _, sim := range r.list(t, "sims") {
				sids = append(sids, sim["sid"].(string))
			}
			if r.next() == "" || pages > 5 {
				return sids
			}
			q := request(t, "GET", r.next(), "")
			q.SetBasicAuth(acct, secret)
			r = send(s.Transport(), q)
		}
	}
	plain := all("")
	if len(plain) != 25 {
		t.Fatalf("%d SIMs in pages of 10", len(plain))
	}
	if have, want := all(twiliotest.PageOverlap), slices.Concat(plain[:10], plain[9:]); !slices.Equal(have, want) {
		t.Errorf("overlap: have %v, want %v", have, want)
	}
	if have, want := all(twiliotest.PageGap), slices.Concat(plain[:10], plain[11:]); !slices.Equal(have, want) {
		t.Errorf("gap: have %v, want %v", have, want)
	}
	if have := all(twiliotest.EndlessPages); len(have) != 60 || !slices.Equal(have[50:], plain[:10]) {
		t.Errorf("endless: %v", have)
	}
}

// TestConnectionFaults: they come before the service sees the request, and for the
// account and endpoint that they are of.
func TestConnectionFaults(t *testing.T) {
	s := twiliotest.New(options())
	s.Inject(twiliotest.Fault{Kind: twiliotest.ConnectionRefused, Account: child})
	s.Inject(twiliotest.Fault{Kind: twiliotest.DNSFailure, Account: acct, Endpoint: twiliotest.Sims, Times: 1})
	var dns *net.DNSError
	if r := get(t, s, "/v1/Sims"); !errors.As(r.err, &dns) || !dns.IsNotFound {
		t.Errorf("have %v", r.err)
	}
	if s.TotalRequests() != 0 {
		t.Error("the service has seen the request")
	}
	if r := get(t, s, "/v1/Sims"); r.status != 200 {
		t.Errorf("the second time: %v", r.err)
	}
	if r := get(t, s, "/v1/Fleets"); r.status != 200 {
		t.Errorf("another endpoint: %v", r.err)
	}
	q := request(t, "GET", "http://supersim/v1/Fleets", "")
	q.SetBasicAuth(child, "child")
	if r := send(s.Transport(), q); !errors.Is(r.err, syscall.ECONNREFUSED) {
		t.Errorf("another account: %v", r.err)
	}
}

// TestChance: faults by chance occur about as often as they should.
func TestChance(t *testing.T) {
	s := twiliotest.New(options())
	s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Chance: .2})
	refused := 0
	for range 1000 {
		if get(t, s, "/v1/Fleets").status == 403 {
			refused++
		}
	}
	if refused < 150 || refused > 250 {
		t.Errorf("%d of 1000 requests were refused, about 200 should be", refused)
	}
}

// TestSlowBody: the second half comes after the delay, or not at all.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Now = nil
		s := twiliotest.New(o)
		plain := get(t, s, "/v1/Fleets")
		s.Inject(twiliotest.Fault{Kind: twiliotest.SlowBody, Delay: 2 * time.Second})
		began := time.Now()
		if r := get(t, s, "/v1/Fleets"); r.body != plain.body || time.Since(began) != 2*time.Second {
			t.Errorf("%d bytes after %s, want %d", len(r.body), time.Since(began), len(plain.body))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q := request(t, "GET", "http://supersim/v1/Fleets", "").WithContext(ctx)
		q.SetBasicAuth(acct, secret)
		if r := send(s.Transport(), q); r.status != 200 || !errors.Is(r.err, context.DeadlineExceeded) {
			t.Errorf("deadline: %d %v", r.status, r.err)
		}
	})
}
