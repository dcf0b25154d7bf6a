package config

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// validator adds the faults of values that were decoded but are not allowed, and
// sets the defaults that depend on other keys.
type validator struct{ *strictyaml.Document }

func validate(document *strictyaml.Document, c *values) {
	v := validator{document}
	v.accounts(c.Accounts)
	v.superSIMUsage("collectors.supersim_usage", c.Collectors.SuperSIMUsage)
	v.distinct("collectors.account_usage.categories", c.Collectors.AccountUsage.Categories)
	v.between("collectors.account_usage.settle", c.Collectors.AccountUsage.Settle, 0, year)
	v.superSIMDataLimits("collectors.supersim_data_limits", c.Collectors)
	v.between("rollover", c.Rollover, time.Second, 7*day)
	v.positive("max_age", c.MaxAge)
	v.rollover(c)
	v.schedules(c)
	v.positive("api.timeout", c.API.Timeout)
	v.atLeast("api.max_retries", c.API.MaxRetries, 0)
	v.atLeast("api.max_concurrency", c.API.MaxConcurrency, 1)
	v.atLeast("api.max_records", c.API.MaxRecords, 1)
}

// rollover must be over before results expire: counters whose 0 was not exposed for
// so long show it again.
func (v validator) rollover(c *values) {
	const maxAge, rollover = "max_age", "rollover"
	switch {
	case c.MaxAge >= c.Rollover || c.MaxAge <= 0 || v.anyInvalid(maxAge, rollover):
	case !v.IsSet(maxAge):
		v.Addf(rollover, "must not be longer than max_age, which is %s by default", model.Duration(c.MaxAge))
	case !v.IsSet(rollover):
		v.Addf(maxAge, "must not be shorter than rollover, which is %s by default", model.Duration(c.Rollover))
	default:
		v.Addf(maxAge, "must not be shorter than rollover")
	}
}

func (v validator) schedules(c *values) {
	const maxAge = "max_age"
	for name, s := range c.Collectors.Schedules() {
		enabled, interval := "collectors."+name+".enabled", "collectors."+name+".interval"
		v.between(interval, s.Interval, time.Second, 0)
		switch {
		case !s.Enabled || v.anyInvalid(maxAge, enabled, interval) || c.MaxAge <= 0:
		case c.MaxAge-s.Interval >= s.Interval: // twice the interval could overflow
		case !v.IsSet(maxAge):
			v.Addf(interval, "must be at most half of max_age, which is %s by default", model.Duration(c.MaxAge))
		case !v.IsSet(interval):
			v.Addf(maxAge, "must be at least twice %s, which is %s by default", interval, model.Duration(s.Interval))
		default:
			v.Addf(maxAge, "must be at least twice %s", interval)
		}
	}
}

func (v validator) superSIMUsage(path string, c SuperSIMUsage) {
	v.groups(path+".groups", c.Groups)
	v.matches(path+".filter.network", c.Filter.Network, `^HW[0-9a-fA-F]{32}$`, "HW and 32 hexadecimal digits")
	v.matches(path+".filter.iso_country", c.Filter.IsoCountry, `^[A-Z]{2}$`, "two upper-case letters")
	v.between(path+".hour_delay", c.HourDelay, 0, year)
	usage, cost := path+".settle.usage", path+".settle.cost"
	v.between(usage, c.Settle.Usage, 0, year)
	v.between(cost, c.Settle.Cost, 0, year)
	switch {
	case c.Settle.Cost >= c.Settle.Usage || v.anyInvalid(usage, cost):
	case v.IsSet(cost):
		v.Addf(cost, "must not be shorter than settle.usage")
	default:
		v.Addf(cost, "must not be shorter than settle.usage, and is %s by default", model.Duration(c.Settle.Cost))
	}
}

// superSIMDataLimits needs the inventory, which has the limits and knows in which
// fleet a SIM is.
func (v validator) superSIMDataLimits(path string, c Collectors) {
	const inventory = "collectors.supersim_inventory.enabled"
	enabled := path + ".enabled"
	if c.SuperSIMDataLimits.Enabled && !c.SuperSIMInventory.Enabled && !v.anyInvalid(enabled, inventory) {
		v.Addf(enabled, "needs %s", inventory)
	}
	if share := c.SuperSIMDataLimits.WatchFrom; !v.IsInvalid(path+".watch_from") && (share <= 0 || share > 1) {
		v.Addf(path+".watch_from", "must be more than 0 and at most 1")
	}
	v.atLeast(path+".max_requests", c.SuperSIMDataLimits.MaxRequests, 2)
}

// anyInvalid reports whether one of the keys has no usable value: a fault that
// compares it with others would mislead.
func (v validator) anyInvalid(keys ...string) bool { return slices.ContainsFunc(keys, v.IsInvalid) }

func (v validator) groups(path string, list []string) {
	if len(list) == 0 {
		v.Addf(path, "must name at least one of %s", strings.Join(groups(), ", "))
	}
	for i, group := range list {
		v.oneOf(strictyaml.Item(path, i), group, groups()...)
	}
	v.distinct(path, list)
}

// distinct allows no element twice. Empty ones have had their fault.
func (v validator) distinct(path string, list []string) {
	first := map[string]int{}
	for i, s := range list {
		if before, ok := first[s]; ok && s != "" {
			v.Addf(strictyaml.Item(path, i), "duplicate of element [%d]", before)
			continue
		}
		first[s] = i
	}
}

// oneOf allows one of the words. An empty one has had its fault, as for matches.
func (v validator) oneOf(path, word string, words ...string) {
	if word != "" && !slices.Contains(words, word) {
		v.Addf(path, "must be one of %s", strings.Join(words, ", "))
	}
}

func (v validator) matches(path, text, pattern, meaning string) {
	if text != "" && !regexp.MustCompile(pattern).MatchString(text) {
		v.Addf(path, "must be %s", meaning)
	}
}

// between allows a duration from least to most; a most of 0 is no limit.
func (v validator) between(path string, d, least, most time.Duration) {
	switch {
	case most == 0 && d < least:
		v.Addf(path, "must be %s or more", model.Duration(least))
	case most > 0 && (d < least || d > most):
		v.Addf(path, "must be from %s to %dd", model.Duration(least), most/day)
	}
}

func (v validator) positive(path string, d time.Duration) {
	if d <= 0 {
		v.Addf(path, "must be more than 0")
	}
}

func (v validator) atLeast(path string, n, least int) {
	if n < least {
		v.Addf(path, "must be %d or more", least)
	}
}
