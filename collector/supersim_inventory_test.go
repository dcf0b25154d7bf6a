package collector_test

import (
	"context"
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
