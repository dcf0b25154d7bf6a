package config

import (
	"regexp"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// subaccounts checks the key of one account.
func (v validator) subaccounts(path string, a *Account) {
	if a.Provider == twilio.ProviderKORE && v.IsSet(path) {
		v.Addf(path, "not allowed: KORE has no account API")
		return
	}
	v.patterns(path+".include", a.Subaccounts.Include)
	v.patterns(path+".exclude", a.Subaccounts.Exclude)
}

func (v validator) patterns(path string, patterns []string) {
	for i, p := range patterns {
		// By itself first: "a)(b" must not use the brackets around it.
		if _, err := regexp.Compile(p); err != nil {
			v.Addf(strictyaml.Item(path, i), "must be a regular expression (RE2)")
		}
	}
	v.distinct(path, patterns)
}

// parents checks the accounts with subaccounts against all others.
func (v validator) parents(accounts []Account) {
	first := map[string]int{}
	for i := range accounts {
		p := &accounts[i]
		path := strictyaml.Item("accounts", i)
		if !p.Subaccounts.Enabled || p.AccountSID == "" || p.Name == "" || v.IsInvalid(path) {
			continue
		}
		if before, ok := first[strings.ToLower(p.AccountSID)]; ok {
			v.Addf(path+".subaccounts.enabled", "the subaccounts are watched by %s, which has the same account_sid", strictyaml.Item("accounts", before))
			continue
		}
		first[strings.ToLower(p.AccountSID)] = i
		for j := range accounts {
			sid, ok := strings.CutPrefix(accounts[j].Name, p.Name+"/")
			if ok && regexp.MustCompile(accountSID).MatchString(sid) && sid != accounts[j].AccountSID {
				v.Addf(strictyaml.Item("accounts", j)+".name", "reserved for a subaccount of %s", path)
			}
		}
	}
}
