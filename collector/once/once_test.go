package once_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/once"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	parent = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	child  = "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	kore   = "ACcccccccccccccccccccccccccccccccc"
	silent = "HS00000000000000000000000000000000"
	busy   = "HS11111111111111111111111111111111"
)

// hourly is what the busy SIM uses in every hour, reported and billed at once.
var hourly = twiliotest.Segment{Upload: 1000, Download: 2000, MicroCost: 5}

// setup is two accounts at a simulator, whose clock stands still: equal questions have
// equal answers. The first has a subaccount.
type setup struct {
	t         *testing.T
	simulator *twiliotest.Simulator
	more      string // configuration after the accounts

	mu  sync.Mutex
	log bytes.Buffer
}

// newSetup begins so long after the start of the bubble's first month.
func newSetup(t *testing.T, after time.Duration, more string) *setup {
	time.Sleep(after)
	now := time.Now()
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	simulator := twiliotest.New(twiliotest.Options{
		Now: func() time.Time { return now },
		Accounts: []twiliotest.Account{
			{
				SID: parent, AuthToken: "token", Seed: 1, Start: start,
				SIMList: []twiliotest.SIM{{SID: silent}, {SID: busy}}, FleetList: []twiliotest.Fleet{},
				Usage: func(sim twiliotest.SIM, _ time.Time) []twiliotest.Segment {
					if sim.SID == silent {
						return nil
					}
					return []twiliotest.Segment{hourly}
				},
			},
			{SID: child, Parent: parent, FriendlyName: "child", AuthToken: "other", Seed: 3, Start: start},
			{SID: kore, Provider: twiliotest.KORE, ClientID: "id", ClientSecret: "secret", Seed: 2, SIMs: 4, Fleets: 2, Start: start},
		},
	})
	return &setup{t: t, simulator: simulator, more: more}
}

// Write implements io.Writer, for the log.
func (s *setup) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// errors are the lines of the log.
func (s *setup) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Split(strings.TrimSuffix(s.log.String(), "\n"), "\n")
}

func (s *setup) config() *config.Config {
	s.t.Helper()
	cfg, err := config.Parse("config.yml", []byte(`
accounts:
  - name: a
    account_sid: `+parent+`
    basic_auth: {username: `+parent+`, password: token}
    subaccounts: {enabled: true}
  - name: b
    provider: kore
    oauth2: {client_id: id, client_secret: secret, token_url: http://simulator/api-services/v1/auth/token}
`+s.more))
	if err != nil {
		s.t.Fatal(err)
	}
	return cfg
}

// exporterOptions reach the simulator in memory.
func (s *setup) exporterOptions() exporter.Options {
	return exporter.Options{
		Logger: level.NewFilter(log.NewLogfmtLogger(log.NewSyncWriter(s)), level.AllowWarn()), UserAgent: "twilio_exporter/test",
		Dial: func(a config.Account, timeout time.Duration, userAgent string, observer twilio.Observer) (http.RoundTripper, error) {
			if o := a.HTTPClient.OAuth2; o != nil {
				return twilio.NewTokenTransport(twilio.TokenOptions{
					TokenURL: o.TokenURL, ClientID: o.ClientID, ClientSecret: func(context.Context) (string, error) { return string(o.ClientSecret), nil },
					Base: s.simulator.Transport(), TokenBase: s.simulator.Transport(), UserAgent: userAgent, Timeout: timeout, Observer: observer,
				}), nil
			}
			basic := a.HTTPClient.BasicAuth
			return promconfig.NewBasicAuthRoundTripper(promconfig.NewInlineSecret(basic.Username),
				promconfig.NewInlineSecret(string(basic.Password)), s.simulator.Transport()), nil
		},
	}
}

// run runs once in a format, into memory.
func (s *setup) run(format expfmt.FormatType) (string, error) {
	var b bytes.Buffer
	err := once.Run(s.t.Context(), once.Options{
		Config: s.config(), Exporter: s.exporterOptions(), Format: format, Timeout: 10 * time.Minute, Stdout: &b,
	})
	return b.String(), err
}

// runInto runs once into a file that has content.
func (s *setup) runInto(ctx context.Context) (content string, err error) {
	s.t.Helper()
	folder := s.t.TempDir()
	path := filepath.Join(folder, "twilio.prom")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	err = once.Run(ctx, once.Options{
		Config: s.config(), Exporter: s.exporterOptions(), Format: expfmt.TypeTextPlain, Timeout: 10 * time.Minute, Output: path,
	})
	b, readErr := os.ReadFile(path)
	if entries, _ := os.ReadDir(folder); readErr != nil || len(entries) != 1 {
		s.t.Errorf("want one file in the folder, have %v, %v", entries, readErr)
	}
	return string(b), err
}

