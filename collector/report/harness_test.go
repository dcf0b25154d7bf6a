package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/shopspring/decimal"
	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/report"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	accountSID = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	koreSID    = "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// setup is a simulator and the configuration of its accounts.
type setup struct {
	simulator *twiliotest.Simulator
	yaml      string                                    // of the accounts and what follows
	wrap      func(http.RoundTripper) http.RoundTripper // between the report and the simulator
	shard     func(*config.Config) *config.Config       // nil: all of it
}

const twilioYAML = `
accounts:
  - name: production
    account_sid: ` + accountSID + `
    basic_auth: {username: ` + accountSID + `, password: token}
`

const koreYAML = `
  - name: europe
    provider: kore
    oauth2: {client_id: c, client_secret: s}
`

// newSetup is one account at Twilio.
func newSetup(a twiliotest.Account, r twiliotest.Readings) *setup {
	a.SID, a.AuthToken = accountSID, "token"
	return &setup{
		simulator: twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{a}, Readings: r}),
		yaml:      twilioYAML,
		wrap:      func(rt http.RoundTripper) http.RoundTripper { return rt },
	}
}

// generated is the account of most tests. Its usage begins in January.
func generated() twiliotest.Account {
	return twiliotest.Account{Seed: 5, SIMs: 24, Fleets: 3, Start: date(1, 3)}
}

// date is a midnight of the year in which a synctest bubble begins.
func date(month time.Month, day int) time.Time {
	return time.Date(2000, month, day, 0, 0, 0, 0, time.UTC)
}

// sleepUntil lets the bubble's time pass.
func sleepUntil(t time.Time) { time.Sleep(time.Until(t)) }

func (s *setup) dial(a config.Account, _ func(http.RoundTripper) http.RoundTripper, _ twilio.Observer) (*twilio.Client, error) {
	base := s.wrap(s.simulator.Transport())
	o := twilio.Options{
		Provider: a.Provider, AccountSID: a.AccountSID, SuperSIMURL: "http://simulator", UserAgent: "test",
		Transport: twilio.NewTokenTransport(twilio.TokenOptions{
			TokenURL: "http://simulator/api-services/v1/auth/token", ClientID: "c",
			ClientSecret: func(context.Context) (string, error) { return "s", nil }, Base: base, TokenBase: base, UserAgent: "test",
		}),
	}
	if a.Provider == twilio.ProviderTwilio {
		o.APIURL = "http://simulator"
		basic := a.HTTPClient.BasicAuth
		o.Transport = promconfig.NewBasicAuthRoundTripper(promconfig.NewInlineSecret(basic.Username), promconfig.NewInlineSecret(string(basic.Password)), base)
	}
	return twilio.New(o)
}

// run makes the report of a month; zero: the default one.
func (s *setup) run(t testing.TB, month time.Time) report.Report {
	t.Helper()
	cfg, err := config.Parse("config.yml", []byte(s.yaml))
	if err != nil {
		t.Fatal(err)
	}
	if s.shard != nil {
		cfg = s.shard(cfg)
	}
	r, err := report.Run(t.Context(), report.Options{Config: cfg, Month: month, Dial: s.dial})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// written is the report in a format.
func written(t testing.TB, r report.Report, format string, top int) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, format, top); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// truth is what a key's row has to say.
func (s *setup) truth(f twiliotest.Filter, this, previous [2]time.Time, at time.Time) wanted {
	now := s.simulator.Reported(accountSID, f, this[0], this[1], at)
	before := s.simulator.Reported(accountSID, f, previous[0], previous[1], at)
	return wanted{now, before}
}

type wanted struct{ now, before twiliotest.Usage }

// check compares a row with the truth, to the last byte and digit.
func (w wanted) check(t *testing.T, what string, r report.Row) {
	t.Helper()
	have := fmt.Sprintf("%d %d %d %d", r.Upload.V, r.Download.V, r.PreviousUpload.V, r.PreviousDownload.V)
	want := fmt.Sprintf("%d %d %d %d", w.now.Upload, w.now.Download, w.before.Upload, w.before.Download)
	if have != want {
		t.Errorf("%s: want bytes %s, have %s", what, want, have)
	}
	if len(r.Costs) != 1 {
		t.Errorf("%s: want one cost, have %s", what, toJSON(t, r.Costs))
		return
	}
	c := r.Costs[0]
	if !w.now.Billed && w.now.Upload+w.now.Download > 0 {
		if c.Cost.Valid {
			t.Errorf("%s: nothing is billed, have %s", what, c.Cost)
		}
		return
	}
	if !w.now.Billed && !w.before.Billed {
		return
	}
	if want := micro(w.now.MicroCost); c.Currency != "USD" || !c.Cost.Valid || !c.Cost.V.Equal(want) {
		t.Errorf("%s: want a cost of %s USD, have %s %s", what, want, c.Cost, c.Currency)
	}
	if want := micro(w.before.MicroCost); !c.Previous.Valid || !c.Previous.V.Equal(want) {
		t.Errorf("%s: want %s before, have %s", what, want, c.Previous)
	}
}

func micro(n int64) decimal.Decimal { return decimal.New(n, -6) }

func withWrongToken(s *setup) {
	s.yaml = strings.Replace(s.yaml, "password: token", "password: wrong", 1)
}

// refusing refuses requests with such a path.
func refusing(path string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil && strings.Contains(r.URL.Path, path) {
				resp.StatusCode, resp.Body = 403, io.NopCloser(strings.NewReader(`{"code":70051,"message":"refused","status":403}`))
			}
			return resp, err
		})
	}
}
