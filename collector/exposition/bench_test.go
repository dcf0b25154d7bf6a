package exposition_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
		{Family: family("twilio_supersim_sim_upload_bytes_total"), Created: month, Len: sims, Labels: sids, Values: values(1e10)},
		{Family: family("twilio_supersim_sim_download_bytes_total"), Created: month, Len: sims, Labels: sids, Values: values(1e10)},
		{Family: family("twilio_supersim_sim_hour_upload_bytes"), Len: sims, Labels: sids, Values: values(1e7)},
		{Family: family("twilio_supersim_sim_hour_download_bytes"), Len: sims, Labels: sids, Values: values(1e7)},
		{Family: family("twilio_supersim_sim_cost_total"), Created: month, Len: sims, Labels: []metric.Column[string]{sids[0], metric.Const("USD")}, Values: metric.Values(cost)},
		{Family: family("twilio_supersim_sim_info"), Len: sims, Values: metric.Const(1.0), Labels: []metric.Column[string]{
			sids[0], metric.Values(names), metric.Const("HF11111111111111111111111111111111"), metric.Const("active"),
		}},
	}
}

func shown(sims int) (*exposition.Exposition, *exposition.Source) {
	x, source := exposition.New(), exposition.NewSource("production", 0)
	x.Replace(fleetTable(false), []exposition.SourceInit{{Source: source}})
	x.Show(source, fleet(sims), time.Now())
	return x, source
}

func scrapeRequest(accept, coding string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", coding)
	return r
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

// BenchmarkScrape compares scrapes with what they are measured by: the floor is to
// write the same bytes, and promhttp serves the self-metrics alone and all samples
// as const metrics.
func BenchmarkScrape(b *testing.B) {
	self := func() prometheus.Gatherer {
		r := prometheus.NewRegistry()
		r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		return r
	}
	for _, sims := range []int{50_000, 170_000} {
		x, _ := shown(sims)
		h := x.Handler(exposition.HandlerOptions{SelfMetrics: self(), Registry: prometheus.NewRegistry()})
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, scrapeRequest(accepts[2], "gzip"))
		for _, c := range []struct {
			name           string
			handler        http.Handler
			accept, coding string
		}{
			{"openmetrics-gzip", h, accepts[2], "gzip"},
			{"openmetrics-gzip/floor", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(recorder.Body.Bytes()) }), "", ""},
			{"openmetrics-gzip/self-metrics", promhttp.HandlerFor(self(), promhttp.HandlerOpts{EnableOpenMetrics: true}), accepts[2], "gzip"},
			{"openmetrics-gzip/const-metrics", reference{world{"production": fleet(sims)}, nil}.handler(), accepts[2], "gzip"},
			{"openmetrics", h, accepts[2], "identity"},
			{"text", h, accepts[1], "identity"},
			{"protobuf", h, accepts[5], "identity"},
		} {
			b.Run(fmt.Sprintf("series=%d/format=%s", 6*sims, c.name), func(b *testing.B) {
				server := httptest.NewServer(c.handler)
				defer server.Close()
				b.ReportAllocs()
				for b.Loop() {
					r := scrapeRequest(c.accept, c.coding)
					r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", server.Listener.Addr().String()
					resp, err := server.Client().Do(r)
					if err != nil {
						b.Fatal(err)
					}
					n, err := io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(n)
				}
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
// accounts, each with four collectors and a few samples of every family.
func BenchmarkManyAccounts(b *testing.B) {
	const parts = 4
	batches := func(value float64, part int) []metric.Batch {
		var all []metric.Batch
		for i, f := range fleetTable(true) {
			if i%parts != part {
				continue
			}
			samples := []metric.Sample{{Value: value}}
			if len(f.Labels) > 0 {
				samples = make([]metric.Sample, 5)
				for r := range samples {
					samples[r] = metric.Sample{Labels: slices.Repeat([]string{fmt.Sprintf("HS%032x", r)}, len(f.Labels)), Value: value + float64(r)}
				}
			}
			all = append(all, metric.NewBatch(f, samples))
		}
		return all
	}
	for _, accounts := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			x := exposition.New()
			x.Replace(fleetTable(true), nil)
			sources := make([]exposition.SourceInit, accounts*parts)
			for i := range sources {
				source := exposition.NewSource(fmt.Sprintf("account-%d", i/parts), 3*time.Hour)
				x.Show(source, batches(1, i%parts), time.Now()) // which costs little while no source is exposed
				sources[i] = exposition.SourceInit{Source: source, Predecessor: source}
			}
			x.Replace(fleetTable(true), sources)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				which := i * 7919 % len(sources)
				x.Show(sources[which].Source, batches(float64(2+i%2), which%parts), time.Now())
			}
		})
	}
}
