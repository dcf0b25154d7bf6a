package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
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
	username  string // of basic auth, or the client ID at KORE
	password  string
	kore      bool
	yaml      string                                    // after the account
	wrap      func(http.RoundTripper) http.RoundTripper // between the check and the simulator
	probe     bool
	probeWait time.Duration
	waited    []time.Duration // what the probe said before it waited

	usage       func(question) []usage // what the API says of usage; nil: what the simulator does
	subaccounts bool
	secretErr   error         // of the client's secret at KORE
	timeout     time.Duration // of a request; 0: the default
}

func newSetup(r twiliotest.Readings) *setup {
	s := &setup{
		options: twiliotest.Options{
			Accounts: []twiliotest.Account{{SID: accountSID, AuthToken: "token", Seed: 1, SIMs: 20, Fleets: 3, Start: time.Now().AddDate(0, -1, 0)}},
			Readings: r, Latency: 100 * time.Millisecond,
		},
		username: accountSID, password: "token",
		wrap: func(rt http.RoundTripper) http.RoundTripper { return rt },
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
	account := "{name: production, account_sid: " + accountSID + ", basic_auth: {username: " + s.username + ", password: " + s.password + "}, subaccounts: {enabled: " + fmt.Sprint(s.subaccounts) + "}}"
	if s.kore {
		account = "{name: production, provider: kore, oauth2: {client_id: " + s.username + ", client_secret: " + s.password + "}}"
	}
	cfg, err := config.Parse("config.yml", []byte("accounts: ["+account+"]\n"+s.yaml))
	if err != nil {
		t.Fatal(err)
	}
	s.waited = nil
	return check.Run(ctx, check.Options{
		Config: cfg, Probe: s.probe, ProbeWait: s.probeWait,
		Waiting: func(d time.Duration) { s.waited = append(s.waited, d) },
		Dial:    s.dial,
	})
}

// dial makes clients of the simulator.
func (s *setup) dial(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
	options := twilio.Options{
		Provider: a.Provider, AccountSID: a.AccountSID, SuperSIMURL: "http://simulator", APIURL: "http://simulator", UserAgent: "test", Observer: observer,
		MaxRetries: 1, Timeout: s.timeout,
	}
	base := s.wrap(s.simulator.Transport())
	if s.kore {
		options.APIURL = ""
		options.Transport = wrap(twilio.NewTokenTransport(twilio.TokenOptions{
			TokenURL: "http://simulator/api-services/v1/auth/token", ClientID: s.username,
			ClientSecret: func(context.Context) (string, error) { return s.password, s.secretErr },
			Base:         base, TokenBase: base, UserAgent: "test", Timeout: time.Minute, Observer: observer,
		}))
	} else {
		options.Transport = wrap(promconfig.NewBasicAuthRoundTripper(promconfig.NewInlineSecret(s.username), promconfig.NewInlineSecret(s.password), base))
	}
	return twilio.New(options)
}

// atKORE makes the account one at KORE.
func (s *setup) atKORE() {
	s.kore, s.username, s.password = true, "client", "secret"
	s.change(func(o *twiliotest.Options) {
		o.Accounts[0].Provider, o.Accounts[0].ClientID, o.Accounts[0].ClientSecret = twiliotest.KORE, "client", "secret"
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
		if a.SIMs != 20 || a.Fleets != 3 {
			t.Errorf("have %+v", a)
		}
		for _, api := range a.APIs {
			if !api.OK || api.Status != 200 || api.Advice != "" || api.Latency < 0.1 || api.Latency > 0.2 {
				t.Errorf("have %+v", api)
			}
		}
		// 4 polls of usage with 11 requests and one at the hour, 3 of the inventory, 2 and 1
		// of the account.
		if want := 4*11 + 1 + 3 + 2 + 1.0; a.Plan.RequestsPerHour != want || a.Plan.RequestsPerDay != 24*want {
			t.Errorf("plan: %+v", a.Plan)
		}
		const keys = "ok accounts.name accounts.provider accounts.account_sid accounts.apis.api accounts.apis.ok accounts.apis.status accounts.apis.code " +
			"accounts.apis.message accounts.apis.advice accounts.apis.latency_seconds accounts.sims accounts.fleets " +
			"accounts.plan.requests_per_hour accounts.plan.requests_per_day accounts.plan.series accounts.plan.memory_bytes"
		if have := keysOf(t, r); have != keys+" probe" {
			t.Errorf("want the keys %s probe\nhave %s", keys, have)
		}
		s.probe = true
		if have := keysOf(t, s.run(t)); have != keys+" probe.account probe.question probe.answer probe.consequence" {
			t.Errorf("with a probe: %s", have)
		}
		// What is amiss brings no key of its own.
		s.password = "guessed"
		if have := keysOf(t, s.run(t)); have != keys+" probe" {
			t.Errorf("with a wrong password: %s", have)
		}
	})
}

// keysOf are the keys of the report's JSON, each once and with the keys around it.
func keysOf(t *testing.T, r check.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(&b)
	seen := make(map[string]bool)
	var all []string
	var value func(path string)
	value = func(path string) {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			for d.More() {
				at := path
				if token == json.Delim('{') {
					key, _ := d.Token()
					at = strings.TrimPrefix(path+"."+key.(string), ".")
				}
				value(at)
			}
			if end, err := d.Token(); err != nil || token == json.Delim('[') && end != json.Delim(']') {
				t.Fatal(end, err)
			}
			if token == json.Delim('{') || slices.ContainsFunc(all, func(key string) bool { return strings.HasPrefix(key, path+".") }) {
				return
			}
		}
		if !seen[path] {
			seen[path] = true
			all = append(all, path)
		}
	}
	value("")
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("there is more than one document: %v", err)
	}
	return strings.Join(all, " ")
}

