package exporter_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// subSID is the SID of a subaccount of account a.
func subSID(n int) string { return fmt.Sprintf("AC5b%030d", n) }

// subToken is its auth token.
func subToken(n int) string { return fmt.Sprintf("auth-token-of-subaccount-%d", n) }

// sms is the month's usage of an account at a time: it grows by one a minute.
func sms(month, at time.Time) int { return int(at.Sub(month).Minutes()) }

// priced is an account whose bill is so much in each month.
func priced(a twiliotest.Account, price int) twiliotest.Account {
	a.SIMs, a.Fleets, a.Start = 2, 1, date("2004-03-01 00:00")
	a.Monthly = func(month, at time.Time) []twiliotest.MonthlyRecord {
		return []twiliotest.MonthlyRecord{
			{Category: "sms", Count: "1", CountUnit: "messages", Usage: strconv.Itoa(sms(month, at)), UsageUnit: "segments", Price: "0", PriceUnit: "usd"},
			{Category: "totalprice", Count: twiliotest.Null, Usage: strconv.Itoa(price), UsageUnit: "usd", Price: strconv.Itoa(price), PriceUnit: "usd"},
		}
	}
	return a
}

// withSubaccounts is account a, whose bill is 1, with subaccounts of every kind, whose
// bills are powers of 2: their sum tells which ones are in it.
func withSubaccounts(change ...func(*twiliotest.Options)) *twiliotest.Simulator {
	accounts := []twiliotest.Account{priced(twiliotest.Account{SID: sidA, AuthToken: "token-a", FriendlyName: "The parent", Balance: "5"}, 1)}
	for n, a := range []twiliotest.Account{
		1: {FriendlyName: "Meters"},
		2: {FriendlyName: "Trackers", Status: "suspended"},
		3: {FriendlyName: ""},
		4: {FriendlyName: "Twins"},
		5: {FriendlyName: " Twins"},
		6: {FriendlyName: "Gone", Status: "closed"},
		7: {FriendlyName: "Owned"},
		8: {FriendlyName: "New", Created: date("2004-03-15 12:30")},
		9: {FriendlyName: "Strange", Status: "under-review"},
	} {
		if n > 0 {
			a.SID, a.AuthToken, a.Parent, a.Seed = subSID(n), subToken(n), sidA, uint64(n)
			accounts = append(accounts, priced(a, 1<<n))
		}
	}
	o := twiliotest.Options{Accounts: accounts, MaxPageSize: 4}
	for _, f := range change {
		f(&o)
	}
	return twiliotest.New(o)
}

// parentAccount is configuration for account a with its subaccounts, of which one has
// an entry of its own.
func parentAccount(options string) string {
	return strings.Replace(withParent("accounts:"+twilioAccount), "enabled: true", "enabled: true"+options, 1) + `
- name: owned
  account_sid: ` + subSID(7) + `
  basic_auth: {username: ` + subSID(7) + `, password: ` + subToken(7) + `}
  supersim_url: http://simulator
  api_url: http://simulator
`
}

// withParent watches the subaccounts of the first account.
func withParent(yaml string) string {
	return strings.Replace(yaml, "  supersim_url", "  subaccounts: {enabled: true}\n  supersim_url", 1)
}

// watching starts an exporter of one simulator at 12:02.
func watching(t *testing.T, yaml string, s *twiliotest.Simulator, f func(p *process)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launchAs(t, yaml, log.NewLogfmtLogger, inMemory(func(string) http.RoundTripper { return s.Transport() }))
		defer p.stop()
		f(p)
	})
}

// bills are the bills that are shown, by account.
func (p *process) bills() map[string]float64 {
	p.t.Helper()
	bills := make(map[string]float64)
	for series, v := range p.gather() {
		if rest, ok := strings.CutPrefix(series, `twilio_account_cost{account="`); ok {
			name, _, _ := strings.Cut(rest, `",account_sid=`)
			bills[name] += v
		}
	}
	return bills
}

