package twilio_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// usage reads one record's field, given as JSON.
func usage(t *testing.T, field, value string) (twilio.UsageRecord, error) {
	t.Helper()
	f := inTurn(usagePage("null", fmt.Sprintf(`{%q:%s}`, field, value)))
	records, err := list(t, newClient(t, f).UsageRecords(t.Context(), twilio.UsageRecordsParams{}))
	if err != nil {
		return twilio.UsageRecord{}, err
	}
	return records[0], nil
}

func TestBytesAreExact(t *testing.T) {
	fields := map[string]func(twilio.UsageRecord) twilio.Null[int64]{
		"data_upload":   func(r twilio.UsageRecord) twilio.Null[int64] { return r.Upload },
		"data_download": func(r twilio.UsageRecord) twilio.Null[int64] { return r.Download },
		"data_total":    func(r twilio.UsageRecord) twilio.Null[int64] { return r.Total },
	}
	for value, want := range map[string]int64{
		`0`: 0, `"0"`: 0, `-0`: 0, `0.0`: 0, `0e5`: 0,
		`150000`: 150000, `"150000"`: 150000, `1.5e5`: 150000, `1.5E+5`: 150000, `150000.0`: 150000, `"150000.000"`: 150000, `15000000e-2`: 150000,
		`9007199254740993`: 1<<53 + 1, `"9007199254740993"`: 1<<53 + 1, `9007199254740993.0`: 1<<53 + 1,
		`9223372036854775807`: 1<<63 - 1, `"9223372036854775807"`: 1<<63 - 1, `9.223372036854775807e18`: 1<<63 - 1,
	} {
		for field, get := range fields {
			t.Run(field+" "+value, func(t *testing.T) {
				r, err := usage(t, field, value)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, field, twilio.Null[int64]{V: want, Valid: true}, get(r))
			})
		}
	}
}

func TestMoneyIsExact(t *testing.T) {
	for value, want := range map[string]string{
		`"1234567.89"`: "1234567.89", `1234567.89`: "1234567.89", `0`: "0", `"0"`: "0", `"-3.50"`: "-3.5", `"+1"`: "1", `" 1.5 "`: "1.5", `"  2"`: "2", `"3e2 "`: "300",
		`1e-7`: "0.0000001", `"0.000000000000000000001"`: "0.000000000000000000001", `1.5E2`: "150",
		`12345678901234567890.123456789`: "12345678901234567890.123456789", `1e300`: "1" + strings.Repeat("0", 300),
	} {
		t.Run(value, func(t *testing.T) {
			r, err := usage(t, "data_total_billed", value)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "reported", true, r.Billed.Valid)
			equal(t, "amount", want, r.Billed.V.String())
		})
	}
	records := mustList(t, newClient(t, inTurn(usagePage("null", `{"data_total_billed":"0.1"}`, `{"data_total_billed":0.2}`))).
		UsageRecords(t.Context(), twilio.UsageRecordsParams{}))
	sum := records[0].Billed.V.Add(records[1].Billed.V)
	equal(t, "0.1 + 0.2", true, sum.Equal(decimal.RequireFromString("0.3")))
}

// Null, absent and "" are not reported, which is not 0.
func TestNotReported(t *testing.T) {
	for _, value := range []string{`null`, `""`} {
		for _, field := range []string{"data_upload", "data_download", "data_total", "data_total_billed", "absent"} {
			r, err := usage(t, field, value)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, field+" "+value, twilio.UsageRecord{}, r)
		}
	}
}

