package backfill_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	accountSID = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	fleetSID   = "HFffffffffffffffffffffffffffffffff"
	home       = "HW00000000000000000000000000000001"
	abroad     = "HW00000000000000000000000000000002"
)

func simSID(n int) string { return fmt.Sprintf("HS%032d", n) }

func date(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

func day(s string) time.Time { return date(s + " 00:00") }

// account is a simulated account of three SIMs, of which the last is silent.
func account(usage func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment) twiliotest.Account {
	return twiliotest.Account{
		SID: accountSID, AuthToken: "token", Usage: usage,
		FleetList:   []twiliotest.Fleet{{SID: fleetSID, UniqueName: "meters"}},
		NetworkList: []twiliotest.Network{{SID: home, ISOCountry: "DE"}, {SID: abroad, ISOCountry: "PL"}},
		SIMList: []twiliotest.SIM{
			{SID: simSID(1), FleetSID: fleetSID}, {SID: simSID(2), FleetSID: fleetSID}, {SID: simSID(3), FleetSID: fleetSID},
		},
	}
}

// setup is a backfill of a simulated account, as of a time.
type setup struct {
	simulator *twiliotest.Simulator
	now       func() time.Time
	name      string // of the account, in YAML; default: production
	inAccount string // YAML, of the account
	yaml      string // after the account
	nameless  bool   // the account is KORE's, without its SID
	options   backfill.Options

	files, log bytes.Buffer
	failAt     int // the request that fails, and those after it; 0: none
	sent       int
	change     func(r *http.Request, body []byte) []byte // of a response; nil: none
	refuse     func(r *http.Request) bool                // the page's token; nil: never
	latency    time.Duration                             // of a request, on the clock of a bubble
	sentAt     []time.Time                               // by it, if there is latency
	mu         sync.Mutex                                // guards what requests count
}

func newSetup(t *testing.T, o twiliotest.Options, now time.Time, from, to string) *setup {
	t.Helper()
	s := &setup{now: func() time.Time { return now }}
	if o.Now == nil {
		o.Now = s.now
	} else {
		s.now = o.Now
	}
	s.simulator = twiliotest.New(o)
	s.options = backfill.Options{From: day(from), To: day(to), Output: t.TempDir()}
	return s
}

func (s *setup) config(t *testing.T) *config.Config {
	t.Helper()
	account := `
    account_sid: ` + accountSID + `
    basic_auth: {username: ` + accountSID + `, password: token}
    api_url: http://simulator
`
	if s.nameless {
		account = `
    provider: kore
    oauth2: {client_id: id, client_secret: secret, token_url: http://simulator/api-services/v1/auth/token}
`
	}
	cfg, err := config.Parse("config.yml", []byte(`
accounts:
  - name: `+cmp.Or(s.name, "production")+`
    supersim_url: http://simulator`+account+s.inAccount+s.yaml))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (s *setup) run(t *testing.T) error {
	t.Helper()
	cfg := s.config(t)
	o := s.options
	o.Accounts, o.API, o.Rollover, o.Now = cfg.Accounts(), cfg.API(), cfg.Rollover(), s.now
	o.Files, o.Log = &s.files, &s.log
	o.Dial = func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
		return twilio.New(twilio.Options{
			Provider: a.Provider, AccountSID: a.AccountSID, SuperSIMURL: "http://simulator", APIURL: "http://simulator", UserAgent: "test",
			Transport: promconfig.NewBasicAuthRoundTripper(promconfig.NewInlineSecret(accountSID), promconfig.NewInlineSecret("token"), s),
			Observer:  observer, MaxRecords: o.API.MaxRecords,
		})
	}
	return backfill.Run(t.Context(), o)
}

// RoundTrip implements http.RoundTripper.
func (s *setup) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.sent++
	down := s.failAt > 0 && s.sent >= s.failAt
	if s.latency > 0 {
		s.sentAt = append(s.sentAt, time.Now())
	}
	s.mu.Unlock()
	if time.Sleep(s.latency); down {
		return nil, errors.New("the network is down")
	}
	if s.refuse != nil && s.refuse(r) {
		return &http.Response{
			StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
			Body: io.NopCloser(strings.NewReader(`{"code":21481,"message":"Invalid PageToken","status":400}`)),
		}, nil
	}
	response, err := s.simulator.Transport().RoundTrip(r)
	if err != nil || s.change == nil {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(s.change(r, body))), -1
	response.Header.Del("Content-Length")
	return response, nil
}

func (s *setup) mustRun(t *testing.T) history {
	t.Helper()
	if err := s.run(t); err != nil {
		t.Fatal(err, s.log.String())
	}
	return read(t, s.options.Output)
}

// point is a sample.
type point struct {
	at    time.Time
	value float64
}

// history is all samples by series, oldest first, without those that come twice.
type history map[string][]point

// read reads the files of a directory. It fails on what OpenMetrics forbids.
func read(t *testing.T, directory string) history {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(directory, "*.om"))
	h := make(history)
	for _, name := range names {
		readFile(t, name, h)
	}
	for series, points := range h {
		slices.SortStableFunc(points, func(a, b point) int { return a.at.Compare(b.at) })
		unique := points[:0]
		for _, p := range points {
			if n := len(unique); n > 0 && unique[n-1].at.Equal(p.at) {
				if unique[n-1] != p {
					t.Errorf("%s has %v and %v", series, unique[n-1], p)
				}
				continue
			}
			unique = append(unique, p)
		}
		h[series] = unique
	}
	return h
}

func readFile(t *testing.T, name string, h history) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var last, family string
	var lastAt time.Time
	seen := make(map[string]bool) // series and families that are over
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if last == "# EOF" {
			t.Errorf("%s: %q after # EOF", name, line)
		}
		if fields := strings.Fields(line); fields[0] == "#" {
			if last = line; fields[1] == "HELP" {
				if family = fields[2]; seen[family] {
					t.Errorf("%s: the family %s comes twice", name, family)
				}
				seen[family] = true
			}
			continue
		}
		end := strings.LastIndexByte(line, '}') + 1
		series, fields := line[:end], strings.Fields(line[end:])
		value, err1 := strconv.ParseFloat(fields[0], 64)
		seconds, err2 := strconv.ParseFloat(fields[1], 64)
		if err1 != nil || err2 != nil || !strings.HasPrefix(series, family) {
			t.Fatalf("%s: %q", name, line)
		}
		at := time.UnixMilli(int64(seconds * 1000)).UTC()
		if series == last {
			if !at.After(lastAt) {
				t.Errorf("%s: %q after %s", name, line, lastAt)
			}
		} else if seen[series] {
			t.Errorf("%s: samples of %s are interleaved", name, series)
		}
		seen[series], last, lastAt = true, series, at
		h[series] = append(h[series], point{at, value})
	}
	if last != "# EOF" {
		t.Errorf("%s ends with %q", name, last)
	}
}

// changes are the samples at which a series changes, and the last one.
func (h history) changes(series string) string {
	var all []string
	points := h[series]
	for i, p := range points {
		if i == 0 || points[i-1].value != p.value {
			all = append(all, fmt.Sprintf("%s=%v", p.at.Format("01-02 15:04"), p.value))
		}
	}
	if n := len(points); n > 0 {
		all = append(all, fmt.Sprintf("until %s: %d samples", points[n-1].at.Format("01-02 15:04"), n))
	}
	return strings.Join(all, ", ")
}
