package exporter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// BenchmarkBusiest is what a poll of 100,000 SIMs spends on the status page.
func BenchmarkBusiest(b *testing.B) {
	const sims = 100_000
	sids, upload, download := make([]string, sims), make([]float64, sims), make([]float64, sims)
	for i := range sids {
		sids[i] = fmt.Sprintf("HS%032x", i)
		upload[i], download[i] = float64(i*7919%sims), float64(i*104729%sims)
	}
	batch := func(name string, values []float64) metric.Batch {
		return metric.Batch{Family: metric.Gauge(name, "Help.", "sim_sid"), Len: sims, Labels: []metric.Column[string]{metric.Values(sids)}, Values: metric.Values(values)}
	}
	end := time.Date(2004, 3, 15, 12, 0, 0, 0, time.UTC)
	batches := []metric.Batch{
		metric.NewBatch(metric.Gauge("twilio_supersim_hour_end_timestamp_seconds", "Help.", "group"), []metric.Sample{{Labels: []string{"sim"}, Value: float64(end.Unix())}}),
		batch("twilio_supersim_sim_hour_upload_bytes", upload), batch("twilio_supersim_sim_hour_download_bytes", download),
	}
	for b.Loop() {
		exporter.Watch(batches, end)
	}
}
