package twilio_test

import (
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// What was not asked for is not taken; what is merely cut differently is, and is
// said once.
func TestPeriodsThatWereNotAskedFor(t *testing.T) {
	for _, test := range []struct {
		granularity twilio.Granularity
		start, end  string // of the period in the response
		taken, said bool
	}{
		{"all", "2024-05-03T00:00:00Z", "2024-05-05T00:00:00Z", true, false},
		{"all", "2024-05-03T00:00:00Z", "2024-05-04T23:59:59Z", true, false},
		{"all", "2024-05-03T02:00:00+02:00", "2024-05-04T19:00:00-05:00", true, false},
		{"all", "2024-05-03T00:00:00Z", "", true, false},
		{"all", "2024-05-03T07:00:00Z", "2024-05-04T01:00:00Z", true, true},
		{"all", "2024-05-02T12:00:00Z", "2024-05-04T12:00:00Z", true, true},
		{"all", "2024-05-04T12:00:00Z", "2024-05-05T12:00:00Z", true, true},
		{"all", "2019-01-01T00:00:00Z", "2019-01-03T00:00:00Z", false, false},
		{"all", "2019-01-01T00:00:00Z", "2024-05-05T00:00:00Z", false, false},
		{"all", "2024-05-01T00:00:00Z", "2024-05-03T00:00:00Z", false, false},
		{"all", "2024-05-05T00:00:00Z", "2024-05-06T00:00:00Z", false, false},
		{"all", "2024-05-05T00:00:00Z", "", false, false},
		{"all", "", "2024-05-03T00:00:00Z", false, false},
		{"all", "2024-05-03T00:00:00Z", "2024-05-05T00:00:01Z", false, false},
		{"all", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z", false, false},
		{"all", "2024-05-04T00:00:00Z", "2024-05-03T00:00:00Z", false, false},
		{"hour", "2024-05-03T07:00:00Z", "2024-05-03T08:00:00Z", true, false},
		{"hour", "2024-05-03T07:00:00Z", "2024-05-03T07:59:59Z", true, false},
		{"hour", "2024-05-03T07:10:00Z", "2024-05-03T07:50:00Z", true, true},
		{"hour", "2024-05-03T07:00:00Z", "2024-05-03T10:00:00Z", true, true},
		{"hour", "2024-05-02T23:30:00Z", "2024-05-03T00:30:00Z", false, false},
		{"hour", "2024-05-03T00:00:00Z", "2024-06-03T00:00:00Z", false, false},
		{"hour", "2024-05-05T00:00:00Z", "2024-05-05T01:00:00Z", false, false},
		{"day", "2024-05-04T00:00:00Z", "2024-05-05T00:00:00Z", true, false},
		{"day", "2024-05-04T07:00:00Z", "2024-05-04T08:00:00Z", true, true},
		{"day", "2024-05-02T00:00:00Z", "2024-05-03T00:00:00Z", false, false},
	} {
		t.Run(fmt.Sprint(test.granularity, " ", test.start, " ", test.end), func(t *testing.T) {
			record := fmt.Sprintf(`{"data_upload":1,"period":{"start_time":%q,"end_time":%q}}`, test.start, test.end)
			c := newClient(t, inTurn(usagePage("null", record), usagePage("null", record)))
			params := twilio.UsageRecordsParams{Granularity: test.granularity, StartTime: hour(3, 0), EndTime: hour(5, 0)}
			records, err := list(t, c.UsageRecords(t.Context(), params))
			equal(t, "taken", test.taken, err == nil)
			if err != nil {
				as[*twilio.ResponseError](t, err)
				equal(t, "warnings", 0, len(c.Warnings(twilio.EndpointUsageRecords)))
				return
			}
			equal(t, "records", 1, len(records))
			said := c.Warnings(twilio.EndpointUsageRecords)
			equal(t, "said", test.said, len(said) == 1)
			_ = mustList(t, c.UsageRecords(t.Context(), params))
			equal(t, "said again", 0, len(c.Warnings(twilio.EndpointUsageRecords)))
		})
	}
}

// A record of another key than the filter's is the answer to another question.
func TestKeysThatWereNotAskedFor(t *testing.T) {
	sid := func(kind string, n int) string { return fmt.Sprintf("%s%032x", kind, n) }
	for name, test := range map[string]struct {
		params twilio.UsageRecordsParams
		record string
		taken  bool
	}{
		"the SIM":         {twilio.UsageRecordsParams{Sim: sid("HS", 10)}, `{"sim_sid":"` + sid("HS", 10) + `"}`, true},
		"in capitals":     {twilio.UsageRecordsParams{Sim: sid("HS", 10)}, `{"sim_sid":"` + strings.ToUpper(sid("HS", 10)) + `"}`, true},
		"another SIM":     {twilio.UsageRecordsParams{Sim: sid("HS", 10)}, `{"sim_sid":"` + sid("HS", 11) + `"}`, false},
		"a SIM by name":   {twilio.UsageRecordsParams{Sim: "pump"}, `{"sim_sid":"` + sid("HS", 11) + `"}`, true},
		"no SIM":          {twilio.UsageRecordsParams{Sim: sid("HS", 10)}, `{"sim_sid":null}`, true},
		"another fleet":   {twilio.UsageRecordsParams{Fleet: sid("HF", 1)}, `{"fleet_sid":"` + sid("HF", 2) + `"}`, false},
		"a fleet by name": {twilio.UsageRecordsParams{Fleet: "trucks"}, `{"fleet_sid":"` + sid("HF", 2) + `"}`, true},
		"the network":     {twilio.UsageRecordsParams{Network: sid("HW", 1)}, `{"network_sid":"` + sid("HW", 1) + `"}`, true},
		"another network": {twilio.UsageRecordsParams{Network: sid("HW", 1)}, `{"network_sid":"` + sid("HW", 2) + `"}`, false},
		"another country": {twilio.UsageRecordsParams{IsoCountry: "DE"}, `{"iso_country":"FR"}`, false},
		"a group's key":   {twilio.UsageRecordsParams{IsoCountry: "DE", Group: twilio.GroupSim}, `{"sim_sid":"` + sid("HS", 1) + `","iso_country":"de"}`, true},
		"the account":     {twilio.UsageRecordsParams{}, `{"account_sid":"` + accountSID + `"}`, true},
		"another account": {twilio.UsageRecordsParams{}, `{"account_sid":"` + sid("AC", 5) + `"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := list(t, newClient(t, inTurn(usagePage("null", test.record))).UsageRecords(t.Context(), test.params))
			equal(t, "taken", test.taken, err == nil)
			if err != nil {
				as[*twilio.ResponseError](t, err)
			}
		})
	}
	other := sid("AC", 5)
	as[*twilio.ResponseError](t, failure(t, newClient(t, inTurn(superSIMPage("sims", "null", `{"sid":"HS1","account_sid":"`+other+`"}`))).Sims(t.Context())))
	as[*twilio.ResponseError](t, failure(t, newClient(t, inTurn(superSIMPage("fleets", "null", `{"sid":"HF1","account_sid":"`+other+`"}`))).Fleets(t.Context())))
	_, err := newClient(t, inTurn(`{"account_sid":"`+other+`","balance":"1","currency":"USD"}`)).Balance(t.Context())
	as[*twilio.ResponseError](t, err)
	// An account whose SID is not known takes every one.
	mustList(t, newClient(t, inTurn(superSIMPage("sims", "null", `{"sid":"HS1","account_sid":"`+other+`"}`)), asKORE).Sims(t.Context()))
}

func TestMonthsThatWereNotAskedFor(t *testing.T) {
	may := twilio.MonthlyUsageParams{StartDate: hour(1, 0), EndDate: hour(20, 7)}
	sms, own := may, may
	sms.Category = "sms"
	own.IncludeSubaccounts = twilio.Null[bool]{Valid: true}
	for name, test := range map[string]struct {
		params twilio.MonthlyUsageParams
		record string
		taken  bool
	}{
		"May":                 {may, `{"category":"sms","start_date":"2024-05-01","end_date":"2024-05-31"}`, true},
		"May so far":          {may, `{"category":"sms","start_date":"2024-05-01","end_date":"2024-05-20"}`, true},
		"April":               {may, `{"category":"sms","start_date":"2024-04-01","end_date":"2024-04-30"}`, false},
		"June":                {may, `{"category":"sms","start_date":"2024-06-01","end_date":"2024-06-30"}`, false},
		"2019":                {may, `{"category":"sms","start_date":"2019-05-01"}`, false},
		"the category":        {sms, `{"category":"SMS","start_date":"2024-05-01"}`, true},
		"another category":    {sms, `{"category":"calls","start_date":"2024-05-01"}`, false},
		"the account":         {own, `{"category":"sms","account_sid":"` + accountSID + `"}`, true},
		"another account":     {own, `{"category":"sms","account_sid":"AC00000000000000000000000000000005"}`, false},
		"one of a subaccount": {may, `{"category":"sms","account_sid":"AC00000000000000000000000000000005"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := list(t, newClient(t, inTurn(monthlyPage("null", test.record))).MonthlyUsages(t.Context(), test.params))
			equal(t, "taken", test.taken, err == nil)
			if err != nil {
				as[*twilio.ResponseError](t, err)
			}
		})
	}
}

// A currency is three letters, or not reported.
func TestCurrencies(t *testing.T) {
	for value, taken := range map[string]bool{
		`"USD"`: true, `"usd"`: true, `""`: true, `null`: true, `"Eur"`: true,
		`"US"`: false, `"USDT"`: false, `"U$D"`: false, `"12€"`: false, `" usd"`: false, `"usd "`: false, `840`: false, `"ÜSD"`: false, `"us\u0000"`: false, `"ſſſ"`: false,
	} {
		for name, read := range map[string]func() error{
			"billed_unit": func() error {
				return failed(newClient(t, inTurn(usagePage("null", `{"billed_unit":`+value+`}`))).UsageRecords(t.Context(), twilio.UsageRecordsParams{}))
			},
			"price_unit": func() error {
				return failed(newClient(t, inTurn(monthlyPage("null", `{"price_unit":`+value+`}`))).MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
			},
			"currency": func() error {
				_, err := newClient(t, inTurn(`{"balance":"1","currency":`+value+`}`)).Balance(t.Context())
				return err
			},
		} {
			err := read()
			equal(t, name+" "+value+" taken", taken, err == nil)
			if err != nil && !strings.Contains(err.Error(), name+": ") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func failed[T any](records iter.Seq2[T, error]) error {
	for _, err := range records {
		if err != nil {
			return err
		}
	}
	return nil
}

// The balance is read as strictly as the rest.
func TestBalanceThatIsNone(t *testing.T) {
	for body, taken := range map[string]bool{
		`{"account_sid":"AC1","balance":"0.05","currency":"USD"}`: true,
		`{"account_sid":"AC1","balance":null,"currency":null}`:    true, // as a subaccount may have it
		`{"balance":""}`: true,
		`null`:           false,
		`{}`:             false,
		`[]`:             false,
		`""`:             false,
		`{"code":20003,"message":"Authenticate","status":401}`: false,
		`{"error":"x"}`: false,
		`{"account_sid":"AC1","balance":"0.05","currency":"USD"}x`:  false,
		`{"account_sid":"AC1","balance":"0.05","currency":"USD"}{}`: false,
		`{"account_sid":"AC1","balance":"0.05","currency":"USD"} `:  true,
		`{"account_sid":{"x":1},"balance":"0.05","currency":"USD"}`: false,
		`{"account_sid":"AC1","balance":true,"currency":"USD"}`:     false,
		`{"account_sid":"AC1","balance":{},"currency":"USD"}`:       false,
		`{"account_sid":"AC1","balance":"1","currency":true}`:       false,
		`{"account_sid":"AC1","balance":"1","currency":["USD"]}`:    false,
		`{"account_sid":false,"balance":"1","currency":"USD"}`:      false,
		`{"balance":"1","balance":"2","currency":"USD"}`:            false,
		`{"balance":"NaN","currency":"USD"}`:                        false,
	} {
		_, err := newClient(t, always(200, body)).Balance(t.Context())
		equal(t, body+" taken", taken, err == nil)
		if err != nil {
			as[*twilio.ResponseError](t, err)
		}
	}
	_, err := newClient(t, always(200, `{"code":20003,"message":"Authenticate"}`)).Balance(t.Context())
	equal(t, "text", `balance: invalid response: not a balance: "Authenticate"`, err.Error())
}