// wantBills wants these bills, and all of the world's money in them once.
func (p *process) wantBills(want map[string]float64) {
	p.t.Helper()
	if have := p.bills(); !maps.Equal(want, have) {
		p.t.Errorf("%s: want the bills %v, have %v", stamp(), want, have)
	}
}

// ofAccount are the series of an account.
func (p *process) ofAccount(name string) map[string]float64 {
	return holding(p.gather(), `account="`+name+`"`)
}

func atFirst() map[string]float64 {
	return map[string]float64{
		"a": 1, "a/Meters": 2, "a/" + subSID(3): 8, "a/" + subSID(4): 16, "a/" + subSID(5): 32, "owned": 128, "a/Strange": 512,
	}
}

// TestSubaccounts: what is found is an account of its own, by its name or its SID; what
// is suspended or closed goes, what is new comes, and nothing is counted twice.
func TestSubaccounts(t *testing.T) {
	s := withSubaccounts()
	watching(t, parentAccount(""), s, func(p *process) {
		until(t, "2004-03-15 12:04:00")
		if !p.exporter.Ready() {
			t.Error("it is not ready")
		}
		p.wantBills(atFirst())
		for _, r := range s.Log() {
			switch {
			case r.Status != http.StatusOK && !strings.Contains(r.URI, subSID(7)+"/Balance"):
				t.Errorf("refused: %+v", r)
			case r.Endpoint == twiliotest.Monthly && !strings.Contains(r.URI, "IncludeSubaccounts=false") && !strings.Contains(r.URI, subSID(7)),
				r.Endpoint == twiliotest.Balance && !strings.Contains(r.URI, sidA) && !strings.Contains(r.URI, subSID(7)):
				t.Errorf("asked for %s", r.URI)
			}
		}
		// The parent's SIMs are there once, and the owned subaccount's.
		sims := make(map[string][]string)
		for series := range p.gather() {
			if strings.HasPrefix(series, "twilio_supersim_sim_info{") {
				_, sim, _ := strings.Cut(series, "sim_sid=")
				sims[sim] = append(sims[sim], series)
			}
		}
		for sim, series := range sims {
			if len(series) > 1 {
				t.Errorf("the SIM %s is there as %q", sim, series)
			}
		}
		if len(sims) != 4 {
			t.Errorf("want the 2 SIMs of the parent and those of the owned account, have %v", sims)
		}
		const meters = "a/Meters"
		p.want(map[string]float64{
			`twilio_account_info{account="a/Meters",account_sid="` + subSID(1) + `",provider="twilio"}`:                     1,
			`twilio_account_usage_total{account="a/Meters",account_sid="` + subSID(1) + `",category="sms",unit="segments"}`: float64(sms(date("2004-03-01 00:00"), date("2004-03-15 12:02"))),
			`twilio_account_balance{account="a",account_sid="` + sidA + `",currency="USD"}`:                                 5,
			`twilio_account_balance{account="a/Meters",account_sid="` + subSID(1) + `",currency="USD"}`:                     math.NaN(),
			pollSeries("twilio_exporter_poll_success", "a", "subaccounts"):                                                  1,
			pollSeries("twilio_exporter_poll_records", "a", "subaccounts"):                                                  9,
			pollSeries("twilio_exporter_poll_success", meters, "account_usage"):                                             1,
			pollSeries("twilio_exporter_poll_success", meters, "account_balance"):                                           math.NaN(),
			pollSeries("twilio_exporter_poll_success", meters, "supersim_usage"):                                            math.NaN(),
			pollSeries("twilio_exporter_poll_success", meters, "supersim_inventory"):                                        math.NaN(),
			`twilio_exporter_api_requests_total{account="a",code="200",endpoint="accounts"}`:                                3,
			`twilio_exporter_api_requests_total{account="a/Meters",code="200",endpoint="monthly_usage"}`:                    1,
			`twilio_exporter_subaccount_supersim_available{account="a/Meters",account_sid="` + subSID(1) + `"}`:             0,
			`twilio_exporter_subaccount_supersim_available{account="owned",account_sid="` + subSID(7) + `"}`:                1,
			`twilio_exporter_subaccount_supersim_available{account="a",account_sid="` + sidA + `"}`:                         math.NaN(),
		})
		for _, name := range slices.Sorted(maps.Keys(atFirst())) {
			said := strings.Count(p.log.String(), "account="+name+" msg=\"subaccount found; it is polled with the credentials of its parent, which do not open its Super SIM data")
			if want := strings.Count(name, "/"); said != want {
				t.Errorf("%s: want it to be said %d times, have %d", name, want, said)
			}
		}
		var names []string
		for _, status := range p.exporter.Status() {
			names = append(names, status.Account+" "+status.Collector)
		}
		if want := []string{"a subaccounts", "a supersim_inventory", "a supersim_usage", "a account_usage", "a account_balance"}; !slices.Equal(want, names[:5]) || names[5] != "a/"+subSID(3)+" account_usage" {
			t.Errorf("status: have %q", names)
		}

		until(t, "2004-03-15 12:40:00")
		s.SetStatus(subSID(1), "closed")
		s.SetStatus(subSID(9), "suspended")
		s.SetStatus(subSID(2), "active")
		p.wantBills(atFirst()) // until the list is read again
		until(t, "2004-03-15 13:05:00")
		later := atFirst()
		delete(later, "a/Meters")
		delete(later, "a/Strange")
		later["a/Trackers"], later["a/New"] = 4, 256
		p.wantBills(later)
		if have := p.ofAccount("a/Meters"); len(have) > 0 {
			t.Errorf("still there: %v", have)
		}
		for _, line := range []string{
			"level=info account=a/Meters msg=\"subaccount is no longer watched\" account_sid=" + subSID(1) + " status=closed",
			"level=info account=a/Strange msg=\"subaccount is no longer watched\" account_sid=" + subSID(9) + " status=suspended",
			"level=info account=a/New msg=\"subaccount found; ",
		} {
			if n := strings.Count(p.log.String(), line); n != 1 {
				t.Errorf("want %q once, have it %d times", line, n)
			}
		}
		until(t, "2004-03-16 13:05:00")
		p.wantBills(later)
		if n := strings.Count(p.log.String(), "msg=\"subaccount "); n != 5+2+2 {
			t.Errorf("want 9 lines about subaccounts, have %d", n)
		}
		if lines := slices.Concat(p.logged("error"), p.logged("warn")); len(lines) != 1 || !strings.Contains(lines[0], "account=owned") {
			t.Errorf("want it said that the owned account has no balance, have %q", lines)
		}
		// The lists are read each hour, three pages of them.
		if want, have := 3*26, s.Requests(twiliotest.Accounts); want != have {
			t.Errorf("want %d requests for the list, have %d", want, have)
		}
		p.wantNoTokens()
	})
}

