package main

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// noon is a moment far from the edges of a month.
var noon = time.Date(2026, 11, 18, 12, 20, 0, 0, time.UTC)

// rig is a checker of a world that no process shows.
type rig struct {
	*checker
	account *account
	told    []string
}

func newRig(t *testing.T, r role) *rig {
	o := options{seed: 7, accounts: 16, segments: 4, duration: time.Hour, interval: 20 * time.Second, scrapes: 3 * time.Second}
	accounts := newWorld(o, noon)
	for _, a := range accounts {
		a.simulator = new(simulator)
	}
	g := new(rig)
	report := newReport(o.seed, func(_ string, arguments ...any) { g.told = append(g.told, arguments[2].(string)) })
	g.checker = &checker{
		options: o, report: report, polled: make(map[*account]bool), runs: make(map[runKey]*run),
		phases: []phase{{configuration: everything(o, accounts), from: noon.Add(-time.Hour)}}, started: noon.Add(-time.Hour),
	}
	i := slices.IndexFunc(accounts, func(a *account) bool { return a.role == r && a.provider == "twilio" })
	g.account = accounts[i]
	return g
}

// scrape checks samples, each written as in the text format, and returns what was
// found to be wrong.
func (g *rig) scrape(t *testing.T, at time.Time, lines ...string) []string {
	t.Helper()
	samples, err := parse([]byte(strings.Join(lines, "\n")+"\n"), "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	g.told = nil
	g.check(&scrape{begin: at, end: at.Add(100 * time.Millisecond), samples: samples})
	return g.told
}

// line writes a sample of the account.
func (g *rig) line(name, value string, pairs ...string) string {
	all := labels.FromStrings(append([]string{"account", g.account.name}, pairs...)...)
	return name + all.String() + " " + value
}

// TestChecker: what is possible passes, and what is not is found.
func TestChecker(t *testing.T) {
	month := monthStart(noon)
	const family = "twilio_supersim_sim_upload_bytes_total"
	truthOf := func(g *rig, sim string, at time.Time) int64 {
		return g.account.truth.between(month, month.AddDate(0, 1, 0))[key{"sim", sim, upload}].sum(at.UnixNano())
	}
	for name, c := range map[string]struct {
		role  role
		lines func(g *rig, sim string, right int64) []string
		wrong string // part of what is told; "": nothing is wrong
	}{
		"the truth": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, itoa(right), "sim_sid", sim)}
		}, ""},
		"a byte too much": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, itoa(right+1), "sim_sid", sim)}
		}, "possible are"},
		"a 0 without a reason": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, "0", "sim_sid", sim)}
		}, "possible are"},
		"a 0 of an API that leaves things out": {revised, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, "0", "sim_sid", sim)}
		}, ""},
		"less, of an API that lies": {revised, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, itoa(right*9/10), "sim_sid", sim)}
		}, ""},
		"more, of an API that lies": {revised, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, itoa(right+1), "sim_sid", sim)}
		}, "possible are"},
		"another SIM's value": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, itoa(right), "sim_sid", g.account.firstSIMs[1].SID)}
		}, "possible are"},
		"an unknown SIM": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, "0", "sim_sid", "HS0")}
		}, "no such sim"},
		"an unknown account": {exact, func(g *rig, sim string, right int64) []string {
			return []string{`twilio_exporter_polls_total{account="nobody"} 1`}
		}, "not configured"},
		"another account's SID": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line("twilio_account_balance", "1", "account_sid", "AC0", "currency", "USD")}
		}, "the account's SID is"},
		"not a number": {arbitrary, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, "NaN", "sim_sid", sim)}
		}, "not a number"},
		"an unknown currency": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line("twilio_supersim_sim_cost_total", "0", "sim_sid", sim, "currency", "XXX")}
		}, "no such currency"},
		"the same twice": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line(family, itoa(right), "sim_sid", sim), g.line(family, itoa(right), "sim_sid", sim)}
		}, "comes twice"},
		"an hour that is not over": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line("twilio_supersim_hour_end_timestamp_seconds", itoa(noon.Truncate(time.Hour).Add(time.Hour).Unix()), "group", "sim")}
		}, "possible are"},
		"a SIM by another name": {exact, func(g *rig, sim string, right int64) []string {
			return []string{g.line("twilio_supersim_sim_info", "1", "sim_sid", sim, "unique_name", "x", "fleet_sid", "", "status", "active")}
		}, "no such SIM"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, c.role)
			sim := g.account.firstSIMs[0].SID
			told := strings.Join(g.scrape(t, noon, c.lines(g, sim, truthOf(g, sim, noon))...), "\n")
			if c.wrong == "" && told != "" || !strings.Contains(told, c.wrong) {
				t.Errorf("want %q, have %q", c.wrong, told)
			}
		})
	}
}

