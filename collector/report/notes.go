package report

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/model"
)

// notes are what a reader has to know of an account to read its numbers right.
func (m *month) notes(a *Account) []string {
	var notes []string
	add := func(when bool, format string, args ...any) {
		if when {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	on := m.account.Collectors
	if m.elsewhere {
		return []string{"The account itself is reported by another shard."}
	}
	add(m.found, "This subaccount is read with the credentials of its parent, which do not open its Super SIM data: there is no usage of SIMs. "+
		"For that, add an entry to accounts with its account_sid and credentials of its own.")
	add(!on.SuperSIMUsage.Enabled && !m.found, "The configuration has supersim_usage off for this account: there is no usage of SIMs.")
	if m.this != nil {
		_, open := m.span.billed(m.settle)
		total := m.this.total()
		add(m.span.month.isEmpty(), "The month has no whole hour yet.")
		add(!m.span.hasBefore(), "There is nothing to compare with: the API goes back %d months.", historyMonths)
		add(!open.isEmpty(), "What was used from %s on may not be billed completely: amounts come up to %s late, so the change of the cost looks lower than it is.",
			moment(open.start), model.Duration(m.settle))
		unbilled := 0
		for i := range a.SIMs {
			if a.SIMs[i].Unbilled {
				unbilled++
			}
		}
		add(total.unbilled || unbilled > 0, "Some usage is not billed yet; it has no amount, which is not an amount of 0. SIMs with such usage: %d.", unbilled)
		add(total.noCurrency, "The API reports amounts without a currency; they are not counted.")
		gone := 0
		for sid := range m.this[bySIM] {
			if _, known := m.names.sims[sid]; !known && sid != "" {
				gone++
			}
		}
		add(m.names.sims != nil && gone > 0, "SIMs with usage that are not in the list of SIMs any more, because they were deleted or belong to another account now: %d.", gone)
		add(filterText(m) != "", "Only usage of %s is counted, as the filter of the configuration says.", filterText(m))
	}
	switch {
	case !m.account.Provider.HasAccountAPI():
		notes = append(notes, "KORE has no API for the usage of the whole account, so there are no categories.")
	case !on.AccountUsage.Enabled:
		notes = append(notes, "The configuration has account_usage off for this account: there are no categories.")
	case m.hasBill:
		add(true, "Categories overlap and must not be added up; totalprice is the whole bill, as of %s.", moment(m.bill.asOf))
		add(!m.span.over, "Categories are not compared: the API gives them by whole months.")
		add(on.AccountUsage.IncludeSubaccounts, "The categories include the subaccounts, if there are any; the SIMs are those of the account itself.")
		add(m.account.Subaccounts.Enabled, "The categories are without those of the subaccounts, each of which has a section of its own.")
	}
	add(m.leftOut > 0, "Subaccounts without a section, because they are suspended, closed, or left out by the configuration: %d. What they used is not in this report.", m.leftOut)
	return notes
}

// filterText is the filter of the configuration in words.
func filterText(m *month) string {
	f := m.account.Collectors.SuperSIMUsage.Filter
	var parts []string
	for _, part := range []struct{ name, value string }{{"SIM", f.Sim}, {"fleet", f.Fleet}, {"network", f.Network}, {"country", f.IsoCountry}} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	return strings.Join(parts, ", ")
}
