package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/check"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// newProbe is a setup in the evening of the bubble's 41st day.
func newProbe(r twiliotest.Readings) *setup {
	time.Sleep(40*24*time.Hour + 20*time.Hour + 20*time.Minute)
	s := newSetup(r)
	s.probe = true
	return s
}

// answers are those of a report by the beginning of their question.
func answers(t *testing.T, r check.Report) map[string]check.Answer {
	t.Helper()
	all := make(map[string]check.Answer)
	for _, a := range r.Probe {
		if _, twice := all[a.Question]; twice || a.Account != "production" || a.Answer == "" || a.Consequence == "" {
			t.Errorf("have %+v", a)
		}
		all[a.Question] = a
	}
	return all
}

// find is the answer to a question that begins so.
func find(all map[string]check.Answer, question string) check.Answer {
	for q, a := range all {
		if strings.HasPrefix(q, question) {
			return a
		}
	}
	return check.Answer{}
}

func wantAnswer(t *testing.T, all map[string]check.Answer, question, answer, consequence string) {
	t.Helper()
	a := find(all, question)
	if a.Question == "" || !strings.HasPrefix(a.Answer, answer) || !strings.Contains(a.Consequence, consequence) {
		t.Errorf("%s\nwant %q → %q\nhave %q → %q", question, answer, consequence, a.Answer, a.Consequence)
	}
}

// expected is what the probe says about a reading.
type expected struct{ question, answer, consequence string }

// TestReadings: the probe tells each value of each switch of the readings. The keys are
// those of twiliotest.Switches. What comes and goes is told by one of several probes.
func TestReadings(t *testing.T) {
	const (
		alignment = "Does Granularity=all take"
		period    = "What period"
		unbilled  = "What stands for"
		partly    = "What is the amount of a total"
		bills     = "When is usage billed"
		groups    = "Do groups agree"
		sid       = "Do usage records name"
		amounts   = "Are amounts"
		null      = "Are bytes of whole hours null"
		order     = "In what order"
		shift     = "Do records move"
		short     = "Do listings of groups lack"
		probes    = 20 // of what comes and goes
	)
	want := map[string]expected{
		"unbilled null":             {unbilled, "amount null, unit null", ""},
		"unbilled zero":             {unbilled, "amount 0, unit null", ""},
		"unbilled partly_null":      {partly, "null until all of it is billed", "polls read the hours"},
		"unbilled null_with_unit":   {unbilled, "amount null, unit there", ""},
		"unbilled empty":            {unbilled, "amount empty, unit empty", ""},
		"bills spread":              {bills, "an hour that ended 1h20m ago or earlier has an amount", "settle.cost (1d)"},
		"bills by_hour":             {bills, "an hour that ended 23h20m ago or earlier", "settle.cost (1d)"},
		"bills by_day":              {bills, "the hours up to a midnight 20h20m ago have amounts: a day at a time, or by chance", "settle.cost (1d)"},
		"all_needs_midnight off":    {alignment, "whole hours", ""},
		"all_needs_midnight on":     {alignment, "only midnights (code 83601)", "supersim_usage.interval"},
		"period asked":              {period, "the range that was asked for", ""},
		"period used":               {period, "that of the usage", ""},
		"period absent":             {period, "none, in ", ""},
		"groups_lag off":            {groups, "yes, by fleet, network and country", ""},
		"groups_lag on":             {groups, "no: fleet has -", "settle.usage"},
		"lists_shift off":           {shift, "not in 4 listings", "compare listings with the account's total"},
		"lists_shift on":            {shift, "yes, in ", "compare listings with the account's total"},
		"lists_short off":           {short, "not in 6 listings of a day", "compare listings with the account's total"},
		"lists_short on":            {short, "yes: of a day that ended 4 days ago, one by ", "compare listings with the account's total"},
		"account_sid present":       {sid, "yes", ""},
		"account_sid null_in_usage": {sid, "no, it is null", ""},
		"account_sid absent":        {sid, "no, the field is absent", ""},
		"amounts strings":           {amounts, "strings", ""},
		"amounts numbers":           {amounts, "numbers", ""},
		"amounts spaces":            {amounts, "strings with spaces", ""},
		"amounts exponents":         {amounts, "strings with exponents", ""},
		"null_hours off":            {null, "no, in none of ", ""},
		"null_hours on":             {null, "yes, in ", "hour_delay to 2h or more"},
		"order newest_first":        {order, "newest first", ""},
		"order oldest_first":        {order, "oldest first", ""},
		"order shuffled":            {order, "none", ""},
	}
	for _, s := range twiliotest.Switches() {
		for _, v := range s.Values {
			name := s.Name + " " + v.Name
			x, known := want[name]
			if !known {
				t.Errorf("%s: does the probe see it?", name)
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var r twiliotest.Readings
					v.Set(&r)
					s := newProbe(r)
					comesAndGoes := r.ListsShift || r.ListsShort
					if comesAndGoes {
						s.probeWait = 2 * time.Minute
					}
					all := answers(t, s.run(t))
					for range probes {
						if !comesAndGoes || strings.HasPrefix(find(all, x.question).Answer, x.answer) {
							break
						}
						all = answers(t, s.run(t))
					}
					wantAnswer(t, all, x.question, x.answer, x.consequence)
					for _, other := range []string{shift, short} {
						if answer := find(all, other).Answer; other != x.question && !strings.HasPrefix(answer, "not in ") {
							t.Errorf("%s: %s", other, answer)
						}
					}
					if v.Name == "strings" && all["Are amounts strings or numbers?"].Answer != "strings" {
						t.Error("strings that are like no example")
					}
				})
			})
		}
	}
}

