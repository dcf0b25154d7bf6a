package backfill_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// unlisted is a network that the API's list of networks does not have.
const unlisted = "HW00000000000000000000000000000003"

// roaming is usage of the first SIM in three networks and without one, and of the second
// in one: bytes of an hour by its start. Downloads are twice that.
func roaming(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
	var all []twiliotest.Segment
	for network, bytes := range map[string]map[time.Time]int64{
		simSID(1) + home:     {date("2026-08-01 00:00"): 1000, date("2026-08-31 23:00"): 100, date("2026-09-01 01:00"): 7},
		simSID(1) + abroad:   {date("2026-08-31 05:00"): 20},
		simSID(1):            {date("2026-08-03 04:00"): 30, date("2026-09-01 04:00"): 4},
		simSID(1) + unlisted: {date("2026-09-02 05:00"): 50},
		simSID(2) + home:     {date("2026-09-01 02:00"): 60},
	} {
		if n := bytes[hour]; n > 0 && strings.HasPrefix(network, sim.SID) {
			all = append(all, twiliotest.Segment{NetworkSID: strings.TrimPrefix(network, sim.SID), Upload: n, Download: 2 * n, MicroCost: n * 1000})
		}
	}
	return all
}

// TestSIMsByNetwork: each sample around the end of a month, of each SIM and network that
// was used, and of what has no network.
func TestSIMsByNetwork(t *testing.T) {
	series := func(family string, sim, network, country string) string {
		return fmt.Sprintf("twilio_supersim_sim_network_%s{account=\"production\",sim_sid=%q,network_sid=%q,iso_country=%q", family, sim, network, country)
	}
	for _, x := range []struct {
		resolution backfill.Resolution
		want       map[string]string
	}{
		{backfill.Hour, map[string]string{
			series("upload_bytes_total", simSID(1), home, "DE") + "}":          "08-31 00:00=1000, 09-01 00:00=1100, 09-01 02:00=0, 09-01 03:00=7, until 09-02 22:00: 71 samples",
			series("download_bytes_total", simSID(1), home, "DE") + "}":        "08-31 00:00=2000, 09-01 00:00=2200, 09-01 02:00=0, 09-01 03:00=14, until 09-02 22:00: 71 samples",
			series("cost_total", simSID(1), home, "DE") + `,currency="USD"}`:   "08-31 00:00=1, 09-01 00:00=1.1, 09-02 00:00=0, until 09-02 00:00: 49 samples",
			series("hour_upload_bytes", simSID(1), home, "DE") + "}":           "08-31 02:00=0, 09-01 01:00=100, 09-01 02:00=0, 09-01 03:00=7, 09-01 04:00=0, until 09-03 00:00: 71 samples",
			series("upload_bytes_total", simSID(1), abroad, "PL") + "}":        "08-31 00:00=0, 08-31 06:00=20, 09-01 02:00=0, until 09-02 22:00: 71 samples",
			series("upload_bytes_total", "", "", "") + "}":                     "08-31 00:00=30, 09-01 02:00=0, 09-01 05:00=4, until 09-02 22:00: 71 samples",
			series("hour_download_bytes", "", "", "") + "}":                    "08-31 02:00=0, 09-01 06:00=8, 09-01 07:00=0, until 09-03 00:00: 71 samples",
			series("cost_total", "", "", "") + `,currency="USD"}`:              "08-31 00:00=0.03, 09-02 00:00=0, until 09-02 00:00: 49 samples",
			series("upload_bytes_total", simSID(1), unlisted, "") + "}":        "09-01 02:00=0, 09-02 06:00=50, until 09-02 22:00: 45 samples",
			series("cost_total", simSID(1), unlisted, "") + `,currency="USD"}`: "09-02 00:00=0, until 09-02 00:00: 1 samples",
			series("upload_bytes_total", simSID(2), home, "DE") + "}":          "09-01 02:00=0, 09-01 03:00=60, until 09-02 22:00: 45 samples",
			series("hour_upload_bytes", simSID(2), home, "DE") + "}":           "09-01 02:00=0, 09-01 04:00=60, 09-01 05:00=0, until 09-03 00:00: 47 samples",
		}},
		{backfill.Day, map[string]string{
			series("upload_bytes_total", simSID(1), home, "DE") + "}":        "08-31 00:00=1000, 09-01 00:00=1100, 09-01 02:00=0, 09-02 00:00=7, until 09-02 00:00: 4 samples",
			series("upload_bytes_total", "", "", "") + "}":                   "08-31 00:00=30, 09-01 02:00=0, 09-02 00:00=4, until 09-02 00:00: 4 samples",
			series("cost_total", simSID(1), home, "DE") + `,currency="USD"}`: "08-31 00:00=1, 09-01 00:00=1.1, 09-02 00:00=0, until 09-02 00:00: 3 samples",
		}},
	} {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(roaming)}}, date("2026-11-20 10:00"), "2026-08-31", "2026-09-03")
		s.options.Groups, s.options.Resolution = []string{"sim_network"}, x.resolution
		have := s.mustRun(t)
		for series, want := range x.want {
			if have := have.changes(series); have != want {
				t.Errorf("%s, by the %s:\nwant %s\nhave %s", series, x.resolution, want, have)
			}
		}
		keys := make(map[string]bool)
		for series := range have {
			if _, labels, ok := strings.Cut(series, "sim_network_upload_bytes_total"); ok {
				keys[labels] = true
			}
		}
		if len(keys) != 5 {
			t.Errorf("by the %s: want 5 SIMs by network, have %q", x.resolution, slices.Sorted(maps.Keys(keys)))
		}
		if strings.Contains(s.log.String(), "lacks") {
			t.Error(s.log.String())
		}
	}
}
