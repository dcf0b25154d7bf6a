package twilio_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// show writes a record as text: decimals as they are, times in RFC 3339, - for
// what is not reported.
func show(v any) string {
	amount := func(n twilio.Null[decimal.Decimal]) string {
		if !n.Valid {
			return "-"
		}
		return n.V.String()
	}
	count := func(n twilio.Null[int64]) string {
		if !n.Valid {
			return "-"
		}
		return fmt.Sprint(n.V)
	}
	moment := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Format(time.RFC3339)
	}
	switch r := v.(type) {
	case twilio.UsageRecord:
		return fmt.Sprintf("%s %q %q %q %q %s..%s %s %s %s %s %q", r.AccountSID, r.SimSID, r.FleetSID, r.NetworkSID, r.IsoCountry,
			moment(r.Period.Start), moment(r.Period.End), count(r.Upload), count(r.Download), count(r.Total), amount(r.Billed), r.BilledUnit)
	case twilio.MonthlyUsage:
		asOf := "-"
		if r.AsOf.Valid {
			asOf = moment(r.AsOf.V)
		}
		return fmt.Sprintf("%s %q %s..%s as of %s: %s %q, %s %q, %s %q", r.AccountSID, r.Category, moment(r.StartDate), moment(r.EndDate), asOf,
			amount(r.Usage), r.UsageUnit, amount(r.Count), r.CountUnit, amount(r.Price), r.PriceUnit)
	case twilio.Fleet:
		return fmt.Sprintf("%s %s %q %s", r.SID, r.AccountSID, r.UniqueName, count(r.DataLimit))
	case twilio.Sim:
		return fmt.Sprintf("%s %s %q %s %s %q", r.SID, r.AccountSID, r.UniqueName, r.ICCID, r.Status, r.FleetSID)
	case twilio.Network:
		return fmt.Sprintf("%s %q %q", r.SID, r.FriendlyName, r.IsoCountry)
	case twilio.Balance:
		return fmt.Sprintf("%s %s %q", r.AccountSID, amount(r.Balance), r.Currency)
	}
	panic(fmt.Sprintf("%T", v))
}

