package monitoring_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// writeHistory runs the command backfill against a simulated Twilio at a time, and
// returns the files.
func writeHistory(t *testing.T, options twiliotest.Options, collectors string, from, to, now time.Time, resolution backfill.Resolution, groups []string) []string {
	t.Helper()
	output := filepath.Join(t.TempDir(), "history")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(now)) // on the synthetic clock of the bubble
		simulator := twiliotest.New(options)
		cfg, err := config.Parse("history.yml", []byte(configuration("http://simulator", collectors)))
		if err != nil {
			t.Fatal(err)
		}
		if err := backfill.Run(t.Context(), backfill.Options{
			Accounts: cfg.Accounts(), API: cfg.API(), Rollover: cfg.Rollover(), From: from, To: to, Resolution: resolution, Groups: groups,
			Output: output, Files: io.Discard, Log: io.Discard,
			Dial: func(a config.Account, _ func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
				return twilio.New(twilio.Options{
					Provider: a.Provider, AccountSID: a.AccountSID, SuperSIMURL: "http://simulator", UserAgent: "twilio_exporter/test", Observer: observer,
					Transport: inMemory(a, simulator.Transport(), time.Minute, "twilio_exporter/test", observer),
				})
			},
		}); err != nil {
			t.Fatal(err)
		}
	})
	files, err := filepath.Glob(filepath.Join(output, "*.om"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return files
}

// importHistory imports files as the documentation says, in the reverse of their order.
func importHistory(t *testing.T, files []string, data string) {
	t.Helper()
	for i := range files {
		succeed(t, programs.Promtool, "tsdb", "create-blocks-from", "--max-block-duration=162h", "openmetrics",
			"--label=job=twilio", "--label=instance=history", "--quiet", files[len(files)-1-i], data)
	}
}

// byNetwork is a SIM's usage of each network. The values bear one more label.
func byNetwork(sim string) dimension {
	of := make(map[string]twiliotest.Filter)
	for network, country := range map[string]string{homeNetwork: "DE", roamingNetwork: "PL"} {
		of[sim+`", network_sid="`+network+`", iso_country="`+country] = twiliotest.Filter{Sim: sim, Network: network}
	}
	return dimension{"sim_network", "sim_sid", of}
}

// TestHistory imports the files of the command backfill into Prometheus, beside what the
// exporter exposed from a later time on, and compares increases with the usage and cost
// of the simulated SIMs: of each month, and over the seam between the two.
func TestHistory(t *testing.T) {
	for _, x := range []struct {
		resolution backfill.Resolution
		groups     []string // nil: all
	}{{backfill.Hour, nil}, {backfill.Day, []string{"account", "sim", "sim_network"}}} {
		t.Run(string(x.resolution), func(t *testing.T) {
			// The exporter is scraped from October 14, 9:20 on; the history was written six
			// days after that.
			from, to, live := date(t, "2026-07-20 00:00"), date(t, "2026-10-14 00:00"), date(t, "2026-10-14 09:20")
			stop, end := date(t, "2026-10-15 00:00"), date(t, "2026-10-16 06:00")
			collectors := `
collectors:
  supersim_usage: {groups: [account, sim, fleet, network, country, sim_network]}
  account_usage: {enabled: false}
  account_balance: {enabled: false}
`
			usage := world(from.AddDate(0, 0, -5), stop, nil)
			directory := t.TempDir()
			data := filepath.Join(directory, "data")
			importHistory(t, writeHistory(t, usage, collectors, from, to, date(t, "2026-10-20 12:00"), x.resolution, x.groups), data)
			file := filepath.Join(directory, "live.om")
			record(t, file, usage, collectors, live, end, 5*time.Minute, func(family string) bool {
				return strings.HasPrefix(family, "twilio_supersim_") && strings.HasSuffix(family, "_total")
			})
			blocks(t, file, data)
			prometheus := startPrometheus(t, write(t, directory, "prometheus.yml", "global: {}\n"), data,
				"--enable-feature=promql-extended-range-selectors")
			truth := twiliotest.New(usage)

			compared := 0
			for _, account := range []struct {
				name, sid, currency string
				of                  []dimension
			}{
				{"production", production, "USD", append(dimensions(production, []string{meters, cameras}, []string{simSID(1), sleepySIM, simSID(9)}), byNetwork(sleepySIM))},
				{"sensors", sensors, "EUR", append(dimensions(sensors, []string{trackers}, []string{simSID(11)}), byNetwork(simSID(11)))},
			} {
				for _, d := range account.of {
					if x.groups != nil && !slices.Contains(x.groups, d.name) {
						continue
					}
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

							// A whole month, from when the counter left the month before to when it
							// leaves this one, as increase() is used and without extrapolation.
							for _, month := range []time.Time{date(t, "2026-08-01 00:00"), date(t, "2026-09-01 00:00")} {
								next := month.AddDate(0, 1, 0)
								length := int(next.Sub(month).Seconds()) + 1
								all := want(month, next)
								have := prometheus.scalar(t, fmt.Sprintf("increase(%s[%ds])", series, length), next.Add(what.settle))
								if math.Abs(have-all) > 1e-6*all {
									t.Errorf("increase of %s in %s: have %f, want %f", series, month.Format("January"), have, all)
								}
							}

							// All of it, over the seam.
							length := int(end.Sub(from).Seconds()) - 1
							have := prometheus.scalar(t, fmt.Sprintf("increase(%s[%ds] anchored)", series, length), end.Add(-time.Second))
							if all := want(from, stop); math.Abs(have-all) > 1e-9*all {
								t.Errorf("increase of %s over everything: have %f, want %f", series, have, all)
							}
							resets := 3.0 // August 1, September 1, October 1
							if want(from, stop) == 0 {
								resets = 0
							}
							if have := prometheus.scalar(t, fmt.Sprintf("resets(%s[%ds])", series, length+1), end.Add(-time.Second)); have != resets {
								t.Errorf("%s has %v resets, want %v", series, have, resets)
							}

							// The two days around the seam have no more and no less than was used
							// since the last sample of the history.
							last := to.Add(-max(what.settle, time.Hour)).Truncate(time.Hour)
							if x.resolution == backfill.Day {
								last = last.Truncate(24 * time.Hour)
							}
							have = prometheus.scalar(t, fmt.Sprintf("increase(%s[%ds] anchored)", series, int(end.Sub(last).Seconds())-1), end.Add(-time.Second))
							if all := want(last, stop); math.Abs(have-all) > 1e-9*max(all, want(from, stop)) {
								t.Errorf("increase of %s over the seam: have %f, want %f", series, have, all)
							}
							compared++
						}
					}
				}
			}
			want := 3 * ((1 + 2 + 3 + 2 + 2 + 2) + (1 + 1 + 1 + 2 + 2 + 2))
			if x.groups != nil {
				want = 3 * ((1 + 3 + 2) + (1 + 1 + 2))
			}
			if compared != want {
				t.Errorf("compared %d counters, want %d", compared, want)
			}
		})
	}
}
