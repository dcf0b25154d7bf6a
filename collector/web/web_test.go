package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/collector/web"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refusal is an API that holds back its answers, and then refuses in words of
// its own.
type refusal struct {
	release chan struct{}
	message string
}

func (a refusal) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-a.release:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: make(http.Header), Request: r,
		Body: io.NopCloser(strings.NewReader(`{"code": 20001, "message": "` + a.message + `"}`)),
	}, nil
}

// site is a handler over an exporter of one account.
type site struct {
	http.Handler
	registry *exposition.Live
	log      *bytes.Buffer
	exporter *exporter.Exporter
	api      refusal
	reload   error
}

func newSite(t *testing.T, telemetryPath, account string) *site {
	t.Helper()
	cfg, err := config.Parse("test.yml", []byte(`accounts: [{name: "`+account+`", account_sid: ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, basic_auth: {username: u, password: p}}]`))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		registry: exposition.NewLive(), log: new(bytes.Buffer),
		api: refusal{make(chan struct{}), "<b>bold</b> & wrong"},
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.exporter = exporter.New(ctx, exporter.Options{
		Logger: log.NewNopLogger(), Registry: s.registry, UserAgent: "twilio_exporter/test",
		Dial: func(config.Account, time.Duration, string, twilio.Observer) (http.RoundTripper, error) {
			return s.api, nil
		},
	})
	if err := s.exporter.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.exporter.Wait)
	t.Cleanup(cancel)
	s.Handler = web.Handler(web.Options{
		Logger: log.NewLogfmtLogger(s.log), Registry: s.registry, TelemetryPath: telemetryPath,
		Version: "test", Exporter: s.exporter, Reload: func() error { return s.reload },
	})
	return s
}

// do sends a request and returns the answer's status and body.
func (s *site) do(method, path string) (int, string) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

// settle lets the API answer, and waits for every first poll.
func (s *site) settle(t *testing.T) {
	t.Helper()
	close(s.api.release)
	for end := time.Now().Add(30 * time.Second); !s.exporter.Ready(); {
		if time.Now().After(end) {
			t.Fatal("it does not become ready")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestStatuses(t *testing.T) {
	s := newSite(t, "/metrics", "a")
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
		{"POST", "/", 405, ""},
		{"GET", "/metrics", 200, "twilio_exporter_config_last_reload_successful 1"},
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

// TestReady: a poll that has failed has finished, too.
func TestReady(t *testing.T) {
	s := newSite(t, "/metrics", "a")
	if status, _ := s.do("GET", "/-/ready"); status != 503 {
		t.Errorf("want 503 while first polls are under way, have %d", status)
	}
	s.settle(t)
	if status, body := s.do("GET", "/-/ready"); status != 200 || body != "ready\n" {
		t.Errorf("want 200 after they have failed, have %d and %q", status, body)
	}
}

func TestFailedReload(t *testing.T) {
	s := newSite(t, "/metrics", "a")
	s.reload = errors.New("a.yml:3: accounts: missing\nb.yml: cannot be read")
	status, body := s.do("POST", "/-/reload")
	if status != 500 || body != s.reload.Error()+"\n" {
		t.Errorf("want 500 and the errors, have %d and %q", status, body)
	}
}

// TestLandingPage shows polls, and nothing of foreign words as HTML.
func TestLandingPage(t *testing.T) {
	s := newSite(t, "/foo", "<script>alert(1)</script>")
	if _, page := s.do("GET", "/"); strings.Count(page, "the first poll is under way") != 4 {
		t.Errorf("want four first polls to be under way, have %s", page)
	}
	s.settle(t)
	status, page := s.do("GET", "/")
	page = regexp.MustCompile(`<(/?t[dhr])[^>]*>`).ReplaceAllString(page, "<$1>") // whatever its style
	for _, want := range []string{
		`<a href="/foo">Metrics</a>`, `href="/-/healthy"`, `href="/-/ready"`,
		"&lt;script&gt;", "&lt;b&gt;bold&lt;/b&gt; &amp; wrong", "failed (refused)", "code 20001", "never",
		"<td>account_balance</td><td>1h</td>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in %s", want, page)
		}
	}
	for _, not := range []string{"<script", "<b>bold", "debug/pprof", "under way"} {
		if strings.Contains(page, not) {
			t.Errorf("have %q in %s", not, page)
		}
	}
	if status != 200 {
		t.Errorf("have status %d", status)
	}
}

func TestTelemetryPath(t *testing.T) {
	s := newSite(t, "/foo", "a")
	if status, body := s.do("GET", "/foo"); status != 200 || !strings.Contains(body, "twilio_account_info{") {
		t.Errorf("want the metrics, have %d and %q", status, body)
	}
	if status, _ := s.do("GET", "/metrics"); status != 404 {
		t.Errorf("want 404 where they are not, have %d", status)
	}
}

// TestTelemetryAtRoot: then there is no landing page, and all else is where it
// was.
func TestTelemetryAtRoot(t *testing.T) {
	s := newSite(t, "/", "a")
	if status, body := s.do("GET", "/"); status != 200 || !strings.Contains(body, "twilio_account_info{") {
		t.Errorf("want the metrics, have %d and %q", status, body)
	}
	for path, want := range map[string]int{"/-/healthy": 200, "/-/ready": 503, "/-/reload": 405, "/nowhere": 404} {
		if status, _ := s.do("GET", path); status != want {
			t.Errorf("%s: want %d, have %d", path, want, status)
		}
	}
}

// spoilt is a collector with metrics that cannot be exposed.
type spoilt struct{ twice *prometheus.Desc }

func (spoilt) Describe(chan<- *prometheus.Desc) {}

func (c spoilt) Collect(metrics chan<- prometheus.Metric) {
	for range 2 {
		metrics <- prometheus.MustNewConstMetric(c.twice, prometheus.GaugeValue, 1, "same")
	}
	_, err := prometheus.NewConstMetric(c.twice, prometheus.GaugeValue, 1, "\xff")
	metrics <- prometheus.NewInvalidMetric(c.twice, err)
}

// TestSpoiltMetrics: series that cannot be shown take no other with them, and
// the log tells of them.
func TestSpoiltMetrics(t *testing.T) {
	s := newSite(t, "/metrics", "a")
	s.registry.MustRegister(spoilt{prometheus.NewDesc("spoilt", "Help.", []string{"label"}, nil)})
	for range 2 {
		status, body := s.do("GET", "/metrics")
		if status != 200 || !strings.Contains(body, "twilio_account_info{") || strings.Count(body, `spoilt{label="same"}`) != 1 {
			t.Errorf("want all that can be shown, have %d and %s", status, body)
		}
	}
	for _, want := range []string{"level=error", "some metrics could not be shown", "was collected before", "UTF-8"} {
		if have := s.log.String(); !strings.Contains(have, want) {
			t.Errorf("want %q in the log %q", want, have)
		}
	}
	if _, body := s.do("GET", "/metrics"); !strings.Contains(body, `promhttp_metric_handler_errors_total{cause="gathering"} 2`) {
		t.Errorf("want the errors to have been counted, have %s", body)
	}
}

// TestScrapesAtOnce is for the race detector.
func TestScrapesAtOnce(t *testing.T) {
	s := newSite(t, "/metrics", "a")
	close(s.api.release)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, path := range []string{"/metrics", "/", "/-/ready", "/metrics"} {
				if status, _ := s.do("GET", path); status != 200 && status != 503 {
					t.Errorf("%s: %d", path, status)
				}
			}
		})
	}
	all.Wait()
}