// refuse answers requests of a path with a refusal.
func refuse(status, code int, path string) func(http.RoundTripper) http.RoundTripper {
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

// TestWhatIsAmiss: each fault is named in the table, with what to do about it.
func TestWhatIsAmiss(t *testing.T) {
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
		{"a client of KORE", func(s *setup) { s.username = "client" }, false,
			[]string{"sims           yes        no           -", "if it is KORE's client_id, set provider: kore with oauth2"}, []string{"check account_sid"}},
		{"KORE", func(s *setup) { s.atKORE() }, true, []string{"production  20    3       48 "}, []string{"balance", "→"}},
		{"a wrong secret at KORE", func(s *setup) { s.atKORE(); s.password = "guessed" }, false,
			[]string{"production, fleets, sims, networks, usage_records: token: HTTP 401", "check client_id and client_secret, which KORE gives"}, nil},
		{"a key of Twilio at KORE", func(s *setup) { s.atKORE(); s.username = "SK" + accountSID[2:] }, false,
			[]string{"client_id is a SID of Twilio", "set provider: twilio with basic_auth"}, nil},
		{"a secret that cannot be read", func(s *setup) { s.atKORE(); s.secretErr = errors.New("no such file") }, false,
			[]string{"usage_records  -          no           -          authentication", "no such file", "let the file be read"}, nil},
		{"a client without permission", func(s *setup) { s.atKORE(); s.wrap = refuse(403, 70051, "/UsageRecords") }, false,
			[]string{"usage_records  yes        yes          no         permission", "have KORE let this client read Super SIM", "production  20    3       -              -             -       -\n"}, []string{"Standard"}},
		{"a key that cannot list accounts", func(s *setup) {
			s.wrap = refuse(403, 70051, "/Accounts.json")
			s.subaccounts = true
		}, false,
			[]string{"accounts       yes        yes          no         permission", "use a Main API key or the auth token, because other keys cannot list accounts"}, []string{"Super SIM"}},
		{"a range that is refused", func(s *setup) { s.wrap = refuse(400, 83604, "/UsageRecords") }, false,
			[]string{"usage_records  yes        yes          yes        refused", "set the clock; if it is right, report this"}, nil},
		{"the last code of a range", func(s *setup) { s.wrap = refuse(400, 83605, "/UsageRecords") }, false, []string{"set the clock"}, nil},
		{"the first code of a range", func(s *setup) { s.wrap = refuse(400, 83600, "/UsageRecords") }, false, []string{"set the clock"}, nil},
		{"another code", func(s *setup) { s.wrap = refuse(400, 83606, "/UsageRecords") }, false, []string{"see the error message, and Twilio's page"}, []string{"set the clock"}},
		{"another host", func(s *setup) { s.wrap = refuse(404, 0, "/") }, false,
			[]string{"sims           yes        -            -          refused", "production, usage_records: HTTP 404: refused (request RQ0b7b48bf18887ff1e4115adaacdbb6ef)\n  → check supersim_url", "check account_sid and api_url"}, nil},
		{"an API that fails", func(s *setup) { s.wrap = refuse(503, 20503, "/Networks") }, false,
			[]string{"networks       yes        -            -          server", "the API failed by itself: check again"}, []string{"next poll"}},
		{"a page of a proxy", func(s *setup) { s.wrap = refuse(200, 0, "/Fleets") }, false,
			[]string{"fleets         yes        -            -          answer", "what is between, such as a proxy", "production  20    -       -  "}, nil},
		{"a response that ends early", func(s *setup) {
			s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Truncate, Endpoint: twiliotest.Sims})
		}, false, []string{"sims           yes        -            -          truncated", "production  -     3       -  "}, nil},
		{"a response that takes too long", func(s *setup) {
			s.timeout = time.Second
			s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Minute, Endpoint: twiliotest.Balance})
		}, false, []string{"balance        no         -            -          timeout", "raise api.timeout", "production  20    3       51  "}, nil},
		{"too few requests an hour", func(s *setup) { s.yaml = "api: {max_requests_per_hour: 50}" }, true,
			[]string{"production, usage_records: ok\n  → polls would take 51 requests an hour, and max_requests_per_hour is 50, so"}, nil},
		{"just as many requests an hour", func(s *setup) { s.yaml = "api: {max_requests_per_hour: 51}" }, true, nil, []string{"max_requests_per_hour"}},
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
		}, false, []string{"fleets         no         -            -          network  -\n", "DNS, proxy, firewall"}, nil},
		{"totals to midnight", func(s *setup) { *s = *newSetup(twiliotest.Readings{AllNeedsMidnight: true}) }, true, []string{"code 83601"}, nil},
		{"clock behind", func(s *setup) { s.wrap = shifted(5 * time.Minute) }, true, []string{"the clock of this machine is 5m0s behind the API's"}, nil},
		{"clock ahead", func(s *setup) { s.wrap = shifted(-2 * time.Minute) }, true, []string{"the clock of this machine is 1m59s ahead of the API's"}, nil},
		{"clock 62s behind", func(s *setup) { s.wrap = shifted(62 * time.Second) }, true, []string{"the clock of this machine is 1m2s behind"}, nil},
		{"clock 59s behind", func(s *setup) { s.wrap = shifted(59 * time.Second) }, true, nil, []string{"the clock of"}},
		{"a second that is cut off", func(s *setup) { s.wrap = shifted(-61 * time.Second) }, true, nil, []string{"the clock of"}},
		{"a wrong clock and a wrong password", func(s *setup) { s.password = "guessed"; s.wrap = shifted(time.Hour) }, false,
			[]string{"  → check account_sid", "client_secret; the clock of this machine is 1h0m0s behind"}, nil},
		{"several requests at a time", func(s *setup) {
			s.yaml = "collectors: {supersim_usage: {interval: 1s}}\nmax_age: 3h\nrollover: 1m\napi: {max_concurrency: 2}\n"
		}, true, nil, []string{"cannot keep"}},
		{"a collector that is off", func(s *setup) {
			s.yaml = "collectors: {supersim_usage: {interval: 1s, enabled: false}}\nmax_age: 3h\nrollover: 1m\napi: {max_concurrency: 1}\n"
		}, true, nil, []string{"cannot keep"}},
		{"an inventory that takes long", func(s *setup) {
			s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 20 * time.Second, Endpoint: twiliotest.Sims})
			s.yaml = "collectors: {supersim_inventory: {interval: 5s}}\n"
		}, true, []string{"production, sims: ok\n  → supersim_inventory cannot keep its interval of 5s: a poll of 3 requests takes about 30s"}, nil},
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

