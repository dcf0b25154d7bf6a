package grafana

// Why a query may find nothing although all is well.
const (
	NeedsDay      = "needs a day of recorded history"
	NeedsTwoDays  = "needs the pace of a day that is two days back"
	NeedsHour     = "needs a recorded sample at a full hour"
	NeedsBillPace = "needs a day of the bill's recorded history"
	MonthYoung    = "a forecast comes after 24 hours of the month are counted"
	NotAtKORE     = "KORE tells no bill and no balance; subaccounts have no balance"
	NothingWrong  = "draws only what is wrong or has just happened"
	NotSet        = "nobody has set one"
	NoLimit       = "no fleet of the SIMs has a data limit"
	AllTalk       = "no active SIM is silent"
	NoSIM         = "no SIM is chosen, or it has none"
)

// ExpectedEmpty names the queries that find nothing on some sound installations,
// with the reason. Every other query must find something wherever an account has
// SIMs with usage, sim names one of them, and the rules ran twice.
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
	add(overview, "Accounts: this month against the last", "B", NeedsDay)
	add(overview, "Accounts: this month against the last", "C", MonthYoung)
	add(overview, "Accounts: this month against the last", "D", NotSet)
	add(overview, "Accounts: this month against the last", "EFH", NotAtKORE)
	add(overview, "Accounts: this month against the last", "GI", NeedsBillPace)
	add(overview, "Fleets with the most data", "C", MonthYoung)
	add(overview, "SIMs with the most data", "C", NoLimit)
	add(overview, "Countries", "C", MonthYoung)
	add(overview, "Alerts that fire", "A", NothingWrong)

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
	add(fleet, "Silent SIMs", "A", AllTalk)
	add(fleet, "The SIM", "A", NoSIM)
	add(fleet, "Its data this month", "A", NoSIM)
	add(fleet, "Its share of the limit", "A", NoSIM)
	add(fleet, "Its cost this month", "A", NoSIM)
	add(fleet, "Its forecast", "A", MonthYoung)
	add(fleet, "Its traffic by direction", "AB", NoSIM)
	add(fleet, "Its traffic by direction", "C", NeedsTwoDays)
	add(fleet, "Its month against the limit", "AB", NoSIM)

	const spend = "twilio-spend"
	add(spend, "Super SIM forecast", "A", MonthYoung)
	add(spend, "Bill so far", "A", NotAtKORE)
	add(spend, "Bill last month", "A", NotAtKORE)
	add(spend, "Categories: this month against the last", "AB", NotAtKORE)
	add(spend, "Categories: share and where they lead", "A", NotAtKORE)
	add(spend, "Categories: share and where they lead", "B", MonthYoung)
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
	add(spend, "SIMs that cost most", "B", NeedsDay)
	add(spend, "SIMs that cost most", "C", MonthYoung)

	const exporter = "twilio-exporter"
	reasons[Key{exporter, "Starts", "Anno"}] = NothingWrong
	add(exporter, "How far the data reaches", "D", NotAtKORE)
	add(exporter, "Failures by reason", "A", NothingWrong)
	add(exporter, "Retries by reason", "A", NothingWrong)
	add(exporter, "Decreases", "A", NothingWrong)
	return reasons
}
