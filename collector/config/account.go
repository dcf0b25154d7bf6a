package config

import (
	"fmt"

	promconfig "github.com/prometheus/common/config"
)

// Provider says whose API an account is served by.
type Provider string

// The providers.
const (
	Twilio Provider = "twilio"
	KORE   Provider = "kore"
)

// HasAccountAPI reports whether the provider answers for account usage and
// balance; where it does not, those two collectors are off for the account.
func (p Provider) HasAccountAPI() bool { return p == Twilio }

// Account is one account and how to reach it.
type Account struct {
	// Name is the value of the label account: unique, UTF-8, 1 to 128 bytes.
	// Default: the account's SID.
	Name string `yaml:"name"`
	// Provider is Twilio (the default) or KORE.
	Provider Provider `yaml:"provider"`
	// AccountSID is AC and 32 hexadecimal digits; for KORE it may be empty.
	AccountSID string `yaml:"account_sid,omitempty"`
	// SuperSIMURL is the origin of the Super SIM API, without a slash at its
	// end. Default: https://supersim.twilio.com or
	// https://supersim.api.korewireless.com.
	SuperSIMURL string `yaml:"supersim_url"`
	// APIURL is the origin of the account API, without a slash at its end.
	// Default: https://api.twilio.com; empty for KORE, which has none.
	APIURL string `yaml:"api_url,omitempty"`
	// HTTPClient holds one kind of credentials and the options for TLS,
	// proxies and headers.
	HTTPClient promconfig.HTTPClientConfig `yaml:",inline"`
}

// Identity tells accounts apart on a reload: it is the same text as long as
// name, provider, account_sid and both URLs are, and holds no secret.
func (a Account) Identity() string {
	return fmt.Sprintf("%q|%q|%q|%q|%q", a.Name, a.Provider, a.AccountSID, a.SuperSIMURL, a.APIURL)
}

// String is Identity, so that an Account may be printed.
func (a Account) String() string { return a.Identity() }

// GoString is Identity, so that %#v shows no secret either.
func (a Account) GoString() string { return a.Identity() }
