package collector

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func simInfo(iccid bool) metric.Family {
	labels := []string{"sim_sid", "unique_name", "fleet_sid", "status"}
	if iccid {
		labels = append(labels, "iccid")
	}
	return metric.Gauge("twilio_supersim_sim_info", "A SIM as of the last poll, constant 1.", labels...)
}

func fleetInfo() metric.Family {
	return metric.Gauge("twilio_supersim_fleet_info", "A fleet as of the last poll, constant 1.", "fleet_sid", "unique_name")
}

func fleetDataLimit() metric.Family {
	return metric.Gauge("twilio_supersim_fleet_data_limit_bytes", "Bytes that each SIM of the fleet may use in a billing period.", "fleet_sid")
}

func fleetSims() metric.Family {
	return metric.Gauge("twilio_supersim_fleet_sims",
		"SIMs of the fleet with this status as of the last poll; those in no fleet have an empty fleet_sid.", "fleet_sid", "status")
}

func simScheduled() metric.Family {
	return metric.Gauge("twilio_supersim_sim_scheduled_timestamp_seconds",
		"When a SIM with the status scheduled was last changed, so it has been scheduled since then at least.", "sim_sid")
}

// SuperSIMInventoryFamilies are those that SuperSIMInventory has samples of.
func SuperSIMInventoryFamilies(cfg config.SuperSIMInventory) []metric.Family {
	return []metric.Family{simInfo(cfg.ICCID), simScheduled(), fleetInfo(), fleetDataLimit(), fleetSims()}
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
	previous := c.account.Inventory.get()
	held := c.account.hold()
	defer held.release()
	sims, fleets, networks, err := c.list(ctx, held, previous)
	if err != nil {
		return Result{}, err
	}
	found := resources{known: true, fleets: fleets, networks: networks, sims: newSIMList(sims, c.cfg.ICCID, previous.sims)}
	switch {
	case len(fleets) > 0 && fleets[0].AccountSID != "":
		found.accountSID = fleets[0].AccountSID
	case len(sims) > 0:
		found.accountSID = sims[0].AccountSID
	}
	c.account.Inventory.set(found)
	return Result{Batches: found.batches(), Records: len(sims) + len(fleets) + len(networks)}, nil
}

// resources are what one poll of the inventory found. They do not change.
type resources struct {
	known      bool   // false before the first successful poll
	accountSID string // "" if no resource names it
	sims       *simList
	fleets     []twilio.Fleet // sorted by SID, as are the networks
	networks   []twilio.Network
}

// batches are the samples of the resources, those of sim_info first.
func (r resources) batches() []metric.Batch {
	var fleetSamples, limitSamples []metric.Sample
	for _, fleet := range r.fleets {
		fleetSamples = append(fleetSamples, metric.Sample{Labels: []string{fleet.SID, fleet.UniqueName}, Value: 1})
		if fleet.DataLimit.Valid {
			limitSamples = append(limitSamples, metric.Sample{Labels: []string{fleet.SID}, Value: float64(fleet.DataLimit.V)})
		}
	}
	return []metric.Batch{
		r.sims.batch(),
		r.sims.scheduledBatch(),
		metric.NewBatch(fleetInfo(), fleetSamples),
		metric.NewBatch(fleetDataLimit(), limitSamples),
		r.sims.fleetSims(r.fleets),
	}
}

// list reads the three listings, sorted by SID, as many at a time as the client
// allows.
func (c *SuperSIMInventory) list(ctx context.Context, held *holding, previous resources) (sims []twilio.Sim, fleets []twilio.Fleet, networks []twilio.Network, err error) {
	client := c.account.Client
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		sims, err = readListing(held, twilio.EndpointSims, func() iter.Seq2[twilio.Sim, error] {
			return func(yield func(twilio.Sim, error) bool) {
				for sim, err := range client.Sims(ctx) {
					if !c.cfg.ICCID {
						sim.ICCID = "" // not even held in memory
					}
					if !yield(sim, err) {
						return
					}
				}
			}
		}, bySID(simSize, func(s twilio.Sim) string { return s.SID }), previous.sims.len())
		return err
	})
	group.Go(func() (err error) {
		fleets, err = readListing(held, twilio.EndpointFleets,
			func() iter.Seq2[twilio.Fleet, error] { return client.Fleets(ctx) },
			bySID(fleetSize, func(f twilio.Fleet) string { return f.SID }), len(previous.fleets))
		return err
	})
	group.Go(func() (err error) {
		networks, err = readListing(held, twilio.EndpointNetworks,
			func() iter.Seq2[twilio.Network, error] { return client.Networks(ctx) },
			bySID(networkSize, func(n twilio.Network) string { return n.SID }), len(previous.networks))
		return err
	})
	err = group.Wait()
	return sims, fleets, networks, err
}

// bySID orders resources by SID.
func bySID[T comparable](size func(T) int64, sid func(T) string) order[T] {
	return order[T]{
		size:    size,
		compare: func(a, b T) int { return strings.Compare(sid(a), sid(b)) },
		same:    func(a, b T) bool { return a == b },
		name:    func(t T) string { return fmt.Sprintf("%q", sid(t)) },
	}
}

// An Inventory holds an account's SIMs, fleets and networks as last listed. The
// inventory collector fills it, the usage collector reads it.
type Inventory struct {
	mu   sync.Mutex
	last resources
}

func (i *Inventory) set(r resources) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = r
}

func (i *Inventory) get() resources {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}

// SIMName is the unique name of a SIM as last listed; "" if it has none or is not known.
func (i *Inventory) SIMName(sid string) string { return i.get().sims.name(sid) }
