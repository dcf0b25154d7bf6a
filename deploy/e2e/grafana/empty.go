package grafana

// Reasons for which a query may return nothing on a healthy installation.
const (
	NeedsDay      = "needs a day of recorded history"
	NeedsSixDays  = "needs six days of recorded history"
	NeedsHour     = "needs a recorded sample at a full hour"
	NeedsBillPace = "needs a day of the bill's recorded history"
	MonthYoung    = "a forecast needs 24 hours of the month to be counted"
	NotAtKORE     = "KORE reports no bill and no balance; subaccounts have no balance"
	NothingWrong  = "shows only problems and recent events"
	NotSet        = "no threshold is set"
	NoLimit       = "no fleet of the SIMs has a data limit"
	NoneSilent    = "no active SIM is silent"
	NoSIM         = "no SIM is selected, or it has no data"
	NeedsTwoDays  = "needs an exporter that has run for two days"
	OffByDefault  = "needs a collector or a group that is off by default"
)

// ExpectedEmpty returns the queries that may return nothing on a healthy
// installation, with the reason. Every other query must return something if an
// account has SIMs with usage, sim is one of them, and the rules were evaluated
// twice.
func ExpectedEmpty() map[Key]string {
	reasons := map[Key]string{}
	add := func(dashboard, panel, refIDs, reason string) {
		for _, refID := range refIDs {
			reasons[Key{dashboard, panel, string(refID)}] = reason
		}
	}
	for _, dashboard := range []string{"twilio-overview", "twilio-fleet-and-sim", "twilio-spend", "twilio-exporter"} {
		reasons[Key{dashboard, "Firing alerts", "Anno"}] = NothingWrong
	}

	const overview = "twilio-overview"
	add(overview, "Balance", "A", NotAtKORE)
	add(overview, "Super SIM cost, forecast and budget", "B", MonthYoung)
	add(overview, "Super SIM cost, forecast and budget", "C", NotSet)
	add(overview, "Accounts: this month and last month", "B", NeedsDay)
	add(overview, "Accounts: this month and last month", "C", MonthYoung)
	add(overview, "Accounts: this month and last month", "D", NotSet)
	add(overview, "Accounts: this month and last month", "EFH", NotAtKORE)
	add(overview, "Accounts: this month and last month", "GI", NeedsBillPace)
	add(overview, "Fleets with the most data", "C", MonthYoung)
	add(overview, "SIMs with the most data", "C", NoLimit)
	add(overview, "Countries", "C", MonthYoung)
	add(overview, "Firing alerts by name", "A", NothingWrong)

	const fleet = "twilio-fleet-and-sim"
	add(fleet, "Fleets", "C", NeedsDay)
	add(fleet, "Fleets", "D", MonthYoung)
	add(fleet, "Fleets", "FG", NoLimit)
	add(fleet, "Fleets", "H", NeedsHour)
	add(fleet, "SIMs by share of their limit", "ABCD", NoLimit)
	add(fleet, "Silent for a day", "A", NeedsDay)
	add(fleet, "SIMs with the most data", "B", NeedsDay)
	add(fleet, "SIMs with the most data", "C", NoLimit)
	add(fleet, "SIMs closest to their limit", "AB", NoLimit)
	add(fleet, "Silent SIMs", "A", NoneSilent)
	add(fleet, "Scheduled SIMs", "A", NothingWrong)
	add(fleet, "SIM details", "A", NoSIM)
	add(fleet, "SIM data this month", "A", NoSIM)
	add(fleet, "SIM share of the limit", "A", NoSIM)
	add(fleet, "SIM cost this month", "A", NoSIM)
	add(fleet, "SIM forecast", "A", MonthYoung)
	add(fleet, "SIM traffic by direction", "AB", NoSIM)
	add(fleet, "SIM traffic by direction", "C", NeedsSixDays)
	add(fleet, "SIM data and limit", "AB", NoSIM)
	add(fleet, "SIM data in its billing period", "A", OffByDefault)
	add(fleet, "SIM billing period ends in", "A", OffByDefault)
	add(fleet, "SIM data by network", "AB", OffByDefault)
	add(fleet, "SIM cost by network", "A", OffByDefault)
	add(fleet, "SIM cost by network", "B", MonthYoung)
	add(fleet, "SIM traffic by network", "A", OffByDefault)
	add(fleet, "SIM cost by network over time", "A", OffByDefault)

	const spend = "twilio-spend"
	add(spend, "Super SIM forecast", "A", MonthYoung)
	add(spend, "Bill so far", "A", NotAtKORE)
	add(spend, "Bill last month", "A", NotAtKORE)
	add(spend, "Categories: this month and last month", "AB", NotAtKORE)
	add(spend, "Categories: share and forecast", "A", NotAtKORE)
	add(spend, "Categories: share and forecast", "B", MonthYoung)
	add(spend, "Bill so far by category, $currency", "A", NotAtKORE)
	add(spend, "Super SIM cost per day", "A", NeedsDay)
	add(spend, "Bill per day", "A", NeedsBillPace)
	add(spend, "Bill, forecast and budget", "AC", NotAtKORE)
	add(spend, "Bill, forecast and budget", "B", NeedsBillPace)
	add(spend, "Balance", "AB", NotAtKORE)
	for _, by := range []string{"fleet", "country", "network"} {
		add(spend, "Cost by "+by, "B", NeedsDay)
		add(spend, "Cost by "+by, "C", MonthYoung)
	}
	add(spend, "Most expensive SIMs", "B", NeedsDay)
	add(spend, "Most expensive SIMs", "C", MonthYoung)

	const exporter = "twilio-exporter"
	reasons[Key{exporter, "Starts", "Anno"}] = NothingWrong
	add(exporter, "Age of the data", "D", NotAtKORE)
	add(exporter, "Failures by reason", "A", NothingWrong)
	add(exporter, "Retries by reason", "A", NothingWrong)
	add(exporter, "Usage decreases", "A", NothingWrong)
	add(exporter, "Bytes reported late", "A", NeedsTwoDays)
	add(exporter, "Cost reported late", "A", NeedsTwoDays)
	add(exporter, "Counters that left their month unseen", "A", NothingWrong)
	add(exporter, "SIMs near their limit that were not asked for", "A", OffByDefault)
	return reasons
}
