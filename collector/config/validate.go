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
	v.between("rollover", c.Rollover, time.Second, 7*day)
	v.positive("max_age", c.MaxAge)
	v.rollover(c)
	v.collectors(c)
	v.positive("api.timeout", c.API.Timeout)
	v.atLeast("api.max_retries", c.API.MaxRetries, 0)
	v.atLeast("api.max_concurrency", c.API.MaxConcurrency, 1)
	v.atLeast("api.max_records", c.API.MaxRecords, 1)
	v.requestBudget("api.max_requests_per_hour", c)
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

// anyInvalid reports whether one of the keys has no usable value: a fault that
// compares it with others would mislead.
func (v validator) anyInvalid(keys ...string) bool { return slices.ContainsFunc(keys, v.IsInvalid) }

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
	case v.IsInvalid(path):
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
	if n < least && !v.IsInvalid(path) {
		v.Addf(path, "must be %d or more", least)
	}
}
