package collector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// SuperSIMUsage collects Super SIM data usage: byte and cost counters over the
// month, gauges over one hour.
type SuperSIMUsage struct {
	account       *Account
	cfg           config.SuperSIMUsage
	dimensions    []dimension // those configured, in their order, but for sim_network
	simNetwork    bool        // sim_network is configured
	listed        []dimension // what a poll lists first: dimensions and what sim_network needs
	allDimensions []dimension

	bytes  *monthly.Ledger[bytesColumn]
	cost   *monthly.Ledger[costColumn]
	months map[query][]string // keys with usage in the whole months that were listed, sorted
	gauges []metric.Batch     // of the last successful poll
	late   *lateness

	countries               simNetworkCountries
	unsureBytes, unsureCost time.Time // months of which no listing by network has been complete since the start

	listings        map[query]completeness // of earlier polls
	incompletePolls int                    // in a row, the last ones
	again           time.Time              // when to poll again because of them; zero: at the interval

	unbilledWhole bool            // the API gives totals without an amount only if nothing of them is billed
	billsFound    time.Time       // the hour in which it was last found out what is billed of them
	billsFoundOf  map[string]bool // the groups that were listed then; nil: all

	leaveOut map[string]time.Duration // for how long after it was read a group is left out
	ends     map[string]groupEnds     // by group, of the last poll that listed it
	allBy    time.Time                // from when on no group is left out; zero if that is not known

	unattributedBytes, unattributedCost metric.Batch // as last known

	sawInventory bool // the inventory was known to the last successful poll
}

// bytesColumn names the byte counters of a dimension.
type bytesColumn struct {
	group    grouping // of the dimension
	download bool
}

// direction is how one direction's bytes of a dimension are counted and exposed.
type direction struct {
	column      bytesColumn
	total, hour metric.Family
	bytes       func(*usageTotal) int64 // or notReported
}

// directions are upload, then download.
func (d dimension) directions() []direction {
	return []direction{
		{bytesColumn{d.group, false}, d.upload, d.hourUpload, func(t *usageTotal) int64 { return t.upload }},
		{bytesColumn{d.group, true}, d.download, d.hourDownload, func(t *usageTotal) int64 { return t.download }},
	}
}

// costColumn names the cost counters of a dimension.
type costColumn struct {
	group    grouping // of the dimension
	currency string
}

// NewSuperSIMUsage makes the collector for one account.
func NewSuperSIMUsage(account *Account, cfg config.SuperSIMUsage) *SuperSIMUsage {
	c := &SuperSIMUsage{
		account: account, cfg: cfg, allDimensions: dimensions(),
		unattributedBytes: metric.NewBatch(unattributedBytes(), nil), unattributedCost: metric.NewBatch(unattributedCost(), nil),
		bytes:  monthly.NewLedger[bytesColumn](account.ledgerOptions(cfg.Settle.Usage)),
		cost:   monthly.NewLedger[costColumn](account.ledgerOptions(cfg.Settle.Cost)),
		months: make(map[query][]string), listings: make(map[query]completeness),
		late: newLateness(), ends: make(map[string]groupEnds),
	}
	for _, group := range cfg.Groups {
		if group == groupSimNetwork {
			c.simNetwork = true
		}
		for _, d := range c.allDimensions {
			if d.group.name == group {
				c.dimensions = append(c.dimensions, d)
			}
		}
	}
	c.listed = c.withNetworks()
	return c
}

// Adopt implements Adopter: counters continue if the filter admits all the usage that
// they count. Those of a group that was not configured before, or of what the filter
// before did not admit, begin at 0, as everything that is new.
func (c *SuperSIMUsage) Adopt(previous Collector) {
	p, ok := previous.(*SuperSIMUsage)
	if !ok || !admitsAll(c.cfg.Filter, p.cfg.Filter, c.account.Inventory.get()) {
		return
	}
	c.bytes.Adopt(p.bytes)
	c.cost.Adopt(p.cost)
	c.gauges, c.sawInventory, c.unbilledWhole = p.gauges, p.sawInventory, p.unbilledWhole
	c.countries, c.unsureBytes, c.unsureCost = p.countries, p.unsureBytes, p.unsureCost
	if p.cfg.Filter != c.cfg.Filter {
		return // the listings before were of less, and what they lack now did not come late
	}
	c.months, c.listings, c.billsFound, c.billsFoundOf = p.months, p.listings, p.billsFound, p.billsFoundOf
	c.ends, c.allBy = p.ends, p.allBy
	c.unattributedBytes, c.unattributedCost = p.unattributedBytes, p.unattributedCost
	c.late = p.late
}

