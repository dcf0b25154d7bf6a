package exporter_test

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	promconfig "github.com/prometheus/common/config"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sidA = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	sidB = "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// twilioAccount and koreAccount are configuration for the simulated accounts.
const (
	twilioAccount = `
- name: a
  account_sid: ` + sidA + `
  basic_auth: {username: ` + sidA + `, password: token-a}
  supersim_url: http://simulator
  api_url: http://simulator
`
	koreAccount = `
- name: b
  provider: kore
  oauth2: {client_id: client-b, client_secret: secret-b, token_url: http://simulator/api-services/v1/auth/token}
  supersim_url: http://simulator
`
)

// a process is one run of the exporter, in memory.
type process struct {
	t         *testing.T
	exporter  *exporter.Exporter
	registry  *prometheus.Registry
	redaction *exporter.Redaction
	log       *syncBuffer
	disk      *disk
	cancel    context.CancelFunc
}

// launch starts an exporter whose accounts are reached through the simulators,
// by account name.
func launch(t *testing.T, yaml string, simulators map[string]*twiliotest.Simulator, options ...func(*exporter.Options)) *process {
	t.Helper()
	return launchAs(t, yaml, log.NewLogfmtLogger, inMemory(func(account string) http.RoundTripper { return simulators[account].Transport() }), options...)
}

// launchOn is launch with a file system.
func launchOn(t *testing.T, yaml string, simulators map[string]*twiliotest.Simulator, disk *disk) *process {
	t.Helper()
	p, err := tryLaunch(t, yaml, simulators, disk)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryLaunch(t *testing.T, yaml string, simulators map[string]*twiliotest.Simulator, disk *disk) (*process, error) {
	t.Helper()
	return tryStart(t, parse(t, yaml), log.NewLogfmtLogger, inMemory(func(account string) http.RoundTripper { return simulators[account].Transport() }), disk)
}

func launchAs(t *testing.T, yaml string, logger func(io.Writer) log.Logger, dial exporter.Dialer, options ...func(*exporter.Options)) *process {
	t.Helper()
	return start(t, parse(t, yaml), logger, dial, options...)
}

// start starts an exporter. Polls follow the first one at the interval, unless the
// options say otherwise: most tests are easier to read without the spread.
func start(t *testing.T, cfg *config.Config, logger func(io.Writer) log.Logger, dial exporter.Dialer, options ...func(*exporter.Options)) *process {
	t.Helper()
	p, err := tryStart(t, cfg, logger, dial, newDisk(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tryStart returns a process even if it could not load its configuration.
func tryStart(t *testing.T, cfg *config.Config, logger func(io.Writer) log.Logger, dial exporter.Dialer, disk *disk, options ...func(*exporter.Options)) (*process, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{t: t, registry: prometheus.NewRegistry(), log: new(syncBuffer), redaction: new(exporter.Redaction), disk: disk, cancel: cancel}
	launched := time.Duration(time.Now().UnixNano())
	o := exporter.Options{
		Logger: logger(p.log), Registry: p.registry, UserAgent: "twilio_exporter/test", Dial: dial, Redaction: p.redaction, FS: p.disk,
		Offset: func(identity string, interval time.Duration) time.Duration {
			if strings.HasSuffix(identity, "|supersim_usage") {
				return (launched + 50*time.Millisecond) % interval // after the inventory
			}
			return launched % interval
		},
	}
	for _, option := range options {
		option(&o)
	}
	p.exporter = exporter.New(ctx, o)
	return p, p.exporter.Reload(cfg)
}

// parse reads a configuration. Collectors that it does not name are on if the tests
// know them, and off otherwise: a new one must not change what they see.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	var top map[string]any
	if err := yaml.Unmarshal([]byte(text), &top); err != nil {
		t.Fatal(err)
	}
	collectors, _ := top["collectors"].(map[string]any)
	if collectors == nil {
		collectors = make(map[string]any)
		top["collectors"] = collectors
	}
	for _, name := range exporter.CollectorNames() {
		if collectors[name] == nil && !slices.Contains([]string{"supersim_usage", "supersim_inventory", "account_usage", "account_balance"}, name) {
			collectors[name] = map[string]bool{"enabled": false}
		}
	}
	if len(collectors) == 0 {
		delete(top, "collectors")
	}
	content, err := yaml.Marshal(top)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("test.yml", content)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// only is configuration that switches on the collectors named, each with its
// options ("account_balance: {interval: 1s}"), and all others off.
func only(options ...string) string {
	text := "\ncollectors:\n"
	for _, name := range exporter.CollectorNames() {
		line := name + ": {enabled: false}"
		for _, o := range options {
			if strings.HasPrefix(o, name+":") {
				line = o
			}
		}
		text += "  " + line + "\n"
	}
	return text
}

// families are those of the program as it is configured by default.
func families(iccid bool) []metric.Family {
	return exporter.Families(config.Collectors{SuperSIMInventory: config.SuperSIMInventory{ICCID: iccid}})
}

// inMemory adds to an account's transport the credentials, as Dial does to real
// ones. What needs a file is left to Dial.
func inMemory(transport func(account string) http.RoundTripper) exporter.Dialer {
	return func(a config.Account, timeout time.Duration, userAgent string, observer twilio.Observer) (http.RoundTripper, error) {
		if a.HTTPClient.TLSConfig.CAFile != "" {
			return exporter.Dial(a, timeout, userAgent, observer)
		}
		base := transport(a.Name)
		if oauth2 := a.HTTPClient.OAuth2; oauth2 != nil {
			return twilio.NewTokenTransport(twilio.TokenOptions{
				TokenURL: oauth2.TokenURL, ClientID: oauth2.ClientID,
				ClientSecret: func(context.Context) (string, error) { return string(oauth2.ClientSecret), nil },
				Base:         base, TokenBase: base, UserAgent: userAgent, Timeout: timeout, Observer: observer,
			}), nil
		}
		basic := a.HTTPClient.BasicAuth
		return promconfig.NewBasicAuthRoundTripper(
			promconfig.NewInlineSecret(basic.Username), promconfig.NewInlineSecret(string(basic.Password)), base), nil
	}
}

// spread leaves the polls of an exporter where they are without Offset.
func spread(o *exporter.Options) { o.Offset = nil }

func (p *process) reload(yaml string) {
	p.t.Helper()
	if err := p.tryReload(yaml); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) tryReload(yaml string) error {
	p.t.Helper()
	return p.exporter.Reload(parse(p.t, yaml))
}

func (p *process) stop() {
	p.cancel()
	p.exporter.Wait()
}

// kill ends the process as kill -9 does: from now on, nothing changes in the file system.
func (p *process) kill() {
	p.disk.kill()
	p.stop()
}

// gather reads every series by its text form. Histograms are left out.
func (p *process) gather() map[string]float64 {
	p.t.Helper()
	families, err := prometheus.Gatherers{p.registry, p.exporter.Gatherer()}.Gather()
	if err != nil {
		p.t.Errorf("%s: gather: %v", time.Now(), err)
	}
	all := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			switch {
			case m.Counter != nil:
				all[series(f, m)] = m.Counter.GetValue()
			case m.Gauge != nil:
				all[series(f, m)] = m.Gauge.GetValue()
			}
		}
	}
	return all
}

// created reads the created timestamp of a family's first series.
func (p *process) created(name string) time.Time {
	p.t.Helper()
	families, err := prometheus.Gatherers{p.registry, p.exporter.Gatherer()}.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric[0].Counter.GetCreatedTimestamp().AsTime()
		}
	}
	p.t.Fatalf("no family %s", name)
	return time.Time{}
}

