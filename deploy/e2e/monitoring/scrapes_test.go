package monitoring_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	prometheusconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/logging"
	"github.com/prometheus/prometheus/util/osutil"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A network connects scrapers to exporters in memory, so that both run on the
// synthetic clock of a bubble of testing/synctest.
type network struct {
	// unreachable reports whether connections to a host fail at a time.
	unreachable func(host string, now time.Time) bool

	mu        sync.Mutex
	listeners map[string]*listener // by host
	other     int                  // scrapes that asked for another format than protobuf
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	l := n.listeners[host]
	n.mu.Unlock()
	if l == nil || n.unreachable != nil && n.unreachable(host, time.Now()) {
		return nil, errors.New("connection refused")
	}
	client, server := net.Pipe()
	select {
	case l.connections <- server:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A listener accepts the connections of a network.
type listener struct {
	connections chan net.Conn
	closed      chan struct{}
	close       func()
}

func newListener() *listener {
	l := &listener{connections: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.connections:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error { l.close(); return nil }

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// run runs the exporter at the given hosts until stop is called. The API is simulated.
func (n *network) run(t *testing.T, cfg *config.Config, simulator *twiliotest.Simulator, hosts ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	e := exporter.New(ctx, exporter.Options{
		Offset: func(string, time.Duration) time.Duration { return 0 }, // polls at whole intervals
		// Without metrics of the process: they are read from /proc, which takes long.
		Logger: log.NewNopLogger(), Registry: prometheus.NewRegistry(), UserAgent: "twilio_exporter/test",
		Dial: func(a config.Account, timeout time.Duration, userAgent string, observer twilio.Observer) (http.RoundTripper, error) {
			return inMemory(a, simulator.Transport(), timeout, userAgent, observer), nil
		},
	})
	if err := e.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	metrics := e.Handler(exporter.HandlerOptions{DisableCompression: true})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		metrics.ServeHTTP(w, r)
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/vnd.google.protobuf") {
			n.mu.Lock()
			n.other++
			n.mu.Unlock()
		}
	})}
	l := newListener()
	go server.Serve(l)
	synctest.Wait() // for the first polls
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, host := range hosts {
		n.listeners[host] = l
	}
	return func() {
		server.Close()
		cancel()
		e.Wait()
	}
}

// bubble runs a function in a bubble of testing/synctest whose clock is at a time.
// Prometheus looks up the name of the machine; the first lookup of a process makes a
// channel in package net, which must not be the bubble's.
func bubble(t *testing.T, at time.Time, f func(t *testing.T)) {
	t.Helper()
	if _, err := osutil.GetFQDN(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at))
		f(t)
	})
}

// startTimestamps are what a Prometheus does with the created timestamps of counters,
// which it calls start timestamps.
type startTimestamps struct {
	name string
	zero bool // created-timestamp-zero-ingestion: it stores a 0 at that time
	keep bool // st-storage: it stores them beside the samples
	use  bool // use-start-timestamps: rate() and increase() look at them
}

// flags are the command line flags of Prometheus.
func (s startTimestamps) flags() []string {
	var features []string
	for _, f := range []struct {
		on   bool
		name string
	}{{s.zero, "created-timestamp-zero-ingestion"}, {s.keep, "st-storage"}, {s.use, "use-start-timestamps"}} {
		if f.on {
			features = append(features, f.name)
		}
	}
	if features == nil {
		return nil
	}
	return []string{"--enable-feature=" + strings.Join(features, ",")}
}

// A scraper is a head block of Prometheus with a scrape manager for each job, with the
// options that Prometheus sets for the feature flags. It is what a Prometheus server
// runs, but for the write-ahead log. In a bubble of testing/synctest it scrapes at the
// bubble's time.
type scraper struct {
	network  *network
	stamps   startTimestamps
	head     *tsdb.Head
	log      *output
	metrics  []*prometheus.Registry // of the head, and of each manager
	managers []*scrape.Manager
	stopped  sync.WaitGroup
}

func newScraper(t *testing.T, n *network, s startTimestamps) *scraper {
	t.Helper()
	c := &scraper{network: n, stamps: s, log: newOutput(), metrics: []*prometheus.Registry{prometheus.NewRegistry()}}
	options := tsdb.DefaultHeadOptions()
	options.ChunkDirRoot = t.TempDir()
	options.EnableSTAsZeroSample = s.zero
	options.EnableSTStorage.Store(s.keep)
	options.EnableHistogramSTEncoding.Store(s.keep)
	if s.keep {
		options.FloatChunkEncoding.Store(uint32(chunkenc.EncXOR2))
	}
	var err error
	if c.head, err = tsdb.NewHead(c.metrics[0], c.logger(), nil, nil, options, tsdb.NewHeadStats()); err != nil {
		t.Fatal(err)
	}
	if err := c.head.Init(math.MinInt64); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *scraper) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// A job is a job of Prometheus: which hosts of the network it scrapes, and how often.
