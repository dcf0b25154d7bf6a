package collector

import (
	"context"
	"fmt"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// SuperSIMUsage collects Super SIM data usage: byte and cost counters over the
// month, gauges over one hour.
type SuperSIMUsage struct {
	account    *Account
	cfg        config.SuperSIMUsage
	dimensions []dimension // those configured, in their order, but for sim_network
	listed     []dimension // those that a poll lists: dimensions and what sim_network needs
	simNetwork bool        // sim_network is configured

	bytes  *monthly.Ledger[bytesColumn]
	cost   *monthly.Ledger[costColumn]
	months map[query][]string // keys with usage in the whole months that were listed, sorted
	gauges []metric.Batch     // of the last successful poll

	countries simNetworkCountries

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
		account: account, cfg: cfg,
		bytes:  monthly.NewLedger[bytesColumn](account.ledgerOptions(cfg.Settle.Usage)),
		cost:   monthly.NewLedger[costColumn](account.ledgerOptions(cfg.Settle.Cost)),
		months: make(map[query][]string),
	}
	for _, group := range cfg.Groups {
		if group == groupSimNetwork {
			c.simNetwork = true
		}
		for _, d := range dimensions() {
			if d.group.name == group {
				c.dimensions = append(c.dimensions, d)
			}
		}
	}
	c.listed = c.withNetworks()
	return c
}

// Adopt implements Adopter: counters continue if they count the same usage. Those of
// a group that was not configured before begin at 0, as everything that is new.
func (c *SuperSIMUsage) Adopt(previous Collector) {
	p, ok := previous.(*SuperSIMUsage)
	if !ok || p.cfg.Filter != c.cfg.Filter {
		return
	}
	c.bytes.Adopt(p.bytes)
	c.cost.Adopt(p.cost)
	c.months, c.gauges, c.sawInventory = p.months, p.gauges, p.sawInventory
	c.countries = p.countries
}

// Poll implements Collector.
func (c *SuperSIMUsage) Poll(ctx context.Context) (Result, error) {
	plan := c.plan(time.Now().UTC())
	held := c.account.hold()
	defer held.release()
	totals, records, err := c.ask(ctx, held, plan.queries)
	var networks []twilio.Network
	if err == nil {
		var more int
		networks, more, err = c.askBySIMAndNetwork(ctx, held, plan, totals)
		records += more
	}
	if err == nil {
		err = c.checkCounters(totals)
	}
	if err != nil {
		return Result{}, err
	}
	inventory := c.account.Inventory.get()
	c.remember(plan, totals)
	bytes, cost := c.report(plan, totals, inventory)

	now := time.Now().UTC() // the samples are exposed from now on, not from the start of the poll
	decreased := c.commit(now, bytes, cost)
	c.nameCountries(totals, networks)
	c.gauges = append(c.hourGauges(plan, totals), c.networkInfo(inventory.networks))
	c.sawInventory = inventory.known

	warnings := append(unpriced(totals), c.account.Client.Warnings(twilio.EndpointUsageRecords)...)
	if len(decreased) > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"the API reports %d counters lower than before, for example %s; their higher values are held", len(decreased), decreased[0]))
	}
	return Result{Batches: c.batches(now), Records: records, Decreases: len(decreased), Warnings: warnings}, nil
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
	bytes, cost := c.bytes.Advance(now), c.cost.Advance(now)
	if !bytes && !cost {
		return Result{}, false
	}
	c.renameCountries()
	return Result{Batches: c.batches(now)}, true
}

// NextChange implements Clocked. The counters of silent SIMs and fleets are due
// once the inventory is known.
func (c *SuperSIMUsage) NextChange(now time.Time) time.Time {
	if c.bytes.HasReport() && !c.sawInventory && c.account.Inventory.get().known {
		return now
	}
	return monthly.Earliest(c.bytes.NextChange(now), c.cost.NextChange(now))
}
