package peers

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// constMetrics is what most exporters do: rows in memory, of which every scrape
// makes metrics.
type constMetrics struct{ rows []row }

type row struct {
	desc      *prometheus.Desc
	valueType prometheus.ValueType
	value     float64
	labels    []string
	whole     *dto.Metric // of a histogram or summary
}

func newConstMetrics(path string) (http.Handler, error) {
	families, err := readFamilies(path)
	if err != nil {
		return nil, err
	}
	var c constMetrics
	for _, family := range families {
		descs := make(map[string]*prometheus.Desc) // by label names
		for _, m := range family.GetMetric() {
			var names, values []string
			for _, label := range m.GetLabel() {
				names = append(names, label.GetName())
				values = append(values, label.GetValue())
			}
			key := strings.Join(names, ",")
			if descs[key] == nil {
				descs[key] = prometheus.NewDesc(family.GetName(), family.GetHelp(), names, nil)
			}
			r := row{desc: descs[key], labels: values}
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				r.valueType, r.value = prometheus.CounterValue, m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				r.valueType, r.value = prometheus.GaugeValue, m.GetGauge().GetValue()
			case dto.MetricType_UNTYPED:
				r.valueType, r.value = prometheus.UntypedValue, m.GetUntyped().GetValue()
			default:
				r.whole = m
			}
			c.rows = append(c.rows, r)
		}
	}
	registry := prometheus.NewRegistry()
	if err := registry.Register(&c); err != nil {
		return nil, err
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}), nil
}

// Describe implements prometheus.Collector. It sends nothing, as that of an
// exporter whose metrics depend on what it finds.
func (*constMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *constMetrics) Collect(metrics chan<- prometheus.Metric) {
	for _, r := range c.rows {
		switch {
		case r.whole == nil:
			metrics <- prometheus.MustNewConstMetric(r.desc, r.valueType, r.value, r.labels...)
		case r.whole.Histogram != nil:
			h := r.whole.GetHistogram()
			buckets := make(map[float64]uint64)
			for _, b := range h.GetBucket() {
				buckets[b.GetUpperBound()] = b.GetCumulativeCount()
			}
			metrics <- prometheus.MustNewConstHistogram(r.desc, h.GetSampleCount(), h.GetSampleSum(), buckets, r.labels...)
		case r.whole.Summary != nil:
			s := r.whole.GetSummary()
			quantiles := make(map[float64]float64)
			for _, q := range s.GetQuantile() {
				quantiles[q.GetQuantile()] = q.GetValue()
			}
			metrics <- prometheus.MustNewConstSummary(r.desc, s.GetSampleCount(), s.GetSampleSum(), quantiles, r.labels...)
		}
	}
}
