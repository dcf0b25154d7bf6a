package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	promconfig "github.com/prometheus/common/config"
	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/check"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const accountSID = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// setup is one account at a simulator, and how it is checked.
type setup struct {
	options   twiliotest.Options
	simulator *twiliotest.Simulator
	password  string
	yaml      string                                    // after the account
	wrap      func(http.RoundTripper) http.RoundTripper // between the check and the simulator
	probe     bool
	probeWait time.Duration
}

func newSetup(r twiliotest.Readings) *setup {
	s := &setup{
		options: twiliotest.Options{
			Accounts: []twiliotest.Account{{SID: accountSID, AuthToken: "token", Seed: 1, SIMs: 20, Fleets: 3, Start: time.Now().AddDate(0, -1, 0)}},
			Readings: r, Latency: 100 * time.Millisecond,
		},
		password: "token",
		wrap:     func(rt http.RoundTripper) http.RoundTripper { return rt },
	}
	s.change(func(*twiliotest.Options) {})
	return s
}

// change changes the simulator.
func (s *setup) change(f func(*twiliotest.Options)) {
	f(&s.options)
	s.simulator = twiliotest.New(s.options)
}

func (s *setup) run(t *testing.T) check.Report {
	t.Helper()
	report, err := s.runIn(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (s *setup) runIn(ctx context.Context, t *testing.T) (check.Report, error) {
	t.Helper()
	cfg, err := config.Parse("config.yml", []byte(`
accounts:
  - name: production
    account_sid: `+accountSID+`
    basic_auth: {username: `+accountSID+`, password: `+s.password+`}
`+s.yaml))
	if err != nil {
		t.Fatal(err)
	}
	return check.Run(ctx, check.Options{
		Accounts: cfg.Accounts(), API: cfg.API(), Probe: s.probe, ProbeWait: s.probeWait,
		Dial: func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
			return twilio.New(twilio.Options{
				Provider: a.Provider, AccountSID: a.AccountSID, SuperSIMURL: "http://simulator", APIURL: "http://simulator", UserAgent: "test",
				Transport: wrap(promconfig.NewBasicAuthRoundTripper(promconfig.NewInlineSecret(accountSID), promconfig.NewInlineSecret(s.password),
					s.wrap(s.simulator.Transport()))),
				Observer: observer,
			})
		},
	})
}

// text is the report as an operator sees it.
func text(t *testing.T, r check.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestEverythingWorks: what is asked, what is counted, and the keys of the JSON document.
func TestEverythingWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(20 * time.Minute) // past an hour's start
		s := newSetup(twiliotest.Readings{})
		r := s.run(t)
		if !r.OK {
			t.Errorf("not everything works:\n%s", text(t, r))
		}
		if n := len(s.simulator.RequestURIs()); n != 7 {
			t.Errorf("%d requests: %q", n, s.simulator.RequestURIs())
		}
		a := r.Accounts[0]
		if a.SIMs != 20 || a.Fleets != 3 || len(a.Advice) != 0 {
			t.Errorf("have %+v", a)
		}
		for _, api := range a.APIs {
			if !api.OK || api.Status != 200 || api.Latency < 0.1 || api.Latency > 0.2 {
				t.Errorf("have %+v", api)
			}
		}
		// 4 polls of usage with 11 requests and one at the hour, 3 of the inventory, 2 and 1
		// of the account.
		if want := 4*11 + 1 + 3 + 2 + 1.0; a.Plan.RequestsPerHour != want || a.Plan.RequestsPerDay != 24*want {
			t.Errorf("plan: %+v", a.Plan)
		}
		var b bytes.Buffer
		if err := r.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		var document struct {
			OK       bool
			Accounts []map[string]json.RawMessage
		}
		if err := json.Unmarshal(b.Bytes(), &document); err != nil || !document.OK || len(document.Accounts) != 1 {
			t.Fatalf("%v: %s", err, b.String())
		}
		for _, key := range []string{"name", "provider", "account_sid", "apis", "sims", "fleets", "plan"} {
			if document.Accounts[0][key] == nil {
				t.Errorf("no key %s in %s", key, b.String())
			}
		}
		for _, key := range []string{"api", "ok", "status", "code", "message", "advice", "latency_seconds", "requests_per_hour", "requests_per_day", "series", "memory_bytes"} {
			if !strings.Contains(b.String(), `"`+key+`":`) {
				t.Errorf("no key %s in %s", key, b.String())
			}
		}
	})
}

