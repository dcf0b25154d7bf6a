package backfill_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// live runs the exporter from one time to another, on the clock of the bubble, and
// returns what it exposes at each step.
func (s *setup) live(t *testing.T, from, to time.Time, step time.Duration) history {
	t.Helper()
	time.Sleep(time.Until(from))
	ctx, cancel := context.WithCancel(t.Context())
	e := exporter.New(ctx, exporter.Options{
		Offset: func(string, time.Duration) time.Duration { return 0 },
		Logger: log.NewNopLogger(), Registry: prometheus.NewRegistry(), UserAgent: "test",
		Dial: func(config.Account, time.Duration, string, twilio.Observer) (http.RoundTripper, error) {
			return promconfig.NewBasicAuthRoundTripper(promconfig.NewInlineSecret(accountSID), promconfig.NewInlineSecret("token"), s.simulator.Transport()), nil
		},
	})
	if err := e.Reload(s.config(t)); err != nil {
		t.Fatal(err)
	}
	h := make(history)
	for ; time.Now().Before(to); time.Sleep(step) {
		synctest.Wait()
		families, err := e.Gatherer().Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.Metric {
				value := m.GetGauge().GetValue()
				if m.Counter != nil {
					value = m.Counter.GetValue()
				}
				labels := make(map[string]string)
				for _, l := range m.Label {
					labels[l.GetName()] = l.GetValue()
				}
				var b strings.Builder
				fmt.Fprintf(&b, "%s{account=%q", f.GetName(), labels["account"])
				for _, name := range []string{"account_sid", "sim_sid", "fleet_sid", "network_sid", "iso_country", "currency", "group"} {
					if value, ok := labels[name]; ok {
						fmt.Fprintf(&b, ",%s=%q", name, value)
					}
				}
				b.WriteByte('}')
				h[b.String()] = append(h[b.String()], point{time.Now().UTC(), value})
			}
		}
	}
	cancel()
	e.Wait()
	return h
}

// historic are the collectors of which there is history.
const historic = `
collectors:
  supersim_usage: {groups: [account, sim, fleet, network, country, sim_network]}
  account_usage: {enabled: false}
  account_balance: {enabled: false}
`

// TestSameAsExporter: where everything is reported at once, the samples are those that
// the exporter shows at the same moments, over the end of a month.
func TestSameAsExporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prompt := func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
			segments := busy(sim, hour)
			for i := range segments {
				segments[i].ByteDelay, segments[i].BillDelay = 0, 0
			}
			return segments
		}
		s := newSetup(t, twiliotest.Options{Now: time.Now, Accounts: []twiliotest.Account{account(prompt)}}, time.Time{}, "2000-02-27", "2000-03-04")
		s.yaml = historic
		shown := s.live(t, date("2000-02-26 23:00"), day("2000-03-04"), time.Hour)
		compared, families := 0, make(map[string]bool)
		written := s.mustRun(t)
		for series, points := range written {
			families[series[:strings.IndexByte(series, '{')]] = true
			at := make(map[time.Time]float64)
			for _, p := range shown[series] {
				at[p.at] = p.value
			}
			for _, p := range points {
				if p.at.Equal(day("2000-03-04")) {
					continue
				}
				if want, ok := at[p.at]; !ok || want != p.value {
					t.Errorf("%s at %s: want %v, %t, have %v", series, p.at, want, ok, p.value)
				}
				compared++
			}
		}
		if compared < 8_000 {
			t.Errorf("%d samples are the same", compared)
		}
		// Nothing else is shown, up to where the exporter may go on.
		for series, points := range shown {
			family := series[:strings.IndexByte(series, '{')]
			from, end := s.options.From, day("2000-03-03").Add(22*time.Hour)
			switch {
			case !families[family]:
				continue
			case strings.Contains(family, "_cost_"):
				end = day("2000-03-03")
			case strings.Contains(family, "_hour_"): // of an hour that ended an hour before
				from = from.Add(2 * time.Hour)
			}
			at := make(map[time.Time]bool)
			for _, p := range written[series] {
				at[p.at] = true
			}
			for _, p := range points {
				if !p.at.Before(from) && !p.at.After(end) && !at[p.at] {
					t.Errorf("%s at %s: %v is shown and not in the history", series, p.at, p.value)
				}
			}
		}
	})
}

// TestSeam: whenever Prometheus scrapes the exporter for the first time, and whether the
// history is written before or long after, history and scrapes together count
// everything once: no counter falls but to leave a month, and none leaves out anything.
func TestSeam(t *testing.T) {
	for _, x := range []struct{ to, live string }{
		{"2000-03-29", "2000-03-29 00:00"},
		{"2000-03-30", "2000-03-30 13:40"},
		{"2000-03-31", "2000-04-01 00:30"}, // in the first hours of a month
		{"2000-04-01", "2000-04-02 00:10"}, // while money shows 0
		{"2000-04-02", "2000-04-02 09:00"},
	} {
		for _, before := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, written before: %t", x.live, before), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stop, end := date("2000-04-01 06:00"), date("2000-04-02 16:00")
					usage := func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
						if !hour.Before(stop) {
							return nil
						}
						return busy(sim, hour)
					}
					s := newSetup(t, twiliotest.Options{Now: time.Now, Accounts: []twiliotest.Account{account(usage)}}, time.Time{}, "2000-02-20", x.to)
					s.yaml = historic
					var all, shown history
					time.Sleep(time.Until(date(x.live)))
					if before {
						all = s.mustRun(t)
					}
					shown = s.live(t, date(x.live), end, 5*time.Minute)
					if !before {
						all = s.mustRun(t)
					}
					s.join(t, all, shown, date(x.live), stop)
				})
			})
		}
	}
}

