package config

import (
	"iter"
	"reflect"
	"time"
)

// Collectors holds the options of each collector, which embed its Schedule. The
// YAML keys are the values of the label collector.
type Collectors struct {
	SuperSIMUsage      SuperSIMUsage      `yaml:"supersim_usage"`
	SuperSIMInventory  SuperSIMInventory  `yaml:"supersim_inventory"`
	AccountUsage       AccountUsage       `yaml:"account_usage"`
	AccountBalance     AccountBalance     `yaml:"account_balance"`
	SuperSIMDataLimits SuperSIMDataLimits `yaml:"supersim_data_limits"`
}

// Schedule says whether and how often a collector polls.
type Schedule struct {
	// Enabled is true by default, but for SuperSIMDataLimits.
	Enabled bool `yaml:"enabled"`
	// Interval is the time between two polls: 1s or more, and at most half of
	// max_age if the collector is enabled.
	Interval time.Duration `yaml:"interval"`
}

// Schedules returns the schedule of each collector by its YAML key, in the order
// of the fields of Collectors.
func (c Collectors) Schedules() iter.Seq2[string, Schedule] {
	return func(yield func(string, Schedule) bool) {
		v := reflect.ValueOf(c)
		for i := range v.NumField() {
			schedule := v.Field(i).FieldByName("Schedule").Interface().(Schedule)
			if !yield(v.Type().Field(i).Tag.Get("yaml"), schedule) {
				return
			}
		}
	}
}

// SuperSIMUsage holds the options for the traffic and cost of SIMs.
type SuperSIMUsage struct {
	Schedule `yaml:",inline"` // interval: 15m
	// Groups are the dimensions to count by: account, sim, fleet, network,
	// country, sim_network; one or more, each once. Default: all of them but
	// sim_network, which takes requests for each network.
	Groups []string `yaml:"groups"`
	// Filter restricts the usage that is queried. Default: everything.
	Filter Filter `yaml:"filter"`
	// HourDelay is how long after its end an hour is shown: 0 to 365d,
	// default 1h.
	HourDelay time.Duration `yaml:"hour_delay"`
	// Settle is how long after its end a month stays open.
	Settle Settle `yaml:"settle"`
}

// Filter selects the usage that matches all of its fields; an empty field
// matches everything.
type Filter struct {
	// Sim is a SIM's SID or unique name.
	Sim string `yaml:"sim,omitempty"`
	// Fleet is a fleet's SID or unique name.
	Fleet string `yaml:"fleet,omitempty"`
	// Network is HW and 32 hexadecimal digits.
	Network string `yaml:"network,omitempty"`
	// IsoCountry is two upper-case letters.
	IsoCountry string `yaml:"iso_country,omitempty"`
}

// Settle says how long after its end a month stays open.
type Settle struct {
	// Usage is for bytes: 0 to 365d, default 2h.
	Usage time.Duration `yaml:"usage"`
	// Cost is for money: Usage to 365d, default 24h.
	Cost time.Duration `yaml:"cost"`
}

// SuperSIMInventory holds the options for the lists of SIMs, fleets and networks.
type SuperSIMInventory struct {
	Schedule `yaml:",inline"` // interval: 1h
	// ICCID adds each SIM's ICCID, which is personal data, as a label.
	// Default: false.
	ICCID bool `yaml:"iccid"`
}

// AccountUsage holds the options for the account's usage records, which cover all
// products.
type AccountUsage struct {
	Schedule `yaml:",inline"` // interval: 1h
	// IncludeSubaccounts has the API add the usage of the subaccounts.
	// Default: true.
	IncludeSubaccounts bool `yaml:"include_subaccounts"`
	// Categories are the only ones to show, each once. Default: none, which
	// means all.
	Categories []string `yaml:"categories"`
	// Settle is how long after its end a month stays open for the counters:
	// 0 to 365d, default 24h.
	Settle time.Duration `yaml:"settle"`
}

// AccountBalance holds the options for the account's balance.
type AccountBalance struct {
	Schedule `yaml:",inline"` // interval: 1h
}

// SuperSIMDataLimits holds the options for the usage of SIMs in their own billing
// periods, towards the data limits of their fleets. It needs SuperSIMInventory.
type SuperSIMDataLimits struct {
	Schedule `yaml:",inline"` // enabled: false; interval: 1h
	// WatchFrom is the share of the limit from which a SIM is watched: more than 0,
	// at most 1, default 0.5.
	WatchFrom float64 `yaml:"watch_from"`
	// MaxRequests bounds the requests of one poll about single SIMs: 2 or more,
	// default 1,000.
	MaxRequests int `yaml:"max_requests"`
}
