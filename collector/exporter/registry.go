package exporter

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// NewRegistry makes a registry with the metrics of the Go runtime and the process.
func NewRegistry() Registry {
	r := registry{prometheus.NewRegistry()}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// registry leaves out a gauge that strict parsers refuse: in OpenMetrics it has
// the family name of the counter go_memstats_alloc_bytes_total. Its value is that
// of go_memstats_heap_alloc_bytes.
type registry struct{ *prometheus.Registry }

// Gather implements prometheus.Gatherer.
func (r registry) Gather() ([]*dto.MetricFamily, error) {
	families, err := r.Registry.Gather()
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "go_memstats_alloc_bytes" }), err
}