func TestUnreadableNumbers(t *testing.T) {
	never := []string{
		`"NaN"`, `"Infinity"`, `"-Infinity"`, `"inf"`, `"12,5"`, `"1,000"`, `"0x10"`, `"0b1"`, `"0o7"`, `"1_000"`, `"1e1_0"`,
		`" "`, `"1 0"`, `"- 1"`, `"\t1"`, `"1\n"`, `"ten"`, `"$1"`, `"1 USD"`, `"--1"`, `"1-"`, `"1-2"`, `".-5"`, `".+5"`, `"1.+5"`, `"+-1"`, `"."`, `"-"`, `"+"`,
		`"1.2.3"`, `"e5"`, `"1e"`, `"1e+"`, `"1e5e5"`, `"1e5.0"`, `"١٢"`, `"½"`, `"null"`, `"true"`,
		`true`, `false`, `[]`, `{}`, `[1]`, `{"amount":1}`,
		`1e999999999`, `1e-999999999`, `1e99999999`, `1e-99999999`, `"1e-309"`, `"1e999999999999999999999"`, `1e309`, `-1e309`, `"9e308"`, `"` + strings.Repeat("9", 101) + `"`,
	}
	bytes := []string{
		`-1`, `"-1"`, `1.5`, `"1.5"`, `1e-1`, `9223372036854775808`, `"9223372036854775808"`, `18446744073709551616`, `1e19`, `1e308`, `"0.1"`, `-1.5e5`,
	}
	check := func(t *testing.T, field, value string, err error) {
		t.Helper()
		have, given, _ := invalidValue(err)
		equal(t, "field", field, have)
		received := strings.Trim(value, `"`)
		if strings.Contains(received, `\`) {
			received = map[string]string{`\t1`: "\t1", `1\n`: "1\n"}[received]
		}
		if len(received) > 40 {
			received = received[:40] + "…"
		}
		equal(t, "value", received, given)
		if want := fmt.Sprintf("%s: %q is not a", field, received); !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %q", want, err)
		}
		as[*twilio.ResponseError](t, err)
		equal(t, "reason", twilio.ReasonResponse, twilio.ReasonOf(err))
	}
	started := time.Now()
	for _, field := range []string{"data_upload", "data_download", "data_total", "data_total_billed"} {
		values := never
		if field != "data_total_billed" {
			values = append(append([]string(nil), never...), bytes...)
		}
		for _, value := range values {
			t.Run(field+" "+value, func(t *testing.T) {
				_, err := usage(t, field, value)
				check(t, field, value, err)
			})
		}
	}
	for _, field := range []string{"usage", "count", "price"} {
		for _, value := range never {
			t.Run(field+" "+value, func(t *testing.T) {
				f := inTurn(monthlyPage("null", fmt.Sprintf(`{%q:%s}`, field, value)))
				records, err := list(t, newClient(t, f).MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
				check(t, field, value, err)
				equal(t, "records", 0, len(records))
			})
		}
	}
	for _, value := range append(append([]string(nil), never...), append(bytes, `9223372036855`, `9223372036854775807`)...) {
		t.Run("data_limit "+value, func(t *testing.T) {
			f := inTurn(superSIMPage("fleets", "null", fmt.Sprintf(`{"sid":"HF1","data_limit":%s}`, value)))
			_, err := list(t, newClient(t, f).Fleets(t.Context()))
			check(t, "data_limit", value, err)
		})
	}
	for _, value := range never {
		_, err := newClient(t, inTurn(`{"balance":`+value+`}`)).Balance(t.Context())
		check(t, "balance", value, err)
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("some number took long to refuse: %s in all", took)
	}
}

func TestUnreadableTimes(t *testing.T) {
	for field, record := range map[string]string{
		"period.start_time": `{"period":{"start_time":"yesterday"}}`,
		"period.end_time":   `{"period":{"start_time":"2024-05-01T00:00:00Z","end_time":"2024-05-01"}}`,
	} {
		f := inTurn(usagePage("null", record))
		invalidField(t, field, failure(t, newClient(t, f).UsageRecords(t.Context(), twilio.UsageRecordsParams{})))
	}
	for field, value := range map[string]string{
		"start_date": `"2024-05-01T00:00:00Z"`, "end_date": `"2024-02-30"`, "as_of": `1716200000`,
	} {
		f := inTurn(monthlyPage("null", fmt.Sprintf(`{%q:%s}`, field, value)))
		invalidField(t, field, failure(t, newClient(t, f).MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{})))
	}
}

// The error gives the number of the record that cannot be read, and nothing of its
// page is yielded.
func TestOneBadRecordFailsItsPage(t *testing.T) {
	f := inTurn(usagePage("null", `{"data_upload":1}`, `{"data_upload":2}`, `{"data_upload":-3}`))
	records, err := list(t, newClient(t, f).UsageRecords(t.Context(), twilio.UsageRecordsParams{}))
	equal(t, "records", 0, len(records))
	equal(t, "error", `usage_records: invalid response: record 3 of the page: data_upload: "-3" is not a whole number of bytes from 0 up`, err.Error())
}

// The simulator's faults in numbers, for every listing with numbers.
func TestSimulatedNumberFaults(t *testing.T) {
	now := hour(20, 12)
	for _, test := range []struct {
		kind             twiliotest.FaultKind
		usage, month     bool // is it an error?
		reported, amount bool // are numbers valid?
	}{
		{"", false, false, true, true},
		{twiliotest.UnreadableNumbers, true, true, false, false},
		{twiliotest.NegativeNumbers, true, false, false, true},
		{twiliotest.NullNumbers, false, false, false, false},
		{twiliotest.EmptyStrings, false, false, true, false},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			s := simulate(at(now))
			if test.kind != "" {
				s.Inject(twiliotest.Fault{Kind: test.kind})
			}
			c := simulated(t, s)
			for range 5 { // what is unreadable changes from request to request
				records, err := list(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 0)}))
				if _, _, ok := invalidValue(err); ok != test.usage || !ok && err != nil {
					t.Fatalf("usage: want an error %v, have %v", test.usage, err)
				}
				for _, r := range records {
					equal(t, "bytes reported", test.reported, r.Upload.Valid && r.Download.Valid && r.Total.Valid)
					equal(t, "money reported", test.amount, r.Billed.Valid)
				}
				months, err := list(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{Category: "sms", StartDate: hour(1, 0)}))
				if _, _, ok := invalidValue(err); ok != test.month || !ok && err != nil {
					t.Fatalf("month: want an error %v, have %v", test.month, err)
				}
				for _, r := range months {
					equal(t, "usage reported", test.amount, r.Usage.Valid && r.Count.Valid && r.Price.Valid)
				}
			}
		})
	}
}

func TestWaysToWriteAmounts(t *testing.T) {
	now := hour(20, 12)
	sum := func(amounts twiliotest.Amounts) string {
		s := simulate(at(now), func(o *twiliotest.Options) { o.Amounts = amounts })
		var total decimal.Decimal
		for _, r := range mustList(t, simulated(t, s).UsageRecords(t.Context(), twilio.UsageRecordsParams{
			Group: twilio.GroupSim, StartTime: hour(1, 0), EndTime: hour(20, 0)})) {
			total = total.Add(r.Billed.V)
		}
		return total.String()
	}
	want := sum(twiliotest.AmountsAsStrings)
	for _, amounts := range []twiliotest.Amounts{
		twiliotest.AmountsAsNumbers, twiliotest.AmountsWithSpaces, twiliotest.AmountsWithExponents,
	} {
		equal(t, "the bill", sum(amounts), want)
	}
}
