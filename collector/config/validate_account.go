package config

import (
	"strings"
	"unicode/utf8"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// accountSID is what the SID of an account looks like.
const (
	accountSID        = `^AC[0-9a-fA-F]{32}$`
	accountSIDMeaning = "AC and 32 hexadecimal digits"
	maxName           = 128 // bytes
)

func (v validator) accounts(accounts []Account) {
	if len(accounts) == 0 && !v.IsInvalid("accounts") {
		v.Addf("accounts", "at least one account is required")
	}
	first := map[string]int{}
	for i := range accounts {
		path, a := strictyaml.Item("accounts", i), &accounts[i]
		if v.IsInvalid(path) {
			continue
		}
		v.account(path, a)
		if before, ok := first[a.Name]; ok && a.Name != "" {
			other := strictyaml.Item("accounts", before)
			v.Addf(path+".name", "duplicate of the name of %s on line %d", other, v.Line(other+".name"))
			continue
		}
		first[a.Name] = i
	}
	v.parents(accounts)
}

func (v validator) account(path string, a *Account) {
	if len(a.Name) > maxName || !utf8.ValidString(a.Name) {
		v.Addf(path+".name", "must be UTF-8 of at most %d bytes", maxName)
	}
	if v.IsInvalid(path + ".provider") {
		a.Provider = "" // unknown, so the requirements of neither apply
	}
	v.oneOf(path+".provider", string(a.Provider), string(twilio.ProviderTwilio), string(twilio.ProviderKORE))
	v.matches(path+".account_sid", a.AccountSID, accountSID, accountSIDMeaning)
	switch a.Provider {
	case twilio.ProviderTwilio:
		v.Missingf(path+".account_sid", "required by provider twilio")
	case twilio.ProviderKORE:
		if !v.IsIntended(path + ".account_sid") {
			v.Missingf(path+".name", "required if account_sid is not set")
		}
		if v.IsSet(path + ".api_url") {
			v.Addf(path+".api_url", "not allowed: KORE has no account API")
		}
	}
	// The client compares the origins with those of page links, which have no
	// trailing slash.
	a.SuperSIMURL = v.origin(path+".supersim_url", a.SuperSIMURL)
	a.APIURL = v.origin(path+".api_url", a.APIURL)
	v.subaccounts(path+".subaccounts", a)
	v.credentials(path, a)
	a.complete()
	v.client(path, a)
}

// origin checks an API's URL and returns it without a trailing slash.
func (v validator) origin(path, raw string) string {
	v.url(path, raw, urlRules{schemes: []string{"http", "https"}})
	return strings.TrimSuffix(raw, "/")
}