// Poll implements Collector.
func (c *SuperSIMUsage) Poll(ctx context.Context) (Result, error) {
	plan := c.plan(time.Now().UTC())
	held := c.account.hold()
	defer held.release()
	found, err := c.read(ctx, held, plan)
	if err == nil {
		err = c.checkCounters(found.totals)
	}
	if err != nil {
		return Result{}, err
	}
	inventory := c.account.Inventory.get()
	c.judge(plan, found)
	c.late.observe(found.hours)
	c.remember(plan, found.totals)
	bytes, cost := c.report(plan, found, inventory)

	now := time.Now().UTC() // the samples are exposed from now on, not from the start of the poll
	decreased := c.commit(now, bytes, cost)
	c.nameCountries(found.totals, found.networks)
	c.noteEnds(plan, now)
	c.gauges = append(c.hourGauges(plan, found.totals), c.networkInfo(inventory.networks))
	c.gauges = append(c.gauges, c.unattributed(plan, found)...)
	c.sawInventory = inventory.known

	result := Result{Batches: c.batches(now), Records: held.count(), Decreases: len(decreased), Unseen: c.bytes.TakeUnseen() + c.cost.TakeUnseen()}
	result.Warnings = slices.Concat(doubts(found.totals), c.incomplete(plan), c.account.Client.Warnings(twilio.EndpointUsageRecords))
	result.Warnings = append(result.Warnings, unseen(result.Unseen)...)
	if len(decreased) > 0 {
		result.Warnings = append(result.Warnings, fmt.Sprintf(
			"the API reports %d counters lower than before, for example %s; their higher values are held", len(decreased), decreased[0]))
	}
	return result, nil
}

// usageFound is what a poll read.
type usageFound struct {
	listings    usageTotals          // as they were read, by key and hour
	totals      usageTotals          // by key alone
	empty       map[query]bool       // listings that were empty twice, although the account has usage
	networks    []twilio.Network     // for the countries of sim_network
	differences map[query]difference // of the month's listings
	billsKnown  bool                 // it was found out what is billed of totals without an amount
	hours       hourListing
}

// read reads everything of a poll: the account's hours and totals, then the groups, and
// what of these needs a second look.
func (c *SuperSIMUsage) read(ctx context.Context, held *holding, plan usagePlan) (f *usageFound, err error) {
	f = &usageFound{empty: make(map[query]bool)}
	if f.hours, err = c.accountHours(ctx, held, time.Now()); err != nil {
		return nil, err
	}
	if f.listings, err = c.ask(ctx, held, plan.ofAccount); err != nil {
		return nil, err
	}
	ofGroups, err := c.ask(ctx, held, plan.ofGroups)
	if err != nil {
		return nil, err
	}
	maps.Copy(f.listings, ofGroups)
	if err := c.listAgain(ctx, held, plan.ofGroups, f); err != nil {
		return nil, err
	}
	if err := c.readNetworks(ctx, held, plan, f); err != nil {
		return nil, err
	}
	if f.totals, err = f.listings.byKey(); err != nil {
		return nil, err
	}
	if f.billsKnown, err = c.findBilled(ctx, held, plan, f.totals); err != nil {
		return nil, err
	}
	c.addWithoutNetwork(plan, f.totals)
	if f.differences, err = c.compareAll(ctx, held, plan, f.totals); err != nil {
		return nil, err
	}
	return f, nil
}

// commit hands both reports to the ledgers and describes the counters that
// decreased, for the log.
func (c *SuperSIMUsage) commit(now time.Time, bytes *monthly.Report[bytesColumn], cost *monthly.Report[costColumn]) []string {
	var decreased []string
	for _, counter := range c.bytes.Commit(now, bytes) {
		direction := "upload"
		if counter.Column.download {
			direction = "download"
		}
		decreased = append(decreased, fmt.Sprintf("%s bytes of %s %q", direction, counter.Column.group, counter.ID))
	}
	for _, counter := range c.cost.Commit(now, cost) {
		decreased = append(decreased, fmt.Sprintf("%s cost of %s %q", counter.Column.currency, counter.Column.group, counter.ID))
	}
	return decreased
}

// Advance implements Clocked.
func (c *SuperSIMUsage) Advance(now time.Time) (Result, bool) {
	createdBytes, createdCost := c.bytes.Created(), c.cost.Created()
	bytes, cost := c.bytes.Advance(now), c.cost.Advance(now)
	if !bytes && !cost {
		return Result{}, false
	}
	c.renameCountries()
	reset := !createdBytes.Equal(c.bytes.Created()) || !createdCost.Equal(c.cost.Created())
	if reset {
		c.allBy = now
	}
	return Result{Batches: c.batches(now), Reset: reset}, true
}

// NextChange implements Clocked. The counters of silent SIMs and fleets are due
// once the inventory is known.
func (c *SuperSIMUsage) NextChange(now time.Time) time.Time {
	if c.bytes.HasReport() && !c.sawInventory && c.account.Inventory.get().known {
		return now
	}
	again := c.again
	if !again.After(now) {
		again = time.Time{}
	}
	return monthly.Earliest(c.bytes.NextChange(now), c.cost.NextChange(now), again)
}