func TestUsageRecordShapes(t *testing.T) {
	const range0 = "2024-05-01T00:00:00Z..2024-05-02T00:00:00Z"
	for _, test := range []struct{ name, record, want string }{
		{"as published",
			`{"period":{"start_time":"2024-05-01T05:00:00Z","end_time":"2024-05-01T06:00:00Z"},"account_sid":"AC1","sim_sid":null,"fleet_sid":null,"network_sid":null,"iso_country":null,"data_upload":1024,"data_download":4096,"data_total":5120,"data_total_billed":"0.0051","billed_unit":"USD"}`,
			`AC1 "" "" "" "" 2024-05-01T05:00:00Z..2024-05-01T06:00:00Z 1024 4096 5120 0.0051 "USD"`},
		{"every dimension",
			`{"period":{"start_time":"2024-05-01T05:00:00Z","end_time":"2024-05-01T06:00:00Z"},"account_sid":"AC1","sim_sid":"HS1","fleet_sid":"HF1","network_sid":"HW1","iso_country":"DE","data_upload":0,"data_download":0,"data_total":0,"data_total_billed":"0","billed_unit":"EUR"}`,
			`AC1 "HS1" "HF1" "HW1" "DE" 2024-05-01T05:00:00Z..2024-05-01T06:00:00Z 0 0 0 0 "EUR"`},
		{"money as a number", `{"data_total_billed":0.25,"billed_unit":"USD"}`,
			` "" "" "" "" ` + range0 + ` - - - 0.25 "USD"`},
		{"money as null", `{"data_upload":1,"data_download":2,"data_total":3,"data_total_billed":null,"billed_unit":null}`,
			` "" "" "" "" ` + range0 + ` 1 2 3 - ""`},
		{"money 0 that nobody billed", `{"data_total_billed":"0","billed_unit":null}`,
			` "" "" "" "" ` + range0 + ` - - - 0 ""`},
		{"nothing but a key", `{"sim_sid":"HS1"}`,
			` "HS1" "" "" "" ` + range0 + ` - - - - ""`},
		{"empty strings", `{"account_sid":"","sim_sid":"","data_upload":"","data_download":"","data_total":"","data_total_billed":"","billed_unit":""}`,
			` "" "" "" "" ` + range0 + ` - - - - ""`},
		{"bytes as strings", `{"data_upload":"1","data_download":"2","data_total":"3"}`,
			` "" "" "" "" ` + range0 + ` 1 2 3 - ""`},
		{"lower-case currency", `{"data_total_billed":"1","billed_unit":"usd"}`,
			` "" "" "" "" ` + range0 + ` - - - 1 "USD"`},
		{"null period", `{"period":null}`, ` "" "" "" "" ` + range0 + ` - - - - ""`},
		{"empty period", `{"period":{}}`, ` "" "" "" "" ` + range0 + ` - - - - ""`},
		{"period of nulls", `{"period":{"start_time":null,"end_time":null}}`, ` "" "" "" "" ` + range0 + ` - - - - ""`},
		{"period of another type", `{"period":"2024-05"}`, ` "" "" "" "" ` + range0 + ` - - - - ""`},
		{"period with an offset and a fraction", `{"period":{"start_time":"2024-05-01T07:00:00.5+02:00","end_time":"2024-05-01T01:00:00-05:00"}}`,
			` "" "" "" "" 2024-05-01T05:00:00Z..2024-05-01T06:00:00Z - - - - ""`},
		{"unknown fields", `{"new":{"data_upload":[1,{"x":null}]},"data_upload":7,"period":{"zone":{"name":"x"}}}`,
			` "" "" "" "" ` + range0 + ` 7 - - - ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := inTurn(usagePage("null", test.record))
			records := mustList(t, newClient(t, f).UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(2, 0)}))
			if len(records) != 1 {
				t.Fatalf("want 1 record, have %d", len(records))
			}
			equal(t, "record", test.want, show(records[0]))
		})
	}
}

// A record without a period can only be of the requested one.
func TestRecordsWithoutPeriod(t *testing.T) {
	day := 24 * time.Hour
	const silent = `{"data_upload":1}`
	period := func(start time.Time) string {
		return fmt.Sprintf(`{"data_upload":1,"period":{"start_time":%q,"end_time":%q}}`, start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339))
	}
	for _, test := range []struct {
		name        string
		granularity twilio.Granularity
		start, end  time.Time
		record      string
		want        twilio.Period // zero: an error
	}{
		{"one hour", twilio.GranularityHour, hour(1, 5), hour(1, 6), silent, twilio.Period{Start: hour(1, 5), End: hour(1, 6)}},
		{"two hours", twilio.GranularityHour, hour(1, 5), hour(1, 7), silent, twilio.Period{}},
		{"one day", twilio.GranularityDay, hour(1, 0), hour(2, 0), silent, twilio.Period{Start: hour(1, 0), End: hour(2, 0)}},
		{"two days", twilio.GranularityDay, hour(1, 0), hour(3, 0), silent, twilio.Period{}},
		{"all of it", twilio.GranularityAll, hour(1, 0), hour(20, 7), silent, twilio.Period{Start: hour(1, 0), End: hour(20, 7)}},
		{"all by default", "", hour(1, 0), hour(20, 0), silent, twilio.Period{Start: hour(1, 0), End: hour(20, 0)}},
		{"first hour", twilio.GranularityHour, hour(1, 5), hour(1, 7), period(hour(1, 5)), twilio.Period{Start: hour(1, 5), End: hour(1, 6)}},
		{"last hour", twilio.GranularityHour, hour(1, 5), hour(1, 7), period(hour(1, 6)), twilio.Period{Start: hour(1, 6), End: hour(1, 7)}},
		{"hour before", twilio.GranularityHour, hour(1, 5), hour(1, 7), period(hour(1, 4)), twilio.Period{}},
		{"hour after", twilio.GranularityHour, hour(1, 5), hour(1, 7), period(hour(1, 7)), twilio.Period{}},
		{"day before", twilio.GranularityDay, hour(2, 0), hour(4, 0), period(hour(2, 0).Add(-day)), twilio.Period{}},
		{"no range given", twilio.GranularityHour, time.Time{}, time.Time{}, period(hour(1, 5)), twilio.Period{Start: hour(1, 5), End: hour(1, 6)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := inTurn(usagePage("null", test.record))
			records, err := list(t, newClient(t, f).UsageRecords(t.Context(), twilio.UsageRecordsParams{
				Granularity: test.granularity, StartTime: test.start, EndTime: test.end,
			}))
			if test.want.Start.IsZero() {
				as[*twilio.ResponseError](t, err)
				equal(t, "records", 0, len(records))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "period", test.want, records[0].Period)
		})
	}
}

func TestMonthlyUsageShapes(t *testing.T) {
	for _, test := range []struct{ name, record, want string }{
		{"as published",
			`{"account_sid":"AC1","api_version":"2010-04-01","as_of":"2024-05-20T11:07:35+00:00","category":"sms-outbound","count":"352","count_unit":"messages","description":"Outbound","end_date":"2024-05-31","price":"3.52","price_unit":"usd","start_date":"2024-05-01","subresource_uris":{"daily":"/2010-04-01/Daily.json"},"uri":"/2010-04-01/x","usage":"402","usage_unit":"segments"}`,
			`AC1 "sms-outbound" 2024-05-01T00:00:00Z..2024-05-31T00:00:00Z as of 2024-05-20T11:07:35Z: 402 "segments", 352 "messages", 3.52 "USD"`},
		{"total price", `{"account_sid":"AC1","category":"totalprice","count":null,"count_unit":"","usage":"498.84515","usage_unit":"usd","price":"498.84515","price_unit":"usd","subresource_uris":null}`,
			`AC1 "totalprice" -..- as of -: 498.84515 "usd", - "", 498.84515 "USD"`},
		{"mixed-case category", `{"category":"verify-whatsAppConversations-business_Initiated"}`,
			` "verify-whatsAppConversations-business_Initiated" -..- as of -: - "", - "", - ""`},
		{"nothing known", `{"category":"sms","as_of":null,"start_date":null,"end_date":"","count":"","count_unit":null,"usage":null,"usage_unit":null,"price":"","price_unit":null}`,
			` "sms" -..- as of -: - "", - "", - ""`},
		{"numbers", `{"category":"sms","count":12,"usage":1.5,"price":0,"price_unit":"EUR"}`,
			` "sms" -..- as of -: 1.5 "", 12 "", 0 "EUR"`},
		{"credits", `{"category":"sms","price":"-0.5","price_unit":"usd"}`,
			` "sms" -..- as of -: - "", - "", -0.5 "USD"`},
		{"unknown fields", `{"category":"sms","more":{"price":["x"]},"price":"1"}`,
			` "sms" -..- as of -: - "", - "", 1 ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			records := mustList(t, newClient(t, inTurn(monthlyPage("null", test.record))).MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
			if len(records) != 1 {
				t.Fatalf("want 1 record, have %d", len(records))
			}
			equal(t, "record", test.want, show(records[0]))
		})
	}
}

