package exposition_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
)

// collects is a collector of whatever a function sends.
type collects func(metrics chan<- prometheus.Metric)

func (collects) Describe(chan<- *prometheus.Desc)           {}
func (c collects) Collect(metrics chan<- prometheus.Metric) { c(metrics) }

// registries are the exporter's registry and the library's with the same
// collectors in them.
type registries struct {
	live    *exposition.Live
	library *prometheus.Registry
}

func newRegistries(all ...prometheus.Collector) registries {
	r := registries{exposition.NewLive(), prometheus.NewRegistry()}
	r.live.MustRegister(all...)
	r.library.MustRegister(all...)
	return r
}

// compare gathers several times, since what is known is gathered another way, and
// returns the error, which must say the same.
func (r registries) compare(t *testing.T) error {
	t.Helper()
	var last error
	for range 3 {
		want, wantErr := r.library.Gather()
		have, done, err := r.live.Gather()
		if !slices.EqualFunc(have, want, func(a, b *dto.MetricFamily) bool { return proto.Equal(a, b) }) {
			t.Errorf("have:\n%v\nwant:\n%v", have, want)
		}
		done()
		// Where something panics, the library shows the stack.
		if before(err, "stack trace") != before(wantErr, "stack trace") {
			t.Errorf("have error %v, want %v", err, wantErr)
		}
		last = err
	}
	return last
}

// before is what an error says before a text.
func before(err error, text string) string {
	said, _, _ := strings.Cut(fmt.Sprint(err), text)
	return strings.ReplaceAll(said, "exposition_test.", "exposition.")
}

// TestLive: whatever is collected, the registry gathers what the library's does.
func TestLive(t *testing.T) {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "b_gauge", Help: "Help.", ConstLabels: prometheus.Labels{"z": "1"}}, []string{"a", "b"})
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "a_total", Help: "Help.", Unit: "seconds"}, []string{"x"})
	histogram := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "c_seconds", Help: "Help."}, []string{"x"})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "d_seconds", Help: "Help.", Objectives: map[float64]float64{0.5: 0.1}})
	// The same family from two collectors.
	split := []prometheus.Collector{
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "split", Help: "Help.", ConstLabels: prometheus.Labels{"part": "2"}}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "split", Help: "Help.", ConstLabels: prometheus.Labels{"part": "1"}}),
	}
	r := newRegistries(append(split, gauge, counter, histogram, summary)...)
	check := func() {
		t.Helper()
		if err := r.compare(t); err != nil {
			t.Error(err)
		}
	}
	check()
	for i := range 30 {
		gauge.WithLabelValues(fmt.Sprint(i%7), fmt.Sprint(i)).Set(float64(i))
	}
	check()
	counter.WithLabelValues("\"\n\\").Add(3)
	histogram.WithLabelValues("y").Observe(0.2)
	summary.Observe(1)
	check()
	gauge.Reset()
	check()
	r.live.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "later", Help: "Help."}))
	r.library.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "later", Help: "Help."}))
	check()
}

// TestLiveWrong: what is wrong, and what is shown all the same, is what the library
// says, whether it was wrong from the start or is so all at once.
func TestLiveWrong(t *testing.T) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	a, b, other := desc("a", "Help.", "x"), desc("b", "Help."), desc("b", "Other help.")
	metric := func(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
		return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	right := []prometheus.Metric{metric(a, 1, "1"), metric(a, 2, "2"), metric(b, 3)}
	for name, wrong := range map[string][]prometheus.Metric{
		"was collected before": {metric(a, 9, "2")},
		"has help":             {metric(other, 1)},
		"should be a Gauge":    {prometheus.MustNewConstMetric(a, prometheus.CounterValue, 1, "3")},
		"spoilt":               {prometheus.NewInvalidMetric(desc("c", "Help."), errors.New("spoilt"))},
		"collides":             {prometheus.MustNewConstHistogram(desc("h", "Help."), 1, 1, nil), metric(desc("h_count", "Help."), 1)},
		"<nil>":                {prometheus.NewMetricWithTimestamp(time.Unix(1, 0), metric(a, 1, "3"))},
	} {
		t.Run(name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				now := first
				r := newRegistries(collects(func(metrics chan<- prometheus.Metric) {
					for _, m := range right {
						metrics <- m
					}
					for _, m := range wrong {
						if now {
							metrics <- m
						}
					}
				}))
				for range 2 {
					err := r.compare(t)
					if now && !strings.Contains(fmt.Sprint(err), name) {
						t.Errorf("have error %v, want %q", err, name)
					}
					now = !now
				}
			}
		})
	}
}

// TestLivePanic: a collector that panics takes no other with it.
func TestLivePanic(t *testing.T) {
	panics := false
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "a", Help: "Help."})
	last := prometheus.NewGauge(prometheus.GaugeOpts{Name: "z", Help: "Help."})
	r := newRegistries(gauge, collects(func(chan<- prometheus.Metric) {
		if panics {
			panic("spoilt")
		}
	}), last)
	if err := r.compare(t); err != nil {
		t.Error(err)
	}
	panics = true
	if err := r.compare(t); !strings.Contains(fmt.Sprint(err), "spoilt") {
		t.Errorf("have error %v", err)
	}
	panics = false
	if err := r.compare(t); err != nil {
		t.Error(err)
	}
}

// TestLiveMany: more metrics than the queue has room for.
func TestLiveMany(t *testing.T) {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "a", Help: "Help."}, []string{"x"})
	for i := range 10_000 {
		gauge.WithLabelValues(fmt.Sprint(i)).Set(float64(i))
	}
	live := exposition.NewLive()
	live.MustRegister(gauge)
	for range 3 {
		families, done, err := live.Gather()
		if err != nil || len(families) != 1 || len(families[0].Metric) != 10_000 {
			t.Errorf("%d families, error %v", len(families), err)
		}
		seen := make(map[string]bool)
		for _, m := range families[0].Metric {
			if label := m.Label[0].GetValue(); seen[label] || label != fmt.Sprint(m.Gauge.GetValue()) {
				t.Errorf("%s has %v, or comes twice", label, m.Gauge.GetValue())
			} else {
				seen[label] = true
			}
		}
		done()
	}
}

// TestLiveAtOnce: scrapes at the same time do not get each other's metrics.
func TestLiveAtOnce(t *testing.T) {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "a", Help: "Help."}, []string{"x"})
	for i := range 100 {
		gauge.WithLabelValues(fmt.Sprint(i)).Set(float64(i))
	}
	live := exposition.NewLive()
	live.MustRegister(gauge)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			for range 100 {
				families, done, err := live.Gather()
				if err == nil {
					err = numbered(families)
				}
				done()
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// numbered says whether a family's metrics have their labels for values.
func numbered(families []*dto.MetricFamily) error {
	if len(families) != 1 || len(families[0].Metric) != 100 {
		return errors.New("metrics are missing")
	}
	for _, m := range families[0].Metric {
		if m.Label[0].GetValue() != fmt.Sprint(m.Gauge.GetValue()) {
			return fmt.Errorf("%s has %v", m.Label[0].GetValue(), m.Gauge.GetValue())
		}
	}
	return nil
}