// TestPlan: what was counted goes into the plan.
func TestPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(20 * time.Minute)
		s := newSetup(twiliotest.Readings{})
		s.wrap = usageAPI(func(q question) []usage {
			if q.group == "network" {
				return []usage{transfer(1, 1).by("network", 1), transfer(1, 1).by("network", 2), transfer(1, 1).by("network", 3)}
			}
			return []usage{transfer(1, 1).with("iso_country", "SE"), transfer(1, 1).with("iso_country", "DE")}
		})
		// 29 keys (the account, 20 SIMs, 3 fleets, 3 networks, 2 countries) have 5 series
		// each, 5 groups 6 more, 6 ages 2 and networks 1; SIMs 1 and fleets 7 of the
		// inventory; 60 categories 6; the balance, and 250 about the exporter.
		const series = 29*5 + 5*6 + 6*2 + 3 + 20 + 3*7 + 60*6 + 1 + 250
		if have, want := s.run(t).Accounts[0].Plan, (check.Plan{RequestsPerHour: 51, RequestsPerDay: 1224, Series: series, MemoryBytes: 30<<20 + series*280}); have != want {
			t.Errorf("want %+v, have %+v", want, have)
		}
		s.atKORE()
		if have := s.run(t).Accounts[0].AccountSID; have != accountSID {
			t.Errorf("SIMs at KORE name the account %s, have %q", accountSID, have)
		}
	})
}

