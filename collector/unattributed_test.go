package collector_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestDifferencesAreShown: whatever a group lacks of the account's total, or has beyond
// it, is shown by the poll that read it, of that group alone, and gone with the next.
func TestDifferencesAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 12:30")
		r := newRig(t, options(usage{
			"2004-03-01 00h": {seg(home, 1000, 300, 1_000_000), seg(away, 200, 50, 70_000)},
			"2004-03-05 00h": {seg(away, 30, 7, 5_000)},
		}))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		groups := []struct{ name, query string }{{"sim", "sim"}, {"fleet", "fleet"}, {"network", "network"}, {"country", "isoCountry"}}
		random := rand.New(rand.NewPCG(3, 3))
		for n := range 100 {
			group := groups[random.IntN(len(groups))]
			kind, missingUpload, missingDownload := twiliotest.EmptyList, 1230.0, 357.0
			if random.IntN(2) == 0 { // a tenth less of each record
				kind, missingUpload, missingDownload = twiliotest.ShrinkTotals, 123, 36
			}
			r.simulator.Inject(twiliotest.Fault{Kind: kind, Query: "Granularity=all&Group=" + group.query})
			time.Sleep(15 * time.Minute)
			r.good(c)
			for _, g := range groups {
				up, down := 0.0, 0.0
				if g == group {
					up, down = missingUpload, missingDownload
				}
				rows := r.rows()
				haveUp, haveDown := rows["supersim_unattributed_bytes "+g.name+" upload"], rows["supersim_unattributed_bytes "+g.name+" download"]
				// A record's tenth is rounded.
				if haveUp != up || haveDown < down-2 || haveDown > down {
					t.Fatalf("%d: %s of %s: want %v and %v unattributed by %s, have %v and %v", n, kind, group.name, up, down, g.name, haveUp, haveDown)
				}
			}
			r.simulator.ClearFaults()
			time.Sleep(15 * time.Minute)
			r.good(c)
			r.want(map[string]float64{fmt.Sprintf("supersim_unattributed_bytes %s upload", group.name): 0})
		}
	})
}

// TestBooksClose: in ten months of generated usage, late bytes and late bills included,
// every group adds up to the account's total in every poll, also where usage comes in
// while it is read.
func TestBooksClose(t *testing.T) {
	months := 10
	if testing.Short() {
		months = 1
	}
	synctest.Test(t, func(t *testing.T) {
		until(t, "2003-12-01 00:07")
		r := newRig(t, twiliotest.Options{
			Latency:  7 * time.Second,
			Accounts: []twiliotest.Account{{SID: accountSID, AuthToken: "token", Seed: 5, SIMs: 8, Fleets: 2}},
		})
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		polls := 0
		for end := time.Now().AddDate(0, months, 0); time.Now().Before(end); time.Sleep(5 * time.Hour) {
			r.good(c)
			polls++
			for name, v := range r.rows() {
				if strings.HasPrefix(name, "supersim_unattributed_") && v != 0 {
					t.Fatalf("%s: %s is %v", stamp(), name, v)
				}
			}
		}
		t.Logf("%d polls", polls)
	})
}
