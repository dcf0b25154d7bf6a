package backfill_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// planned are the numbers of requests and samples in a plan, and those in the last line.
func (s *setup) planned(t *testing.T) (requests, samples, sent, written int) {
	t.Helper()
	numbers := func(pattern string) (a, b int) {
		m := regexp.MustCompile(pattern).FindStringSubmatch(s.log.String())
		if m == nil {
			t.Fatalf("no %q in %s", pattern, s.log.String())
		}
		a, _ = strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
		b, _ = strconv.Atoi(strings.ReplaceAll(m[2], ",", ""))
		return a, b
	}
	requests, samples = numbers(`It takes (?:at most|about) ([0-9,]+) requests and about ([0-9,]+) samples`)
	written, sent = numbers(`files with ([0-9,]+) samples, .* after ([0-9]+) requests`)
	return requests, samples, sent, written
}

// TestPlan: where everything has usage all the time, a run takes the requests that were
// planned, and makes about as many samples.
func TestPlan(t *testing.T) {
	usage := func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		s := []twiliotest.Segment{{NetworkSID: home, Upload: 1, Download: 2, MicroCost: 3}}
		if sim.SID == simSID(2) {
			s = append(s, twiliotest.Segment{NetworkSID: abroad, Upload: 1, Download: 2, MicroCost: 3}, twiliotest.Segment{Upload: 1})
		}
		return s
	}
	for _, x := range []struct {
		groups     string
		resolution backfill.Resolution
		from, to   string
		inventory  int     // requests before the plan
		spare      float64 // share of the plan for usage without a fleet, of which there is none
	}{
		{"account", backfill.Hour, "2026-08-01", "2026-11-20", 2, 0},
		{"sim", backfill.Hour, "2026-08-13", "2026-11-20", 2, 0},
		{"fleet,network", backfill.Hour, "2026-08-13", "2026-10-20", 3, 0.2},
		{"fleet,country", backfill.Day, "2026-05-13", "2026-10-20", 3, 0.2},
		{"sim_network", backfill.Hour, "2026-09-13", "2026-10-20", 6, 0},
		{"sim_network", backfill.Day, "2026-05-13", "2026-10-20", 6, 0},
		{"account,sim,fleet,network,country,sim_network", backfill.Hour, "2026-09-13", "2026-10-20", 8, 0.06},
	} {
		t.Run(fmt.Sprintf("%s by the %s", x.groups, x.resolution), func(t *testing.T) {
			s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(usage)}}, date("2026-11-20 10:00"), x.from, x.to)
			s.options.Groups, s.options.Resolution = strings.Split(x.groups, ","), x.resolution
			s.mustRun(t)
			requests, samples, sent, written := s.planned(t)
			n := sent - x.inventory
			if requests < n || float64(requests-n) > x.spare*float64(requests) || sent != s.sent {
				t.Errorf("%d requests planned, %d sent after %d, in all %d", requests, n, x.inventory, s.sent)
			}
			if difference := float64(samples-written) / float64(samples); difference > 0.02+x.spare || difference < -0.02 {
				t.Errorf("%d samples planned, %d written", samples, written)
			}
		})
	}
}
