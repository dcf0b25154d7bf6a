package collector_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// An account that is billed in many currencies would have a counter for each of
// its SIMs in each of them.
func TestCurrenciesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(nil))
		first, count := 0, 16
		r.respond(func(req *http.Request) (int, string) {
			var records []string
			for i := range count {
				if req.FormValue("Group") == "" {
					return http.StatusOK, `{"usage_records":[],"meta":{"next_page_url":null}}`
				}
				records = append(records, fmt.Sprintf(`{"sim_sid":"HS%d","fleet_sid":"HF%[1]d","network_sid":"HW%[1]d","iso_country":"%[1]d",`+
					`"data_upload":1,"data_total_billed":"1","billed_unit":"X%c%c"}`, i, 'A'+first/26, 'A'+(first+i)%26))
			}
			return http.StatusOK, `{"usage_records":[` + strings.Join(records, ",") + `],"meta":{"next_page_url":null}}`
		})
		cfg := superSIMUsage()
		cfg.Groups = []string{"sim"}
		c := collector.NewSuperSIMUsage(r.account, cfg)
		r.good(c)
		for _, test := range []struct{ first, count int }{{0, 17}, {26, 1}} { // at once, or one after the other
			first, count = test.first, test.count
			r.poll(c)
			if r.err == nil || !strings.Contains(r.err.Error(), "billed in 17 currencies, and at most 16 are taken") {
				t.Errorf("%v: %v", test, r.err)
			}
		}
		first, count = 0, 16
		r.good(c)
	})
}

// The records of all polls of an account share the memory that it may take.
func TestHeldRecordsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(nil))
		long := strings.Repeat("x", 4000)
		var pages atomic.Int64 // of three listings at a time
		r.respond(func(req *http.Request) (int, string) {
			list := strings.ToLower(strings.TrimPrefix(req.URL.Path, "/v1/"))
			page := pages.Add(1)
			var records []string
			for i := range 1000 {
				records = append(records, fmt.Sprintf(`{"sid":"%s%d-%d"}`, long, page, i))
			}
			return http.StatusOK, fmt.Sprintf(`{"%s":[%s],"meta":{"next_page_url":"?Page=%d"}}`, list, strings.Join(records, ","), page)
		})
		for range 2 { // what a poll has held is free for the next one
			pages.Store(0)
			r.poll(collector.NewSuperSIMInventory(r.account, config.SuperSIMInventory{}))
			if r.err == nil || twilio.ReasonOf(r.err) != twilio.ReasonLimit || !strings.Contains(r.err.Error(), "take more than 128 MB, which max_records (2000000) allows") {
				t.Fatalf("%.300v", r.err)
			}
			if page := pages.Load(); page < 10 || page > 60 {
				t.Errorf("%d pages", page)
			}
		}
	})
}
