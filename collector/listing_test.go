package collector_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestAnyOrder: whatever the order of a listing, each SIM has what is its own.
func TestAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		const sims = 2500 // more than two pages
		w := world(nil)
		w.SIMList = nil
		for i := range sims {
			w.SIMList = append(w.SIMList, twiliotest.SIM{
				SID: fmt.Sprintf("HS%08x%024x", i%50, i), UniqueName: fmt.Sprint(i), Status: "active",
				FleetSID: []string{fleet, "", "HF00000000000000000000000000000000"}[i%3],
			})
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(sims, func(i, j int) { w.SIMList[i], w.SIMList[j] = w.SIMList[j], w.SIMList[i] })
		w.Usage = func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
			if hour.Hour() != 3 {
				return nil
			}
			n, _ := strconv.ParseInt(sim.UniqueName, 10, 64)
			return []twiliotest.Segment{seg(home, n, 2*n, 0)}
		}
		r := newRig(t, twiliotest.Options{Accounts: []twiliotest.Account{w}})
		for _, iccid := range []bool{false, true} {
			c := collector.NewSuperSIMInventory(r.account, config.SuperSIMInventory{ICCID: iccid})
			r.good(c)
			seen, before := 0, ""
			for _, b := range r.last.Batches {
				if b.Family.Name != "twilio_supersim_sim_info" {
					continue
				}
				for s := range b.All() {
					seen++
					n, _ := strconv.Atoi(s.Labels[1])
					if want := fmt.Sprintf("HS%08x%024x", n%50, n); s.Labels[0] != want {
						t.Fatalf("SIM %d: want %s, have %q", n, want, s.Labels)
					}
					if want := []string{fleet, "", "HF00000000000000000000000000000000"}[n%3]; s.Labels[2] != want {
						t.Fatalf("SIM %d: want the fleet %q, have %q", n, want, s.Labels)
					}
					at := s.Labels[2] + " " + s.Labels[len(s.Labels)-1] + " " + s.Labels[0] // fleet, ICCID if any, SID
					if at <= before {
						t.Fatalf("%q comes after %q", at, before)
					}
					before = at
				}
			}
			if seen != sims {
				t.Errorf("%d SIMs, not %d", seen, sims)
			}
		}
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		rows := r.rows()
		for n := range sims {
			name := "supersim_sim_download_bytes_total " + fmt.Sprintf("HS%08x%024x", n%50, n)
			if have, ok := rows[name]; !ok || have != float64(10*2*n) { // ten days
				t.Fatalf("%s: want %d, have %v", name, 10*2*n, have)
			}
		}
	})
}
