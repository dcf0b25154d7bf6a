package exposition_test

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
)

// TestProcessCollector compares the metrics about the process with those of
// client_golang.
func TestProcessCollector(t *testing.T) {
	gather := func(c prometheus.Collector) map[string]*dto.MetricFamily {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(c)
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[string]*dto.MetricFamily)
		for _, f := range families {
			all[f.GetName()] = f
		}
		return all
	}
	c := exposition.NewProcessCollector()
	before := gather(c)
	want := gather(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	have := gather(c)
	if len(want) == 0 || len(have) != len(want) {
		t.Errorf("want %d metrics, have %d", len(want), len(have))
	}
	value := func(f *dto.MetricFamily) float64 {
		return f.Metric[0].GetGauge().GetValue() + f.Metric[0].GetCounter().GetValue()
	}
	for name, w := range want {
		h := have[name]
		if h == nil || h.GetHelp() != w.GetHelp() || h.GetType() != w.GetType() || h.GetUnit() != w.GetUnit() {
			t.Errorf("want %v, have %v", w, h)
			continue
		}
		v := value(w)
		switch {
		case strings.HasSuffix(name, "_total"): // the standard collector's stands between ours
			if v < value(before[name]) || v > value(h) {
				t.Errorf("%s: want %v to %v, have %v", name, value(before[name]), v, value(h))
			}
		case strings.Contains(name, "_memory_bytes"):
			if math.Abs(value(h)-v) > v/4 {
				t.Errorf("%s: want about %v, have %v", name, v, value(h))
			}
		case name == "process_open_fds": // what else goes on in the test may open some
			if math.Abs(value(h)-v) > 5 {
				t.Errorf("%s: want about %v, have %v", name, v, value(h))
			}
		case value(h) != v:
			t.Errorf("%s: want %v, have %v", name, v, value(h))
		}
	}
}

func BenchmarkProcess(b *testing.B) {
	for _, c := range []struct {
		name      string
		collector prometheus.Collector
	}{
		{"ours", exposition.NewProcessCollector()},
		{"client_golang", collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})},
		{"go", collectors.NewGoCollector()},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := prometheus.NewRegistry()
			r.MustRegister(c.collector)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Gather(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
