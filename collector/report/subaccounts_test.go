package report_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/report"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func subSID(n int) string { return fmt.Sprintf("AC5b%030d", n) }

// priced is an account with one SIM, whose bill is so much in each month, and as many
// millionths in the month of the report.
func priced(a twiliotest.Account, n int) twiliotest.Account {
	a.SIMs, a.Fleets, a.Start = 1, 1, date(1, 1)
	a.Monthly = func(month, _ time.Time) []twiliotest.MonthlyRecord {
		price := fmt.Sprint(n)
		if month.Equal(date(2, 1)) {
			price = fmt.Sprintf("%d.%06d", n, n)
		}
		return []twiliotest.MonthlyRecord{{Category: "totalprice", Count: twiliotest.Null, Usage: price, UsageUnit: "usd", Price: price, PriceUnit: "usd"}}
	}
	return a
}

// familySetup is an account with subaccounts of every kind. The bills are powers of 2:
// their sum tells which ones are in it.
func familySetup() *setup {
	accounts := []twiliotest.Account{priced(twiliotest.Account{SID: accountSID, AuthToken: "token", Seed: 9}, 1)}
	for i, a := range []twiliotest.Account{
		{FriendlyName: "Meters"}, {FriendlyName: "Suspended", Status: "suspended"}, {FriendlyName: ""}, {FriendlyName: "Twins"}, {FriendlyName: "Twins"},
		{FriendlyName: "Closed", Status: "closed"}, {FriendlyName: "Owned"}, {FriendlyName: "Test"}, {FriendlyName: "the token"},
	} {
		n := i + 1
		a.SID, a.AuthToken, a.Parent, a.Seed = subSID(n), fmt.Sprint("token-", n), accountSID, uint64(n)
		accounts = append(accounts, priced(a, 1<<n))
	}
	return &setup{
		simulator: twiliotest.New(twiliotest.Options{Accounts: accounts, MaxPageSize: 4}),
		yaml: strings.TrimRight(twilioYAML, "\n") + `
    subaccounts: {enabled: true, exclude: [Test]}
  - name: owned
    account_sid: ` + subSID(7) + `
    basic_auth: {username: ` + subSID(7) + `, password: token-7}
`,
		wrap: func(rt http.RoundTripper) http.RoundTripper { return rt },
	}
}

// familyBills are the bills of the sections of a family, in their order.
func familyBills() []string {
	return []string{
		"production 1.000001 before 1", "production/" + subSID(3) + " 8.000008 before 8", "production/" + subSID(4) + " 16.000016 before 16",
		"production/" + subSID(5) + " 32.000032 before 32", "production/" + subSID(9) + " 512.000512 before 512", "production/Meters 2.000002 before 2",
		"owned 128.000128 before 128",
	}
}

// bills are the whole bills of the accounts.
func bills(r report.Report) []string {
	var all []string
	for _, a := range r.Accounts {
		for _, c := range a.Categories {
			all = append(all, fmt.Sprintf("%s %s before %s", a.Name, c.Costs[0].Cost, c.Costs[0].Previous))
		}
	}
	return all
}

func notesOf(r report.Report, name string) string {
	for _, a := range r.Accounts {
		if a.Name == name {
			return strings.Join(a.Notes, "\n")
		}
	}
	return ""
}

