package collector

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A dimension is one way to add up Super SIM usage. Each has metric names of
// its own, so that a sum over one name never counts twice.
type dimension struct {
	group string // the word in the configuration, and in metric names
	label string
	api   twilio.Group
	what  string // in help texts
	key   func(twilio.UsageRecord) string
}

func dimensions() []dimension {
	return []dimension{
		{"account", "account_sid", twilio.GroupNone, "the account", func(r twilio.UsageRecord) string { return r.AccountSID }},
		{"sim", "sim_sid", twilio.GroupSim, "each SIM", func(r twilio.UsageRecord) string { return r.SimSID }},
		{"fleet", "fleet_sid", twilio.GroupFleet, "each fleet", func(r twilio.UsageRecord) string { return r.FleetSID }},
		{"network", "network_sid", twilio.GroupNetwork, "each network", func(r twilio.UsageRecord) string { return r.NetworkSID }},
		{"country", "iso_country", twilio.GroupIsoCountry, "each country", func(r twilio.UsageRecord) string { return r.IsoCountry }},
	}
}

// listless says that no inventory names its keys: only usage does.
func (d dimension) listless() bool {
	return d.api == twilio.GroupNetwork || d.api == twilio.GroupIsoCountry
}

func (d dimension) family(rest string) string { return "twilio_supersim_" + d.group + "_" + rest }

func superSIMUsageFamilies() []Family {
	var all []Family
	of := NameSuperSIMUsage
	for _, d := range dimensions() {
		all = append(all,
			counter(of, d.family("upload_bytes_total"), "Bytes sent by SIMs in the month, for "+d.what+".", d.label),
			counter(of, d.family("download_bytes_total"), "Bytes received by SIMs in the month, for "+d.what+".", d.label),
			counter(of, d.family("cost_total"), "Money billed for data in the month, in units of the currency, for "+d.what+".", d.label, "currency"),
			gauge(of, d.family("hour_upload_bytes"), "Bytes sent by SIMs in one whole hour, for "+d.what+".", d.label),
			gauge(of, d.family("hour_download_bytes"), "Bytes received by SIMs in one whole hour, for "+d.what+".", d.label),
		)
	}
	return append(all,
		gauge(of, "twilio_supersim_hour_end_timestamp_seconds", "End of the hour that the hour gauges describe, in seconds since the epoch.", "group"),
		gauge(of, "twilio_supersim_usage_end_timestamp_seconds", "Up to when the byte counters count, in seconds since the epoch.", "group"),
		gauge(of, "twilio_supersim_cost_end_timestamp_seconds", "Up to when the cost counters count, in seconds since the epoch.", "group"),
		gauge(of, "twilio_supersim_network_info", "A network that has counters, constant 1.", "network_sid", "friendly_name", "iso_country"),
	)
}

// bytesColumn names the byte counters of a dimension.
type bytesColumn struct {
	dim      int // index of the dimension
	download bool
}

// costColumn names the cost counters of a dimension.
type costColumn struct {
	dim      int
	currency string
}

// SuperSIMUsage collects Super SIM data usage: byte and cost counters over the
// month, gauges over one hour.
type SuperSIMUsage struct {
	account *Account
	cfg     config.SuperSIMUsage
	dims    []dimension

	bytes  ledger[bytesColumn]
	cost   ledger[costColumn]
	months map[time.Time][][]string // keys of what had usage in months that were listed as a whole, by dimension, sorted
	gauges []Batch                  // of the last good poll

	sawInventory bool     // at the last good poll
	names        *simList // whose SIDs the counters' ids are
}

// NewSuperSIMUsage makes the collector for one account.
func NewSuperSIMUsage(account *Account, cfg config.SuperSIMUsage) *SuperSIMUsage {
	c := &SuperSIMUsage{account: account, cfg: cfg, months: make(map[time.Time][][]string)}
	for _, group := range cfg.Groups {
		for _, d := range dimensions() {
			if d.group == group {
				c.dims = append(c.dims, d)
			}
		}
	}
	c.bytes = ledger[bytesColumn]{
		calendar: newCalendar(cfg.Settle.Usage, account.Rollover), maxAge: account.MaxAge, started: account.Started,
	}
	c.cost = ledger[costColumn]{
		calendar: newCalendar(cfg.Settle.Cost, account.Rollover), maxAge: account.MaxAge, started: account.Started,
	}
	return c
}