func series(f *dto.MetricFamily, m *dto.Metric) string {
	b := make([]byte, 0, 160)
	b = append(b, f.GetName()...)
	b = append(b, '{')
	for i, l := range m.Label {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, l.GetName()...)
		b = append(b, '=')
		b = strconv.AppendQuote(b, l.GetValue())
	}
	return string(append(b, '}'))
}

// want compares some series with the values they should have; NaN means that
// there must be no such series.
func (p *process) want(want map[string]float64) {
	p.t.Helper()
	have := p.gather()
	var names []string
	for name := range want {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		v, ok := have[name]
		if math.IsNaN(want[name]) {
			if ok {
				p.t.Errorf("%s: %s: want no series, have %v", stamp(), name, v)
			}
			continue
		}
		if !ok {
			p.t.Errorf("%s: %s: want %v, have no series", stamp(), name, want[name])
		} else if v != want[name] {
			p.t.Errorf("%s: %s: want %v, have %v", stamp(), name, want[name], v)
		}
	}
}

func stamp() string { return time.Now().UTC().Format("2006-01-02 15:04:05") }

// until lets the bubble's clock run to a moment, and what is due then happen.
func until(t *testing.T, moment string) {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", moment)
	if err != nil {
		t.Fatal(err)
	}
	if wait := time.Until(at); wait > 0 {
		time.Sleep(wait)
	}
	synctest.Wait()
}

func date(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