// TestSubaccounts: each subaccount that is found has a section with the name that the
// exporter gives it, and nothing is counted twice.
func TestSubaccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := familySetup()
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		if have := bills(r); !r.OK || !slices.Equal(have, familyBills()) {
			t.Errorf("OK is %t; want %q, have %q", r.OK, familyBills(), have)
		}
		for _, a := range r.Accounts {
			found := strings.HasPrefix(a.Name, "production/")
			if (a.Total == nil) != found || a.AccountSID == "" || found != strings.Contains(notesOf(r, a.Name), "do not open its Super SIM data") {
				t.Errorf("have %s", toJSON(t, a))
			}
			if sid := strings.TrimPrefix(a.Name, "production/"); strings.HasPrefix(sid, "AC") && a.AccountSID != sid {
				t.Errorf("%s is %s", a.Name, a.AccountSID)
			}
		}
		// What the two accounts with SIMs cost is shared among them.
		mine, owned := r.Accounts[0].Total.Costs[0], r.Accounts[6].Total.Costs[0]
		if sum := mine.Cost.V.Add(owned.Cost.V); !mine.Share.V.Equal(mine.Cost.V.DivRound(sum, 6)) || !owned.Share.V.Equal(owned.Cost.V.DivRound(sum, 6)) || mine.Cost.V.Sign() < 1 || owned.Cost.V.Sign() < 1 {
			t.Errorf("have %s and %s", toJSON(t, mine), toJSON(t, owned))
		}
		// The SIMs of the parent and of the account with an entry of its own, once.
		sids := make(map[string]int)
		for _, a := range r.Accounts {
			for _, sim := range a.SIMs {
				sids[sim.Key]++
			}
		}
		want := make(map[string]int)
		for _, account := range []string{accountSID, subSID(7)} {
			for _, sim := range s.simulator.SIMs(account) {
				want[sim.SID] = 1
			}
		}
		if !maps.Equal(sids, want) {
			t.Errorf("want the SIMs %v, have %v", want, sids)
		}
		notes := notesOf(r, "production")
		for _, text := range []string{"The categories are without those of the subaccounts", "or left out by the configuration: 3. "} {
			if !strings.Contains(notes, text) {
				t.Errorf("no %q in %s", text, notes)
			}
		}
		if strings.Contains(notes, "include the subaccounts") || strings.Contains(notesOf(r, "owned"), "section of its own") {
			t.Errorf("have %s", notes)
		}
		for _, q := range s.simulator.Log() {
			if q.Status != http.StatusOK || q.Endpoint == twiliotest.Monthly && !strings.Contains(q.URI, "IncludeSubaccounts=false") && !strings.Contains(q.URI, subSID(7)) {
				t.Errorf("have %+v", q)
			}
		}
		for _, format := range []string{"text", "csv", "json", "html"} {
			text := written(t, r, format, 5)
			if !strings.Contains(text, "production/Meters") || !strings.Contains(text, "512.000512") || strings.Contains(text, "the token") {
				t.Errorf("%s: have %s", format, text)
			}
		}
		wellFormed(t, written(t, r, "html", 5))
	})
}

// TestFailingSubaccounts: a subaccount that cannot be read is named, and so is a list
// that cannot; the others are there.
func TestFailingSubaccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := familySetup()
		sleepUntil(date(3, 4))
		s.wrap = refusing(subSID(1) + "/Usage")
		r := s.run(t, date(2, 1))
		without := slices.Delete(familyBills(), 5, 6)
		if have := bills(r); r.OK || !slices.Equal(have, without) {
			t.Errorf("OK is %t; want %q, have %q", r.OK, without, have)
		}
		if a := r.Accounts[5]; a.Name != "production/Meters" || len(a.Errors) != 1 || !strings.Contains(a.Errors[0], "code 70051") {
			t.Errorf("have %s", toJSON(t, a))
		}
		s.wrap = refusing("/Accounts.json")
		r = s.run(t, date(2, 1))
		alone := []string{familyBills()[0], familyBills()[6]}
		if have := bills(r); r.OK || !slices.Equal(have, alone) {
			t.Errorf("OK is %t; want %q, have %q", r.OK, alone, have)
		}
		if a := r.Accounts[0]; len(a.Errors) != 1 || !strings.HasPrefix(a.Errors[0], "subaccounts: ") || !strings.HasSuffix(a.Errors[0], "Main API key of the account") {
			t.Errorf("have %q", a.Errors)
		}
	})
}

// TestSubaccountsOfShards: the reports of all shards have each account once. A list that
// fails is named by each.
func TestSubaccountsOfShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := familySetup()
		sleepUntil(date(3, 4))
		const shards = 5
		var all, alone []string
		foreign := 0
		for _, fails := range []bool{false, true} {
			for i := range shards {
				s.shard = func(c *config.Config) *config.Config { return c.Shard(i, shards) }
				if fails {
					s.wrap = refusing("/Accounts.json")
				}
				r := s.run(t, date(2, 1))
				if r.OK == fails {
					t.Errorf("shard %d: OK is %t", i, r.OK)
				}
				if !fails {
					all = append(all, bills(r)...)
				} else if alone = append(alone, bills(r)...); notesOf(r, "production") == "The account itself is reported by another shard." {
					foreign++
				}
				written(t, r, "html", 5)
			}
		}
		if slices.Sort(all); !slices.Equal(all, slices.Sorted(slices.Values(familyBills()))) {
			t.Errorf("want %q, have %q", familyBills(), all)
		}
		if slices.Sort(alone); !slices.Equal(alone, []string{familyBills()[6], familyBills()[0]}) {
			t.Errorf("without the list, have %q", alone)
		}
		if foreign != shards-1 {
			t.Errorf("%d shards say that the account is another's", foreign)
		}
	})
}