// TestProbe: how much is asked, that nothing but questions is, and what a user pastes.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProbe(twiliotest.Readings{})
		r := s.run(t)
		if n := len(s.simulator.Log()); n != 7+31 {
			t.Errorf("want 31 requests more than the 7 of a check, have %d", n-7)
		}
		all := answers(t, r)
		wantAnswer(t, all, "How many records does a page have", "as many as were asked for: 1000", "the plan counts with it")
		wantAnswer(t, all, "What does a subaccount", "not seen: the account has no open subaccount", "")
		wantAnswer(t, all, "What is the amount of a total", "what is billed so far", "")
		wantAnswer(t, all, "Are responses compressed", "no", "")
		wantAnswer(t, all, "How late are bytes", "bytes of no hour changed within 2s", "--probe-wait")
		if len(all) != 17 {
			t.Errorf("%d answers", len(all))
		}

		have := text(t, r)
		_, report, _ := strings.Cut(have, "What the documentation leaves open")
		if found := regexp.MustCompile(`[A-Z]{2}[0-9a-f]{32}|production|token`).FindAllString(report, -1); found != nil || !strings.Contains(report, "Account 1, provider twilio") {
			t.Errorf("%q in what is pasted:\n%s", found, report)
		}
		document, err := json.Marshal(r)
		if err != nil || !regexp.MustCompile(`"probe":\[\{"account":"production","question":"[^"]+","answer":"[^"]+","consequence":"[^"]+"\}`).Match(document) {
			t.Errorf("%v in %s", err, document)
		}
	})
}