// wantNoTokens wants no auth token in the log, the exposition or the status.
func (p *process) wantNoTokens() {
	p.t.Helper()
	text := p.log.String() + fmt.Sprint(p.exporter.Status()) + fmt.Sprint(p.gather())
	if strings.Contains(text, "auth-token") || strings.Contains(text, "token-a") {
		p.t.Errorf("a token shows in %s", text)
	}
}

// TestSubaccountReadings: the same is found however the API says it.
func TestSubaccountReadings(t *testing.T) {
	for _, readings := range []twiliotest.AccountReadings{
		{ParentUnlisted: true}, {NullNames: true}, {NullOwners: true}, {SuspendedForbidden: true}, {ParentUnlisted: true, NullNames: true, NullOwners: true},
	} {
		watching(t, parentAccount(""), withSubaccounts(func(o *twiliotest.Options) { o.AccountReadings = readings }), func(p *process) {
			until(t, "2004-03-15 12:04:00")
			p.wantBills(atFirst())
		})
	}
}

// TestSelectedSubaccounts: include and exclude select by SID and name, also by a
// reload, which leaves the others alone.
func TestSelectedSubaccounts(t *testing.T) {
	s := withSubaccounts()
	watching(t, parentAccount(", include: ['Meters|.*Twin.*', "+subSID(3)+"], exclude: ["+subSID(5)+"]"), s, func(p *process) {
		until(t, "2004-03-15 12:04:00")
		// The twins are told apart where both are watched.
		want := map[string]float64{"a": 1, "owned": 128, "a/Meters": 2, "a/" + subSID(3): 8, "a/Twins": 16}
		p.wantBills(want)
		s.ResetCounts()
		p.reload(parentAccount(", exclude: ['()', " + subSID(4) + "]"))
		until(t, "2004-03-15 12:06:00")
		p.wantBills(map[string]float64{"a": 1, "owned": 128, "a/Meters": 2, "a/Twins": 32, "a/Strange": 512})
		for _, uri := range s.RequestURIs() {
			if strings.Contains(uri, subSID(1)) {
				t.Errorf("a subaccount that stays was polled: %s", uri)
			}
		}
		if !strings.Contains(p.log.String(), "account=a/"+subSID(3)+" msg=\"subaccount is no longer watched\" account_sid="+subSID(3)+" status=active") {
			t.Error("it was not said that a subaccount is no longer watched")
		}
		p.reload("accounts:" + twilioAccount)
		until(t, "2004-03-15 12:07:00")
		p.wantBills(map[string]float64{"a": 1023 - 256}) // with the subaccounts, as of old
		if have := holding(p.gather(), "subaccount"); len(have) > 0 {
			t.Errorf("still there: %v", have)
		}
	})
}