type job struct {
	name     string
	interval time.Duration
	hosts    []string
}

// start scrapes a job. The first scrape comes offset after the time that Prometheus
// chooses.
func (c *scraper) start(t *testing.T, j job, offset time.Duration) {
	t.Helper()
	registry := prometheus.NewRegistry()
	manager, err := scrape.NewManager(&scrape.Options{
		ParseST: c.stamps.zero || c.stamps.keep, EnableStartTimestampZeroIngestion: c.stamps.zero,
		DiscoveryReloadInterval: model.Duration(100 * 365 * 24 * time.Hour), DiscoveryReloadOnStartup: true,
		InitialScrapeOffset: offset,
		HTTPClientOptions: []promconfig.HTTPClientOption{
			promconfig.WithDialContextFunc(c.network.dial), promconfig.WithKeepAlivesDisabled(),
		},
	}, c.logger(), logging.NewJSONFileLogger, nil, c.head, registry)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := prometheusconfig.Load(fmt.Sprintf(`
global: {scrape_interval: %s, scrape_timeout: 10s, scrape_protocols: [PrometheusProto]}
scrape_configs:
  - job_name: %s
    metric_relabel_configs: [{source_labels: [__name__], regex: twilio_.*_total, action: keep}]
`, model.Duration(j.interval), j.name), c.logger())
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.ApplyConfig(cfg); err != nil {
		t.Fatal(err)
	}
	group := &targetgroup.Group{Source: j.name}
	for _, host := range j.hosts {
		group.Targets = append(group.Targets, model.LabelSet{model.AddressLabel: model.LabelValue(host + ":9860")})
	}
	targets := make(chan map[string][]*targetgroup.Group)
	c.stopped.Go(func() {
		if err := manager.Run(targets); err != nil {
			t.Error(err)
		}
	})
	targets <- map[string][]*targetgroup.Group{j.name: {group}}
	c.managers, c.metrics = append(c.managers, manager), append(c.metrics, registry)
}

// phase returns how long after a multiple of its interval Prometheus begins to scrape
// a job. It depends on the target's labels and on the name of this machine.
func phase(t *testing.T, j job) time.Duration {
	t.Helper()
	var first time.Time
	n := &network{listeners: map[string]*listener{j.hosts[0]: newListener()}}
	n.unreachable = func(string, time.Time) bool {
		first = time.Now()
		return true
	}
	c := newScraper(t, n, startTimestamps{})
	c.start(t, j, 0)
	time.Sleep(j.interval - time.Second)
	synctest.Wait()
	c.stop(t)
	if err := c.head.Close(); err != nil {
		t.Fatal(err)
	}
	if first.IsZero() {
		t.Fatalf("Prometheus did not scrape within %s", j.interval)
	}
	return first.Sub(first.Truncate(j.interval))
}

// stop stops the scrapes. It fails the test if Prometheus logged a warning.
func (c *scraper) stop(t *testing.T) {
	t.Helper()
	for _, m := range c.managers {
		m.Stop()
	}
	c.stopped.Wait()
	if log := c.log.text(); log != "" {
		t.Errorf("Prometheus logged %.2000s", log)
	}
}

// block stops the scrapes and writes what was scraped to a block of a directory. It
// fails the test if Prometheus logged a warning or did not accept a sample.
func (c *scraper) block(t *testing.T, directory string) {
	t.Helper()
	c.stop(t)
	var families []*dto.MetricFamily
	for _, r := range c.metrics {
		found, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		families = append(families, found...)
	}
	checked := 0
	for _, f := range families {
		switch f.GetName() {
		case "prometheus_target_scrapes_sample_duplicate_timestamp_total", "prometheus_target_scrapes_sample_out_of_bounds_total",
			"prometheus_target_scrapes_sample_out_of_order_total", "prometheus_tsdb_out_of_order_samples_total",
			"prometheus_tsdb_out_of_bound_samples_total", "prometheus_tsdb_too_old_samples_total":
			for _, m := range f.Metric {
				checked++
				if n := m.Counter.GetValue(); n != 0 {
					t.Errorf("%s %v: have %f, want 0", f.GetName(), m.Label, n)
				}
			}
		}
	}
	if checked < 6 {
		t.Errorf("Prometheus has %d counters of rejected samples", checked)
	}
	compactor, err := tsdb.NewLeveledCompactorWithOptions(context.Background(), nil, slog.New(slog.DiscardHandler),
		[]int64{tsdb.DefaultBlockDuration}, chunkenc.NewPool(), tsdb.LeveledCompactorOptions{EnableOverlappingCompaction: true})
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := compactor.Write(directory, c.head, c.head.MinTime(), c.head.MaxTime()+1, nil); err != nil || len(ids) != 1 {
		t.Fatalf("wrote blocks %v, %v", ids, err)
	}
	if err := c.head.Close(); err != nil {
		t.Fatal(err)
	}
}