// TestProbeWaitsOnce: accounts wait at the same time, for the slowest of them.
func TestProbeWaitsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProbe(twiliotest.Readings{})
		text := "accounts:\n"
		for i := range 3 {
			text += fmt.Sprintf("  - {name: a%d, account_sid: %s, basic_auth: {username: %[2]s, password: token}}\n", i, accountSID)
		}
		cfg, err := config.Parse("config.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		listed := make(map[string][]time.Time)
		var waited []time.Duration
		started := time.Now()
		r, err := check.Run(t.Context(), check.Options{
			Config: cfg, Probe: true, ProbeWait: 10 * time.Minute,
			Waiting: func(d time.Duration) { waited = append(waited, d) },
			Dial: func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
				one := *s
				one.wrap = func(next http.RoundTripper) http.RoundTripper {
					return roundTrip(func(r *http.Request) (*http.Response, error) {
						if q := r.URL.Query(); q.Get("Granularity") == "hour" && q.Get("Group") == "" {
							mu.Lock()
							late := a.Name == "a0" && listed[a.Name] == nil
							mu.Unlock()
							if late {
								time.Sleep(20 * time.Second)
							}
							mu.Lock()
							listed[a.Name] = append(listed[a.Name], time.Now())
							mu.Unlock()
						}
						return next.RoundTrip(r)
					})
				}
				return one.dial(a, wrap, observer)
			},
		})
		if err != nil || len(r.Probe) != 3*17 || len(waited) != 1 {
			t.Errorf("have %v, %d answers, waited %v", err, len(r.Probe), waited)
		}
		for name, at := range listed {
			if len(at) != 2 || at[1].Sub(at[0]) < 10*time.Minute {
				t.Errorf("%s: listed at %v", name, at)
			}
		}
		if took := time.Since(started); took > 11*time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// TestProbeOfMany: many SIMs take no more requests.
func TestProbeOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProbe(twiliotest.Readings{})
		s.change(func(o *twiliotest.Options) { o.Accounts[0].SIMs = 250 })
		s.run(t)
		if n := len(s.simulator.Log()); n != 7+31 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestNotProbed: without the option, nothing of it is asked or shown.
func TestNotProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProbe(twiliotest.Readings{})
		s.probe = false
		r := s.run(t)
		if n := len(s.simulator.Log()); n != 7 || len(r.Probe) != 0 || strings.Contains(text(t, r), "documentation") {
			t.Errorf("%d requests, %v", n, r.Probe)
		}
	})
}

// TestLate: the hours that change between the two listings are those that the simulator
// says.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProbe(twiliotest.Readings{})
		s.probeWait = 30 * time.Minute
		all := answers(t, s.run(t))
		var asked []time.Time
		for _, r := range s.simulator.Log() {
			if strings.Contains(r.URI, "Granularity=hour") && !strings.Contains(r.URI, "Group=") {
				asked = append(asked, r.Start)
			}
		}
		if len(asked) != 2 {
			t.Fatalf("have %v", asked)
		}
		last := asked[0].Truncate(time.Hour)
		bytes, bills := 0, 0
		var oldestBytes, oldestBill time.Time
		for hour := last.AddDate(0, 0, -7); hour.Before(last); hour = hour.Add(time.Hour) {
			before := s.simulator.Reported(accountSID, twiliotest.Filter{}, hour, hour.Add(time.Hour), asked[0])
			after := s.simulator.Reported(accountSID, twiliotest.Filter{}, hour, hour.Add(time.Hour), asked[1])
			if before.Upload+before.Download != after.Upload+after.Download {
				if bytes++; bytes == 1 {
					oldestBytes = hour
				}
			}
			if before.MicroCost != after.MicroCost || before.Billed != after.Billed {
				if bills++; bills == 1 {
					oldestBill = hour
				}
			}
		}
		age := func(hour time.Time) string {
			first := asked[0].Sub(hour.Add(time.Hour)).Round(time.Minute)
			return strings.TrimSuffix(first.String(), "0s") + " to " + strings.TrimSuffix((first+30*time.Minute).String(), "0s")
		}
		if bytes == 0 || bills == 0 {
			t.Fatal("nothing changes: the test shows nothing")
		}
		wantAnswer(t, all, "How late are bytes", fmt.Sprintf("within 30m0s, bytes of %d hours changed; the oldest had ended %s before", bytes, age(oldestBytes)), "none: within supersim_usage.settle.usage (2h)")
		wantAnswer(t, all, "How late are bills", fmt.Sprintf("within 30m0s, amounts of %d hours changed; the oldest had ended %s before", bills, age(oldestBill)), "none: within supersim_usage.settle.cost (1d)")
	})
}