// TestRenamedSubaccounts: a rename moves the series, which go on, and is said once. A
// name that a second subaccount takes is neither's, and names can be swapped.
func TestRenamedSubaccounts(t *testing.T) {
	s := withSubaccounts()
	watching(t, parentAccount(""), s, func(p *process) {
		usage := func(name string, n int) string {
			return `twilio_account_usage_total{account="` + name + `",account_sid="` + subSID(n) + `",category="sms",unit="segments"}`
		}
		total := func(at string) float64 { return float64(sms(date("2004-03-01 00:00"), date(at))) }
		until(t, "2004-03-15 12:04:00")
		p.want(map[string]float64{usage("a/Meters", 1): total("2004-03-15 12:02")})
		created := p.created("twilio_account_usage_total")
		s.Rename(subSID(1), "Meters & more")
		// From now on its usage cannot be read: what it shows under the new name is what
		// it showed before.
		s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Endpoint: twiliotest.Monthly})
		until(t, "2004-03-15 13:02:00")
		p.want(map[string]float64{
			usage("a/Meters & more", 1): total("2004-03-15 12:02"), usage("a/Meters", 1): math.NaN(),
			pollSeries("twilio_exporter_poll_last_success_timestamp_seconds", "a/Meters", "account_usage"):  math.NaN(),
			`twilio_account_cost{account="a/Meters & more",account_sid="` + subSID(1) + `",currency="USD"}`: 2,
		})
		renamed := pollSeries("twilio_exporter_poll_last_success_timestamp_seconds", "a/Meters & more", "account_usage")
		if have := p.gather()[renamed]; have < float64(date("2004-03-15 12:02").Unix()) || have > float64(date("2004-03-15 12:04").Unix()) {
			t.Errorf("%s: have %v", renamed, have)
		}
		if now := p.created("twilio_account_usage_total"); !now.Equal(created) {
			t.Errorf("created: want %s, have %s", created, now)
		}
		if have := p.ofAccount("a/Meters"); len(have) > 0 {
			t.Errorf("still there: %v", have)
		}
		s.ClearFaults()
		s.Rename(subSID(4), "Left") // so that the other twin gets its name
		until(t, "2004-03-15 14:05:00")
		p.want(map[string]float64{
			usage("a/Meters & more", 1): total("2004-03-15 14:02"), usage("a/Left", 4): total("2004-03-15 14:02"), usage("a/Twins", 5): total("2004-03-15 14:02"),
		})
		polls := p.gather()[pollSeries("twilio_exporter_polls_total", "a/Left", "account_usage")]
		s.Rename(subSID(4), "Twins")
		s.Rename(subSID(5), "Left")
		until(t, "2004-03-15 15:05:00")
		p.want(map[string]float64{usage("a/Twins", 4): total("2004-03-15 15:02"), usage("a/Left", 5): total("2004-03-15 15:02"), usage("a/Left", 4): math.NaN()})
		if have := p.gather()[pollSeries("twilio_exporter_polls_total", "a/Left", "account_usage")]; have > polls {
			t.Errorf("the polls of another subaccount are counted: %v, then %v", polls, have)
		}
		s.Rename(subSID(1), "Twins")
		until(t, "2004-03-15 16:05:00")
		p.want(map[string]float64{usage("a/"+subSID(1), 1): total("2004-03-15 16:02"), usage("a/"+subSID(4), 4): total("2004-03-15 16:02"), usage("a/Twins", 4): math.NaN()})
		until(t, "2004-03-15 17:05:00")
		var renames []string
		for line := range strings.Lines(p.log.String()) {
			if _, text, ok := strings.Cut(line, "msg=\"subaccount renamed; its series go on under the new name\" before="); ok {
				renames = append(renames, strings.TrimSpace(text))
			}
		}
		slices.Sort(renames)
		if want := []string{"a/" + subSID(4), "a/" + subSID(5), "a/Left", "a/Meters", `"a/Meters & more"`, "a/Twins", "a/Twins"}; !slices.Equal(renames, slices.Sorted(slices.Values(want))) {
			t.Errorf("want the renames %q, have %q", want, renames)
		}
		var sum float64
		for _, bill := range p.bills() {
			sum += bill
		}
		if sum != 1023-4-64 { // all but the suspended and the closed one
			t.Errorf("all bills: have %v", sum)
		}
	})
}

