// Package web serves the exporter's HTTP endpoints.
package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/klauspost/compress/gzhttp"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// Options configure the handler.
type Options struct {
	Logger        log.Logger
	RoutePrefix   string       // of all paths: "" or, for example, "/twilio"
	TelemetryPath string       // of the metrics, without the prefix
	Metrics       http.Handler // serves them
	Version       string       // for the status page
	Exporter      Exporter
	Reload        func() error // its error is sent to the client that asked for the reload
}

// An Exporter is what the pages report on.
type Exporter interface {
	// Ready reports whether every collector has finished a poll, successful or not.
	Ready() bool
	// Overview is how every collector of every account is doing, without a version.
	Overview() status.Overview
}

// StatusPath is where the status is served as JSON, below the route prefix.
const StatusPath = "/api/v1/status"

// Handler serves metrics, status page, health, readiness and reload. It refuses
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
		get(o.RoutePrefix+"/", newStatusPage(o).ServeHTTP)
	}
	get(o.RoutePrefix+StatusPath, gzhttp.GzipHandler(statusDocument(o)))
	for _, name := range []string{"status.css", "status.js"} {
		get(o.RoutePrefix+"/-/"+name, asset(name))
	}
	if o.RoutePrefix != "" {
		toRoot := http.RedirectHandler(o.RoutePrefix+"/", http.StatusFound).ServeHTTP
		get("/", toRoot)
		get(o.RoutePrefix, toRoot)
	}
	return http.NewCrossOriginProtection().Handler(mux)
}