// TestProbeWorld: what depends on the account and the service, and not on the readings.
func TestProbeWorld(t *testing.T) {
	const child = "ACcccccccccccccccccccccccccccccccc"
	for name, x := range map[string]struct {
		change func(*twiliotest.Options)
		faults []twiliotest.Fault
		wait   time.Duration
		yaml   string
		want   []expected
	}{
		"smaller pages": {
			change: func(o *twiliotest.Options) { o.MaxPageSize = 400 },
			want:   []expected{{"How many records does a page have", "400 where 1000 were asked for (page_size says ", "up to 3 times the requests"}},
		},
		"a subaccount": {
			change: func(o *twiliotest.Options) {
				o.Accounts = append(o.Accounts, twiliotest.Account{SID: child, Parent: accountSID, AuthToken: "other"})
			},
			want: []expected{{"What does a subaccount", "HTTP 404, code 20404", "none: the exporter takes it as no balance"}},
		},
		"a closed subaccount": {
			change: func(o *twiliotest.Options) {
				o.Accounts = append(o.Accounts, twiliotest.Account{SID: child, Parent: accountSID, AuthToken: "other", Status: "closed"})
			},
			want: []expected{{"What does a subaccount", "not seen: the account has no open subaccount", ""}},
		},
		"gzip": {
			faults: []twiliotest.Fault{{Kind: twiliotest.Gzip}},
			want: []expected{
				{"Are responses compressed", "yes, 31 of 31", ""},
				{"In what order", "newest first", ""},
				{"Are amounts", "strings", ""},
			},
		},
		"bytes later than settled": {
			wait: 30 * time.Minute, yaml: "collectors: {supersim_usage: {settle: {usage: 10m, cost: 1h}}}",
			want: []expected{
				{"How late are bytes", "within 30m0s, bytes of ", "set supersim_usage.settle.usage to "},
				{"How late are bills", "within 30m0s, amounts of ", "set supersim_usage.settle.cost to 23h or more"},
			},
		},
		"no usage": {
			change: func(o *twiliotest.Options) { o.Accounts[0].SIMList = []twiliotest.SIM{} },
			want: []expected{
				{"What period", "not seen", ""}, {"Are amounts", "not seen", ""}, {"When is usage billed", "not seen", ""},
				{"How many records", "not seen: 1000 were asked for, and there are 0 only", ""}, {"Do groups agree", "yes", ""},
			},
		},
		"a refusal": {
			faults: []twiliotest.Fault{
				{Kind: twiliotest.Forbidden, Query: "Group=fleet"},
				{Kind: twiliotest.Truncate, Query: "Group=sim"},
			},
			want: []expected{
				{"Do groups agree", "not found out: HTTP 403, code 70051", "probe again"},
				{"How many records", "not found out: the request failed (truncated)", "probe again"},
				{"In what order", "newest first", ""},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newProbe(twiliotest.Readings{})
				s.probeWait, s.yaml = x.wait, x.yaml
				if x.change != nil {
					s.change(x.change)
				}
				for _, f := range x.faults {
					s.simulator.Inject(f)
				}
				all := answers(t, s.run(t))
				for _, want := range x.want {
					wantAnswer(t, all, want.question, want.answer, want.consequence)
				}
			})
		})
	}
}

