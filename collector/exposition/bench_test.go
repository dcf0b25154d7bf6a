package exposition_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// fleet is an account of many SIMs with the usual six series each.
func fleet(sims int) []metric.Batch {
	random := rand.New(rand.NewPCG(1, 2))
	ids, names := make([]string, sims), make([]string, sims)
	for i := range ids {
		ids[i] = fmt.Sprintf("HS%08x%08x%08x%08x", i*4294967296/sims, random.Uint32(), random.Uint32(), random.Uint32())
		names[i] = fmt.Sprintf("meter-%06d", i)
	}
	values := func(limit float64) metric.Column[float64] {
		all := make([]float64, sims)
		for i := range all {
			if random.Float64() < 0.7 {
				all[i] = float64(int64(random.Float64() * limit))
			}
		}
		return metric.Values(all)
	}
	cost := make([]float64, sims)
	for i := range cost {
		cost[i] = float64(random.IntN(1e8)) / 1e6
	}
	sids := []metric.Column[string]{metric.Values(ids)}
	return []metric.Batch{
		{Family: "twilio_supersim_sim_upload_bytes_total", Created: month, Rows: sims, Labels: sids, Values: values(1e10)},
		{Family: "twilio_supersim_sim_download_bytes_total", Created: month, Rows: sims, Labels: sids, Values: values(1e10)},
		{Family: "twilio_supersim_sim_hour_upload_bytes", Rows: sims, Labels: sids, Values: values(1e7)},
		{Family: "twilio_supersim_sim_hour_download_bytes", Rows: sims, Labels: sids, Values: values(1e7)},
		{Family: "twilio_supersim_sim_cost_total", Created: month, Rows: sims, Labels: []metric.Column[string]{sids[0], metric.Const("USD")}, Values: metric.Values(cost)},
		{Family: "twilio_supersim_sim_info", Rows: sims, Values: metric.Const(1.0), Labels: []metric.Column[string]{
			sids[0], metric.Values(names), metric.Const("HF11111111111111111111111111111111"), metric.Const("active"),
		}},
	}
}

func shown(sims int) (*exposition.Exposition, *exposition.Source) {
	x, source := exposition.New(), exposition.NewSource("production", 0)
	x.Replace(collector.Families(false), []exposition.Place{{Source: source}})
	x.Show(source, fleet(sims), time.Now())
	return x, source
}

// sink is a scraper that throws away what it gets.
type sink struct {
	header http.Header
	bytes  int64
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}
func (s *sink) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	return len(p), nil
}

func BenchmarkScrape(b *testing.B) {
	for _, sims := range []int{50_000, 170_000} {
		x, _ := shown(sims)
		h := handler(x, live())
		for _, format := range []struct{ name, accept, coding string }{
			{"openmetrics-gzip", accepts[2], "gzip"},
			{"openmetrics", accepts[2], "identity"},
			{"text", accepts[1], "identity"},
			{"protobuf", accepts[5], "identity"},
		} {
			b.Run(fmt.Sprintf("series=%d/format=%s", 6*sims, format.name), func(b *testing.B) {
				r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
				r.Header.Set("Accept", format.accept)
				r.Header.Set("Accept-Encoding", format.coding)
				b.ReportAllocs()
				var s sink
				for b.Loop() {
					s = sink{header: make(http.Header)}
					h.ServeHTTP(&s, r)
				}
				b.SetBytes(s.bytes)
			})
		}
	}
}

// BenchmarkShow shows what polls found: nothing new, and all of it new.
func BenchmarkShow(b *testing.B) {
	for _, sims := range []int{50_000, 170_000} {
		batches := [2][]metric.Batch{fleet(sims), fleet(sims)}
		for i := range batches[1] {
			each := make([]float64, sims)
			for j := range each {
				each[j] = batches[0][i].Values.At(j) + float64(i+j%7)
			}
			batches[1][i].Values = metric.Values(each)
		}
		b.Run(fmt.Sprintf("series=%d/unchanged", 6*sims), func(b *testing.B) {
			x, source := shown(sims)
			b.ReportAllocs()
			for b.Loop() {
				x.Show(source, batches[0], time.Now())
			}
		})
		b.Run(fmt.Sprintf("series=%d/changed", 6*sims), func(b *testing.B) {
			x, source := shown(sims)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				x.Show(source, batches[(i+1)%2], time.Now())
			}
		})
	}
}

// BenchmarkManyAccounts is the switch to one collector's result among many
// accounts, each with four collectors and a few rows of every family.
func BenchmarkManyAccounts(b *testing.B) {
	const parts = 4
	batches := func(value float64, part int) []metric.Batch {
		var all []metric.Batch
		for i, f := range collector.Families(true) {
			if !f.PerAccount || f.Type != metric.TypeCounter && f.Type != metric.TypeGauge || i%parts != part {
				continue
			}
			rows := []metric.Sample{{Value: value}}
			if len(f.Labels) > 0 {
				rows = make([]metric.Sample, 5)
				for r := range rows {
					rows[r] = metric.Sample{Labels: slices.Repeat([]string{fmt.Sprintf("HS%032x", r)}, len(f.Labels)), Value: value + float64(r)}
				}
			}
			all = append(all, metric.NewBatch(f.Name, time.Time{}, rows))
		}
		return all
	}
	for _, accounts := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			x := exposition.New()
			var places []exposition.Place
			for i := range accounts * parts {
				source := exposition.NewSource(fmt.Sprintf("account-%d", i/parts), 3*time.Hour)
				places = append(places, exposition.Place{Source: source, Batches: batches(1, i%parts)})
			}
			x.Replace(collector.Families(true), places)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				which := i * 7919 % len(places)
				x.Show(places[which].Source, batches(float64(2+i%2), which%parts), time.Now())
			}
		})
	}
}
