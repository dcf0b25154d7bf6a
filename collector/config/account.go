package config

import (
	"cmp"
	"crypto/sha256"
	"fmt"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// Account is one account and how to reach it.
type Account struct {
	// Name is the value of the label account: unique, UTF-8, 1 to 128 bytes.
	// Default: AccountSID.
	Name string `yaml:"name"`
	// Provider is ProviderTwilio, the default, or ProviderKORE.
	Provider twilio.Provider `yaml:"provider"`
	// AccountSID is AC and 32 hexadecimal digits; for KORE it may be empty.
	AccountSID string `yaml:"account_sid,omitempty"`
	// SuperSIMURL is the origin of the Super SIM API, without a trailing slash.
	// Default: the provider's.
	SuperSIMURL string `yaml:"supersim_url"`
	// APIURL is the origin of the account API, without a trailing slash.
	// Default: the provider's; empty for KORE, which has no account API.
	APIURL string `yaml:"api_url,omitempty"`
	// Subaccounts says which subaccounts are watched too.
	Subaccounts Subaccounts `yaml:"subaccounts,omitempty"`
	// HTTPClient holds one kind of credentials, and the options for TLS, proxies
	// and headers.
	HTTPClient promconfig.HTTPClientConfig `yaml:",inline"`
	// Collectors are the options of the account's collectors. Default: those of the
	// top level, key by key.
	Collectors Collectors `yaml:"collectors,omitempty"`
}

// newAccount returns an account with the defaults that are the same for all, and the
// top level's options of the collectors.
func newAccount(collectors Collectors) Account {
	return Account{Provider: twilio.ProviderTwilio, Collectors: collectors, HTTPClient: promconfig.DefaultHTTPClientConfig}
}

// complete sets the defaults that depend on other keys.
func (a *Account) complete() {
	a.Name = cmp.Or(a.Name, a.AccountSID)
	a.SuperSIMURL = cmp.Or(a.SuperSIMURL, a.Provider.SuperSIMURL())
	a.APIURL = cmp.Or(a.APIURL, a.Provider.APIURL())
	if a.Provider == twilio.ProviderTwilio {
		a.Subaccounts = a.Subaccounts.withLists()
	}
	if a.Subaccounts.Enabled {
		a.Collectors.AccountUsage.IncludeSubaccounts = false // else what is found would count twice
	}
	if o := a.HTTPClient.OAuth2; o != nil {
		o.TokenURL = cmp.Or(o.TokenURL, a.Provider.TokenURL())
	}
	// The library sends an empty scheme if no type is given.
	if auth := a.HTTPClient.Authorization; auth != nil {
		auth.Type = cmp.Or(auth.Type, "Bearer")
	}
}

// Identity returns a text that stays the same over reloads as long as name,
// provider, account_sid and both URLs do. Without account_sid, the OAuth 2 client
// says whose account it is: a hash of client_id takes its part. It contains no
// secret.
func (a Account) Identity() string {
	owner := a.AccountSID
	if o := a.HTTPClient.OAuth2; owner == "" && o != nil {
		owner = fmt.Sprintf("client %.8x", sha256.Sum256([]byte(o.ClientID)))
	}
	return fmt.Sprintf("%q|%q|%q|%q|%q", a.Name, a.Provider, owner, a.SuperSIMURL, a.APIURL)
}

// String returns Identity: a printed Account shows no secret.
func (a Account) String() string { return a.Identity() }

// GoString returns Identity, so that %#v shows no secret either.
func (a Account) GoString() string { return a.Identity() }
