package exporter

import (
	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// collectorType is a row of the table of all collectors.
type collectorType struct {
	name     string // key in the configuration, and value of the label collector
	families func(config.Collectors) []metric.Family
	schedule func(config.Collectors) config.Schedule
	new      func(*collector.Account, config.Collectors) collector.Collector

	// providerHas reports whether a provider has the API that the collector asks;
	// nil: every provider has.
	providerHas func(twilio.Provider) bool
	// after names the collector whose successful polls can make a poll of this one due.
	after string
}

// collectorTypes is the table of all collectors, in the order in which their
// first polls begin.
func collectorTypes() []collectorType {
	return []collectorType{
		{
			name: "supersim_inventory",
			families: func(c config.Collectors) []metric.Family {
				return collector.SuperSIMInventoryFamilies(c.SuperSIMInventory)
			},
			schedule: func(c config.Collectors) config.Schedule { return c.SuperSIMInventory.Schedule },
			new: func(a *collector.Account, c config.Collectors) collector.Collector {
				return collector.NewSuperSIMInventory(a, c.SuperSIMInventory)
			},
		},
		{
			name:     "supersim_usage",
			families: func(config.Collectors) []metric.Family { return collector.SuperSIMUsageFamilies() },
			schedule: func(c config.Collectors) config.Schedule { return c.SuperSIMUsage.Schedule },
			new: func(a *collector.Account, c config.Collectors) collector.Collector {
				return collector.NewSuperSIMUsage(a, c.SuperSIMUsage)
			},
			after: "supersim_inventory", // with it, silent SIMs have counters
		},
		{
			name:     "account_usage",
			families: func(config.Collectors) []metric.Family { return collector.AccountUsageFamilies() },
			schedule: func(c config.Collectors) config.Schedule { return c.AccountUsage.Schedule },
			new: func(a *collector.Account, c config.Collectors) collector.Collector {
				return collector.NewAccountUsage(a, c.AccountUsage)
			},
			providerHas: twilio.Provider.HasAccountAPI,
		},
		{
			name:     "account_balance",
			families: func(config.Collectors) []metric.Family { return collector.AccountBalanceFamilies() },
			schedule: func(c config.Collectors) config.Schedule { return c.AccountBalance.Schedule },
			new: func(a *collector.Account, _ config.Collectors) collector.Collector {
				return collector.NewAccountBalance(a)
			},
			providerHas: twilio.Provider.HasAccountAPI,
		},
		{
			name:     "supersim_data_limits",
			families: func(config.Collectors) []metric.Family { return collector.SuperSIMDataLimitsFamilies() },
			schedule: func(c config.Collectors) config.Schedule { return c.SuperSIMDataLimits.Schedule },
			new: func(a *collector.Account, c config.Collectors) collector.Collector {
				return collector.NewSuperSIMDataLimits(a, c.SuperSIMDataLimits)
			},
			after: "supersim_inventory", // it has the limits
		},
	}
}

// Families are those that the exporter exposes with a configuration of the
// collectors, apart from those of the Go runtime, the process and the HTTP handler.
func Families(cfg config.Collectors) []metric.Family {
	return append(resultFamilies(cfg), selfFamilies()...)
}

// widest are options with which the families have every label that they have for one
// of the accounts.
func widest(accounts []config.Account) config.Collectors {
	var options config.Collectors
	for _, a := range accounts {
		if a.Collectors.SuperSIMInventory.ICCID {
			options.SuperSIMInventory.ICCID = true
		}
	}
	return options
}

// resultFamilies are those of all collectors' results.
func resultFamilies(cfg config.Collectors) []metric.Family {
	var families []metric.Family
	for _, t := range collectorTypes() {
		families = append(families, t.families(cfg)...)
	}
	return families
}
