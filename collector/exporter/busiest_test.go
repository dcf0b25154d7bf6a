package exporter_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/status"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// gauges are batches of an hour, by the hour's end and the bytes by SIM. A SIM is a letter.
func gauges(end string, upload, download map[string]float64) []metric.Batch {
	batch := func(name, label string, values map[string]float64) metric.Batch {
		var samples []metric.Sample
		for sid, v := range values {
			samples = append(samples, metric.Sample{Labels: []string{sid}, Value: v})
		}
		slices.SortFunc(samples, func(a, b metric.Sample) int { return strings.Compare(a.Labels[0], b.Labels[0]) })
		return metric.NewBatch(metric.Gauge(name, "Help.", label), samples)
	}
	return []metric.Batch{
		batch("twilio_supersim_hour_end_timestamp_seconds", "group", map[string]float64{"account": float64(date(end).Unix()) + 3600, "sim": float64(date(end).Unix())}),
		batch("twilio_supersim_sim_hour_upload_bytes", "sim_sid", upload),
		batch("twilio_supersim_sim_hour_download_bytes", "sim_sid", download),
	}
}

// TestHoursOfSIMs: hours that no poll has shown are not known, which is not 0.
func TestHoursOfSIMs(t *testing.T) {
	type bytes = map[string]float64
	many := make(bytes)
	for i := range 30 {
		many[fmt.Sprintf("%02d", i)] = float64(i / 2)
	}
	first := gauges("2004-03-15 12:00", bytes{"B": 1, "C": 20, "D": 0}, bytes{"B": 2, "C": 0, "D": 0})
	for _, x := range []struct {
		name  string
		polls [][]metric.Batch
		want  string // SIMs with their sum, and their hours from the first known one on
	}{
		{"one hour", [][]metric.Batch{first}, "C 20 [20] B 3 [3]"},
		{"the same hour revised", [][]metric.Batch{first, gauges("2004-03-15 12:00", bytes{"B": 30, "C": 0, "D": 0}, bytes{"B": 2, "C": 0, "D": 0})}, "B 32 [32]"},
		{"the next hour", [][]metric.Batch{first, gauges("2004-03-15 13:00", bytes{"B": 10, "C": 0, "D": 0}, bytes{"B": 9, "C": 0, "D": 1})}, "B 22 [3 19] C 20 [20 0] D 1 [0 1]"},
		{"hours between", [][]metric.Batch{first, gauges("2004-03-15 15:00", bytes{"B": 10, "C": 0, "D": 0}, bytes{"B": 9, "C": 0, "D": 1})}, "B 22 [3 ? ? 19] C 20 [20 ? ? 0] D 1 [0 ? ? 1]"},
		{"a new SIM and one that is gone", [][]metric.Batch{first, gauges("2004-03-15 13:00", bytes{"A": 9, "B": 1}, bytes{"A": 0, "B": 1})}, "C 20 [20 ?] A 9 [9] B 5 [3 2]"},
		{"gone, and back", [][]metric.Batch{first, gauges("2004-03-15 13:00", bytes{"B": 1}, bytes{"B": 0}), gauges("2004-03-15 14:00", bytes{"B": 1, "C": 1}, bytes{"B": 0, "C": 0})}, "C 21 [20 ? 1] B 5 [3 1 1]"},
		{"all are gone", [][]metric.Batch{first, gauges("2004-03-15 13:00", nil, nil)}, "C 20 [20 ?] B 3 [3 ?]"},
		{"one direction only", [][]metric.Batch{gauges("2004-03-15 12:00", bytes{"A": 1, "C": 3}, bytes{"B": 2, "C": 4})}, "C 7 [7] B 2 [2] A 1 [1]"},
		{"23 hours later", [][]metric.Batch{first, gauges("2004-03-16 11:00", bytes{"B": 4}, bytes{"B": 0})}, "C 20 [20" + strings.Repeat(" ?", 23) + "] B 7 [3" + strings.Repeat(" ?", 22) + " 4]"},
		{"23 hours later, twice", [][]metric.Batch{first, gauges("2004-03-16 11:00", bytes{"B": 4}, nil), gauges("2004-03-16 11:00", bytes{"B": 5}, nil)}, "C 20 [20" + strings.Repeat(" ?", 23) + "] B 8 [3" + strings.Repeat(" ?", 22) + " 5]"},
		{"24 hours later", [][]metric.Batch{first, gauges("2004-03-16 12:00", bytes{"B": 4}, bytes{"B": 0})}, "B 4 [4]"},
		{"a greater hour_delay", [][]metric.Batch{first, gauges("2004-03-15 13:00", bytes{"B": 5}, bytes{"B": 0}), gauges("2004-03-15 12:00", bytes{"B": 4}, bytes{"B": 0})}, "B 4 [4]"},
		{"without the group sim", [][]metric.Batch{first, first[:1]}, ""},
		{"more than ten", [][]metric.Batch{gauges("2004-03-15 12:00", many, nil)}, "28 14 [14] 29 14 [14] 26 13 [13] 27 13 [13] 24 12 [12] 25 12 [12] 22 11 [11] 23 11 [11] 20 10 [10] 21 10 [10]"},
	} {
		t.Run(x.name, func(t *testing.T) {
			var have []string
			for _, s := range exporter.BusiestSIMs(x.polls...) {
				var hours []string
				for _, v := range s.Hours {
					if v != nil {
						hours = append(hours, fmt.Sprint(*v))
					} else if hours != nil {
						hours = append(hours, "?")
					}
				}
				have = append(have, fmt.Sprintf("%s %v %v", s.SID, s.Bytes, hours))
			}
			if have := strings.Join(have, " "); have != x.want {
				t.Errorf("want %s, have %s", x.want, have)
			}
		})
	}
}

