package config

import (
	"math"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// requestBudget must carry the polls of each account, if each collector polls as seldom
// as max_age allows, once a day at least, and each listing takes one request.
func (v validator) requestBudget(path string, c *values) {
	limit := c.API.MaxRequestsPerHour
	v.atLeast(path, limit, 0)
	if limit <= 0 || v.anyInvalid(path, "max_age", "collectors") {
		return
	}
	for i, account := range c.Accounts {
		var perHour float64
		var longest time.Duration
		for name, s := range account.Collectors.Schedules() {
			accountAPI := name == "account_usage" || name == "account_balance"
			if !s.Enabled || s.Interval <= 0 || accountAPI && !account.Provider.HasAccountAPI() {
				continue
			}
			interval := LongestInterval(s.Interval, c.MaxAge)
			for _, requests := range account.Collectors.LeastRequests(name) {
				perHour += float64(requests) / interval.Hours()
			}
			longest = max(longest, interval)
		}
		if least := int(math.Ceil(perHour)); limit < least {
			v.Addf(path, "must be %d or more, or 0 for no limit: %s needs that many for one poll of each collector every %s, as max_age demands",
				least, strictyaml.Item("accounts", i), model.Duration(longest))
			return
		}
	}
}
