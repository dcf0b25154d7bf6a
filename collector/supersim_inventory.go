package collector

import (
	"context"
	"fmt"
	"strings"
	"time"

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
	var sims []twilio.Sim
	var fleets []twilio.Fleet
	var networks []twilio.Network
	client := c.account.Client
	before := c.account.Inventory.get()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		sims, err = collect(twilio.EndpointSims,
			func() sequence[twilio.Sim] {
				return func(yield func(twilio.Sim, error) bool) {
					for sim, err := range client.Sims(ctx) {
						if !c.cfg.ICCID {
							sim.ICCID = "" // not even held
						}
						if !yield(sim, err) {
							return
						}
					}
				}
			},
			bySID(func(s twilio.Sim) string { return s.SID }), before.sims.len())
		return err
	})
	group.Go(func() (err error) {
		fleets, err = collect(twilio.EndpointFleets,
			func() sequence[twilio.Fleet] { return client.Fleets(ctx) },
			bySID(func(f twilio.Fleet) string { return f.SID }), len(before.fleets))
		return err
	})
	group.Go(func() (err error) {
		networks, err = collect(twilio.EndpointNetworks,
			func() sequence[twilio.Network] { return client.Networks(ctx) },
			bySID(func(n twilio.Network) string { return n.SID }), len(before.networks))
		return err
	})
	if err := group.Wait(); err != nil {
		return Result{}, err
	}

	have := listed{answered: true, fleets: fleets, networks: networks, sims: newSimList(sims, c.cfg.ICCID)}
	if have.sims.equal(before.sims) {
		have.sims = before.sims
	}
	switch {
	case len(fleets) > 0 && fleets[0].AccountSID != "":
		have.accountSID = fleets[0].AccountSID
	case len(sims) > 0:
		have.accountSID = sims[0].AccountSID
	}
	var fleetRows, limitRows []Series
	for _, fleet := range fleets {
		fleetRows = append(fleetRows, Series{[]string{fleet.SID, fleet.UniqueName}, 1})
		if fleet.DataLimit.Valid {
			limitRows = append(limitRows, Series{[]string{fleet.SID}, float64(fleet.DataLimit.V)})
		}
	}
	c.account.Inventory.set(have)
	return Result{
		Batches: []Batch{
			have.sims.batch(),
			NewBatch("twilio_supersim_fleet_info", time.Time{}, fleetRows),
			NewBatch("twilio_supersim_fleet_data_limit_bytes", time.Time{}, limitRows),
		},
		Records: len(sims) + len(fleets) + len(networks),
	}, nil
}

// bySID orders what has a SID of its own.
func bySID[T comparable](sid func(T) string) order[T] {
	return order[T]{
		text:    sid,
		compare: func(a, b T) int { return strings.Compare(sid(a), sid(b)) },
		same:    func(a, b T) bool { return a == b },
		name:    func(t T) string { return fmt.Sprintf("%q", sid(t)) },
	}
}