// TestCollectorsOff: what no collector reads is not asked.
func TestCollectorsOff(t *testing.T) {
	for on, want := range map[string]int{"supersim_usage": 4, "supersim_inventory": 3, "account_usage": 1, "account_balance": 1} {
		synctest.Test(t, func(t *testing.T) {
			s := newSetup(twiliotest.Readings{})
			s.yaml = "collectors: {"
			for _, name := range []string{"supersim_usage", "supersim_inventory", "account_usage", "account_balance"} {
				s.yaml += fmt.Sprintf("%s: {enabled: %v}, ", name, name == on)
			}
			s.yaml += "}"
			r := s.run(t)
			if n := len(r.Accounts[0].APIs); n != want || !r.OK {
				t.Errorf("%s: %d APIs", on, n)
			}
			if on != "account_usage" {
				return
			}
			s.atKORE() // which has none of these
			var b bytes.Buffer
			if err := s.run(t).WriteJSON(&b); err != nil || !strings.Contains(b.String(), `"apis": [],`) || !strings.Contains(b.String(), `"probe": []`) {
				t.Errorf("%v in %s", err, b.String())
			}
		})
	}
}

// TestLatency is that of the first request, not of one that was repeated.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(twiliotest.Readings{})
		s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 2 * time.Second, Endpoint: twiliotest.UsageRecords, Times: 1})
		for _, api := range s.run(t).Accounts[0].APIs {
			if slow := api.API == twilio.EndpointUsageRecords; api.Latency > 2 != slow {
				t.Errorf("have %+v", api)
			}
		}
	})
}

