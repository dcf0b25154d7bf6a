package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/klauspost/compress/gzhttp"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

//go:embed assets
var assets embed.FS

// securityPolicy lets the page load its own style sheet and script, ask the exporter,
// and nothing else.
const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// statusPage serves the status as HTML.
type statusPage struct {
	exporter         Exporter
	version, metrics string
	logger           log.Logger
	template         *template.Template
	build            string       // of the page: its script loads the page anew if it changes
	size             atomic.Int64 // in bytes, about what the page will have
}

// newStatusPage makes the page. Links are relative, so that they work below any path at
// which a reverse proxy serves it.
func newStatusPage(o Options) http.Handler {
	return gzhttp.GzipHandler(&statusPage{
		exporter: o.Exporter, version: o.Version, metrics: "." + o.TelemetryPath, logger: o.Logger,
		template: template.Must(template.ParseFS(assets, "assets/status.html")),
		build:    buildOf(o.Version),
	})
}

// buildOf is a hash of all that the page is made of, besides its data.
func buildOf(version string) string {
	h := fnv.New64a()
	h.Write([]byte(version))
	for _, name := range []string{"status.html", "status.css", "status.js"} {
		h.Write(content(name))
	}
	return fmt.Sprintf("%x", h.Sum64())
}

func (p *statusPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := p.exporter.Overview()
	o.Version = p.version
	body := bytes.NewBuffer(make([]byte, 0, p.size.Load()))
	if err := p.template.Execute(body, newPage(o, filterOf(r.URL.Query()), p.metrics, p.build)); err != nil {
		level.Error(p.logger).Log("msg", "the status page cannot be rendered", "err", err)
		http.Error(w, "the status page cannot be rendered: see the log", http.StatusInternalServerError)
		return
	}
	p.size.Store(int64(body.Len() + body.Len()/16))
	w.Header().Set("Content-Security-Policy", securityPolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	send(w, r, "text/html; charset=utf-8", body.Bytes())
}

// send sends a response that may be kept, but is asked for again each time: as long as
// it stays the same, it is not sent again.
func send(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	h := fnv.New64a()
	h.Write(body)
	tag := fmt.Sprintf(`W/"%x"`, h.Sum64()) // weak, because it may be compressed
	header := w.Header()
	header.Set("ETag", tag)
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Vary", "Accept-Encoding")
	header.Set("X-Content-Type-Options", "nosniff")
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimSpace(known) == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	header.Set("Content-Type", contentType)
	_, _ = w.Write(body)
}

// statusDocument serves the status as JSON.
func statusDocument(o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		document := o.Exporter.Overview()
		document.Version = o.Version
		document.Accounts = filterOf(query).accounts(document.Accounts)
		if query.Get("polls") != "true" { // they would be most of it
			for i := range document.Accounts {
				for c := range document.Accounts[i].Collectors {
					document.Accounts[i].Collectors[c].Polls = nil
				}
			}
		}
		body, err := json.Marshal(document)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(append(body, '\n'))
	})
}

// asset serves a file that the page loads under a name of its own for each content.
func asset(name string) http.HandlerFunc {
	body := content(name)
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		w.Header().Set("Cache-Control", "private, max-age=86400")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body)
	}))
}

// content is that of an embedded file.
func content(name string) []byte {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return b
}

// A filter selects accounts.
type filter struct {
	Name  string       // a part of the name, in any case; "": any
	State status.State // "": any
	Open  []string     // IDs of accounts that are open on the page, whatever their state
}

func filterOf(query url.Values) filter {
	return filter{Name: query.Get("name"), State: status.State(query.Get("state")), Open: query["open"]}
}

// opening is the query of the filter with one more account open.
func (f filter) opening(id string) url.Values {
	query := url.Values{"open": append(slices.Clone(f.Open), id)}
	if f.Name != "" {
		query.Set("name", f.Name)
	}
	if f.State != "" {
		query.Set("state", string(f.State))
	}
	return query
}

// accounts are those that the filter selects.
func (f filter) accounts(all []status.Account) []status.Account {
	selected := make([]status.Account, 0, len(all))
	for _, a := range all {
		if (f.State == "" || a.State == f.State) && strings.Contains(strings.ToLower(a.Name), strings.ToLower(f.Name)) {
			selected = append(selected, a)
		}
	}
	return selected
}