// TestProbeNamesNothing: what is pasted names no account and nothing that the API quotes,
// whatever it refuses.
func TestProbeNamesNothing(t *testing.T) {
	named := regexp.MustCompile(`[A-Z]{2}[0-9a-f]{32}|production|client|secret|token|RQ`)
	for name, atKORE := range map[string]bool{"twilio": false, "kore": true} {
		for _, refused := range []string{"Group=sim&", "Group=fleet", "Granularity=hour", "Granularity=all", "/Accounts"} {
			t.Run(name+" "+refused, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newProbe(twiliotest.Readings{})
					if atKORE {
						s.atKORE()
					}
					checked := false
					s.wrap = func(next http.RoundTripper) http.RoundTripper {
						return roundTrip(func(r *http.Request) (*http.Response, error) {
							resp, err := next.RoundTrip(r)
							// The first of these is the probe's.
							checked = checked || strings.Contains(r.URL.RawQuery, "Group=sim&")
							if err == nil && checked && strings.Contains(r.URL.String(), refused) {
								resp.StatusCode = http.StatusBadRequest
								resp.Body = io.NopCloser(strings.NewReader(`{"code": 83600, "message": "production: ` + accountSID + ` has no client HS0123456789abcdef0123456789abcdef", "status": 400}`))
							}
							return resp, err
						})
					}
					_, report, found := strings.Cut(text(t, s.run(t)), "What the documentation leaves open")
					if quoted := named.FindAllString(report, -1); !found || quoted != nil || !strings.Contains(report, "Account 1, provider "+name) {
						t.Errorf("%q in what is pasted:\n%s", quoted, report)
					}
					if refuses := !atKORE || refused != "/Accounts"; refuses != strings.Contains(report, "not found out: HTTP 400, code 83600") {
						t.Errorf("refused: %v in:\n%s", refuses, report)
					}
				})
			})
		}
	}
}

// TestNotRead: of an account whose usage cannot be read, nothing is asked, and it is said.
func TestNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProbe(twiliotest.Readings{})
		s.probeWait = time.Minute
		s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.UsageRecords})
		r := s.run(t)
		if have := text(t, r); len(r.Probe) != 0 || len(s.waited) != 0 || !strings.Contains(have, "production: not probed, because its usage was not read") {
			t.Errorf("waited %v:\n%s", s.waited, have)
		}
	})
}

// TestProbeWaits: the wait is said before, and is the time between the two listings,
// however long the questions between them take.
func TestProbeWaits(t *testing.T) {
	for wait, said := range map[time.Duration]bool{0: false, time.Second: false, time.Minute: true} {
		synctest.Test(t, func(t *testing.T) {
			s := newProbe(twiliotest.Readings{})
			s.probeWait = wait
			s.run(t)
			if len(s.waited) > 0 != said || said && (s.waited[0] > wait || s.waited[0] < wait-3*time.Second) {
				t.Errorf("%s: said %v", wait, s.waited)
			}
			var hours []time.Time
			for _, r := range s.simulator.Log() {
				if strings.Contains(r.URI, "Granularity=hour") && !strings.Contains(r.URI, "Group=") {
					hours = append(hours, r.Start)
				}
			}
			// A listing takes 100 ms.
			if len(hours) != 2 || said && hours[1].Sub(hours[0]) != wait+100*time.Millisecond {
				t.Errorf("%s: listed at %v", wait, hours)
			}
		})
	}
}

// TestProbeStopped: the end of the context ends the wait.
func TestProbeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProbe(twiliotest.Readings{})
		s.probeWait = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.runIn(ctx, t); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("have %v", err)
		}
	})
}

// FuzzRecords: whatever the API sends, the answers quote nothing of it.
func FuzzRecords(f *testing.F) {
	const sid = "AC0123456789abcdef0123456789abcdef"
	f.Add([]byte(`{"usage_records": [{"account_sid": "` + sid + `", "period": {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T01:00:00Z"},
		"data_upload": 1, "data_total": null, "data_total_billed": "0.03", "billed_unit": "USD"}, {"data_total_billed": "` + sid + `"}]}`))
	f.Add([]byte(`{"usage_records": [{"account_sid": 7, "period": null, "data_total_billed": " 3e-2 ", "billed_unit": "` + sid + `"}, {}], "meta": {"page_size": -1}}`))
	f.Add([]byte(`{"usage_records": [null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, a := range check.AnswersTo(body) {
			if strings.Contains(a.Answer+a.Consequence, sid) || a.Answer == "" || a.Consequence == "" {
				t.Errorf("%q: %+v", body, a)
			}
		}
	})
}
