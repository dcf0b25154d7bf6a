package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestSchedules: every field of Collectors has a schedule, which is validated without
// a line of code for it. All but one are on by default.
func TestSchedules(t *testing.T) {
	var keys []string
	for key, s := range defaults().Collectors.Schedules() {
		keys = append(keys, key)
		if want := key != "supersim_data_limits"; s.Enabled != want || s.Interval <= 0 {
			t.Errorf("%s: want enabled: %t by default, have %+v", key, want, s)
		}
		const fault = ".interval: must be 1s or more"
		if _, err := Parse("file", []byte(minimal+"collectors: {"+key+": {interval: 0}}")); err == nil || err.Error() != "file:4: collectors."+key+fault {
			t.Errorf("%s: want the fault %q, have %v", key, fault, err)
		}
	}
	if want, have := reflect.TypeFor[Collectors]().NumField(), len(keys); have != want || keys[0] != "supersim_usage" {
		t.Errorf("want %d collectors in the order of their fields, have %q", want, keys)
	}
	for range defaults().Collectors.Schedules() {
		break // must not go on
	}
}

// TestMaxAge: results must not expire between two polls of a collector that is on.
func TestMaxAge(t *testing.T) {
	// By default most intervals are an hour.
	var faults []string
	for name, schedule := range defaults().Collectors.Schedules() {
		if schedule.Enabled && schedule.Interval == time.Hour {
			faults = append(faults, "file:4: max_age: must be at least twice collectors."+name+".interval, which is 1h by default")
		}
	}
	tooShort := strings.Join(faults, "\n")
	for options, want := range map[string]string{
		"max_age: 2h": "",
		"collectors: {supersim_usage: {interval: 90m}}":              "",
		"collectors: {account_balance: {interval: 1h30m1s}}":         "file:4: collectors.account_balance.interval: must be at most half of max_age, which is 3h by default",
		"collectors: {account_usage: {interval: 292y}}":              "file:4: collectors.account_usage.interval: must be at most half of max_age, which is 3h by default",
		"collectors: {supersim_usage: {interval: 2h}}\nmax_age: 4h":  "",
		"collectors: {supersim_usage: {interval: 3h}}\nmax_age: 4h":  "file:5: max_age: must be at least twice collectors.supersim_usage.interval",
		"collectors: {supersim_usage: {interval: 3h}}\nmaxage: 9h":   "file:5: maxage: unknown key; did you mean max_age?",
		"collectors: {supersim_usage: {intervall: 3h}}\nmax_age: 2h": "file:4: collectors.supersim_usage.intervall: unknown key; did you mean interval?",
		"max_age: 119m": tooShort,
		"collectors: {account_usage: {enabled: false, interval: 1d}}": "",
		"collectors: {account_usage: {enabled: no, interval: 1d}}":    "file:4: collectors.account_usage.enabled: must be true or false",
		"collectors: {account_usage: {interval: 2h}, account_balance: {interval: 2h}}": `file:4: collectors.account_usage.interval: must be at most half of max_age, which is 3h by default
file:4: collectors.account_balance.interval: must be at most half of max_age, which is 3h by default`,
	} {
		have := ""
		if _, err := Parse("file", []byte(minimal+options)); err != nil {
			have = err.Error()
		}
		if have != want {
			t.Errorf("%s: want\n%s\nhave\n%s", strings.ReplaceAll(options, "\n", "; "), want, have)
		}
	}
}

// TestRollover: results must not expire while counters show 0 between two months.
func TestRollover(t *testing.T) {
	var intervals []string
	for name := range defaults().Collectors.Schedules() {
		intervals = append(intervals, name+": {interval: 1m}")
	}
	often := "collectors: {" + strings.Join(intervals, ", ") + "}\n"
	for options, want := range map[string]string{
		"rollover: 3h":                      "",
		"rollover: 4h":                      "file:4: rollover: must not be longer than max_age, which is 3h by default",
		often + "max_age: 15m":              "",
		often + "max_age: 5m":               "file:5: max_age: must not be shorter than rollover, which is 15m by default",
		often + "max_age: 5m\nrollover: 5m": "",
		often + "max_age: 5m\nrollover: 6m": "file:5: max_age: must not be shorter than rollover",
		often + "max_age: 0s\nrollover: 6m": "file:5: max_age: must be more than 0",
	} {
		have := ""
		if _, err := Parse("file", []byte(minimal+options)); err != nil {
			have = err.Error()
		}
		if have != want {
			t.Errorf("%s: want %q, have %q", strings.ReplaceAll(options, "\n", "; "), want, have)
		}
	}
}
