package twilio_test

import (
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// fuzzed is a client that gets this response to every request.
func fuzzed(t *testing.T, body []byte) (*twilio.Client, *fake) {
	f := always(http.StatusOK, string(body))
	return newClient(t, f, func(o *twilio.Options) { o.MaxRecords = 10_000 }), f
}

// seeds adds the files of testdata/pages of that name and invalid pages of any kind.
func seeds(f *testing.F, name, key string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "pages", name+"*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `<html>`, "\xff\xfe", `{"` + key + `":null,"meta":{"next_page_url":null}}`,
		`{"` + key + `":[null],"meta":{"next_page_url":""}}`,
		`{"` + key + `":[],"meta":{"next_page_url":"//x/"}}`,
		`{"` + key + `":[{}],"meta":{"next_page_url":"?Page=1"},"next_page_uri":"/x"}`,
		`{"x":` + strings.Repeat("[", 50),
	} {
		f.Add([]byte(body))
	}
}

// verdict checks what is common to all listings.
func verdict(t *testing.T, body []byte, records int, err error, f *fake) {
	t.Helper()
	if n := f.count(); n < 1 || n > 200 {
		t.Errorf("%d requests", n)
	}
	if err == nil {
		if !json.Valid(body) {
			t.Error("taken, although it is not JSON")
		}
		return
	}
	switch twilio.ReasonOf(err) {
	case twilio.ReasonResponse, twilio.ReasonTruncated, twilio.ReasonLimit:
	default:
		t.Errorf("unexpected %T with %d records: %v", err, records, err)
	}
	if _, _, ok := invalidValue(err); ok && len(err.Error()) > 1000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func checkMoney(t *testing.T, name string, n twilio.Null[decimal.Decimal]) {
	t.Helper()
	if v := n.V.InexactFloat64(); math.IsNaN(v) || math.IsInf(v, 0) {
		t.Errorf("%s is not finite", name)
	}
	if !n.Valid && !n.V.IsZero() {
		t.Errorf("%s has a value, although it is not reported", name)
	}
}

func checkBytes(t *testing.T, name string, n twilio.Null[int64]) {
	t.Helper()
	if n.V < 0 || !n.Valid && n.V != 0 {
		t.Errorf("%s is %v", name, n)
	}
}

func FuzzUsageRecords(f *testing.F) {
	seeds(f, "usage_records", "usage_records")
	start, end := hour(1, 0), hour(3, 0)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, granularity := range []twilio.Granularity{twilio.GranularityAll, twilio.GranularityHour} {
			c, api := fuzzed(t, body)
			records, err := list(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{Granularity: granularity, StartTime: start, EndTime: end}))
			verdict(t, body, len(records), err, api)
			for _, r := range records {
				checkBytes(t, "upload", r.Upload)
				checkBytes(t, "download", r.Download)
				checkBytes(t, "total", r.Total)
				checkMoney(t, "billed", r.Billed)
				equal(t, "currency", strings.ToUpper(r.BilledUnit), r.BilledUnit)
				if granularity == twilio.GranularityHour && (r.Period.Start.Before(start) || !r.Period.Start.Before(end)) {
					t.Errorf("an hour that was not requested: %v", r.Period)
				}
			}
		}
	})
}

func FuzzMonthlyUsages(f *testing.F) {
	seeds(f, "monthly_usage", "usage_records")
	f.Fuzz(func(t *testing.T, body []byte) {
		c, api := fuzzed(t, body)
		records, err := list(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
		verdict(t, body, len(records), err, api)
		for _, r := range records {
			checkMoney(t, "usage", r.Usage)
			checkMoney(t, "count", r.Count)
			checkMoney(t, "price", r.Price)
			equal(t, "start", r.StartDate.Truncate(24*time.Hour), r.StartDate)
			equal(t, "currency", strings.ToUpper(r.PriceUnit), r.PriceUnit)
		}
	})
}

func FuzzSims(f *testing.F) {
	seeds(f, "sims", "sims")
	f.Fuzz(func(t *testing.T, body []byte) {
		c, api := fuzzed(t, body)
		records, err := list(t, c.Sims(t.Context()))
		verdict(t, body, len(records), err, api)
		for _, r := range records {
			equal(t, "has a SID", true, r.SID != "")
		}
	})
}

func FuzzFleets(f *testing.F) {
	seeds(f, "fleets", "fleets")
	f.Fuzz(func(t *testing.T, body []byte) {
		c, api := fuzzed(t, body)
		records, err := list(t, c.Fleets(t.Context()))
		verdict(t, body, len(records), err, api)
		for _, r := range records {
			equal(t, "has a SID", true, r.SID != "")
			checkBytes(t, "data_limit", r.DataLimit)
			equal(t, "whole megabytes", 0, r.DataLimit.V%1_000_000)
		}
	})
}

func FuzzNetworks(f *testing.F) {
	seeds(f, "networks", "networks")
	f.Fuzz(func(t *testing.T, body []byte) {
		c, api := fuzzed(t, body)
		records, err := list(t, c.Networks(t.Context()))
		verdict(t, body, len(records), err, api)
		for _, r := range records {
			equal(t, "has a SID", true, r.SID != "")
		}
	})
}

func FuzzAccounts(f *testing.F) {
	seeds(f, "accounts", "accounts")
	f.Fuzz(func(t *testing.T, body []byte) {
		c, api := fuzzed(t, body)
		records, err := list(t, c.Accounts(t.Context()))
		verdict(t, body, len(records), err, api)
		for _, r := range records {
			equal(t, "the SID's length", 34, len(r.SID))
		}
	})
}

func FuzzBalance(f *testing.F) {
	seeds(f, "balance", "x")
	f.Fuzz(func(t *testing.T, body []byte) {
		c, api := fuzzed(t, body)
		b, err := c.Balance(t.Context())
		verdict(t, body, 0, err, api)
		if err == nil {
			checkMoney(t, "balance", b.Balance)
			equal(t, "currency", strings.ToUpper(b.Currency), b.Currency)
		}
	})
}

// FuzzRefusals reads bodies of refusals: an error it is, short and of one line.
func FuzzRefusals(f *testing.F) {
	for _, body := range []string{
		``, `<html>`, `{"code":20003,"message":"no","more_info":"https://x","status":401}`, `{"error":{},"message":[]}`,
		`{"code":1e308}`, `{"code":"x","message":"a\nb"}`, `{"error":"x","error_description":"auth-token-of-the-account"}`, "\xff",
	} {
		f.Add(400, []byte(body))
		f.Add(503, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 400 || status > 599 {
			return // no refusal
		}
		c := newClient(t, basicAuth{accountSID, authToken, always(status, string(body))})
		err := as[*twilio.APIError](t, failure(t, c.Sims(t.Context())))
		equal(t, "status", status, err.Status)
		between(t, "length", 1, 4*700, len(err.Error()))
		if strings.ContainsAny(err.Error(), "\n\r\x00\x1b") || strings.Contains(err.Error(), authToken) {
			t.Errorf("not fit for a log: %q", err)
		}
	})
}