// TestFailingDiscovery: what is known stays while the list cannot be read, and the next
// one is asked for soon. Readiness does not wait for a list that comes.
func TestFailingDiscovery(t *testing.T) {
	s := withSubaccounts()
	failing := twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Accounts}
	s.Inject(failing)
	watching(t, parentAccount(""), s, func(p *process) {
		until(t, "2004-03-15 12:04:00")
		if !p.exporter.Ready() {
			t.Error("not ready, although the first list was asked for")
		}
		p.wantBills(map[string]float64{"a": 1, "owned": 128})
		p.want(map[string]float64{
			pollSeries("twilio_exporter_poll_success", "a", "subaccounts"):                                                           0,
			strings.TrimSuffix(pollSeries("twilio_exporter_poll_failures_total", "a", "subaccounts"), "}") + `,reason="permission"}`: 1,
		})
		if lines := p.logged("error"); len(lines) != 1 || !strings.Contains(lines[0], "Main API key") {
			t.Errorf("want one line with what to do, have %q", lines)
		}
		s.ClearFaults()
		until(t, "2004-03-15 12:06:59")
		p.wantBills(map[string]float64{"a": 1, "owned": 128})
		s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 10 * time.Second, Endpoint: twiliotest.Monthly})
		until(t, "2004-03-15 12:07:05")
		if !p.exporter.Ready() {
			t.Error("what is found later makes it unready")
		}
		s.ClearFaults()
		until(t, "2004-03-15 12:09:00")
		p.wantBills(atFirst())

		for _, kind := range []twiliotest.FaultKind{twiliotest.ServerError, twiliotest.NoList, twiliotest.Truncate, twiliotest.Unauthorized} {
			s.Inject(twiliotest.Fault{Kind: kind, Endpoint: twiliotest.Accounts})
			s.ResetCounts()
			s.Rename(subSID(1), string(kind))
			time.Sleep(3 * time.Hour)
			synctest.Wait()
			p.wantBills(atFirst())
			if n := s.Requests(twiliotest.Accounts); n < 24 {
				t.Errorf("%s: %d requests in 3h", kind, n)
			}
			s.Rename(subSID(1), "Meters")
			s.SetStatus(subSID(2), "active")
			s.ClearFaults()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			with := atFirst()
			with["a/Trackers"], with["a/New"] = 4, 256
			p.wantBills(with)
			s.SetStatus(subSID(2), "suspended")
			s.SetStatus(subSID(8), "suspended")
			time.Sleep(time.Hour)
			synctest.Wait()
			p.wantBills(atFirst())
			s.SetStatus(subSID(8), "active")
		}
		p.wantNoTokens()
	})
}

