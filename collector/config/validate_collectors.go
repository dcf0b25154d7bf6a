package config

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// topCollectors is the path of the options that hold where an account has none of its
// own.
const topCollectors = "collectors"

// collectors checks the options that hold for each account, whichever of the two
// levels they come from. Those of the top level may contradict each other only if no
// account has them like that.
func (v validator) collectors(c *values) {
	top := collectorOptions{validator: v, Collectors: c.Collectors, maxAge: c.MaxAge}
	top.ranges()
	inherited := len(c.Accounts) == 0
	for i := range c.Accounts {
		own := top
		own.own = strictyaml.Item("accounts", i) + "." + topCollectors
		if !v.IsIntended(own.own) {
			inherited = true
			continue
		}
		own.Collectors = c.Accounts[i].Collectors
		own.ranges()
		own.contradictions()
	}
	if inherited {
		top.contradictions()
	}
}

// collectorOptions are the options that hold for an account, or those of the top
// level. A fault of them is one of the key that decides: the account's own if it sets
// it, and that of the top level if not. What several accounts have from the top level
// is the same fault, which the Document reports once.
type collectorOptions struct {
	validator
	Collectors
	own    string // path of the account's own options; empty for the top level
	maxAge time.Duration
}

// isOwn reports whether the account sets a key itself.
func (o collectorOptions) isOwn(key string) bool {
	return o.own != "" && o.IsIntended(o.own+"."+key)
}

// path is that of the key which decides.
func (o collectorOptions) path(key string) string {
	if o.isOwn(key) {
		return o.own + "." + key
	}
	return topCollectors + "." + key
}

// ranges checks each option by itself.
func (o collectorOptions) ranges() {
	usage := o.SuperSIMUsage
	o.groups(o.path("supersim_usage.groups"), usage.Groups)
	o.matches(o.path("supersim_usage.filter.network"), usage.Filter.Network, `^HW[0-9a-fA-F]{32}$`, "HW and 32 hexadecimal digits")
	o.matches(o.path("supersim_usage.filter.iso_country"), usage.Filter.IsoCountry, `^[A-Z]{2}$`, "two upper-case letters")
	o.between(o.path("supersim_usage.hour_delay"), usage.HourDelay, 0, year)
	o.between(o.path("supersim_usage.settle.usage"), usage.Settle.Usage, 0, year)
	o.between(o.path("supersim_usage.settle.cost"), usage.Settle.Cost, 0, year)
	o.distinct(o.path("account_usage.categories"), o.AccountUsage.Categories)
	o.between(o.path("account_usage.settle"), o.AccountUsage.Settle, 0, year)
	o.share(o.path("supersim_data_limits.watch_from"), o.SuperSIMDataLimits.WatchFrom)
	o.atLeast(o.path("supersim_data_limits.max_requests"), o.SuperSIMDataLimits.MaxRequests, 2)
	for name, s := range o.Schedules() {
		o.between(o.path(name+".interval"), s.Interval, time.Second, 0)
	}
}

// share allows a number above 0 and up to 1.
func (v validator) share(path string, share float64) {
	if !v.IsInvalid(path) && (share <= 0 || share > 1) {
		v.Addf(path, "must be more than 0 and at most 1")
	}
}

// contradictions checks options that depend on others.
func (o collectorOptions) contradictions() {
	o.settle(o.SuperSIMUsage.Settle)
	o.dataLimits()
	for name, s := range o.Schedules() {
		o.schedule(name, s)
	}
}

// schedule wants results to be renewed before they expire.
func (o collectorOptions) schedule(name string, s Schedule) {
	const maxAge = "max_age"
	enabled, interval := o.path(name+".enabled"), o.path(name+".interval")
	byDefault := ""
	if !o.IsSet(maxAge) {
		byDefault = ", which is " + model.Duration(o.maxAge).String() + " by default"
	}
	switch {
	case !s.Enabled || o.anyInvalid(maxAge, enabled, interval) || o.maxAge <= 0:
	case o.maxAge-s.Interval >= s.Interval: // twice the interval could overflow
	case o.isOwn(name+".interval") || !o.IsSet(maxAge) && !o.isOwn(name+".enabled"):
		o.Addf(interval, "must be at most half of max_age%s", byDefault)
	case o.isOwn(name + ".enabled"):
		o.Addf(enabled, "needs %s of at most half of max_age%s", interval, byDefault)
	case !o.IsSet(interval):
		o.Addf(maxAge, "must be at least twice %s, which is %s by default", interval, model.Duration(s.Interval))
	default:
		o.Addf(maxAge, "must be at least twice %s", interval)
	}
}

// settle wants bytes to leave a month before their cost does.
func (o collectorOptions) settle(s Settle) {
	const usageKey, costKey = "supersim_usage.settle.usage", "supersim_usage.settle.cost"
	usage, cost := o.path(usageKey), o.path(costKey)
	byDefault := ""
	if !o.IsSet(cost) {
		byDefault = " is " + model.Duration(s.Cost).String() + " by default"
	}
	switch {
	case s.Cost >= s.Usage || o.anyInvalid(usage, cost):
	case o.isOwn(usageKey) && !o.isOwn(costKey) && byDefault != "":
		o.Addf(usage, "must not be longer than settle.cost, which%s", byDefault)
	case o.isOwn(usageKey) && !o.isOwn(costKey):
		o.Addf(usage, "must not be longer than %s", cost)
	case byDefault != "":
		o.Addf(cost, "must not be shorter than settle.usage, and%s", byDefault)
	default:
		o.Addf(cost, "must not be shorter than settle.usage")
	}
}

// dataLimits needs the inventory, which has the limits and knows in which fleet a SIM
// is.
func (o collectorOptions) dataLimits() {
	const limitsKey, inventoryKey = "supersim_data_limits.enabled", "supersim_inventory.enabled"
	limits, inventory := o.path(limitsKey), o.path(inventoryKey)
	switch {
	case !o.SuperSIMDataLimits.Enabled || o.SuperSIMInventory.Enabled || o.anyInvalid(limits, inventory):
	case o.isOwn(inventoryKey) && !o.isOwn(limitsKey):
		o.Addf(inventory, "must be true, because %s is", limits)
	default:
		o.Addf(limits, "needs %s", inventory)
	}
}

// groups wants one group or more, each once.
func (v validator) groups(path string, list []string) {
	if len(list) == 0 && !v.IsInvalid(path) {
		v.Addf(path, "must name at least one of %s", strings.Join(groups(), ", "))
	}
	for i, group := range list {
		v.oneOf(strictyaml.Item(path, i), group, groups()...)
	}
	v.distinct(path, list)
}
