package twiliotest

// leaf is a usage category whose events are counted; sums of leaves make the others.
type leaf struct {
	name, description    string
	countUnit, usageUnit string
	daily                uint64 // events on an average day
	perEvent             int64  // usage of an event, in millionths of the usage unit
	price                int64  // micro units for an event
	in                   []string
	unpriced             bool // price null, no currency: what some free categories show
}

// leaves are a cut of the real list: enough to overlap, to have a name in mixed case,
// and to have categories without a price.
func leaves() []leaf {
	const one = million
	return []leaf{
		{name: "sms-inbound-longcode", description: "Inbound long code messages", countUnit: "messages", usageUnit: "segments", daily: 90, perEvent: one, price: 7_500, in: []string{"sms-inbound", "sms"}},
		{name: "sms-inbound-shortcode", description: "Inbound short code messages", countUnit: "messages", usageUnit: "segments", daily: 20, perEvent: one, price: 7_500, in: []string{"sms-inbound", "sms"}},
		{name: "sms-outbound-longcode", description: "Outbound long code messages", countUnit: "messages", usageUnit: "segments", daily: 300, perEvent: one, price: 7_900, in: []string{"sms-outbound", "sms"}},
		{name: "sms-outbound-tollfree", description: "Outbound toll-free messages", countUnit: "messages", usageUnit: "segments", daily: 40, perEvent: one, price: 7_900, in: []string{"sms-outbound", "sms"}},
		{name: "sms-messages-carrierfees", description: "Carrier fees", countUnit: "messages", usageUnit: "messages", daily: 330, perEvent: one, price: 3_015},
		{name: "mms-inbound", description: "Inbound picture messages", countUnit: "messages", usageUnit: "messages", daily: 6, perEvent: one, price: 10_000, in: []string{"mms"}},
		{name: "mms-outbound", description: "Outbound picture messages", countUnit: "messages", usageUnit: "messages", daily: 9, perEvent: one, price: 20_000, in: []string{"mms"}},
		{name: "calls-inbound-local", description: "Inbound local calls", countUnit: "calls", usageUnit: "minutes", daily: 60, perEvent: 3 * one, price: 25_500, in: []string{"calls-inbound", "calls"}},
		{name: "calls-inbound-tollfree", description: "Inbound toll-free calls", countUnit: "calls", usageUnit: "minutes", daily: 12, perEvent: 4 * one, price: 88_000, in: []string{"calls-inbound", "calls"}},
		{name: "calls-outbound", description: "Outbound calls", countUnit: "calls", usageUnit: "minutes", daily: 80, perEvent: 2 * one, price: 28_000, in: []string{"calls"}},
		{name: "calls-recordings", description: "Recorded calls", countUnit: "calls", usageUnit: "minutes", daily: 15, perEvent: 2 * one, price: 5_000},
		{name: "recordingstorage", description: "Storage of recordings", countUnit: "", usageUnit: "minutes", daily: 70, perEvent: one, price: 50},
		{name: "phonenumbers-local", description: "Local numbers", countUnit: "numbers", usageUnit: "numbers", daily: 3, perEvent: one, price: 38_333, in: []string{"phonenumbers"}},
		{name: "phonenumbers-tollfree", description: "Toll-free numbers", countUnit: "numbers", usageUnit: "numbers", daily: 1, perEvent: one, price: 71_667, in: []string{"phonenumbers"}},
		{name: "studio-engagements", description: "Studio engagements", countUnit: "engagements", usageUnit: "engagements", daily: 25, perEvent: one, unpriced: true},
		{name: "lookups", description: "Lookups", countUnit: "lookups", usageUnit: "lookups", daily: 35, perEvent: one, price: 5_000},
		{name: "verify-push", description: "Push verifications", countUnit: "verifications", usageUnit: "verifications", daily: 8, perEvent: one, price: 50_000},
		{name: "Trunking-CPS", description: "Calls per second of trunks", countUnit: "", usageUnit: "cps", daily: 2, perEvent: one, unpriced: true},
		{name: "wireless-super-sim-smscommands", description: "Super SIM SMS commands", countUnit: "commands", usageUnit: "commands", daily: 5, perEvent: one, price: 50_000, in: []string{"wireless-super-sim"}},
		{name: "wireless-super-sim-subscription", description: "Super SIM subscriptions", countUnit: "SIMs", usageUnit: "SIMs", daily: 1, perEvent: one, price: 66_667, in: []string{"wireless-super-sim"}},
	}
}

// groupUnits are the units of the categories that are sums, count and usage.
func groupUnits(name string) (description, count, usage string) {
	switch name {
	case "sms", "sms-inbound", "sms-outbound":
		return "Messages", "messages", "segments"
	case "calls", "calls-inbound":
		return "Calls", "calls", "minutes"
	case "phonenumbers":
		return "Phone numbers", "numbers", "numbers"
	case "mms":
		return "Picture messages", "messages", "messages"
	default:
		return "Super SIM", "", "usd"
	}
}

// superSIMData are the categories that show the data of the account's Super SIMs,
// each of them all of it.
func superSIMData() []string {
	return []string{
		"wireless-super-sim-data",
		"wireless-super-sim-data-payg",
		"wireless-super-sim-usage",
		"supersim",
	}
}
