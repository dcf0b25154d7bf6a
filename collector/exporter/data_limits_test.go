package exporter_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestTenMonthsOfDataLimits: SIMs are cut off at their data limits until their billing
// periods end, which are their own. With restarts at random moments, the condition of
// the alert is true after the first poll after a cut-off, and never without one.
func TestTenMonthsOfDataLimits(t *testing.T) {
	start, end := date("2003-12-01 00:00"), date("2004-10-01 00:00")
	if testing.Short() {
		end = date("2004-02-01 00:00")
	}
	const megabyte = 1_000_000
	limits := map[string]int64{fleet1: 100, fleet2: 400} // MB
	var sims []twiliotest.SIM
	for i := range 12 {
		sims = append(sims, twiliotest.SIM{SID: fmt.Sprintf("HS%032d", i+1), FleetSID: []string{fleet1, fleet2, ""}[i%3]})
	}
	synctest.Test(t, func(t *testing.T) {
		until(t, "2003-12-01 00:00:30")
		simulator := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{{
			SID: sidA, AuthToken: "token-a", Seed: 5, Start: start, CutOff: true, SIMList: sims, NetworkList: []twiliotest.Network{},
			FleetList: []twiliotest.Fleet{{SID: fleet1, DataLimitMB: limits[fleet1]}, {SID: fleet2, DataLimitMB: limits[fleet2]}},
			// Of each six SIMs, one is reported at once, and one never reaches a limit. In
			// some weeks they use more than in others.
			Usage: func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
				var n int64
				fmt.Sscanf(sim.SID, "HS%d", &n)
				random := rand.New(rand.NewPCG(uint64(n), uint64(hour.Unix())))
				bytes := random.Int64N(400_000) * (1 + n/2)
				if week := hour.Unix() / (7 * 24 * 3600); (week+n)%4 == 0 {
					bytes *= 3
				}
				if n%6 == 4 {
					bytes = random.Int64N(60_000)
				}
				return []twiliotest.Segment{{Upload: bytes / 3, Download: bytes - bytes/3, ByteDelay: time.Duration(n%6) * 13 * time.Minute}}
			},
		}}})
		random := rand.New(rand.NewPCG(3, 3))
		yaml := "accounts:" + twilioAccount + only("supersim_inventory: {interval: 1h}", "supersim_data_limits: {enabled: true, interval: 1h}")
		simulators := map[string]*twiliotest.Simulator{"a": simulator}
		p := launch(t, yaml, simulators)
		const series = `twilio_supersim_sim_period_%s{account="a",sim_sid=%q}`
		firing, cutOff := make(map[string]bool), make(map[string]bool)
		alerts, restarts, polls, cuts := 0, 0, 0, 0
		restart := time.Now().Add(24 * time.Hour)
		for polled := time.Now().Add(2 * time.Second); polled.Before(end); polled = polled.Add(time.Hour) {
			time.Sleep(time.Until(polled)) // the poll has just been
			synctest.Wait()
			polls++
			now, have := time.Now().UTC(), p.gather()
			if have[pollSeries("twilio_exporter_poll_success", "a", "supersim_data_limits")] != 1 {
				t.Fatalf("%s: the poll failed: %s", stamp(), p.log)
			}
			if v := have[`twilio_supersim_data_limit_sims_not_asked{account="a"}`]; v != 0 {
				t.Errorf("%s: %v SIMs were not asked for", stamp(), v)
			}
			for i, sim := range sims {
				limit := float64(limits[sim.FleetSID] * megabyte)
				bytes, exposed := have[fmt.Sprintf(series, "bytes", sim.SID)]
				ends := have[fmt.Sprintf(series, "end_timestamp_seconds", sim.SID)]
				alert := exposed && bytes >= limit && ends > float64(now.Unix())
				if limit == 0 {
					if exposed {
						t.Errorf("%s: %s has no limit, and is exposed", stamp(), sim.SID)
					}
					continue
				}
				period := simulator.BillingPeriod(sidA, sim.SID, now)
				said := simulator.Reported(sidA, twiliotest.Filter{Sim: sim.SID}, period.Start.Truncate(time.Hour), now.Truncate(time.Hour), now)
				cut := simulator.CutOff(sidA, sim.SID, now)
				switch total := float64(said.Upload + said.Download); {
				case alert != (total >= limit):
					t.Errorf("%s: %s has used %v of %v, and the alert is %t", stamp(), sim.SID, total, limit, alert)
				case exposed && (bytes != total || ends != float64(period.End.Unix())):
					t.Errorf("%s: %s has used %v until %s, have %v until %v", stamp(), sim.SID, total, period.End, bytes, ends)
				case alert && !cut:
					t.Errorf("%s: the alert for %s is true, and it is not cut off", stamp(), sim.SID)
				case cut && !alert && (cutOff[sim.SID] || (i+1)%6 == 0):
					// Cut off at the end of the hour before, or earlier than that and
					// reported since.
					t.Errorf("%s: %s is cut off, and the alert is not true", stamp(), sim.SID)
				}
				if alert && !firing[sim.SID] {
					alerts++
				}
				if cut && !cutOff[sim.SID] {
					cuts++
				}
				firing[sim.SID], cutOff[sim.SID] = alert, cut
			}
			if now.After(restart) {
				p.stop()
				p = launch(t, yaml, simulators)
				restarts++
				polled = time.Now().Add(time.Duration(random.Int64N(int64(50 * time.Minute)))).Add(-time.Hour)
				time.Sleep(time.Until(polled.Add(time.Hour)) - time.Second)
				p.stop()
				p = launch(t, yaml, simulators)
				polled = time.Now().Add(2*time.Second - time.Hour)
				restart = now.Add(time.Duration(random.Int64N(int64(10 * 24 * time.Hour))))
			}
		}
		p.stop()
		t.Logf("%d polls, %d restarts, %d cut-offs, %d alerts", polls, restarts, cuts, alerts)
		if cuts == 0 || alerts != cuts || restarts == 0 {
			t.Errorf("want an alert for each of the %d cut-offs, have %d", cuts, alerts)
		}
	})
}