// scrape is what the daemon shows once its first polls have ended, in a format, without
// the metrics about itself.
func (s *setup) scrape(accept string) string {
	ctx, cancel := context.WithCancel(s.t.Context())
	options := s.exporterOptions()
	options.Registry = exporter.NewRegistry()
	e := exporter.New(ctx, options)
	if err := e.Reload(s.config()); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(time.Minute)
	if !e.Ready() {
		s.t.Error("the daemon is not ready")
	}
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	e.Handler(exporter.HandlerOptions{}).ServeHTTP(w, r)
	cancel()
	e.Wait()
	own := regexp.MustCompile(`(?m)^(# [A-Z]+ )?(twilio_exporter|go|process|promhttp)_.*\n`)
	return own.ReplaceAllString(w.Body.String(), "")
}

// TestSameBytes: the metrics are those that the daemon shows, byte for byte, the
// subaccount that was found included.
func TestSameBytes(t *testing.T) {
	for format, accept := range map[expfmt.FormatType]string{
		expfmt.TypeTextPlain:   "text/plain;version=0.0.4",
		expfmt.TypeOpenMetrics: "application/openmetrics-text;version=1.0.0",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSetup(t, 40*24*time.Hour+20*time.Minute, "")
			want := s.scrape(accept)
			have, err := s.run(format)
			if err != nil {
				t.Error(err)
			}
			if have != want {
				t.Errorf("%v: the daemon shows %d bytes:\n%s\nonce writes %d:\n%s", format, len(want), want, len(have), have)
			}
			for _, part := range []string{`account="a/child"`, `account="b"`, "# HELP twilio_account_info ", "# TYPE twilio_supersim_sim_upload_bytes"} {
				if !strings.Contains(have, part) {
					t.Errorf("no %s in:\n%s", part, have)
				}
			}
			if have := s.log.String(); have != "" {
				t.Errorf("log: %s", have)
			}
		})
	}
}

// TestValues: counters have their values at once, those of a SIM that is silent are 0,
// and each collector polls once.
func TestValues(t *testing.T) {
	for _, x := range []struct {
		after  time.Duration
		upload string // of the busy SIM
	}{
		{30*time.Hour + 20*time.Minute, "30000"},
		{31*24*time.Hour + 90*time.Minute, "744000"}, // January until it has settled
		{31*24*time.Hour + 130*time.Minute, "0"},     // the passage through 0
		{31*24*time.Hour + 140*time.Minute, "2000"},  // February
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSetup(t, x.after, "")
			s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 5 * time.Second, Endpoint: twiliotest.Sims})
			have, err := s.run(expfmt.TypeTextPlain)
			if err != nil {
				t.Error(err)
			}
			for _, want := range []string{
				fmt.Sprintf("twilio_supersim_sim_upload_bytes_total{account=\"a\",sim_sid=%q} 0\n", silent),
				fmt.Sprintf("twilio_supersim_sim_upload_bytes_total{account=\"a\",sim_sid=%q} %s\n", busy, x.upload),
				fmt.Sprintf("twilio_supersim_account_upload_bytes_total{account=\"a\",account_sid=%q} %s\n", parent, x.upload),
			} {
				if !strings.Contains(have, want) {
					t.Errorf("after %s: no %s in:\n%s", x.after, want, have)
				}
			}
			if x.after < 31*time.Hour {
				if n := s.simulator.Requests(twiliotest.Balance); n != 1 {
					t.Errorf("want 1 request for the balance, have %d", n)
				}
				// A second poll of the usage would list it a second time.
				seen := make(map[string]bool)
				for _, r := range s.simulator.Log() {
					if question := r.Account + r.URI; r.Endpoint == twiliotest.UsageRecords && seen[question] {
						t.Errorf("asked twice: %s", question)
					} else {
						seen[question] = true
					}
				}
			}
		})
	}
}

