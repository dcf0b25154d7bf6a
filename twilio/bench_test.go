package twilio_test

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

const benchRecords = 1000

// usageRecords and sims are pages' records as the API sends them. The periods of
// usage are so many hours, one after the other.
func usageRecords(hours int) []string {
	records := make([]string, benchRecords)
	for i := range records {
		records[i] = fmt.Sprintf(`{"period":{"start_time":"2024-05-01T%02d:00:00Z","end_time":"2024-05-01T%02d:59:59Z"},`+
			`"account_sid":%q,"sim_sid":"HS%032x","fleet_sid":null,"network_sid":null,"iso_country":null,`+
			`"data_upload":%d,"data_download":%d,"data_total":%d,"data_total_billed":"%d.%06d","billed_unit":"USD"}`,
			i%hours, i%hours, accountSID, i, i*1001, i*7777, i*8778, i/100, i)
	}
	return records
}

func sims() []string {
	records := make([]string, benchRecords)
	for i := range records {
		records[i] = fmt.Sprintf(`{"sid":"HS%032x","unique_name":"pump %d","account_sid":%q,"iccid":"89883070000000%06d",`+
			`"status":"active","fleet_sid":"HF%032x","date_created":"2024-05-01T00:00:00Z","date_updated":"2024-05-01T00:00:00Z",`+
			`"url":"https://supersim.twilio.com/v1/Sims/HS%032x","links":{"billing_periods":"https://supersim.twilio.com/v1/Sims/HS%032x/BillingPeriods",`+
			`"sim_ip_addresses":"https://supersim.twilio.com/v1/Sims/HS%032x/IpAddresses"}}`,
			i, i, accountSID, i, i%10, i, i, i)
	}
	return records
}

// endlessListing responds with the same records again and again.
func endlessListing(key string, records []string) *fake {
	list := `{"` + key + `":[` + strings.Join(records, ",") + `],`
	return &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
		meta := fmt.Sprintf(`"meta":{"key":%q,"page":%d,"next_page_url":"?Page=%d"}}`, key, n, n+1)
		resp := reply(r, http.StatusOK, "")
		resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(list), strings.NewReader(meta))), -1
		return resp, nil
	}}
}

// BenchmarkPage reads pages of 1,000 records of one long listing by the client
// and, to compare with, a page by encoding/json alone: into a struct that takes
// what comes, and into maps.
func BenchmarkPage(b *testing.B) {
	b.Run("UsageRecords", func(b *testing.B) { benchUsageRecords(b, 1) })
	b.Run("UsageRecordsOfHours", func(b *testing.B) { benchUsageRecords(b, 24) })
	b.Run("Sims", func(b *testing.B) {
		benchPage(b, "sims", sims(), func(c *twilio.Client) iter.Seq2[twilio.Sim, error] {
			return c.Sims(b.Context())
		}, func() any {
			return new(struct {
				Sims []struct {
					SID        string  `json:"sid"`
					AccountSID string  `json:"account_sid"`
					UniqueName *string `json:"unique_name"`
					ICCID      string  `json:"iccid"`
					Status     string  `json:"status"`
					FleetSID   *string `json:"fleet_sid"`
				} `json:"sims"`
			})
		})
	})
}

func benchUsageRecords(b *testing.B, hours int) {
	benchPage(b, "usage_records", usageRecords(hours), func(c *twilio.Client) iter.Seq2[twilio.UsageRecord, error] {
		return c.UsageRecords(b.Context(), twilio.UsageRecordsParams{})
	}, func() any {
		return new(struct {
			Records []struct {
				Period     map[string]string `json:"period"`
				AccountSID string            `json:"account_sid"`
				SimSID     *string           `json:"sim_sid"`
				FleetSID   *string           `json:"fleet_sid"`
				NetworkSID *string           `json:"network_sid"`
				IsoCountry *string           `json:"iso_country"`
				Upload     any               `json:"data_upload"`
				Download   any               `json:"data_download"`
				Total      any               `json:"data_total"`
				Billed     any               `json:"data_total_billed"`
				BilledUnit *string           `json:"billed_unit"`
			} `json:"usage_records"`
		})
	})
}

func benchPage[T any](b *testing.B, key string, records []string, listing func(*twilio.Client) iter.Seq2[T, error], target func() any) {
	page := superSIMPage(key, "null", records...)
	b.Run("client", func(b *testing.B) {
		c := newClient(b, endlessListing(key, records), func(o *twilio.Options) { o.MaxRecords = 1 << 40 })
		b.SetBytes(int64(len(page)))
		b.ReportAllocs()
		read := 0
		for _, err := range listing(c) {
			if err != nil {
				b.Fatal(err)
			}
			// Before the first record of a page there was the reading of it.
			if read++; read%len(records) == 1 && !b.Loop() {
				break
			}
		}
	})
	b.Run("encoding-json-struct", func(b *testing.B) {
		b.SetBytes(int64(len(page)))
		b.ReportAllocs()
		for b.Loop() {
			if err := json.NewDecoder(strings.NewReader(page)).Decode(target()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json-map", func(b *testing.B) {
		b.SetBytes(int64(len(page)))
		b.ReportAllocs()
		for b.Loop() {
			var into map[string]any
			if err := json.NewDecoder(strings.NewReader(page)).Decode(&into); err != nil || len(into) != 2 {
				b.Fatal(err, len(into))
			}
		}
	})
}