// TestFoundSubaccounts: a subaccount that is found is an account of the report, of which
// the bill is asked, as in polls.
func TestFoundSubaccounts(t *testing.T) {
	s := newSetup(twiliotest.Readings{})
	s.subaccounts = true
	sid := func(n int) string { return fmt.Sprintf("AC5b%030d", n) }
	s.change(func(o *twiliotest.Options) {
		o.MaxPageSize, o.Accounts[0].SIMs = 4, 2 // the list has more than a page
		for n, a := range []twiliotest.Account{{FriendlyName: "Trackers"}, {FriendlyName: "Meters"}, {FriendlyName: "Gone", Status: "closed"}, {}} {
			a.SID, a.Parent, a.AuthToken, a.Start = sid(n), accountSID, "other", time.Now().AddDate(0, -1, 0)
			o.Accounts = append(o.Accounts, a)
		}
	})
	describe := func(r check.Report) (all []string) {
		for _, a := range r.Accounts {
			line := a.Name + " " + a.AccountSID
			for _, api := range a.APIs {
				line += fmt.Sprintf(" %s=%t", api.API, api.OK)
			}
			all = append(all, line)
		}
		return all
	}
	r := s.run(t)
	want := []string{
		"production " + accountSID + " fleets=true sims=true networks=true usage_records=true accounts=true monthly_usage=true balance=true",
		"production/" + sid(3) + " " + sid(3) + " monthly_usage=true",
		"production/Meters " + sid(1) + " monthly_usage=true",
		"production/Trackers " + sid(0) + " monthly_usage=true",
	}
	if have := describe(r); !slices.Equal(want, have) || !r.OK {
		t.Errorf("want %q, have %t %q", want, r.OK, have)
	}
	if plan := r.Accounts[2].Plan; plan.RequestsPerHour != 2 || plan.Series == 0 || plan.MemoryBytes == 0 {
		t.Errorf("a plan of %+v", plan)
	}

	s.wrap = refuse(403, 20003, sid(1)+"/Usage")
	want[2] = "production/Meters " + sid(1) + " monthly_usage=false"
	r = s.run(t)
	if have := describe(r); !slices.Equal(want, have) || r.OK {
		t.Errorf("want %q, have %t %q", want, r.OK, have)
	}
	s.wrap = refuse(403, 70051, "/Accounts.json")
	if have := describe(s.run(t)); len(have) != 1 || !strings.Contains(have[0], "accounts=false") {
		t.Errorf("without a list: have %q", have)
	}
}

// TestSeveralAccounts: of many accounts, the last line says in how many everything works;
// whatever their names, each has a line for each API.
func TestSeveralAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(twiliotest.Readings{})
		accounts := "accounts:\n"
		for i, name := range []string{`a\tb`, `c\nd`, `\e[31mred`, `\u202Ertl`, `q\"`, "plain 🙂"} {
			accounts += fmt.Sprintf("  - {name: \"%s\", account_sid: %s, basic_auth: {username: %s, password: p%d}}\n", name, accountSID, accountSID, i%2)
		}
		cfg, err := config.Parse("config.yml", []byte(accounts))
		if err != nil {
			t.Fatal(err)
		}
		s.options.MaxConcurrent = 0
		s.change(func(*twiliotest.Options) {})
		r, err := check.Run(t.Context(), check.Options{
			Config: cfg,
			Dial: func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
				one := *s
				if a.HTTPClient.BasicAuth.Password == "p1" {
					one.password = "guessed"
				}
				return one.dial(a, wrap, observer)
			},
		})
		if err != nil || r.OK {
			t.Errorf("have %v, %v", r.OK, err)
		}
		have := text(t, r)
		for _, want := range []string{
			"\n\"a\\tb\"         balance  ", "\n\"c\\nd\"         sims  ", "\nq\"             sims  ", "\n\"\\x1b[31mred\"  sims  ", "\n\"\\u202ertl\"    sims  ", "\nplain 🙂        sims  ",
			"Not everything that is polled works. It does in 3 of 6 accounts.\n",
		} {
			if !strings.Contains(have, want) {
				t.Errorf("no %q in:\n%s", want, have)
			}
		}
	})
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
			Config: cfg,
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