func TestInventoryShapes(t *testing.T) {
	sims := func(t *testing.T, c *twilio.Client) (any, error) {
		r, err := list(t, c.Sims(t.Context()))
		if err != nil {
			return nil, err
		}
		return r[0], nil
	}
	fleets := func(t *testing.T, c *twilio.Client) (any, error) {
		r, err := list(t, c.Fleets(t.Context()))
		if err != nil {
			return nil, err
		}
		return r[0], nil
	}
	networks := func(t *testing.T, c *twilio.Client) (any, error) {
		r, err := list(t, c.Networks(t.Context()))
		if err != nil {
			return nil, err
		}
		return r[0], nil
	}
	for _, test := range []struct {
		name, key, record, want string
		run                     func(*testing.T, *twilio.Client) (any, error)
	}{
		{"sim", "sims", `{"sid":"HS1","unique_name":"pump 7","account_sid":"AC1","iccid":"89883070000001234567","status":"active","fleet_sid":"HF1","date_created":"2024-05-01T00:00:00Z","links":{"billing_periods":"https://x"}}`,
			`HS1 AC1 "pump 7" 89883070000001234567 active "HF1"`, sims},
		{"sim of nulls", "sims", `{"sid":"HS1","unique_name":null,"account_sid":null,"iccid":null,"status":null,"fleet_sid":null,"links":null}`,
			`HS1  ""   ""`, sims},
		{"sim of a new status", "sims", `{"sid":"HS1","status":"hibernating"}`, `HS1  ""  hibernating ""`, sims},
		{"fleet", "fleets", `{"sid":"HF1","account_sid":"AC1","unique_name":"pumps","data_enabled":true,"data_limit":1000,"data_metering":"payg","sms_commands_url":null}`,
			`HF1 AC1 "pumps" 1000000000`, fleets},
		{"fleet of KORE's nulls", "fleets", `{"sid":"HF1","unique_name":null,"data_enabled":null,"data_limit":null}`, `HF1  "" -`, fleets},
		{"fleet of strings", "fleets", `{"sid":"HF1","data_limit":"250"}`, `HF1  "" 250000000`, fleets},
		{"largest limit", "fleets", `{"sid":"HF1","data_limit":9223372036854}`, `HF1  "" 9223372036854000000`, fleets},
		{"network", "networks", `{"sid":"HW1","friendly_name":"Net & Co","iso_country":"DE","identifiers":[{"mcc":"001","mnc":"01"}]}`,
			`HW1 "Net & Co" "DE"`, networks},
		{"network of nulls", "networks", `{"sid":"HW1","friendly_name":null,"iso_country":null,"identifiers":null}`, `HW1 "" ""`, networks},
	} {
		t.Run(test.name, func(t *testing.T) {
			have, err := test.run(t, newClient(t, inTurn(superSIMPage(test.key, "null", test.record))))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "record", test.want, show(have))
		})
	}

	for _, key := range []string{"sims", "fleets", "networks"} {
		for _, sid := range []string{"", `"sid":null,`, `"sid":"",`, `"sid":{},`, `"sid":true,`} {
			t.Run(key+" without a SID: "+sid, func(t *testing.T) {
				c := newClient(t, inTurn(superSIMPage(key, "null", `{`+sid+`"unique_name":"x"}`)))
				run := map[string]func(*testing.T, *twilio.Client) (any, error){"sims": sims, "fleets": fleets, "networks": networks}[key]
				_, err := run(t, c)
				invalidField(t, "sid", err)
			})
		}
	}
}

