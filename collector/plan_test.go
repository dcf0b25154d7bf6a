package collector_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// TestPlannedRequests: the plan of a poll is what the documentation's tables say.
func TestPlannedRequests(t *testing.T) {
	all := []string{"account", "sim", "fleet", "network", "country"}
	for _, x := range []struct {
		provider       twilio.Provider
		groups         []string
		sims, networks int
		want           float64
	}{
		{twilio.ProviderTwilio, all, 100, 3, 11},
		{twilio.ProviderTwilio, all, 2500, 3, 15},
		{twilio.ProviderTwilio, all, 10_000, 3, 29},
		{twilio.ProviderTwilio, all, 100_000, 3, 209},
		{twilio.ProviderKORE, all, 100, 3, 11},
		{twilio.ProviderKORE, all, 2500, 3, 31},
		{twilio.ProviderKORE, all, 10_000, 3, 91},
		{twilio.ProviderTwilio, all[:1], 100, 3, 3},
		{twilio.ProviderTwilio, append(all, "sim_network"), 100, 3, 11 + 6},
		{twilio.ProviderTwilio, []string{"sim_network"}, 100, 3, 3 + 2 + 6},
	} {
		cfg := superSIMUsage()
		cfg.Enabled, cfg.Interval, cfg.Groups = true, 15*time.Minute, x.groups
		p := collector.NewPlan(x.provider, config.Collectors{SuperSIMUsage: cfg}, collector.Size{SIMs: x.sims, Fleets: 4, Networks: x.networks, Countries: 3, Currencies: 1})
		if have := p.Polls["supersim_usage"]; have != x.want {
			t.Errorf("%s, %d SIMs by %v: want %v requests, have %v", x.provider, x.sims, x.groups, x.want, have)
		}
		if want := 4*x.want + 1; p.RequestsPerHour != want || p.RequestsPerDay != 24*want {
			t.Errorf("%d SIMs: want %v requests an hour, have %v and %v a day", x.sims, want, p.RequestsPerHour, p.RequestsPerDay)
		}
	}
}

// TestPlanIsWhatPollsTake: polls of a simulated account take as many requests and make
// about as many series as planned.
func TestPlanIsWhatPollsTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, fleetOf(2500, func(sim, network int) bool { return true }))
		r.inventory()
		cfg := superSIMUsage()
		cfg.Enabled, cfg.Interval = true, 15*time.Minute
		c := collector.NewSuperSIMUsage(r.account, cfg)
		r.good(c)
		r.good(c)
		r.simulator.ResetCounts()
		r.good(c)
		size := collector.Size{SIMs: 2500, Fleets: 1, Networks: 3, Countries: 3, Currencies: 1}
		p := collector.NewPlan(twilio.ProviderTwilio, config.Collectors{SuperSIMUsage: cfg}, size)
		if have, want := float64(len(r.simulator.RequestURIs())), p.Polls["supersim_usage"]; have != want {
			t.Errorf("planned are %v requests, a poll takes %v", want, have)
		}
		have := float64(len(r.rows()))
		if planned := float64(p.Series) - 250; planned < 0.9*have || planned > 1.1*have {
			t.Errorf("planned are %v series of usage, there are %v", planned, have)
		}
	})
}
