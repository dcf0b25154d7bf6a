package collector_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestInventory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{}))
		r.last = r.inventory()
		r.want(map[string]float64{
			"supersim_sim_info " + talker + " talker " + fleet + " active": 1,
			"supersim_sim_info " + silent + "  " + fleet + " ready":        1,
			"supersim_sim_info " + off + "   inactive":                     1,
			"supersim_fleet_info " + fleet + " trucks":                     1,
			"supersim_fleet_data_limit_bytes " + fleet:                     250_000_000,
			"supersim_fleet_sims " + fleet + " active":                     1,
			"supersim_fleet_sims " + fleet + " ready":                      1,
		})
		if r.last.Records != 3+1+2 {
			t.Errorf("records: %d", r.last.Records)
		}
		c := collector.NewSuperSIMInventory(r.account, config.SuperSIMInventory{ICCID: true})
		r.good(c)
		for _, b := range r.last.Batches {
			if b.Family.Name == "twilio_supersim_sim_info" && len(b.Labels) != 5 {
				t.Errorf("%d labels", len(b.Labels))
			}
		}
		for _, endpoint := range []twiliotest.Endpoint{twiliotest.Sims, twiliotest.Fleets, twiliotest.Networks} {
			r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.ConflictingDuplicates, Endpoint: endpoint})
			if _, err := c.Poll(context.Background()); err == nil || twilio.ReasonOf(err) != twilio.ReasonResponse {
				t.Errorf("%s: %v", endpoint, err)
			}
			r.simulator.ClearFaults()
		}
	})
}

// states are the rows of fleet_sims and sim_scheduled_timestamp_seconds, without
// fleets in a status that no SIM has.
func (r *rig) states() string {
	r.t.Helper()
	r.last = r.inventory()
	var rows []string
	for name, value := range r.rows() {
		if family, labels, _ := strings.Cut(name, " "); value != 0 && (family == "supersim_fleet_sims" || family == "supersim_sim_scheduled_timestamp_seconds") {
			rows = append(rows, fmt.Sprintf("%s %.0f", labels, value))
		}
	}
	slices.Sort(rows)
	return strings.Join(rows, ", ")
}

// Every fleet shows every documented status, with SIMs or without, and other
// statuses while a SIM has them.
func TestFleetSIMs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		var fleets, sims string
		r := newRig(t, options(nil))
		r.respond(func(req *http.Request) (int, string) {
			list := strings.ToLower(strings.TrimPrefix(req.URL.Path, "/v1/"))
			records := map[string]string{"fleets": fleets, "sims": sims}[list]
			return http.StatusOK, fmt.Sprintf(`{"%s":[%s],"meta":{"next_page_url":null}}`, list, records)
		})
		zeros := func() (n int) {
			for name, value := range r.rows() {
				if strings.HasPrefix(name, "supersim_fleet_sims ") && value == 0 {
					n++
				}
			}
			return n
		}
		for _, test := range []struct {
			name, fleets, sims, want string
			zeros                    int
		}{
			{"nothing", "", "", "", 5},
			{"a fleet without SIMs", `{"sid":"HF1"}`, "", "", 10},
			{
				"statuses of two fleets and of no fleet", `{"sid":"HF1"},{"sid":"HF2"}`,
				`{"sid":"HS1","fleet_sid":"HF1","status":"new"},{"sid":"HS2","fleet_sid":"HF1","status":"ready"},{"sid":"HS3","fleet_sid":"HF1","status":"active"},
				 {"sid":"HS4","fleet_sid":"HF1","status":"active"},{"sid":"HS5","fleet_sid":"HF2","status":"inactive"},{"sid":"HS6","status":"scheduled"}`,
				" scheduled 1, HF1 active 2, HF1 new 1, HF1 ready 1, HF2 inactive 1", 15 - 5,
			},
			{"the last SIM leaves a status", `{"sid":"HF1"}`, `{"sid":"HS1","fleet_sid":"HF1","status":"ready"}`, "HF1 ready 1", 9},
			{
				"a status that is not documented, and none", `{"sid":"HF1"}`,
				`{"sid":"HS1","fleet_sid":"HF1","status":"hibernating"},{"sid":"HS2","fleet_sid":"HF1","status":null}`, "HF1  1, HF1 hibernating 1", 10,
			},
			{"a fleet that only a SIM names", "", `{"sid":"HS1","fleet_sid":"HF9","status":"active"}`, "HF9 active 1", 9},
			{"none any more", `{"sid":"HF1"}`, "", "", 10},
		} {
			fleets, sims = test.fleets, test.sims
			if have := r.states(); have != test.want {
				t.Errorf("%s: want %q, have %q", test.name, test.want, have)
			}
			if have := zeros(); have != test.zeros {
				t.Errorf("%s: want %d series at 0, have %d", test.name, test.zeros, have)
			}
		}
	})
}

// A scheduled SIM shows since when it has been, as far as the API reports it.
func TestScheduledSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		var sims string
		r := newRig(t, options(nil))
		r.respond(func(req *http.Request) (int, string) {
			list := strings.ToLower(strings.TrimPrefix(req.URL.Path, "/v1/"))
			records := map[string]string{"sims": sims}[list]
			return http.StatusOK, fmt.Sprintf(`{"%s":[%s],"meta":{"next_page_url":null}}`, list, records)
		})
		const family = "supersim_sim_scheduled_timestamp_seconds "
		for _, test := range []struct {
			name, sims string
			want       map[string]float64 // by SIM
		}{
			{
				"several, in any order",
				`{"sid":"HS3","fleet_sid":"HF1","status":"scheduled","date_updated":"2004-03-09T04:05:06Z"},
				 {"sid":"HS1","fleet_sid":"HF2","status":"scheduled","date_updated":"2004-03-10T01:00:00.75+01:00"},
				 {"sid":"HS2","fleet_sid":"HF1","status":"active","date_updated":"2004-03-09T04:05:06Z"}`,
				map[string]float64{"HS1": unix("2004-03-10 00:00"), "HS2": none, "HS3": unix("2004-03-09 04:05") + 6},
			},
			{
				"no date",
				`{"sid":"HS1","status":"scheduled"},{"sid":"HS2","status":"scheduled","date_updated":null},{"sid":"HS3","status":"scheduled","date_updated":""}`,
				map[string]float64{"HS1": none, "HS2": none, "HS3": none},
			},
			{"another status has any date", `{"sid":"HS1","status":"ready","date_updated":"yesterday"}`, map[string]float64{"HS1": none}},
			{"no longer scheduled", `{"sid":"HS3","status":"active","date_updated":"2004-03-09T04:05:06Z"}`, map[string]float64{"HS3": none}},
		} {
			sims = test.sims
			r.last = r.inventory()
			want := make(map[string]float64)
			for sim, since := range test.want {
				want[family+sim] = since
			}
			if r.want(want); t.Failed() {
				t.Fatalf("with %s", test.name)
			}
		}
		for _, date := range []string{`"yesterday"`, `"2004-03-09"`, `1078804800`, `{}`, `true`} {
			sims = `{"sid":"HS1","status":"scheduled","date_updated":` + date + `}`
			r.poll(collector.NewSuperSIMInventory(r.account, config.SuperSIMInventory{}))
			if twilio.ReasonOf(r.err) != twilio.ReasonResponse || !strings.Contains(r.err.Error(), "date_updated") {
				t.Errorf("%s: %v", date, r.err)
			}
		}
	})
}
