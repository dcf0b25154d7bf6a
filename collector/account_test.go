package collector_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// months is what the account used, by month; what is reported of it can depend
// on the moment.
type months map[string]func(at time.Time) []twiliotest.MonthlyRecord

func accountOptions(m months) twiliotest.Options {
	a := world(usage{})
	a.Balance = "-12.345"
	a.Monthly = func(month, at time.Time) []twiliotest.MonthlyRecord {
		if records := m[month.Format("2006-01")]; records != nil {
			return records(at)
		}
		return nil
	}
	return twiliotest.Options{Accounts: []twiliotest.Account{a}}
}

func always(records ...twiliotest.MonthlyRecord) func(time.Time) []twiliotest.MonthlyRecord {
	return func(time.Time) []twiliotest.MonthlyRecord { return records }
}

func sms(count string) twiliotest.MonthlyRecord {
	return twiliotest.MonthlyRecord{
		Category: "sms", Count: count, CountUnit: "messages", Usage: count, UsageUnit: "messages",
		Price: "0.0075", PriceUnit: "usd", AsOf: "2004-03-10T05:07:35+00:00",
	}
}

func totalPrice(price string) twiliotest.MonthlyRecord {
	return twiliotest.MonthlyRecord{
		Category: "totalprice", Count: twiliotest.Null, Usage: price, UsageUnit: "usd", Price: price, PriceUnit: "usd",
	}
}

func accountUsage() config.AccountUsage {
	return config.AccountUsage{IncludeSubaccounts: true, Settle: 24 * time.Hour}
}

func TestAccountUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, accountOptions(months{
			"2004-03": always(sms("352"), totalPrice("498.84515"),
				twiliotest.MonthlyRecord{Category: "Mixed-Case", Count: "", Usage: "3.52", UsageUnit: "minutes", Price: twiliotest.Null, PriceUnit: "usd", AsOf: "2004-03-10T05:10:00+00:00"},
				twiliotest.MonthlyRecord{Category: "credits", Count: "1", CountUnit: "credits", Usage: "1", UsageUnit: "credits", Price: "-5", PriceUnit: "usd"}),
			"2004-02": always(sms("1000"), totalPrice("77"),
				twiliotest.MonthlyRecord{Category: "fax", Count: "2", CountUnit: "faxes", Usage: "9", UsageUnit: "pages", Price: "1.50", PriceUnit: "eur"}),
		}))
		c := collector.NewAccountUsage(r.account, accountUsage())
		r.good(c)
		r.want(map[string]float64{
			"account_usage_total " + accountSID + " sms messages":                 352,
			"account_usage_events_total " + accountSID + " sms messages":          352,
			"account_usage_total " + accountSID + " Mixed-Case minutes":           3.52,
			"account_usage_events_total " + accountSID + " Mixed-Case ":           none, // ""
			"account_usage_total " + accountSID + " fax pages":                    none, // used last month; this month's may have been missed
			"account_usage_total " + accountSID + " totalprice usd":               none,
			"account_usage_cost " + accountSID + " sms USD":                       0.0075,
			"account_usage_cost " + accountSID + " Mixed-Case USD":                none, // null
			"account_usage_cost " + accountSID + " credits USD":                   -5,
			"account_usage_cost " + accountSID + " totalprice USD":                none,
			"account_cost " + accountSID + " USD":                                 498.84515,
			"account_previous_month_usage " + accountSID + " sms messages":        1000,
			"account_previous_month_usage_events " + accountSID + " fax faxes":    2,
			"account_previous_month_usage_cost " + accountSID + " fax EUR":        1.5,
			"account_previous_month_usage_cost " + accountSID + " totalprice USD": none,
			"account_previous_month_cost " + accountSID + " USD":                  77,
			"account_usage_as_of_timestamp_seconds " + accountSID:                 unix("2004-03-10 05:30"), // where a record names no other
		})
		if have := r.created("twilio_account_usage_total"); have != "2004-03-02 00:00" {
			t.Errorf("created %s", have)
		}
		r.recheck(c)
		r.want(map[string]float64{"account_usage_total " + accountSID + " fax pages": 0})
		if next, want := c.NextChange(time.Now()), date("2004-03-31 23:30"); next.Before(want) {
			t.Errorf("want no more polls soon, have one at %s", next)
		}
	})
}

