package config

import "time"

// groups are the words that collectors.supersim_usage.groups may contain.
func groups() []string { return append(defaultGroups(), "sim_network") }

// defaultGroups take at most two requests for each thousand SIMs.
func defaultGroups() []string { return []string{"account", "sim", "fleet", "network", "country"} }

// defaults returns the configuration of an empty file, which lacks an account.
func defaults() values {
	every := func(interval time.Duration) Schedule { return Schedule{Enabled: true, Interval: interval} }
	return values{
		Collectors: Collectors{
			SuperSIMUsage: SuperSIMUsage{
				Schedule:  every(15 * time.Minute),
				Groups:    defaultGroups(),
				HourDelay: time.Hour,
				Settle:    Settle{Usage: 2 * time.Hour, Cost: 24 * time.Hour},
			},
			SuperSIMInventory: SuperSIMInventory{Schedule: every(time.Hour)},
			AccountUsage: AccountUsage{
				Schedule:           every(time.Hour),
				IncludeSubaccounts: true,
				Categories:         []string{},
				Settle:             24 * time.Hour,
			},
			AccountBalance: AccountBalance{Schedule: every(time.Hour)},
			SuperSIMDataLimits: SuperSIMDataLimits{
				Schedule: Schedule{Interval: time.Hour}, WatchFrom: 0.5, MaxRequests: 1000,
			},
		},
		Rollover: 15 * time.Minute,
		MaxAge:   3 * time.Hour,
		API: API{
			Timeout:        30 * time.Second,
			MaxRetries:     5,
			MaxConcurrency: 2,
			MaxRecords:     2_000_000,
		},
	}
}
