package twilio_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// BenchmarkPage reads a page of 1,000 UsageRecords by the client and, to compare
// with, by encoding/json alone: into a struct that takes what comes, and into
// maps.
func BenchmarkPage(b *testing.B) {
	const n = 1000
	records := make([]string, n)
	for i := range records {
		records[i] = fmt.Sprintf(`{"period":{"start_time":"2024-05-01T%02d:00:00Z","end_time":"2024-05-01T%02d:59:59Z"},`+
			`"account_sid":%q,"sim_sid":"HS%032x","fleet_sid":null,"network_sid":null,"iso_country":null,`+
			`"data_upload":%d,"data_download":%d,"data_total":%d,"data_total_billed":"%d.%06d","billed_unit":"USD"}`,
			i%24, i%24, accountSID, i, i*1001, i*7777, i*8778, i/100, i)
	}
	page := usagePage("null", records...)

	b.Run("client", func(b *testing.B) {
		c := newClient(b, always(http.StatusOK, page))
		b.SetBytes(int64(len(page)))
		b.ReportAllocs()
		for b.Loop() {
			read := 0
			for _, err := range c.UsageRecords(b.Context(), twilio.UsageRecordsParams{}) {
				if err != nil {
					b.Fatal(err)
				}
				read++
			}
			if read != n {
				b.Fatalf("want %d records, have %d", n, read)
			}
		}
	})
	b.Run("struct", func(b *testing.B) {
		b.SetBytes(int64(len(page)))
		b.ReportAllocs()
		for b.Loop() {
			var into struct {
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
			}
			if err := json.NewDecoder(strings.NewReader(page)).Decode(&into); err != nil || len(into.Records) != n {
				b.Fatal(err, len(into.Records))
			}
		}
	})
	b.Run("map", func(b *testing.B) {
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
