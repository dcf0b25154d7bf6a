package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-kit/log"
	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
	"github.com/twilio-exporter/twilio_exporter/collector/web"
)

const documentation = "https://github.com/twilio-exporter/twilio_exporter#readme"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an exporter that says what a test wants it to.
type fake struct {
	ready    bool
	overview status.Overview
}

func (f *fake) Ready() bool               { return f.ready }
func (f *fake) Overview() status.Overview { return f.overview }

// site is the handler over a fake exporter.
type site struct {
	http.Handler
	exporter fake
	reload   error
}

func newSite(telemetryPath string) *site { return newPrefixedSite("", telemetryPath) }

func newPrefixedSite(prefix, telemetryPath string) *site {
	s := new(site)
	s.Handler = web.Handler(web.Options{
		Logger: log.NewNopLogger(), RoutePrefix: prefix, TelemetryPath: telemetryPath,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "metrics") }),
		Version: "test", Exporter: &s.exporter, Reload: func() error { return s.reload },
	})
	return s
}

// do sends a request and returns the answer's status and body.
func (s *site) do(method, path string) (int, string) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

func TestStatuses(t *testing.T) {
	s := newSite("/metrics")
	for _, x := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/-/healthy", 200, "healthy"},
		{"GET", "/-/ready", 503, "not ready"},
		{"GET", "/-/reload", 405, ""},
		{"PUT", "/-/reload", 405, ""},
		{"POST", "/-/reload", 200, "reloaded"},
		{"GET", "/", 200, "Twilio Exporter"},
		{"GET", "/api/v1/status", 200, "{"},
		{"POST", "/api/v1/status", 405, ""},
		{"GET", "/-/status.css", 200, "prefers-color-scheme: dark"},
		{"GET", "/-/status.js", 200, "fetch("},
		{"GET", "/-/status.html", 404, ""},
		{"POST", "/", 405, ""},
		{"GET", "/metrics", 200, "metrics"},
		{"GET", "/nowhere", 404, ""},
		{"GET", "/debug/pprof/", 404, ""},
		{"GET", "/metrics/", 404, ""},
	} {
		status, body := s.do(x.method, x.path)
		if status != x.status || !strings.Contains(body, x.body) {
			t.Errorf("%s %s: want %d and %q, have %d and %q", x.method, x.path, x.status, x.body, status, body)
		}
	}
}

func TestReady(t *testing.T) {
	s := newSite("/metrics")
	if status, body := s.do("GET", "/-/ready"); status != 503 || !strings.Contains(body, "first polls") {
		t.Errorf("want 503 while first polls are under way, have %d and %q", status, body)
	}
	s.exporter.ready = true
	if status, body := s.do("GET", "/-/ready"); status != 200 || body != "ready\n" {
		t.Errorf("want 200 after them, have %d and %q", status, body)
	}
}

func TestFailedReload(t *testing.T) {
	s := newSite("/metrics")
	s.reload = errors.New("a.yml:3: accounts: missing\nb.yml: cannot be read")
	status, body := s.do("POST", "/-/reload")
	if status != 500 || body != s.reload.Error()+"\n" {
		t.Errorf("want 500 and the errors, have %d and %q", status, body)
	}
}

func TestTelemetryPath(t *testing.T) {
	s := newSite("/foo")
	if status, body := s.do("GET", "/foo"); status != 200 || body != "metrics\n" {
		t.Errorf("want the metrics, have %d and %q", status, body)
	}
	if status, _ := s.do("GET", "/metrics"); status != 404 {
		t.Errorf("want 404 where they are not, have %d", status)
	}
}

// TestTelemetryAtRoot: then there is no landing page, and all else is where it
// was.
func TestTelemetryAtRoot(t *testing.T) {
	s := newSite("/")
	if status, body := s.do("GET", "/"); status != 200 || body != "metrics\n" {
		t.Errorf("want the metrics, have %d and %q", status, body)
	}
	for path, want := range map[string]int{"/-/healthy": 200, "/-/ready": 503, "/-/reload": 405, "/nowhere": 404} {
		if status, _ := s.do("GET", path); status != want {
			t.Errorf("%s: want %d, have %d", path, want, status)
		}
	}
}

// TestRoutePrefix: everything is below it, what is not leads there, and the links
// of the landing page stay below whatever path a proxy serves it at.
func TestRoutePrefix(t *testing.T) {
	s := newPrefixedSite("/twilio", "/metrics")
	s.exporter.ready = true
	for path, want := range map[string]int{
		"/twilio/metrics": 200, "/twilio/": 200, "/twilio/-/healthy": 200, "/twilio/-/ready": 200, "/twilio/-/reload": 405,
		"/": 302, "/twilio": 302, "/metrics": 404, "/-/healthy": 404, "/-/reload": 404, "/twilio/metrics/": 404, "/twiliometrics": 404,
		"/twilio/api/v1/status": 200, "/twilio/-/status.css": 200, "/twilio/-/status.js": 200, "/api/v1/status": 404, "/-/status.js": 404,
	} {
		if status, _ := s.do("GET", path); status != want {
			t.Errorf("%s: want %d, have %d", path, want, status)
		}
	}
	if status, _ := s.do("POST", "/twilio/-/reload"); status != 200 {
		t.Errorf("reload: have %d", status)
	}
	_, page := s.do("GET", "/twilio/")
	links := regexp.MustCompile(`(?:href|src|action)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 3 {
		t.Errorf("have the links %q", links)
	}
	for _, link := range links {
		if !strings.HasPrefix(link[1], "./") && !slices.Contains([]string{"#accounts", "data:,", documentation}, link[1]) {
			t.Errorf("the link %q leaves the path of a reverse proxy", link[1])
		}
	}
}
