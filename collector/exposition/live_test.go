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
	"golang.org/x/sync/errgroup"
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
		"<nil>": {
			prometheus.NewMetricWithTimestamp(time.Unix(2, 0), metric(a, 1, "3")), prometheus.NewMetricWithTimestamp(time.Unix(1, 0), metric(a, 2, "3")),
			prometheus.NewMetricWithTimestamp(time.Unix(1, 0), metric(a, 1, "0")),
		},
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

// gaugesOf is a family of so many gauges whose values are what their labels say.
func gaugesOf(n int) *prometheus.GaugeVec {
	gauges := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "a", Help: "Help."}, []string{"x"})
	for i := range n {
		gauges.WithLabelValues(fmt.Sprint(i)).Set(float64(i))
	}
	return gauges
}

// misnumbered says what is wrong with such a family.
func misnumbered(families []*dto.MetricFamily, n int) error {
	if len(families) != 1 || len(families[0].Metric) != n {
		return fmt.Errorf("%d families, or metrics are missing", len(families))
	}
	seen := make(map[string]bool)
	for _, m := range families[0].Metric {
		label := m.Label[0].GetValue()
		if seen[label] || label != fmt.Sprint(m.Gauge.GetValue()) {
			return fmt.Errorf("%s has %v, or comes twice", label, m.Gauge.GetValue())
		}
		seen[label] = true
	}
	return nil
}

// TestLiveAllocations: what is known is not checked again, which takes the library
// more allocations than gathering does.
func TestLiveAllocations(t *testing.T) {
	r := newRegistries(gaugesOf(1000))
	library := testing.AllocsPerRun(10, func() { _, _ = r.library.Gather() })
	live := testing.AllocsPerRun(10, func() {
		_, done, _ := r.live.Gather()
		done()
	})
	if live > library*2/3 {
		t.Errorf("%v allocations, the library has %v", live, library)
	}
}

// TestLiveMany: more metrics than the queue has room for.
func TestLiveMany(t *testing.T) {
	live := exposition.NewLive()
	live.MustRegister(gaugesOf(10_000))
	for range 3 {
		families, done, err := live.Gather()
		if err := errors.Join(err, misnumbered(families, 10_000)); err != nil {
			t.Error(err)
		}
		done()
	}
}

// TestLiveAtOnce: scrapes at the same time do not get each other's metrics.
func TestLiveAtOnce(t *testing.T) {
	live := exposition.NewLive()
	live.MustRegister(gaugesOf(100))
	var scrapes errgroup.Group
	for range 8 {
		scrapes.Go(func() error {
			for range 100 {
				families, done, err := live.Gather()
				err = errors.Join(err, misnumbered(families, 100))
				done()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := scrapes.Wait(); err != nil {
		t.Error(err)
	}
}