// Adopt implements Adopter: counters go on if they count the same usage.
func (c *SuperSIMUsage) Adopt(previous Collector) {
	p, ok := previous.(*SuperSIMUsage)
	if !ok || p.cfg.Filter != c.cfg.Filter {
		return
	}
	// The ledgers' keys hold a dimension by its place.
	if len(p.dims) != len(c.dims) {
		return
	}
	for i := range c.dims {
		if c.dims[i].group != p.dims[i].group {
			return
		}
	}
	c.bytes.adopt(&p.bytes)
	c.cost.adopt(&p.cost)
	c.months, c.gauges, c.sawInventory, c.names = p.months, p.gauges, p.sawInventory, p.names
}

// Poll implements Collector.
func (c *SuperSIMUsage) Poll(ctx context.Context) (Result, error) {
	now := time.Now().UTC()
	p := c.plan(now)
	records, err := p.run(ctx, c)
	if err != nil {
		return Result{}, err
	}
	have := c.account.Inventory.get()
	warnings := p.warnings()

	c.sawInventory = have.answered
	c.remember(p)
	usage, cost := c.report(p, have)
	now = time.Now().UTC() // what is shown next is shown from now on
	decreased := c.decreases(c.bytes.commit(now, usage), c.cost.commit(now, cost))
	c.shareNames(have.sims)
	if len(decreased) > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"the API reports %d counters lower than before, for example %s; their higher values are held", len(decreased), decreased[0]))
	}
	c.gauges = c.hourGauges(p)
	c.gauges = append(c.gauges, c.networkInfo(have.networks)...)
	return Result{Batches: c.render(now), Records: records, Decreases: len(decreased), Warnings: warnings}, nil
}

// Turn implements Clocked.
func (c *SuperSIMUsage) Turn(now time.Time) (Result, bool) {
	usage, cost := c.bytes.turn(now), c.cost.turn(now)
	if !usage && !cost {
		return Result{}, false
	}
	return Result{Batches: c.render(now)}, true
}

// Next implements Clocked. The counters of silent SIMs and fleets are due once
// the inventory has answered.
func (c *SuperSIMUsage) Next(now time.Time) time.Time {
	if !c.bytes.month.IsZero() && !c.sawInventory && c.account.Inventory.Answered() {
		return now
	}
	return sooner(c.bytes.next(now), c.cost.next(now))
}

// remember keeps the keys of what had usage in a whole month: in the month
// after it their counters are there, if only at 0.
func (c *SuperSIMUsage) remember(p *usagePlan) {
	for q, totals := range p.totals {
		if q.hour || !q.end.Equal(q.start.AddDate(0, 1, 0)) {
			continue
		}
		if c.months[q.start] == nil {
			c.months[q.start] = make([][]string, len(c.dims))
		}
		keys := []string{} // not nil: the month has been listed
		if c.dims[q.dim].listless() {
			for _, t := range totals {
				keys = append(keys, t.key)
			}
		}
		c.months[q.start][q.dim] = keys
	}
	maps.DeleteFunc(c.months, func(month time.Time, _ [][]string) bool { return month.Before(p.cost.before()) })
}

// decreases words the counters that fell, for the log.
func (c *SuperSIMUsage) decreases(usage []key[bytesColumn], cost []key[costColumn]) []string {
	var all []string
	for _, k := range usage {
		direction := "upload"
		if k.column.download {
			direction = "download"
		}
		all = append(all, fmt.Sprintf("%s bytes of %s %q", direction, c.dims[k.column.dim].group, k.id))
	}
	for _, k := range cost {
		all = append(all, fmt.Sprintf("%s cost of %s %q", k.column.currency, c.dims[k.column.dim].group, k.id))
	}
	return all
}
