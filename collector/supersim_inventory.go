package collector

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func superSIMInventoryFamilies(iccid bool) []Family {
	of := NameSuperSIMInventory
	sim := []string{"sim_sid", "unique_name", "fleet_sid", "status"}
	if iccid {
		sim = append(sim, "iccid")
	}
	return []Family{
		gauge(of, "twilio_supersim_sim_info", "A SIM, constant 1.", sim...),
		gauge(of, "twilio_supersim_fleet_info", "A fleet, constant 1.", "fleet_sid", "unique_name"),
		gauge(of, "twilio_supersim_fleet_data_limit_bytes", "Bytes that each SIM of the fleet may use in a billing period.", "fleet_sid"),
	}
}

// SuperSIMInventory collects SIMs and fleets, and the names of networks.
type SuperSIMInventory struct {
	account *Account
	cfg     config.SuperSIMInventory
}

// NewSuperSIMInventory makes the collector for one account.
func NewSuperSIMInventory(account *Account, cfg config.SuperSIMInventory) *SuperSIMInventory {
	return &SuperSIMInventory{account, cfg}
}

// Poll implements Collector.
func (c *SuperSIMInventory) Poll(ctx context.Context) (Result, error) {
	var sims map[string]twilio.Sim
	var fleets map[string]twilio.Fleet
	var networks map[string]twilio.Network
	client := c.account.Client
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		sims, err = collect(twilio.EndpointSims,
			func() sequence[twilio.Sim] { return client.Sims(ctx, twilio.SimsParams{}) },
			func(s twilio.Sim) string { return s.SID }, equal[twilio.Sim])
		return err
	})
	group.Go(func() (err error) {
		fleets, err = collect(twilio.EndpointFleets,
			func() sequence[twilio.Fleet] { return client.Fleets(ctx, twilio.FleetsParams{}) },
			func(f twilio.Fleet) string { return f.SID }, equal[twilio.Fleet])
		return err
	})
	group.Go(func() (err error) {
		networks, err = collect(twilio.EndpointNetworks,
			func() sequence[twilio.Network] { return client.Networks(ctx, twilio.NetworksParams{}) },
			func(n twilio.Network) string { return n.SID }, equal[twilio.Network])
		return err
	})
	if err := group.Wait(); err != nil {
		return Result{}, err
	}

	have := listed{answered: true, networks: networks}
	var simRows, fleetRows, limitRows []Series
	for _, sim := range sims {
		have.sims = append(have.sims, sim)
		labels := []string{sim.SID, sim.UniqueName, sim.FleetSID, string(sim.Status)}
		if c.cfg.ICCID {
			labels = append(labels, sim.ICCID)
		}
		simRows = append(simRows, Series{labels, 1})
	}
	for _, fleet := range fleets {
		have.fleets = append(have.fleets, fleet)
		fleetRows = append(fleetRows, Series{[]string{fleet.SID, fleet.UniqueName}, 1})
		if fleet.DataLimit.Valid {
			limitRows = append(limitRows, Series{[]string{fleet.SID}, float64(fleet.DataLimit.V)})
		}
	}
	c.account.Inventory.set(have)
	return Result{
		Batches: []Batch{
			{Family: "twilio_supersim_sim_info", Series: sorted(simRows)},
			{Family: "twilio_supersim_fleet_info", Series: sorted(fleetRows)},
			{Family: "twilio_supersim_fleet_data_limit_bytes", Series: sorted(limitRows)},
		},
		Records: len(sims) + len(fleets) + len(networks),
	}, nil
}

func equal[T comparable](a, b T) bool { return a == b }