// join compares the increase of history and scrapes together with the truth.
func (s *setup) join(t *testing.T, all, shown history, live, stop time.Time) {
	t.Helper()
	compared := 0
	for _, key := range []struct {
		series string
		filter twiliotest.Filter
	}{
		{"account_%s{account=%q,account_sid=" + fmt.Sprintf("%q", accountSID), twiliotest.Filter{}},
		{"fleet_%s{account=%q,fleet_sid=" + fmt.Sprintf("%q", fleetSID), twiliotest.Filter{Fleet: fleetSID}},
		{"sim_%s{account=%q,sim_sid=" + fmt.Sprintf("%q", simSID(1)), twiliotest.Filter{Sim: simSID(1)}},
		{"sim_%s{account=%q,sim_sid=" + fmt.Sprintf("%q", simSID(2)), twiliotest.Filter{Sim: simSID(2)}},
		{"sim_%s{account=%q,sim_sid=" + fmt.Sprintf("%q", simSID(3)), twiliotest.Filter{Sim: simSID(3)}},
		{"network_%s{account=%q,network_sid=" + fmt.Sprintf("%q", abroad), twiliotest.Filter{Network: abroad}},
		{"sim_network_%s{account=%q,sim_sid=" + fmt.Sprintf(`%q,network_sid=%q,iso_country="DE"`, simSID(1), home), twiliotest.Filter{Sim: simSID(1), Network: home}},
		{"sim_network_%s{account=%q,sim_sid=" + fmt.Sprintf(`%q,network_sid=%q,iso_country="PL"`, simSID(1), abroad), twiliotest.Filter{Sim: simSID(1), Network: abroad}},
		{"sim_network_%s{account=%q,sim_sid=" + fmt.Sprintf(`%q,network_sid=%q,iso_country="DE"`, simSID(2), home), twiliotest.Filter{Sim: simSID(2), Network: home}},
		{"country_%s{account=%q,iso_country=\"DE\"", twiliotest.Filter{IsoCountry: "DE"}},
	} {
		truth := s.simulator.Final(accountSID, key.filter, s.options.From, stop)
		for family, want := range map[string]float64{
			"upload_bytes_total": float64(truth.Upload), "download_bytes_total": float64(truth.Download), "cost_total": float64(truth.MicroCost) / 1e6,
		} {
			series := "twilio_supersim_" + fmt.Sprintf(key.series, family, "production")
			if family == "cost_total" {
				series += `,currency="USD"`
			}
			series += "}"
			history, scrapes := all[series], shown[series]
			if len(history) == 0 || len(scrapes) == 0 {
				t.Errorf("%s has %d samples of the past and %d scrapes", series, len(history), len(scrapes))
				continue
			}
			if last := history[len(history)-1].at; last.After(scrapes[0].at) {
				t.Errorf("%s: the last sample of the past is at %s, the first scrape at %s", series, last, scrapes[0].at)
			}
			increase, falls := 0.0, 0
			points := append(append([]point{}, history...), scrapes...)
			for i := 1; i < len(points); i++ {
				if d := points[i].value - points[i-1].value; d >= 0 {
					increase += d
				} else {
					increase += points[i].value
					falls++
				}
			}
			months := 2 // ends of months that are passed
			if want == 0 {
				months = 0
			}
			if difference := increase - want; difference > 1e-9*want || difference < -1e-9*want || falls != months {
				t.Errorf("%s: want an increase of %v, have %v, and %d falls", series, want, increase, falls)
			}
			compared++
		}
	}
	if compared != 30 {
		t.Errorf("%d counters compared", compared)
	}
}

// TestRoundedHours: where the API rounds the amounts of hours, their sum is more than the
// total that the exporter shows; the history ends no higher than that.
func TestRoundedHours(t *testing.T) {
	s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(busy)}}, date("2026-11-20 10:00"), "2026-09-25", "2026-10-04")
	s.options.Groups = []string{"sim"}
	billed := regexp.MustCompile(`"data_total_billed":"[0-9.]+"`)
	s.change = func(r *http.Request, body []byte) []byte {
		if r.URL.Query().Get("Granularity") != "hour" {
			return body
		}
		return billed.ReplaceAll(body, []byte(`"data_total_billed":"0.01"`))
	}
	points := s.mustRun(t)[`twilio_supersim_sim_cost_total{account="production",sim_sid="`+simSID(1)+`",currency="USD"}`]
	last := points[len(points)-1]
	if want := date("2026-10-03 00:00"); !last.at.Equal(want) {
		t.Errorf("want the last sample at %s, have %s", want, last.at)
	}
	want := float64(s.simulator.Final(accountSID, twiliotest.Filter{Sim: simSID(1)}, day("2026-10-01"), day("2026-10-03")).MicroCost) / 1e6
	if last.value != want {
		t.Errorf("want %v at the end, have %v", want, last.value)
	}
	for i, p := range points {
		if p.at.Equal(day("2026-10-01")) && p.value < 0.01*24*6 { // not where it was left
			t.Errorf("%v of September at %s", p.value, p.at)
		}
		if i > 0 && p.value < points[i-1].value && p.value != 0 {
			t.Errorf("%v falls to %v", points[i-1], p)
		}
	}
}