// TestWhatIsAmiss: each fault is named in the table, with what to do about it.
func TestWhatIsAmiss(t *testing.T) {
	refuse := func(status, code int, path string) func(http.RoundTripper) http.RoundTripper {
		return func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err == nil && strings.Contains(r.URL.Path, path) {
					resp.StatusCode, resp.Body = status, io.NopCloser(strings.NewReader(fmt.Sprintf(`{"code":%d,"message":"refused","status":%d}`, code, status)))
				}
				return resp, err
			})
		}
	}
	shifted := func(by time.Duration) func(http.RoundTripper) http.RoundTripper {
		return func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err == nil {
					resp.Header.Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
				}
				return resp, err
			})
		}
	}
	for _, x := range []struct {
		name   string
		change func(*setup)
		ok     bool
		want   []string
		lacks  []string
	}{
		{"wrong password", func(s *setup) { s.password = "guessed" }, false,
			[]string{"sims           yes        no           -", "code 20003", "set provider: kore", "Not everything that is polled works."}, nil},
		{"a restricted key", func(s *setup) { s.wrap = refuse(403, 70051, "/v1/") }, false,
			[]string{"usage_records  yes        yes          no         permission", "balance        yes        yes          yes        ok", "Restricted API keys cannot be given Super SIM"}, nil},
		{"a key without usage", func(s *setup) { s.wrap = refuse(403, 70051, "/Usage/") }, false,
			[]string{"monthly_usage  yes        yes          no         permission", "permission to read usage records"}, nil},
		{"a subaccount without balance", func(s *setup) { s.wrap = refuse(404, 20404, "/Balance") }, true, []string{"balance        yes        yes          yes        ok"}, nil},
		{"no connection", func(s *setup) {
			s.wrap = func(http.RoundTripper) http.RoundTripper {
				return roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
			}
		}, false, []string{"fleets         no         -            -          network", "DNS, proxy, firewall"}, nil},
		{"totals to midnight", func(s *setup) { *s = *newSetup(twiliotest.Readings{AllNeedsMidnight: true}) }, true, []string{"code 83601"}, nil},
		{"clock behind", func(s *setup) { s.wrap = shifted(5 * time.Minute) }, true, []string{"the clock of this machine is 5m0s behind the API's"}, nil},
		{"clock ahead", func(s *setup) { s.wrap = shifted(-2 * time.Minute) }, true, []string{"the clock of this machine is 1m59s ahead of the API's"}, nil},
		{"clocks that agree", func(s *setup) { s.wrap = shifted(-30 * time.Second) }, true, []string{"Everything that is polled works."}, []string{"the clock of"}},
		{"an interval that is too short", func(s *setup) {
			s.yaml = "collectors: {supersim_usage: {interval: 1s}}\nmax_age: 3h\nrollover: 1m\napi: {max_concurrency: 1}\n"
		}, true,
			[]string{"supersim_usage cannot keep its interval of 1s", "11 requests takes about 1s"}, nil},
		{"collectors that are off", func(s *setup) {
			s.yaml = "collectors: {account_usage: {enabled: false}, account_balance: {enabled: false}}\n"
		}, true, []string{"usage_records"}, []string{"monthly_usage", "balance"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(20 * time.Minute)
				s := newSetup(twiliotest.Readings{})
				x.change(s)
				r := s.run(t)
				have := text(t, r)
				if r.OK != x.ok {
					t.Errorf("want OK %v, have %v", x.ok, r.OK)
				}
				for _, want := range x.want {
					if !strings.Contains(have, want) {
						t.Errorf("no %q in:\n%s", want, have)
					}
				}
				for _, lacks := range x.lacks {
					if strings.Contains(have, lacks) {
						t.Errorf("%q in:\n%s", lacks, have)
					}
				}
			})
		})
	}
}

// TestStopped: a check whose context ends says so.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(twiliotest.Readings{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		cfg, err := config.Parse("config.yml", []byte("accounts: [{account_sid: "+accountSID+", basic_auth: {username: u, password: p}}]"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = check.Run(ctx, check.Options{
			Accounts: cfg.Accounts(), API: cfg.API(),
			Dial: func(_ config.Account, wrap func(http.RoundTripper) http.RoundTripper, _ twilio.Observer) (*twilio.Client, error) {
				return twilio.New(twilio.Options{SuperSIMURL: "http://simulator", APIURL: "http://simulator", Transport: wrap(s.simulator.Transport())})
			},
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("have %v", err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
