package exporter_test

import (
	"math"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// numbers are faults of the numbers in records. Sims, Networks, BillingPeriods and
// Accounts have none, and a token has none that is money or bytes.
func numbers() section {
	const answer = "answer"
	noNumbers := func(m effects) effects {
		return m.but(effect{notApplicable: "no numbers"}, twiliotest.Sims, twiliotest.Networks, twiliotest.BillingPeriods, twiliotest.Accounts, twiliotest.Token)
	}
	negative := func(v float64) float64 { return -v }
	less := func(v float64) float64 { return v * 9 / 10 }
	lessBytes := func(v float64) float64 { return math.Trunc(v * 9 / 10) }
	huge := func(float64) float64 { return 1e308 }
	const balance = "twilio_account_balance"
	return section{
		title: "Numbers",
		faults: []fault{
			{
				name: "null", Fault: twiliotest.Fault{Kind: twiliotest.NullNumbers}, effects: noNumbers(effects{
					twiliotest.UsageRecords: {change: in(unreported, hourGauges()...), note: "counters stay, gauges are gone"},
					twiliotest.Fleets:       {change: gone("twilio_supersim_fleet_data_limit_bytes"), note: "no data limits"},
					twiliotest.Monthly:      {change: gone(monthlyGauges()...), note: "counters stay, gauges are gone"},
					twiliotest.Balance:      {change: gone(balance), note: "no balance"},
				}),
			},
			{
				name: `money, counts and units are ""`, Fault: twiliotest.Fault{Kind: twiliotest.EmptyStrings}, effects: noNumbers(effects{
					twiliotest.UsageRecords: {note: "costs stay"},
					twiliotest.Monthly:      {change: gone(monthlyGauges()...), note: "counters stay, gauges are gone"},
					twiliotest.Balance:      {change: gone(balance), note: "no balance"},
				}),
			},
			{
				name: "unreadable (`NaN`, `1e999`, `true`, 1.5 bytes …)", Fault: twiliotest.Fault{Kind: twiliotest.UnreadableNumbers},
				effects: noNumbers(every(fails(answer, "is not"))),
			},
			{
				name: "negative", Fault: twiliotest.Fault{Kind: twiliotest.NegativeNumbers}, effects: noNumbers(effects{
					twiliotest.UsageRecords: fails(answer, "data_upload"),
					twiliotest.Fleets:       fails(answer, "data_limit"),
					// sms, calls and pfax have usage and a count each, queries a count.
					twiliotest.Monthly: {
						decreases: 7, warns: true, log: []string{"lower than before"}, change: in(negative, monthlyGauges()...),
						note: "7 counters hold their higher values, gauges are negative: credits are possible",
					},
					twiliotest.Balance: {change: in(negative, balance), note: "a debt"},
				}),
			},
			{
				name: "a tenth less than before", Fault: twiliotest.Fault{Kind: twiliotest.ShrinkTotals}, effects: noNumbers(effects{
					// Above 0 are upload and download of the account, of 2 SIMs, of 1
					// fleet and none, of 2 networks and none, and of 2 countries and
					// none: 22. So are the costs of the account, of 2 SIMs, of 1 fleet
					// and none, of 1 network and none and of 1 country and none: 9.
					twiliotest.UsageRecords: {
						requests:  2, // it is read again, because a tenth of each record is rounded
						decreases: 22 + 9, warns: true, log: []string{"lower than before"}, change: in(lessBytes, hourGauges()...),
						note: "31 counters hold their higher values, gauges fall",
					},
					twiliotest.Monthly: {
						decreases: 5, warns: true, log: []string{"lower than before"}, change: in(less, monthlyGauges()...),
						note: "5 counters hold their higher values, gauges fall",
					},
					twiliotest.Balance: {change: in(less, balance), note: "the balance falls"},
				}),
			},
			{
				name: "huge: 4.7e18 bytes, 1e308 of money; the sum of two overflows", split: true, Fault: twiliotest.Fault{Kind: twiliotest.HugeNumbers}, effects: noNumbers(effects{
					twiliotest.UsageRecords: fails(answer),
					twiliotest.Fleets:       fails(answer, "data_limit"),
					twiliotest.Monthly: {
						change: in(huge, append(monthlyGauges(), "twilio_account_usage_total", "twilio_account_usage_events_total")...),
						after:  in(huge, "twilio_account_usage_total", "twilio_account_usage_events_total"),
						note:   "taken as they are, and counters hold them until the month ends",
					},
					twiliotest.Balance: {change: in(huge, balance), note: "taken as it is"},
				}),
			},
			{
				name: "overflowing: 2^63 bytes, 1e999 of money", Fault: twiliotest.Fault{Kind: twiliotest.OverflowingNumbers},
				effects: noNumbers(every(fails(answer))),
			},
		},
	}
}

func records() section {
	const answer = "answer"
	return section{
		title: "Records",
		faults: []fault{
			{name: "a record twice, the same", Fault: twiliotest.Fault{Kind: twiliotest.DuplicateRecords}, effects: lists(effect{})},
			{
				name: "a record twice, with different values", Fault: twiliotest.Fault{Kind: twiliotest.ConflictingDuplicates},
				effects: lists(fails(answer, "listed twice")),
			},
			{
				name: "an empty list where there were many", Fault: twiliotest.Fault{Kind: twiliotest.EmptyList}, effects: lists(effect{}).
					but(effect{change: in(silent, hourGauges()...), note: "counters stay, gauges are 0"}, twiliotest.UsageRecords).
					but(effect{change: gone("twilio_supersim_sim_info"), note: "counters stay, no SIMs in the inventory"}, twiliotest.Sims).
					but(effect{
						change: gone("twilio_supersim_fleet_info", "twilio_supersim_fleet_data_limit_bytes"), note: "counters stay, no fleets in the inventory",
					}, twiliotest.Fleets).
					but(effect{
						change: gone("twilio_supersim_network_info"), fresh: "twilio_supersim_network_info", note: "networks lose their names",
					}, twiliotest.Networks).
					but(effect{
						change: gone(append(monthlyGauges(), "twilio_account_usage_as_of_timestamp_seconds")...), note: "counters stay, gauges are gone",
					}, twiliotest.Monthly).
					but(effect{note: "subaccounts stay until the next list lacks them, too"}, twiliotest.Accounts).
					but(noPeriod(), twiliotest.BillingPeriods),
			},
			{
				name: "statuses, units and countries that nobody has documented", Fault: twiliotest.Fault{Kind: twiliotest.UnknownEnums}, effects: lists(effect{}).
					but(effect{
						change: in(silent, "twilio_supersim_country_hour_upload_bytes", "twilio_supersim_country_hour_download_bytes"), fresh: "brand-new-",
						note: "taken as they are, as new series that stay until the month ends",
					}, twiliotest.UsageRecords).
					but(effect{change: gone("twilio_supersim_sim_info"), fresh: "brand-new-", note: "taken as they are, as new series"}, twiliotest.Sims).
					but(effect{}, twiliotest.Fleets, twiliotest.BillingPeriods).
					but(effect{note: "a subaccount that is not known to be suspended or closed stays"}, twiliotest.Accounts).
					but(effect{change: gone("twilio_supersim_network_info"), fresh: "brand-new-", note: "taken as they are, as new series"}, twiliotest.Networks).
					but(effect{change: gone("twilio_account_previous_month_usage{", "twilio_account_previous_month_usage_events{"), fresh: "brand-new-", note: "taken as they are, as new series that stay until the month ends"}, twiliotest.Monthly),
			},
			{
				name: "control characters in names", Fault: twiliotest.Fault{Kind: twiliotest.ControlCharacters},
				effects: every(effect{notApplicable: "no names"}).
					but(effect{notApplicable: "a rename: each becomes U+FFFD"}, twiliotest.Accounts). // TestNamesOfSubaccounts
					but(replaced("twilio_supersim_sim_info"), twiliotest.Sims).
					but(replaced("twilio_supersim_fleet_info"), twiliotest.Fleets).
					but(replaced("twilio_supersim_network_info"), twiliotest.Networks),
			},
			{
				name: "currencies that are no code of ISO 4217", Fault: twiliotest.Fault{Kind: twiliotest.UnknownCurrency},
				effects: every(effect{notApplicable: "no money"}).but(fails(answer), twiliotest.UsageRecords, twiliotest.Monthly, twiliotest.Balance),
			},
			{
				name: "no period", Fault: twiliotest.Fault{Kind: twiliotest.MissingPeriod},
				effects: every(effect{notApplicable: "no periods"}).
					but(effect{note: "the period is the one that was requested"}, twiliotest.UsageRecords).
					but(fails(answer), twiliotest.Monthly).
					but(noPeriod(), twiliotest.BillingPeriods),
			},
			{
				name: "a period that was not requested", Fault: twiliotest.Fault{Kind: twiliotest.OtherPeriod},
				effects: every(effect{notApplicable: "no periods"}).but(fails(answer), twiliotest.UsageRecords, twiliotest.Monthly).
					but(noPeriod(), twiliotest.BillingPeriods),
			},
		},
	}
}

// noPeriod is what becomes of a SIM whose billing period is not known.
func noPeriod() effect {
	return effect{
		change: gone("twilio_supersim_sim_period_"), warns: true, log: []string{"no billing period"},
		note: "the SIM has no period: no series, and a warning once",
	}
}

// replaced is what becomes of a family whose names have control characters.
func replaced(family string) effect {
	return effect{
		change: func(series string, v float64) float64 {
			if strings.HasPrefix(series, family) && !strings.Contains(series, `_name=""`) {
				return vanished
			}
			return v
		},
		fresh: "\uFFFD[31m\uFFFD", note: "each becomes U+FFFD",
	}
}