// TestSubaccountsOverReloads: a reload that says nothing new about a parent leaves its
// subaccounts alone, polls under way included; one that does has their results stay.
func TestSubaccountsOverReloads(t *testing.T) {
	s := withSubaccounts()
	watching(t, parentAccount(""), s, func(p *process) {
		until(t, "2004-03-15 12:08:00") // after the second list of categories
		s.ResetCounts()
		for n := range 20 {
			p.reload(parentAccount("") + fmt.Sprintf("- {name: x%d, account_sid: %s, basic_auth: {username: SK1, password: wrong}, supersim_url: http://simulator, api_url: http://simulator}\n", n, sidB))
			p.wantBills(atFirst())
		}
		until(t, "2004-03-15 12:30:00")
		for _, uri := range s.RequestURIs() {
			if strings.Contains(uri, sidA) || strings.Contains(uri, "AC5b") || strings.Contains(uri, "Accounts.json") {
				t.Errorf("have a request for what stays: %s", uri)
			}
		}
		until(t, "2004-03-15 12:40:00")
		p.reload(strings.Replace(parentAccount(""), "token-a", "wrong-token", 1))
		p.wantBills(atFirst())
		until(t, "2004-03-15 12:50:00")
		p.wantBills(atFirst()) // of before
		p.want(map[string]float64{pollSeries("twilio_exporter_poll_success", "a/Meters", "account_usage"): 0})
		p.reload(parentAccount(""))
		until(t, "2004-03-15 12:52:00")
		with := atFirst()
		with["a/New"] = 256
		p.wantBills(with)
		if n := strings.Count(p.log.String(), "msg=\"subaccount found"); n != 6 {
			t.Errorf("want it said once of each of 6 subaccounts, have it %d times", n)
		}
		if p.reload("accounts:" + koreAccount); len(p.bills()) > 0 || strings.Contains(p.log.String(), "no longer watched") {
			t.Error("want nothing more of a parent that is not there any more")
		}
	})
}

// TestShiftingListOfSubaccounts: a subaccount that one list lacks is polled on. It goes
// when the next one lacks it too.
func TestShiftingListOfSubaccounts(t *testing.T) {
	s := withSubaccounts()
	watching(t, parentAccount(""), s, func(p *process) {
		until(t, "2004-03-15 12:04:00")
		s.Inject(twiliotest.Fault{Kind: twiliotest.EmptyList, Endpoint: twiliotest.Accounts, Times: 1})
		until(t, "2004-03-15 13:30:00")
		p.wantBills(atFirst())
		until(t, "2004-03-15 14:30:00")
		with := atFirst()
		with["a/New"] = 256
		p.wantBills(with)
		s.Inject(twiliotest.Fault{Kind: twiliotest.EmptyList, Endpoint: twiliotest.Accounts})
		until(t, "2004-03-15 15:30:00")
		p.wantBills(with)
		until(t, "2004-03-15 16:30:00")
		p.wantBills(map[string]float64{"a": 1, "owned": 128})
		if !strings.Contains(p.log.String(), "status=\"not listed\"") {
			t.Error("want it said that they are not listed")
		}
	})
}

