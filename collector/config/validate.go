package config

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// validator checks what was read against what makes sense, and fills in the
// defaults that depend on other keys.
type validator struct{ *report }

func validate(r *report, c *values) {
	v := validator{r}
	v.accounts(c.Accounts)
	v.superSIMUsage("collectors.supersim_usage", c.Collectors.SuperSIMUsage)
	v.between("collectors.supersim_inventory.interval", c.Collectors.SuperSIMInventory.Interval, time.Second, 0)
	v.accountUsage("collectors.account_usage", c.Collectors.AccountUsage)
	v.between("collectors.account_balance.interval", c.Collectors.AccountBalance.Interval, time.Second, 0)
	v.between("rollover", c.Rollover, time.Second, 7*day)
	v.positive("max_age", c.MaxAge)
	v.positive("api.timeout", c.API.Timeout)
	v.atLeast("api.max_retries", c.API.MaxRetries, 0)
	v.atLeast("api.max_concurrency", c.API.MaxConcurrency, 1)
	v.atLeast("api.max_records", c.API.MaxRecords, 1)
}

func (v validator) superSIMUsage(path string, c SuperSIMUsage) {
	v.between(path+".interval", c.Interval, time.Second, 0)
	v.groups(path+".groups", c.Groups)
	v.matches(path+".filter.network", c.Filter.Network, `^HW[0-9a-fA-F]{32}$`, "HW and 32 hexadecimal digits")
	v.matches(path+".filter.iso_country", c.Filter.IsoCountry, `^[A-Z]{2}$`, "two upper-case letters")
	v.between(path+".hour_delay", c.HourDelay, 0, year)
	usage, cost := path+".settle.usage", path+".settle.cost"
	v.between(usage, c.Settle.Usage, 0, year)
	v.between(cost, c.Settle.Cost, 0, year)
	if c.Settle.Cost >= c.Settle.Usage || v.broken(usage) || v.broken(cost) {
		return
	}
	if v.has(cost) {
		v.add(cost, "must not be shorter than settle.usage")
	} else {
		v.add(cost, "must not be shorter than settle.usage, and is %s where it is left out", model.Duration(c.Settle.Cost))
	}
}

func (v validator) accountUsage(path string, c AccountUsage) {
	v.between(path+".interval", c.Interval, time.Second, 0)
	v.distinct(path+".categories", c.Categories)
	v.between(path+".settle", c.Settle, 0, year)
}

func (v validator) groups(path string, list []string) {
	if len(list) == 0 {
		v.add(path, "must name at least one of %s", strings.Join(groups(), ", "))
	}
	for i, group := range list {
		v.oneOf(item(path, i), group, groups()...)
	}
	v.distinct(path, list)
}

// distinct wants no element twice. Empty ones have had their fault.
func (v validator) distinct(path string, list []string) {
	first := map[string]int{}
	for i, s := range list {
		if before, ok := first[s]; ok && s != "" {
			v.add(item(path, i), "the same as element [%d]", before)
			continue
		}
		first[s] = i
	}
}

// oneOf wants one of the words. An empty one has had its fault, as for
// matches.
func (v validator) oneOf(path, word string, words ...string) {
	if word != "" && !slices.Contains(words, word) {
		v.add(path, "must be one of %s", strings.Join(words, ", "))
	}
}

func (v validator) matches(path, text, pattern, meaning string) {
	if text != "" && !regexp.MustCompile(pattern).MatchString(text) {
		v.add(path, "must be %s", meaning)
	}
}

// between wants a duration of least to most; a most of 0 is no bound.
func (v validator) between(path string, d, least, most time.Duration) {
	switch {
	case most == 0 && d < least:
		v.add(path, "must be %s or more", model.Duration(least))
	case most > 0 && (d < least || d > most):
		v.add(path, "must be from %s to %dd", model.Duration(least), most/day)
	}
}

func (v validator) positive(path string, d time.Duration) {
	if d <= 0 {
		v.add(path, "must be more than 0")
	}
}

func (v validator) atLeast(path string, n, least int) {
	if n < least {
		v.add(path, "must be %d or more", least)
	}
}