func TestBalanceShapes(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"as published", `{"account_sid":"AC1","balance":"12.07","currency":"USD"}`, `AC1 12.07 "USD"`},
		{"debt", `{"account_sid":"AC1","balance":"-3.5","currency":"usd"}`, `AC1 -3.5 "USD"`},
		{"number", `{"account_sid":"AC1","balance":0.1,"currency":"EUR"}`, `AC1 0.1 "EUR"`},
		{"null", `{"account_sid":"AC1","balance":null,"currency":null}`, `AC1 - ""`},
		{"empty", `{"account_sid":"AC1","balance":"","currency":""}`, `AC1 - ""`},
		{"unknown fields", `{"account_sid":"AC1","limits":{"balance":"x"},"balance":"1","currency":"USD"}`, `AC1 1 "USD"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			have, err := newClient(t, inTurn(test.body)).Balance(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "balance", test.want, show(have))
		})
	}
	for name, body := range map[string]string{
		"list": `[]`, "null": `null`, "more after it": `{"balance":"1"} {}`, "HTML": `<html>`, "number": `1`, "amount": `{"balance":"12,07"}`, "boolean": `{"balance":true}`, "bad escape": `{"balance":"\x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, always(http.StatusOK, body), retries(3)).Balance(t.Context())
			as[*twilio.ResponseError](t, err)
		})
	}
}

// Everything that the simulator sends is what it knows.
func TestSimulatedInventory(t *testing.T) {
	s := simulate()
	c := simulated(t, s)
	want := make(map[string]twiliotest.SIM)
	for _, m := range s.SIMs(accountSID) {
		want[m.SID] = m
	}
	for _, have := range mustList(t, c.Sims(t.Context())) {
		m, ok := want[have.SID]
		if !ok {
			t.Fatalf("unknown or double %v", have)
		}
		delete(want, have.SID)
		equal(t, "a date of the SIM", m.Status == "scheduled", !have.DateUpdated.IsZero())
		have.DateUpdated = time.Time{}
		equal(t, "SIM", twilio.Sim{SID: m.SID, AccountSID: accountSID, UniqueName: m.UniqueName, ICCID: m.ICCID,
			Status: twilio.SimStatus(m.Status), FleetSID: m.FleetSID}, have)
	}
	equal(t, "SIMs not listed", 0, len(want))

	limits := make(map[string]int64)
	for _, f := range s.Fleets(accountSID) {
		limits[f.SID] = f.DataLimitMB * 1_000_000
		if f.DataLimitMB == 0 {
			limits[f.SID] = 250_000_000
		}
	}
	fleets := mustList(t, c.Fleets(t.Context()))
	equal(t, "fleets", len(limits), len(fleets))
	for _, f := range fleets {
		equal(t, "limit of "+f.SID, twilio.Null[int64]{V: limits[f.SID], Valid: true}, f.DataLimit)
	}
}