// TestSubaccountsOverRestarts: with storage.path, the subaccounts are there again at once,
// while the API cannot be reached, too, and go on from there.
func TestSubaccountsOverRestarts(t *testing.T) {
	for name, end := range map[string]func(*process){"stopped": (*process).stop, "killed": (*process).kill} {
		t.Run(name, func(t *testing.T) {
			s := withSubaccounts()
			yaml := stored(parentAccount(""), t.TempDir())
			watching(t, yaml, s, func(p *process) {
				again := func() *process {
					return launchAs(t, yaml, log.NewLogfmtLogger, inMemory(func(string) http.RoundTripper { return s.Transport() }))
				}
				available := func(p *process) map[string]float64 {
					return holding(p.gather(), "twilio_exporter_subaccount_supersim_available{")
				}
				until(t, "2004-03-15 12:04:00")
				results, with := p.results(), available(p)
				s.Inject(twiliotest.Fault{Kind: twiliotest.Reset})
				end(p)
				until(t, "2004-03-15 12:10:00")
				for _, at := range []string{"12:20", "12:30"} { // the second process has listed nothing itself
					p = again()
					if !p.exporter.Ready() {
						t.Error("it is not ready")
					}
					p.wantBills(atFirst())
					p.wantChanged(results, nil)
					if have := available(p); !maps.Equal(with, have) {
						t.Errorf("want %v, have %v", with, have)
					}
					until(t, "2004-03-15 "+at+":00")
					p.wantBills(atFirst())
					p.want(map[string]float64{
						pollSeries("twilio_exporter_poll_success", "a", "subaccounts"):          0,
						pollSeries("twilio_exporter_poll_success", "a/Meters", "account_usage"): 0,
					})
					end(p)
				}
				s.ClearFaults()
				s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Millisecond}) // so that no list comes at once
				s.SetStatus(subSID(1), "closed")
				p = again()
				defer p.stop()
				p.wantBills(atFirst())
				time.Sleep(time.Minute)
				synctest.Wait()
				later := atFirst()
				later["a/New"] = 256
				delete(later, "a/Meters")
				p.wantBills(later)
				p.wantNoTokens()
			})
		})
	}
}

// TestNamesOfSubaccounts: whatever a subaccount is named, its label is valid, bounded
// and its own.
func TestNamesOfSubaccounts(t *testing.T) {
	long := strings.Repeat("ü", 70)
	s := withSubaccounts(func(o *twiliotest.Options) {
		for n, name := range []string{1: long + "1", 2: long + "2", 3: "x\x00\x1b[31m\ny", 4: "token-a", 5: subSID(1), 6: "taken", 8: "b/Meters", 9: "  "} {
			if n > 0 && n != 7 {
				o.Accounts[n].FriendlyName, o.Accounts[n].Status, o.Accounts[n].Created = name, "", time.Time{}
			}
		}
		o.Accounts[7].FriendlyName = "東京 \"/\\"
		for n, name := range []string{"Meters", strings.Repeat("ü", 200)} {
			o.Accounts = append(o.Accounts, priced(twiliotest.Account{SID: subSID(20 + n), AuthToken: "unused-token", Parent: sidB, FriendlyName: name}, 4096))
		}
		o.Accounts = append(o.Accounts, priced(twiliotest.Account{SID: sidB, AuthToken: "token-b"}, 1024))
	})
	other := func(name, sid, token, more string) string {
		return "- {name: " + name + ", account_sid: " + sid + ", basic_auth: {username: " + sid + ", password: " + token + "}, supersim_url: http://simulator, api_url: http://simulator" + more + "}\n"
	}
	yaml := withParent("accounts:"+twilioAccount) +
		other("a/taken", "AC00000000000000000000000000000009", "wrong", "") + other("a/b", sidB, "token-b", ", subaccounts: {enabled: true}")
	watching(t, yaml, s, func(p *process) {
		until(t, "2004-03-15 12:04:00")
		p.wantBills(map[string]float64{
			"a": 1, "a/" + subSID(1): 2, "a/" + subSID(2): 4, "a/x\uFFFD\uFFFD[31m\uFFFDy": 8, "a/" + subSID(4): 16, "a/" + subSID(5): 32,
			"a/" + subSID(6): 64, `a/東京 \"/\\`: 128, "a/" + subSID(8): 256, "a/" + subSID(9): 512,
			"a/b": 1024, "a/b/Meters": 4096, "a/b/" + strings.Repeat("ü", 64): 4096,
		})
		p.wantNoTokens()
		if resp := get(p.handler(), "/metrics", ""); resp.StatusCode != http.StatusOK {
			t.Errorf("status %d: %s", resp.StatusCode, body(t, resp))
		}
	})
}