// TestFailure: what fails is logged once, has no series, and keeps nothing else back.
func TestFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t, 30*time.Hour, "")
		s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Account: parent, Endpoint: twiliotest.UsageRecords})
		have, err := s.runInto(t.Context())
		if !errors.Is(err, once.ErrIncomplete) {
			t.Errorf("have %v", err)
		}
		for _, part := range []string{"twilio_supersim_sim_upload_bytes_total{account=\"a\"", "old"} {
			if strings.Contains(have, part) {
				t.Errorf("%s in:\n%s", part, have)
			}
		}
		for _, part := range []string{"twilio_account_balance{account=\"a\"", "twilio_supersim_sim_info{account=\"a\"", "twilio_supersim_sim_upload_bytes_total{account=\"b\""} {
			if !strings.Contains(have, part) {
				t.Errorf("no %s in:\n%s", part, have)
			}
		}
		if lines := s.lines(); len(lines) != 1 || !strings.Contains(lines[0], "account=a collector=supersim_usage") || !strings.Contains(lines[0], "code 70051") {
			t.Errorf("log: %q", lines)
		}
	})
}

// TestTimeout: what has not ended in time has failed, and is named.
func TestTimeout(t *testing.T) {
	for name, x := range map[string]struct {
		fault twiliotest.Fault
		more  string
		late  []string
	}{
		"an API that hangs": {
			fault: twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Hour, Endpoint: twiliotest.Balance},
			more:  "api: {timeout: 1h}", late: []string{"account=a collector=account_balance"},
		},
		"subaccounts that cannot be listed in time": {
			fault: twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Hour, Endpoint: twiliotest.Accounts},
			more:  "api: {timeout: 1h}", late: []string{"account=a collector=subaccounts"},
		},
		"too few requests an hour": {
			fault: twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Second, Endpoint: twiliotest.UsageRecords}, // the others come first
			more:  "api: {max_requests_per_hour: 10}", late: []string{"account=a collector=supersim_usage", "account=b collector=supersim_usage"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(t, 30*time.Hour, x.more)
				s.simulator.Inject(x.fault)
				started := time.Now()
				have, err := s.runInto(t.Context())
				if took := time.Since(started); took != 10*time.Minute || !errors.Is(err, once.ErrIncomplete) {
					t.Errorf("have %v after %s", err, took)
				}
				if !strings.Contains(have, "twilio_supersim_sim_info{account=\"a\"") {
					t.Errorf("the inventory is missing:\n%s", have)
				}
				lines := s.lines()
				if len(lines) != len(x.late) {
					t.Errorf("log: %q", lines)
				}
				for i, late := range x.late {
					if !strings.Contains(lines[i], late) || !strings.Contains(lines[i], "it has not ended within 10m0s") {
						t.Errorf("want %s, have %s", late, lines[i])
					}
				}
			})
		})
	}
}

// TestInterrupted: a signal leaves the file as it was.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t, 30*time.Hour, "")
		s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		have, err := s.runInto(ctx)
		if err == nil || errors.Is(err, once.ErrIncomplete) || have != "old" {
			t.Errorf("have %v, %q", err, have)
		}
	})
}

// TestCannotWrite: what cannot be written is another failure than what was not polled.
func TestCannotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t, 30*time.Hour, "")
		options := once.Options{
			Config: s.config(), Exporter: s.exporterOptions(), Format: expfmt.TypeTextPlain, Timeout: 10 * time.Minute, Stdout: full{},
		}
		if err := once.Run(t.Context(), options); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("have %v", err)
		}
		// The folder goes while the accounts are polled.
		folder := filepath.Join(t.TempDir(), "folder")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 2 * time.Second, Endpoint: twiliotest.Balance})
		options.Config, options.Output = s.config(), filepath.Join(folder, "twilio.prom")
		go func() {
			time.Sleep(time.Second)
			_ = os.RemoveAll(folder)
		}()
		if err := once.Run(t.Context(), options); err == nil || errors.Is(err, once.ErrIncomplete) || !strings.Contains(err.Error(), options.Output) {
			t.Errorf("have %v", err)
		}
	})
}

// full is where nothing can be written.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestMaxAge: a collector that takes longer than max_age drops no result of another.
func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t, 30*time.Hour, "max_age: 10s\nrollover: 10s\ncollectors: {"+
			"supersim_usage: {interval: 5s}, supersim_inventory: {interval: 5s}, account_usage: {interval: 5s}, account_balance: {interval: 5s}}")
		s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 15 * time.Second, Endpoint: twiliotest.Balance})
		have, err := s.run(expfmt.TypeTextPlain)
		if err != nil || !strings.Contains(have, "twilio_supersim_sim_info") {
			t.Errorf("have %v and:\n%s", err, have)
		}
	})
}
