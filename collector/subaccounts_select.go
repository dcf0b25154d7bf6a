package collector

import (
	"cmp"
	"slices"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// SelectSubaccounts returns the accounts to watch of those that Subaccounts has listed
// for a parent, in all shards, sorted by name: those that are open, selected by the
// configuration, and without an entry of their own. leftOut is how many are closed,
// suspended or not selected. A name that redact changes has a secret in it; the SID takes
// its place.
func SelectSubaccounts(cfg *config.Config, parent config.Account, listed []twilio.Account, redact func(string) string) (found []config.Account, leftOut int) {
	own := make(map[string]bool)
	for _, c := range cfg.AllAccounts() {
		own[strings.ToLower(c.AccountSID)] = true
	}
	selects := parent.Subaccounts.Selector()
	alike := make(map[string]int)
	var selected []twilio.Account
	for _, a := range listed {
		switch {
		case own[strings.ToLower(a.SID)]:
		case !a.Status.IsOpen() || !selects(a.SID, a.FriendlyName):
			leftOut++
		default:
			a.FriendlyName = shortName(a.FriendlyName)
			alike[a.FriendlyName]++
			selected = append(selected, a)
		}
	}
	for _, a := range selected {
		name := parent.Name + "/" + a.FriendlyName
		if a.FriendlyName == "" || alike[a.FriendlyName] > 1 || isTaken(cfg, parent.Name, name) || looksLikeSID(a.FriendlyName) ||
			redact(a.FriendlyName) != a.FriendlyName {
			name = parent.Name + "/" + a.SID
		}
		found = append(found, parent.Subaccount(name, a.SID))
	}
	slices.SortFunc(found, func(a, b config.Account) int { return cmp.Compare(a.Name, b.Name) })
	return found, leftOut
}

// maxFriendlyName is the length of the longest friendly name in a label, in characters:
// Twilio's own limit.
const maxFriendlyName = 64

// shortName is a friendly name as part of a label. The client has replaced control
// characters.
func shortName(name string) string {
	if runes := []rune(name); len(runes) > maxFriendlyName {
		name = string(runes[:maxFriendlyName])
	}
	return strings.TrimSpace(name)
}

// looksLikeSID reports whether a friendly name could be taken for another account's SID.
func looksLikeSID(name string) bool { return len(name) == 34 && strings.HasPrefix(name, "AC") }

// isTaken reports whether a name belongs to an account of the configuration, or to the
// subaccounts of another parent: with parents x and x/y, x/y/z can be of either.
func isTaken(cfg *config.Config, parent, name string) bool {
	return slices.ContainsFunc(cfg.AllAccounts(), func(c config.Account) bool {
		return c.Name == name || c.Subaccounts.Enabled && len(c.Name) > len(parent) && strings.HasPrefix(name, c.Name+"/")
	})
}
