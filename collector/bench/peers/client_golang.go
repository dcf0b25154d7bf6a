package peers

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// newCachedFamilies keeps what a registry would have gathered: a scrape only
// encodes and compresses.
func newCachedFamilies(path string) (http.Handler, error) {
	families, err := readFamilies(path)
	if err != nil {
		return nil, err
	}
	gather := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
	return promhttp.HandlerFor(gather, promhttp.HandlerOpts{EnableOpenMetrics: true}), nil
}

// newConstMetrics does what most exporters do: it keeps samples and makes metrics
// of them for every scrape.
func newConstMetrics(path string) (http.Handler, error) {
	return newRegistry(path, func(string) bool { return true })
}

// newSelfMetrics is newConstMetrics with the exporter's metrics about itself only.
func newSelfMetrics(path string) (http.Handler, error) {
	return newRegistry(path, func(family string) bool {
		return !strings.HasPrefix(family, "twilio_supersim_") && !strings.HasPrefix(family, "twilio_account_")
	})
}

// newRegistry serves the families that are wanted as const metrics. Those that
// client_golang has collectors for come from these.
func newRegistry(path string, wanted func(family string) bool) (http.Handler, error) {
	families, err := readFamilies(path)
	if err != nil {
		return nil, err
	}
	var samples constMetrics
	for _, family := range families {
		prefix, _, _ := strings.Cut(family.GetName(), "_")
		if prefix == "twilio" && wanted(family.GetName()) {
			samples = appendSamples(samples, family)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(samples, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.InstrumentMetricHandler(registry,
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})), nil
}

type constMetrics []sample

type sample struct {
	desc      *prometheus.Desc
	valueType prometheus.ValueType
	value     float64
	labels    []string
	histogram *dto.Histogram // nil if it is none
}

func appendSamples(samples constMetrics, family *dto.MetricFamily) constMetrics {
	descs := make(map[string]*prometheus.Desc) // by label names
	for _, m := range family.GetMetric() {
		var names []string
		s := sample{valueType: prometheus.GaugeValue, value: m.GetGauge().GetValue(), histogram: m.GetHistogram()}
		if m.Counter != nil {
			s.valueType, s.value = prometheus.CounterValue, m.GetCounter().GetValue()
		}
		for _, label := range m.GetLabel() {
			names = append(names, label.GetName())
			s.labels = append(s.labels, label.GetValue())
		}
		key := strings.Join(names, ",")
		if descs[key] == nil {
			descs[key] = prometheus.NewDesc(family.GetName(), family.GetHelp(), names, nil)
		}
		s.desc = descs[key]
		samples = append(samples, s)
	}
	return samples
}

// Describe implements prometheus.Collector. It sends nothing, like that of an
// exporter whose metrics depend on what it finds.
func (constMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c constMetrics) Collect(metrics chan<- prometheus.Metric) {
	for _, s := range c {
		if s.histogram == nil {
			metrics <- prometheus.MustNewConstMetric(s.desc, s.valueType, s.value, s.labels...)
			continue
		}
		buckets := make(map[float64]uint64)
		for _, b := range s.histogram.GetBucket() {
			buckets[b.GetUpperBound()] = b.GetCumulativeCount()
		}
		metrics <- prometheus.MustNewConstHistogram(s.desc, s.histogram.GetSampleCount(), s.histogram.GetSampleSum(), buckets, s.labels...)
	}
}