// recheck polls once more when the collector wants to, which is soon.
func (r *rig) recheck(c *collector.AccountUsage) {
	r.t.Helper()
	if next, want := c.NextChange(time.Now()), time.Now().Add(5*time.Minute); !next.Equal(want) {
		r.t.Errorf("%s: want a poll in five minutes, have one at %s", stamp(), next)
	}
	time.Sleep(5 * time.Minute)
	r.good(c)
}

// TestFirstListingOfCategoriesIsShort: what the first listing after a start lacks shows
// neither 0 nor 0 before its value; what comes after two equal ones is new.
func TestFirstListingOfCategoriesIsShort(t *testing.T) {
	calls := twiliotest.MonthlyRecord{Category: "calls", Usage: "7", UsageUnit: "minutes", Count: twiliotest.Null, Price: twiliotest.Null}
	for name, short := range map[string]twiliotest.Fault{
		"a record is missing": {Kind: twiliotest.PageGap, Endpoint: twiliotest.Monthly, Times: 1},
		"all are":             {Kind: twiliotest.EmptyList, Endpoint: twiliotest.Monthly},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:30")
				o := accountOptions(months{
					"2004-03": func(at time.Time) []twiliotest.MonthlyRecord {
						if at.Before(date("2004-03-10 06:00")) {
							return []twiliotest.MonthlyRecord{sms("352"), calls}
						}
						return []twiliotest.MonthlyRecord{sms("352"), calls, {Category: "fax", Usage: "9", UsageUnit: "pages", Count: twiliotest.Null, Price: twiliotest.Null}}
					},
					"2004-02": always(sms("1000"), calls),
				})
				o.MaxPageSize = 1
				r := newRig(t, o)
				r.simulator.Inject(short)
				c := collector.NewAccountUsage(r.account, accountUsage())
				r.good(c)
				missing := 0
				for _, counter := range []string{" sms messages", " calls minutes"} {
					value, shown := r.rows()["account_usage_total "+accountSID+counter]
					if !shown {
						missing++
					} else if value == 0 {
						t.Errorf("0 of %s, which has been used this month", counter)
					}
				}
				if missing == 0 {
					t.Error("nothing is missing from the first listing")
				}
				r.simulator.ClearFaults()
				r.recheck(c)
				want := map[string]float64{
					"account_usage_total " + accountSID + " sms messages":  352,
					"account_usage_total " + accountSID + " calls minutes": 7,
				}
				r.want(want)
				r.recheck(c) // the two before were not the same
				until(t, "2004-03-10 06:30")
				r.good(c)
				want["account_usage_total "+accountSID+" fax pages"] = 0
				r.want(want)
				time.Sleep(15 * time.Minute)
				r.good(c)
				want["account_usage_total "+accountSID+" fax pages"] = 9
				r.want(want)
			})
		})
	}
}

// TestAccountUsageTurn: counters pass through 0 a day into the month, gauges
// change with it.
func TestAccountUsageTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2003-12-31 23:30")
		r := newRig(t, accountOptions(months{
			"2003-12": func(at time.Time) []twiliotest.MonthlyRecord {
				if at.Before(date("2004-01-01 19:00")) {
					return []twiliotest.MonthlyRecord{sms("100"), totalPrice("9")}
				}
				return []twiliotest.MonthlyRecord{sms("103"), totalPrice("10")}
			},
			"2004-01": func(at time.Time) []twiliotest.MonthlyRecord {
				if at.Before(date("2004-01-01 00:30")) {
					return nil
				}
				return []twiliotest.MonthlyRecord{sms("500"), totalPrice("20")}
			},
		}))
		c := collector.NewAccountUsage(r.account, accountUsage())
		check := func(at string, counter, cost, previous float64) {
			t.Helper()
			until(t, at)
			r.good(c)
			r.want(map[string]float64{
				"account_usage_total " + accountSID + " sms messages": counter,
				"account_cost " + accountSID + " USD":                 cost,
				"account_previous_month_cost " + accountSID + " USD":  previous,
			})
		}
		if have, want := c.NextChange(time.Now().UTC()), date("2004-01-01 00:00"); !have.Equal(want) {
			t.Errorf("next poll at %s, want %s", have, want)
		}
		check("2003-12-31 23:30", 100, 9, none)
		check("2004-01-01 00:00", 100, none, 9)
		check("2004-01-01 01:00", 100, 20, 9)
		check("2004-01-01 23:45", 103, 20, 10) // the late ones
		check("2004-01-02 00:00", 0, 20, 10)
		check("2004-01-02 00:14", 0, 20, 10)
		check("2004-01-02 00:15", 500, 20, 10)
		if have := r.created("twilio_account_usage_total"); have != "2004-01-02 00:00" {
			t.Errorf("created %s", have)
		}
	})
}

