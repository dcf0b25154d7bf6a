package exporter_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// crowd is a configuration of many small accounts, named a000 and so on, and their
// worlds.
func crowd(n int) (yaml string, worlds []twiliotest.Account) {
	yaml = "accounts:\n"
	for i := range n {
		sid := fmt.Sprintf("AC%032x", i)
		yaml += fmt.Sprintf("- {name: a%03d, account_sid: %s, basic_auth: {username: %[2]s, password: x}, supersim_url: http://simulator, api_url: http://simulator}\n", i, sid)
		worlds = append(worlds, twiliotest.Account{SID: sid, AuthToken: "x", SIMs: 1, Fleets: 1, Seed: uint64(i)})
	}
	return yaml, worlds
}

// launchCrowd starts an exporter with the polls where they are in production.
func launchCrowd(t *testing.T, yaml string, transport http.RoundTripper) *process {
	t.Helper()
	return launchAs(t, yaml, log.NewLogfmtLogger, inMemory(func(string) http.RoundTripper { return transport }), spread)
}

// pollTimes are when polls of an account asked an endpoint, since a moment.
func pollTimes(s *twiliotest.Simulator, e twiliotest.Endpoint, since time.Time) map[string][]time.Time {
	times := make(map[string][]time.Time)
	for _, r := range s.Log() {
		if r.Endpoint == e && !r.Start.Before(since) {
			times[r.Account] = append(times[r.Account], r.Start)
		}
	}
	return times
}

// TestSpread: after the first poll, each collector of each account has its own moment
// in the interval, the same after a restart, and at no time are there more than a few.
func TestSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const accounts, interval = 300, 15 * time.Minute
		noon(t)
		yaml, worlds := crowd(accounts)
		yaml += only("account_balance: {interval: 15m}", "supersim_inventory: {interval: 15m}")
		s := twiliotest.New(twiliotest.Options{Accounts: worlds})
		p := launchCrowd(t, yaml, s.Transport())
		time.Sleep(2*interval + 2*time.Minute)
		p.stop()
		offsets := make(map[twiliotest.Endpoint]map[string]time.Duration)
		for _, e := range []twiliotest.Endpoint{twiliotest.Balance, twiliotest.Fleets} {
			offsets[e] = make(map[string]time.Duration)
			var perMinute [interval / time.Minute]int
			for account, times := range pollTimes(s, e, date("2004-03-15 12:04")) {
				for _, at := range times[1:] {
					if d := at.Sub(times[0]); d%interval != 0 {
						t.Errorf("%s of %s: polls are %s apart", e, account, d)
					}
				}
				offset := time.Duration(times[0].UnixNano()) % interval
				offsets[e][account] = offset
				perMinute[offset/time.Minute]++
			}
			if len(offsets[e]) != accounts {
				t.Errorf("%s: want polls of %d accounts, have them of %d", e, accounts, len(offsets[e]))
			}
			for minute, n := range perMinute { // 20 on average
				if n < 8 || n > 36 {
					t.Errorf("%s: %d of %d polls are in minute %d", e, n, accounts, minute)
				}
			}
		}
		same := 0
		for account, offset := range offsets[twiliotest.Balance] {
			if d := offset - offsets[twiliotest.Fleets][account]; d.Abs() < time.Second {
				same++
			}
		}
		if same > 5 {
			t.Errorf("the collectors of %d accounts poll at the same time", same)
		}

		time.Sleep(7*time.Minute + 13*time.Second)
		s.ResetCounts()
		p = launchCrowd(t, yaml, s.Transport())
		time.Sleep(3 * time.Minute)
		since := time.Now()
		time.Sleep(interval)
		p.stop()
		for e, want := range offsets {
			have := make(map[string]time.Duration)
			for account, times := range pollTimes(s, e, since) {
				have[account] = time.Duration(times[0].UnixNano()) % interval
			}
			if !maps.Equal(have, want) {
				t.Errorf("%s: the polls moved with the restart", e)
			}
		}
	})
}

// TestLongestMissingFirst: after a start, what has no result is polled first, then what
// has the oldest one.
func TestLongestMissingFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		yaml, worlds := crowd(4)
		s := twiliotest.New(twiliotest.Options{Accounts: worlds})
		// The first account has the newest result, then come the second and the third. The
		// fourth has never had one.
		for i, fault := range []twiliotest.FaultKind{"", twiliotest.Forbidden, twiliotest.Forbidden} {
			if fault != "" {
				s.Inject(twiliotest.Fault{Kind: fault, Account: worlds[i].SID, After: 3 - i})
			}
		}
		s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Account: worlds[3].SID})
		p := launchCrowd(t, yaml+only("account_balance: {interval: 5m}"), s.Transport())
		defer p.stop()
		time.Sleep(40 * time.Minute)
		s.ResetCounts()
		if err := p.exporter.Reload(parse(t, yaml+only("account_balance: {interval: 6m}"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		var have []string
		for _, r := range s.Log() {
			have = append(have, r.Account)
		}
		want := []string{worlds[3].SID, worlds[2].SID, worlds[1].SID, worlds[0].SID}
		if !slices.Equal(have, want) {
			t.Errorf("want polls of %v, have them of %v", want, have)
		}
	})
}