// TestCheckerRemembers: what one scrape has shown limits what later ones can.
func TestCheckerRemembers(t *testing.T) {
	const family = "twilio_account_usage_total"
	of := func(g *rig, category, value string) string {
		return g.line(family, value, "account_sid", g.account.sid, "category", category, "unit", "units")
	}
	g := newRig(t, arbitrary)
	if told := g.scrape(t, noon, of(g, "sms", "5")); len(told) > 0 {
		t.Errorf("have %q", told)
	}
	if told := g.scrape(t, noon.Add(time.Second), of(g, "sms", "4"), of(g, "calls", "0")); len(told) != 1 || !strings.Contains(told[0], "fallen") {
		t.Errorf("a counter has fallen: have %q", told)
	}
	if told := g.scrape(t, noon.Add(2*time.Second), of(g, "sms", "5"), of(g, "calls", "1"), of(g, "mms", "1")); len(told) != 1 || !strings.Contains(told[0], "not seen at 0") {
		t.Errorf("a counter was not seen at 0: have %q", told)
	}
	for _, storage := range []bool{true, false} {
		g.storage = storage
		g.processStarted(&process{generation: 0, started: noon.Add(3 * time.Second)})
		if told := g.scrape(t, noon.Add(4*time.Second), of(g, "sms", "1")); len(told) > 0 != storage {
			t.Errorf("after a restart, storage %t: have %q", storage, told)
		}
	}
}

// TestCheckerWindow: an old value is possible until a poll has ended that must have
// found another one.
func TestCheckerWindow(t *testing.T) {
	g := newRig(t, exact)
	k := key{"account", g.account.sid, upload}
	month := monthStart(noon)
	all := g.account.truth.between(month, month.AddDate(0, 1, 0))[k]
	i := slices.IndexFunc(all.steps, func(s step) bool { return s.at > noon.UnixNano() })
	stepped := time.Unix(0, all.steps[i].at)
	old := g.line("twilio_supersim_account_upload_bytes_total", itoa(all.sums[i-1]), "account_sid", g.account.sid)
	polled := func(at time.Time) string {
		return g.line(lastSuccess, itoa(at.Unix()), "collector", "supersim_usage")
	}
	if told := g.scrape(t, stepped.Add(time.Second), old, polled(stepped.Add(-time.Second))); len(told) > 0 {
		t.Errorf("have %q", told)
	}
	later := stepped.Add(longestPoll + 2*time.Second)
	if told := g.scrape(t, later, old, polled(later)); len(told) > 0 {
		t.Errorf("have %q", told)
	}
	if told := g.scrape(t, later.Add(time.Second), old); len(told) != 1 {
		t.Errorf("an expired value: have %q", told)
	}
}

// TestCheckerConfiguration: an account is unknown once a configuration without it is in
// force, and not before.
func TestCheckerConfiguration(t *testing.T) {
	g := newRig(t, exact)
	line := g.line("twilio_exporter_polls_total", "1", "collector", "supersim_usage")
	g.begin(configuration{})
	at := time.Now()
	if told := g.scrape(t, at, line); len(told) > 0 {
		t.Errorf("have %q", told)
	}
	g.settle()
	if told := g.scrape(t, time.Now().Add(time.Second), line); len(told) != 1 {
		t.Errorf("have %q", told)
	}
}

func TestSecretIn(t *testing.T) {
	secret := secretMark + "0123"
	for text, want := range map[string]string{
		"password " + secret: "a secret",
		base64.StdEncoding.EncodeToString([]byte("AC0:" + secret)):   "a secret in base64",
		base64.StdEncoding.EncodeToString([]byte("AC01:" + secret)):  "a secret in base64",
		base64.StdEncoding.EncodeToString([]byte("AC012:" + secret)): "a secret in base64",
		"iccid=" + iccidPrefix + "0000000001234 ":                    "an ICCID",
		strings.Repeat("0123abcd", 8):                                "an access token",
		sid("AC", 1, 2, 3) + " " + strings.Repeat("0", 40):           "",
	} {
		if have := secretIn(text); have != want {
			t.Errorf("%s: want %q, have %q", text, want, have)
		}
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