// TestHoursOfManySIMs: of more than a thousand SIMs of an account, the busiest keep their
// hours over a restart. Those of the others are not known then.
func TestHoursOfManySIMs(t *testing.T) {
	before, after := make(map[string]float64), make(map[string]float64)
	for i := range 1200 {
		before[fmt.Sprintf("%04d", i)], after[fmt.Sprintf("%04d", i)] = float64(i), 0
	}
	after["0199"], after["0200"] = 9000, 8000
	sims, err := exporter.BusiestAfterRestart(gauges("2004-03-15 12:00", before, nil), gauges("2004-03-15 13:00", after, nil))
	if err != nil {
		t.Fatal(err)
	}
	known := knownHours(sims)
	for sim, want := range map[string]map[time.Time]float64{
		"0199": {date("2004-03-15 13:00"): 9000},
		"0200": {date("2004-03-15 12:00"): 200, date("2004-03-15 13:00"): 8000},
		"1199": {date("2004-03-15 12:00"): 1199, date("2004-03-15 13:00"): 0},
	} {
		if !reflect.DeepEqual(known[sim], want) {
			t.Errorf("%s: want %v, have %v", sim, want, known[sim])
		}
	}
	clear(before)
	for sim := range after {
		before[sim] = 0
	}
	sims, err = exporter.BusiestAfterRestart(gauges("2004-03-15 12:00", before, nil), gauges("2004-03-15 13:00", after, nil))
	if err != nil || len(sims) != 2 || sims[0].Bytes != 9000 {
		t.Errorf("have %+v, %v", sims, err)
	}
}

// BenchmarkBusiestSIMs is what two polls of 100,000 SIMs spend on the status page.
func BenchmarkBusiestSIMs(b *testing.B) {
	const sims = 100_000
	sids, upload, download := make([]string, sims), make([]float64, sims), make([]float64, sims)
	for i := range sids {
		sids[i] = fmt.Sprintf("HS%032x", i)
		upload[i], download[i] = float64(i*7919%sims), float64(i*104729%sims)
	}
	batch := func(name string, values []float64) metric.Batch {
		return metric.Batch{Family: metric.Gauge(name, "Help.", "sim_sid"), Len: sims, Labels: []metric.Column[string]{metric.Values(sids)}, Values: metric.Values(values)}
	}
	batches := append(gauges("2004-03-15 12:00", nil, nil)[:1],
		batch("twilio_supersim_sim_hour_upload_bytes", upload), batch("twilio_supersim_sim_hour_download_bytes", download))
	for b.Loop() {
		exporter.BusiestSIMs(batches, batches)
	}
}

