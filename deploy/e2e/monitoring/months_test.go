package monitoring_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A dimension is a dimension of usage, with the filters that select its members in
// the simulator.
type dimension struct {
	name, label string
	of          map[string]twiliotest.Filter // by the label's value
}

func dimensions(accountSID string, fleets []string, sims []string) []dimension {
	byFleet, bySIM := make(map[string]twiliotest.Filter), make(map[string]twiliotest.Filter)
	for _, f := range fleets {
		byFleet[f] = twiliotest.Filter{Fleet: f}
	}
	for _, s := range sims {
		bySIM[s] = twiliotest.Filter{Sim: s}
	}
	return []dimension{
		{"account", "account_sid", map[string]twiliotest.Filter{accountSID: {}}},
		{"fleet", "fleet_sid", byFleet},
		{"sim", "sim_sid", bySIM},
		{"network", "network_sid", map[string]twiliotest.Filter{
			homeNetwork: {Network: homeNetwork}, roamingNetwork: {Network: roamingNetwork},
		}},
		{"country", "iso_country", map[string]twiliotest.Filter{"DE": {IsoCountry: "DE"}, "PL": {IsoCountry: "PL"}}},
	}
}

// TestMonthsTurn loads the exporter's samples over the ends of two months into
// Prometheus, evaluates the queries that the documentation recommends, and compares
// the results with the usage and cost of the simulated SIMs.
func TestMonthsTurn(t *testing.T) {
	const scrape = 5 * time.Minute
	from, stop, to := date(t, "2026-08-30 00:00"), date(t, "2026-10-02 00:00"), date(t, "2026-10-04 00:00")
	september, october := date(t, "2026-09-01 00:00"), date(t, "2026-10-01 00:00")
	directory := t.TempDir()
	file, data := filepath.Join(directory, "history.om"), filepath.Join(directory, "data")
	record(t, file, world(from, stop, nil), `
collectors:
  supersim_usage: {interval: 1h}
  supersim_inventory: {interval: 90m}
  account_usage: {enabled: false}
  account_balance: {enabled: false}
`, from, to, scrape, func(family string) bool {
		return strings.HasPrefix(family, "twilio_supersim_") && strings.HasSuffix(family, "_total")
	})
	blocks(t, file, data)
	prometheus := startPrometheus(t, write(t, directory, "prometheus.yml", "global: {}\n"), data,
		"--enable-feature=promql-extended-range-selectors")
	truth := twiliotest.New(world(from, stop, nil))

	// increase() extrapolates to the edges of its range, by less than 1.1 scrape
	// intervals at each end.
	extrapolation := 2 * 1.1 * scrape.Seconds() / (to.Sub(from) - scrape).Seconds()
	compared := 0
	for _, account := range []struct {
		name, sid, currency string
		of                  []dimension
	}{
		{"production", production, "USD", dimensions(production, []string{meters, cameras}, []string{simSID(1), wildSIM, sleepySIM})},
		{"sensors", sensors, "EUR", dimensions(sensors, []string{trackers}, []string{simSID(11), simSID(13)})},
	} {
		for _, d := range account.of {
			for value, filter := range d.of {
				for _, what := range []struct {
					name, matcher string
					settle        time.Duration
					of            func(twiliotest.Usage) float64
				}{
					{"upload_bytes", "", 2 * time.Hour, func(u twiliotest.Usage) float64 { return float64(u.Upload) }},
					{"download_bytes", "", 2 * time.Hour, func(u twiliotest.Usage) float64 { return float64(u.Download) }},
					{"cost", `, currency="` + account.currency + `"`, 24 * time.Hour, func(u twiliotest.Usage) float64 { return float64(u.MicroCost) / 1e6 }},
				} {
					series := fmt.Sprintf(`twilio_supersim_%s_%s_total{account="%s", %s="%s"%s}`, d.name, what.name, account.name, d.label, value, what.matcher)
					want := func(from, to time.Time) float64 { return what.of(truth.Final(account.sid, filter, from, to)) }

					// The whole period, including both ends of a month.
					have, all := prometheus.scalar(t, "increase("+series+"[36d])", to), want(from, stop)
					if all == 0 || have < all*(1-1e-9) || have > all*(1+extrapolation) {
						t.Errorf("increase of %s over the whole period: have %f, want %f and at most %f %% more", series, have, all, 100*extrapolation)
					}

					// A calendar month after it has settled: the counter just before it is
					// reset. Without extrapolation the value is exact.
					for _, month := range []time.Time{september.AddDate(0, -1, 0), september} {
						next := month.AddDate(0, 1, 0)
						if have, want := prometheus.scalar(t, series, next.Add(what.settle-time.Second)), want(month, next); have != want {
							t.Errorf("%s at the end of %s: have %f, want %f", series, month.Format("January"), have, want)
						}
					}

					// increase() from one reset to the next is the total of the month.
					left := october.Add(what.settle + 15*time.Minute)
					have, all = prometheus.scalar(t, "increase("+series+"[30d])", left), want(september, october)
					if have < all*(1-1e-9) || have > all*(1+2*1.1*scrape.Seconds()/(30*24*time.Hour).Seconds()) {
						t.Errorf("increase of %s in September: have %f, want %f", series, have, all)
					}

					// Day by day. Adjacent ranges share no sample, so neither includes what is
					// counted between the last sample of one and the first of the next. The
					// polls are on the hour here, so ranges that begin at half past lose nothing.
					all = want(from, stop)
					have = prometheus.scalar(t, "sum_over_time(increase("+series+"[1d] offset 30m)[36d:1d])", to)
					if have < all*(1-1e-9) || have > all*(1+2*1.1*scrape.Seconds()/(24*time.Hour).Seconds()) {
						t.Errorf("increases of %s by day: have %f in all, want %f", series, have, all)
					}
					// Anchored ranges start at the sample before them, without extrapolation.
					have = prometheus.scalar(t, "sum_over_time(increase("+series+"[1d] anchored)[36d:1d])", to)
					if math.Abs(have-all) > 1e-9*all {
						t.Errorf("anchored increases of %s by day: have %f in all, want %f", series, have, all)
					}
					compared++
				}
			}
		}
	}
	if compared != 3*((1+2+3+2+2)+(1+1+2+2+2)) {
		t.Errorf("compared %d counters", compared)
	}
}
