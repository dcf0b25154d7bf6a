package config

import (
	"strings"
	"unicode/utf8"
)

// accountSID is what the SID of an account looks like.
const (
	accountSID        = `^AC[0-9a-fA-F]{32}$`
	accountSIDMeaning = "AC and 32 hexadecimal digits"
	maxName           = 128 // bytes
)

func (v validator) accounts(accounts []Account) {
	if len(accounts) == 0 && !v.broken("accounts") {
		v.add("accounts", "at least one account is needed")
	}
	first := map[string]int{}
	for i := range accounts {
		path, a := item("accounts", i), &accounts[i]
		if v.broken(path) {
			continue
		}
		v.account(path, a)
		if before, ok := first[a.Name]; ok && a.Name != "" {
			v.add(path+".name", "the same as that of %s in line %d", item("accounts", before), v.line(item("accounts", before)+".name"))
			continue
		}
		first[a.Name] = i
	}
}

func (v validator) account(path string, a *Account) {
	if len(a.Name) > maxName || !utf8.ValidString(a.Name) {
		v.add(path+".name", "must be UTF-8 of at most %d bytes", maxName)
	}
	if v.broken(path + ".provider") {
		a.Provider = "" // which of them is not known, so neither's needs are
	}
	v.oneOf(path+".provider", string(a.Provider), string(Twilio), string(KORE))
	v.matches(path+".account_sid", a.AccountSID, accountSID, accountSIDMeaning)
	switch a.Provider {
	case Twilio:
		v.missing(path+".account_sid", "provider twilio needs it")
	case KORE:
		if !v.has(path + ".account_sid") {
			v.missing(path+".name", "needed where account_sid is left out")
		}
		if v.set(path + ".api_url") {
			v.add(path+".api_url", "KORE has no account API")
		}
	}
	// The origins are compared with those of page links, which end without
	// a slash.
	a.SuperSIMURL = v.origin(path+".supersim_url", a.SuperSIMURL)
	a.APIURL = v.origin(path+".api_url", a.APIURL)
	v.credentials(path, a)
	a.complete()
	v.client(path, a)
}

// origin checks an API's URL and returns it without a slash at its end.
func (v validator) origin(path, raw string) string {
	v.url(path, raw, urlRules{schemes: []string{"http", "https"}})
	return strings.TrimSuffix(raw, "/")
}
