package config

import "testing"

// TestDataLimits: the share is a number from more than 0 to 1, and without the
// inventory there are no limits.
func TestDataLimits(t *testing.T) {
	const share = "file:4: collectors.supersim_data_limits.watch_from: "
	for options, want := range map[string]string{
		"enabled: true":               "",
		"watch_from: 1":               "",
		"watch_from: 1e-6":            "",
		"watch_from: 0":               share + "must be more than 0 and at most 1",
		"watch_from: -0.5":            share + "must be more than 0 and at most 1",
		"watch_from: 1.01":            share + "must be more than 0 and at most 1",
		"watch_from: 50%":             share + "must be a number",
		"watch_from: .nan":            share + "must be a number",
		"watch_from: .inf":            share + "must be a number",
		"watch_from: true":            share + "must be a number",
		`watch_from: "0.5"`:           share + "must be a number",
		"watch_from: ":                share + "no value is given",
		"max_requests: 1":             "file:4: collectors.supersim_data_limits.max_requests: must be 2 or more",
		"max_requests: 1.5":           "file:4: collectors.supersim_data_limits.max_requests: must be a whole number",
		"interval: 2h":                "", // it is off
		"enabled: true, interval: 2h": "file:4: collectors.supersim_data_limits.interval: must be at most half of max_age, which is 3h by default",
		"enabled: true}, supersim_inventory: {enabled: false":  "file:4: collectors.supersim_data_limits.enabled: needs collectors.supersim_inventory.enabled",
		"enabled: false}, supersim_inventory: {enabled: false": "",
	} {
		have := ""
		if _, err := Parse("file", []byte(minimal+"collectors: {supersim_data_limits: {"+options+"}}")); err != nil {
			have = err.Error()
		}
		if have != want {
			t.Errorf("%s: want %q, have %q", options, want, have)
		}
	}
}