// TestShardsOfSubaccounts: whatever the number of shards, each subaccount is polled by
// one, whether or not that polls the parent, also after a rename. Each shard lists them.
func TestShardsOfSubaccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		s := withSubaccounts()
		const total = 4
		var shards []*process
		for i := range total {
			p := start(t, parse(t, parentAccount("")).Shard(i, total), log.NewLogfmtLogger, inMemory(func(string) http.RoundTripper { return s.Transport() }))
			defer p.stop()
			shards = append(shards, p)
		}
		together := func(want map[string]float64) (owners map[string]int) {
			t.Helper()
			sum, owners := make(map[string]float64), make(map[string]int)
			for i, p := range shards {
				if !p.exporter.Ready() {
					t.Errorf("shard %d is not ready", i)
				}
				for name, bill := range p.bills() {
					sum[name] += bill
					owners[name] = i
				}
				for series := range p.gather() {
					if strings.HasPrefix(series, "twilio_account_info") {
						name, _, _ := strings.Cut(strings.TrimPrefix(series, `twilio_account_info{account="`), `",`)
						if _, ok := p.bills()[name]; !ok {
							t.Errorf("shard %d has %s", i, series)
						}
					}
				}
			}
			if !maps.Equal(want, sum) {
				t.Errorf("%s: want the bills %v, have %v", stamp(), want, sum)
			}
			return owners
		}
		until(t, "2004-03-15 12:04:00")
		before := together(atFirst())
		used := make(map[int]bool)
		for name, i := range before {
			used[i] = used[i] || strings.Contains(name, "/") && i != before["a"]
		}
		if len(used) < 3 {
			t.Errorf("the accounts are in the shards %v", before)
		}
		if want, have := total*3, s.Requests(twiliotest.Accounts); want != have {
			t.Errorf("want %d requests for lists, have %d", want, have)
		}
		for i, p := range shards {
			polls := p.ofAccount("a")
			if polls[pollSeries("twilio_exporter_poll_success", "a", "subaccounts")] != 1 {
				t.Errorf("shard %d does not list the subaccounts", i)
			}
			if _, ok := polls[pollSeries("twilio_exporter_polls_total", "a", "account_usage")]; ok != (i == before["a"]) {
				t.Errorf("shard %d polls the parent: %t", i, ok)
			}
			if _, ok := polls[`twilio_exporter_api_requests_total{account="a",code="200",endpoint="sims"}`]; ok != (i == before["a"]) {
				t.Errorf("shard %d shows requests that it never sends", i)
			}
		}
		renamed := atFirst()
		for n, name := range map[int]string{1: "Meters", 9: "Strange"} {
			s.Rename(subSID(n), "Another "+name)
			renamed["a/Another "+name] = renamed["a/"+name]
			delete(renamed, "a/"+name)
		}
		renamed["a/New"] = 256
		until(t, "2004-03-15 13:05:00")
		after := together(renamed)
		for _, name := range []string{"Meters", "Strange"} {
			if after["a/Another "+name] != before["a/"+name] {
				t.Errorf("%s has moved to another shard", name)
			}
		}
	})
}

// TestHangingSubaccount: a subaccount that hangs or fails delays no other, and not its
// parent.
func TestHangingSubaccount(t *testing.T) {
	s := withSubaccounts()
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launchAs(t, parentAccount("")+"api: {timeout: 1h}\n", log.NewLogfmtLogger, inMemory(func(account string) http.RoundTripper {
			switch account {
			case "a/Meters":
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					<-r.Context().Done()
					return nil, r.Context().Err()
				})
			case "a/" + subSID(3):
				return roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") })
			}
			return s.Transport()
		}))
		defer p.stop()
		until(t, "2004-03-15 12:04:00")
		want := atFirst()
		delete(want, "a/Meters")
		delete(want, "a/"+subSID(3))
		p.wantBills(want)
		p.want(map[string]float64{
			pollSeries("twilio_exporter_poll_success", "a/"+subSID(3), "account_usage"): 0,
			pollSeries("twilio_exporter_poll_success", "a", "account_usage"):            1,
			pollSeries("twilio_exporter_polls_total", "a/Meters", "account_usage"):      0,
		})
		if p.exporter.Ready() {
			t.Error("ready, although a first poll has not ended")
		}
	})
}
