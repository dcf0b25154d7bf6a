package exporter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
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