func TestAccountUsageByCategory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, accountOptions(months{"2004-03": always(sms("352"), totalPrice("498.84515"))}))
		cfg := accountUsage()
		cfg.Categories = []string{"sms", "calls"}
		cfg.IncludeSubaccounts = false
		r.good(collector.NewAccountUsage(r.account, cfg))
		r.want(map[string]float64{
			"account_usage_total " + accountSID + " sms messages": 352,
			"account_cost " + accountSID + " USD":                 none,
		})
		if have := r.simulator.Requests(twiliotest.Monthly); have != 2 {
			t.Errorf("%d requests", have)
		}
	})
}

func TestAccountUsageThatCannotBeUsed(t *testing.T) {
	for name, record := range map[string]twiliotest.MonthlyRecord{
		"no category":   {Category: "", Usage: "1", UsageUnit: "x"},
		"two months":    {Category: "sms", Usage: "1", StartDate: "2004-02-10", EndDate: "2004-03-09"},
		"no start date": {Category: "sms", Usage: "1", StartDate: twiliotest.Null},
		"not a number":  {Category: "sms", Usage: "12,5"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:30")
				r := newRig(t, accountOptions(months{"2004-03": always(record)}))
				r.poll(collector.NewAccountUsage(r.account, accountUsage()))
				if r.err == nil || twilio.ReasonOf(r.err) != twilio.ReasonResponse {
					t.Errorf("have %v", r.err)
				}
			})
		})
	}
}

// TestAccountUsageUnitAppears: a unit that is only named once there is usage
// makes a new counter, which is seen at 0 first.
func TestAccountUsageUnitAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, accountOptions(months{"2004-03": func(at time.Time) []twiliotest.MonthlyRecord {
			if at.Before(date("2004-03-10 06:00")) {
				return []twiliotest.MonthlyRecord{{Category: "calls", Usage: "0", Count: "0", Price: "3", PriceUnit: ""}}
			}
			return []twiliotest.MonthlyRecord{{Category: "calls", Usage: "7", UsageUnit: "minutes", Count: "-1", CountUnit: "calls"}}
		}}))
		c := collector.NewAccountUsage(r.account, accountUsage())
		r.good(c)
		r.want(map[string]float64{"account_usage_total " + accountSID + " calls ": 0, "account_usage_cost " + accountSID + " calls ": none})
		if len(r.last.Warnings) != 1 { // 3 of no currency
			t.Errorf("warnings: %q", r.last.Warnings)
		}
		until(t, "2004-03-10 06:00")
		r.good(c)
		r.want(map[string]float64{"account_usage_total " + accountSID + " calls minutes": 0})
		if r.last.Decreases != 1 { // a counter of -1
			t.Errorf("decreases: %d", r.last.Decreases)
		}
		until(t, "2004-03-10 06:15")
		r.good(c)
		r.want(map[string]float64{
			"account_usage_total " + accountSID + " calls minutes":      7,
			"account_usage_events_total " + accountSID + " calls calls": 0,
		})
	})
}

func TestAccountBalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, accountOptions(nil))
		c := collector.NewAccountBalance(r.account)
		r.good(c)
		r.want(map[string]float64{"account_balance " + accountSID + " USD": -12.345})
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.NullNumbers})
		r.good(c)
		r.want(map[string]float64{"account_balance " + accountSID + " USD": none})
		r.simulator.ClearFaults()
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.UnreadableNumbers})
		if r.poll(c); r.err == nil {
			t.Error("an unreadable balance was taken")
		}
	})
}
