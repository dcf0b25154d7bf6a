// Package web serves the exporter's HTTP endpoints.
package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/model"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// Options configure the handler.
type Options struct {
	Logger        log.Logger
	RoutePrefix   string       // of all paths: "" or, for example, "/twilio"
	TelemetryPath string       // of the metrics, without the prefix
	Metrics       http.Handler // serves them
	Version       string       // for the landing page
	Exporter      Exporter
	Reload        func() error // its error is sent to the client that asked for the reload
}

// An Exporter is what the pages report on.
type Exporter interface {
	// Ready reports whether every collector has finished a poll, successful or not.
	Ready() bool
	// Polls lists how each collector of each account is doing.
	Polls() []Poll
}

// A Poll is the last poll of a collector of an account.
type Poll struct {
	Account, Provider, Collector string
	Interval                     time.Duration

	Ended       time.Time     // zero before the first poll has ended
	Duration    time.Duration // of the last poll
	Records     int           // of the last successful poll
	LastSuccess time.Time     // end of the last successful poll; zero if there was none

	Reason, Err, Advice string // why the last poll failed; empty if it succeeded
}

// Handler serves metrics, landing page, health, readiness and reload. It refuses
// cross-origin requests that would change something.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	get := func(path string, h http.HandlerFunc) {
		if strings.HasSuffix(path, "/") { // the mux would match every path below it, too
			path += "{$}"
		}
		mux.Handle("GET "+path, h)
	}
	get(o.RoutePrefix+o.TelemetryPath, o.Metrics.ServeHTTP)
	get(o.RoutePrefix+"/-/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") })
	get(o.RoutePrefix+"/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Exporter.Ready() {
			http.Error(w, "not ready: first polls are under way", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("POST "+o.RoutePrefix+"/-/reload", func(w http.ResponseWriter, _ *http.Request) {
		// It may wait for files and for polls to stop.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(reloadTimeout))
		if err := o.Reload(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "reloaded")
	})
	if o.TelemetryPath != "/" {
		get(o.RoutePrefix+"/", landingPage(o))
	}
	if o.RoutePrefix != "" {
		toRoot := http.RedirectHandler(o.RoutePrefix+"/", http.StatusFound).ServeHTTP
		get("/", toRoot)
		get(o.RoutePrefix, toRoot)
	}
	return http.NewCrossOriginProtection().Handler(mux)
}

// landingPage shows how each collector of each account is doing.
func landingPage(o Options) http.HandlerFunc {
	polls := template.Must(template.New("polls").Funcs(template.FuncMap{
		"ago": func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return time.Since(t).Round(time.Second).String() + " ago"
		},
		"duration": func(d time.Duration) string { return model.Duration(d).String() },
		"short":    func(d time.Duration) string { return d.Round(time.Millisecond).String() },
	}).Parse(pollsHTML))
	return func(w http.ResponseWriter, r *http.Request) {
		var table bytes.Buffer
		if err := polls.Execute(&table, o.Exporter.Polls()); err != nil {
			level.Error(o.Logger).Log("msg", "the landing page cannot be rendered", "err", err)
		}
		page, err := toolkit.NewLandingPage(toolkit.LandingConfig{
			// Links are relative, so that they work below any path at which a reverse
			// proxy serves the page.
			RoutePrefix: ".",
			Name:        "Twilio Exporter",
			Description: "Usage and cost of Twilio Super SIM fleets for Prometheus",
			Version:     o.Version,
			Profiling:   "false",
			ExtraHTML:   table.String(),
			ExtraCSS:    pollsCSS,
			Links: []toolkit.LandingLinks{
				{Address: o.TelemetryPath, Text: "Metrics"},
				{Address: "/-/healthy", Text: "Health", Description: "200 while the process serves"},
				{Address: "/-/ready", Text: "Readiness", Description: "503 until every collector has finished its first poll"},
			},
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		r = r.Clone(r.Context())
		r.URL.Path = "./" // the only path that the page is served at
		page.ServeHTTP(w, r)
	}
}

const pollsHTML = `<h3>Polls</h3>
<div class="wide"><table>
<tr><th>Account</th><th>Provider</th><th>Collector</th><th class="n">Interval</th><th class="n">Last poll</th><th class="n">Took</th><th class="n">Records</th><th class="n">Last success</th><th>Result</th></tr>
{{range .}}<tr><td>{{.Account}}</td><td>{{.Provider}}</td><td>{{.Collector}}</td><td class="n">{{duration .Interval}}</td>
{{if .Ended.IsZero}}<td colspan="4">the first poll is under way</td><td>–</td>{{else}}<td class="n">{{ago .Ended}}</td><td class="n">{{short .Duration}}</td><td class="n">{{.Records}}</td><td class="n">{{ago .LastSuccess}}</td>
{{if .Reason}}<td class="bad">failed ({{.Reason}})</td></tr>
<tr><td class="why" colspan="9">{{.Err}}<br><em>{{.Advice}}</em></td>{{else}}<td class="good">ok</td>{{end}}{{end}}</tr>
{{end}}</table></div>`

const pollsCSS = `
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin-top: .5em; }
th, td { border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top; white-space: nowrap; }
th { background: #f4f4f4; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; }
td.good { color: #1a7f37; }
td.bad { color: #b3261e; font-weight: bold; }
td.why { background: #fdf3f2; padding-left: 2em; white-space: normal; overflow-wrap: anywhere; }
`