// knownHours are the bytes of the hours that are known, by SIM and the hour's end.
func knownHours(sims []status.SIM) map[string]map[time.Time]float64 {
	known := make(map[string]map[time.Time]float64)
	for _, s := range sims {
		known[s.SID] = make(map[time.Time]float64)
		for i, v := range s.Hours {
			if v != nil {
				known[s.SID][s.HoursEnd.Add(time.Duration(i+1-len(s.Hours))*time.Hour)] = *v
			}
		}
	}
	return known
}

// TestHoursAfterRestart: with storage.path, hours of SIMs are known after a restart; those
// in which nobody polled are not. They are not taken for usage of another filter.
func TestHoursAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators, yaml := generated(), stored(bothAccounts, t.TempDir())
		p := launch(t, yaml, simulators)
		until(t, "2004-03-15 18:01:00") // after what is read at the whole hour
		before := knownHours(p.exporter.Overview().BusiestSIMs)
		p.kill()

		p = launch(t, yaml, simulators)
		synctest.Wait()
		if have := knownHours(p.exporter.Overview().BusiestSIMs); !reflect.DeepEqual(have, before) {
			t.Errorf("want %v, have %v", before, have)
		}
		p.kill()

		// Too old to be exposed, but not to continue with.
		until(t, "2004-03-15 22:10:00")
		unreachable(simulators)
		p = launch(t, yaml, simulators)
		until(t, "2004-03-15 22:20:00")
		if sims := p.exporter.Overview().BusiestSIMs; len(sims) > 0 {
			t.Errorf("have %+v", sims)
		}
		p.kill()

		// The state is written by another collector.
		reachable(simulators)
		for _, s := range simulators {
			s.Inject(twiliotest.Fault{Kind: twiliotest.Reset, Endpoint: twiliotest.UsageRecords})
		}
		p = launch(t, yaml, simulators)
		until(t, "2004-03-15 22:40:00")
		p.kill()

		reachable(simulators)
		p = launch(t, yaml, simulators)
		until(t, "2004-03-15 23:20:00")
		have := knownHours(p.exporter.Overview().BusiestSIMs)
		p.stop()
		both := 0
		for sim, hours := range have {
			if before[sim] == nil {
				continue
			}
			both++
			for end, bytes := range before[sim] {
				if hours[end] != bytes {
					t.Errorf("%s, hour up to %s: want %v, have %v", sim, end, bytes, hours[end])
				}
			}
			// Hours up to 11:00 … 16:00 were polled before, and up to 21:00 and 22:00 after.
			if want := len(before[sim]) + 2; len(hours) != want {
				t.Errorf("%s: want %d hours, have %v", sim, want, hours)
			}
		}
		if both == 0 {
			t.Error("no SIM was among the busiest before and after")
		}

		p = launch(t, yaml+"collectors: {supersim_usage: {filter: {fleet: "+fleet1+"}}}\n", simulators)
		defer p.stop()
		if sims := p.exporter.Overview().BusiestSIMs; len(sims) > 0 {
			t.Errorf("with another filter: have %+v", sims)
		}
	})
}

// TestHoursOverMonth: counters begin anew, the hours of SIMs do not.
func TestHoursOverMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-31 20:02:00")
		p := launch(t, stored(bothAccounts, t.TempDir()), generated())
		defer p.stop()
		until(t, "2004-04-01 06:10:00")
		for sim, hours := range knownHours(p.exporter.Overview().BusiestSIMs) {
			if len(hours) != 11 { // those up to 19:00 … 05:00
				t.Errorf("%s: have %v", sim, hours)
			}
		}
	})
}
