package config

import (
	"time"

	promconfig "github.com/prometheus/common/config"
)

// groups are the words that collectors.supersim_usage.groups may hold.
func groups() []string { return []string{"account", "sim", "fleet", "network", "country"} }

// defaults is the configuration of an empty file, which lacks an account.
func defaults() values {
	return values{
		Collectors: Collectors{
			SuperSIMUsage: SuperSIMUsage{
				Enabled:   true,
				Interval:  15 * time.Minute,
				Groups:    groups(),
				HourDelay: time.Hour,
				Settle:    Settle{Usage: 2 * time.Hour, Cost: 24 * time.Hour},
			},
			SuperSIMInventory: SuperSIMInventory{Enabled: true, Interval: time.Hour},
			AccountUsage: AccountUsage{
				Enabled:            true,
				Interval:           time.Hour,
				IncludeSubaccounts: true,
				Categories:         []string{},
				Settle:             24 * time.Hour,
			},
			AccountBalance: AccountBalance{Enabled: true, Interval: time.Hour},
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

// newAccount holds the defaults that are the same for every account.
func newAccount() Account {
	return Account{Provider: Twilio, HTTPClient: promconfig.DefaultHTTPClientConfig}
}

// complete fills in the defaults that depend on what was given.
func (a *Account) complete() {
	if a.Name == "" {
		a.Name = a.AccountSID
	}
	superSIM, api, token := "https://supersim.twilio.com", "https://api.twilio.com", ""
	if a.Provider == KORE {
		superSIM, api = "https://supersim.api.korewireless.com", ""
		token = "https://api.korewireless.com/api-services/v1/auth/token"
	}
	if a.SuperSIMURL == "" {
		a.SuperSIMURL = superSIM
	}
	if a.APIURL == "" {
		a.APIURL = api
	}
	if o := a.HTTPClient.OAuth2; o != nil && o.TokenURL == "" {
		o.TokenURL = token
	}
	// The library sends an empty scheme where no type is given.
	if auth := a.HTTPClient.Authorization; auth != nil && auth.Type == "" {
		auth.Type = "Bearer"
	}
}
