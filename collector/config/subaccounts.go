package config

import "regexp"

// Subaccounts says which subaccounts of an account are watched, each as an account of
// its own. For ProviderTwilio only.
type Subaccounts struct {
	// Enabled is false by default.
	Enabled bool `yaml:"enabled"`
	// Include are the only ones to watch: regular expressions (RE2), anchored at both
	// ends, of which one matches the SID or the friendly name. Default: none, which
	// means all.
	Include []string `yaml:"include"`
	// Exclude are not watched, even if Include has them. Default: none.
	Exclude []string `yaml:"exclude"`
}

// withLists has empty lists instead of none, which the effective configuration shows.
func (s Subaccounts) withLists() Subaccounts {
	if s.Include == nil {
		s.Include = []string{}
	}
	if s.Exclude == nil {
		s.Exclude = []string{}
	}
	return s
}

// Selector returns the function that reports whether to watch the subaccount with a
// SID and a friendly name.
func (s Subaccounts) Selector() func(sid, name string) bool {
	compile := func(patterns []string) func(sid, name string) bool {
		var all []*regexp.Regexp
		for _, p := range patterns {
			all = append(all, regexp.MustCompile(anchored(p))) // validated
		}
		return func(sid, name string) bool {
			for _, r := range all {
				if r.MatchString(sid) || r.MatchString(name) {
					return true
				}
			}
			return false
		}
	}
	include, exclude := compile(s.Include), compile(s.Exclude)
	return func(sid, name string) bool {
		return (len(s.Include) == 0 || include(sid, name)) && !exclude(sid, name)
	}
}

// anchored is a regular expression for whole texts.
func anchored(pattern string) string { return "^(?:" + pattern + ")$" }

// Subaccount returns the configuration of a subaccount that was found: that of its
// parent under another name and SID. The credentials are those of the parent, too. They
// open the subaccount's account API, and would show the parent's own SIMs, not the
// subaccount's, in the Super SIM API; and subaccounts have no balance. So only its
// account usage is left.
func (a Account) Subaccount(name, sid string) Account {
	a.Name, a.AccountSID, a.Subaccounts = name, sid, Subaccounts{}
	a.Collectors = Collectors{AccountUsage: a.Collectors.AccountUsage}
	a.Collectors.AccountUsage.IncludeSubaccounts = false
	return a
}

// AllAccounts returns the accounts of all shards in the order of the file.
func (c *Config) AllAccounts() []Account { return c.values.Accounts }

// Serves reports whether an account of this name, in the file or not, is in the shard.
// It is true for exactly one of the shards.
func (c *Config) Serves(name string) bool { return c.shard.contains(name) }

// ServesSubaccount reports whether a subaccount that was found is in the shard. Its name
// may change, and the shard must not: two shards would poll the subaccount until both
// know the new name, or neither.
func (c *Config) ServesSubaccount(parent, sid string) bool { return c.Serves(parent + "/" + sid) }
