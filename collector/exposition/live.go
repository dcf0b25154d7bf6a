package exposition

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Live is a registry of metrics that are gathered for each scrape. It collects
// them one after the other: prometheus.Registry has a goroutine for each
// collector, and waking so many costs several times what they do.
type Live struct {
	known    *prometheus.Registry // of what must not be registered twice
	gatherer *prometheus.Registry // of all as one
	mu       sync.Mutex
	all      []prometheus.Collector
}

// NewLive makes a registry with nothing in it.
func NewLive() *Live {
	l := &Live{known: prometheus.NewRegistry(), gatherer: prometheus.NewRegistry()}
	l.gatherer.MustRegister(inTurn{l})
	return l
}

// Register implements prometheus.Registerer.
func (l *Live) Register(c prometheus.Collector) error {
	if err := l.known.Register(c); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all[:len(l.all):len(l.all)], c)
	return nil
}

// MustRegister implements prometheus.Registerer.
func (l *Live) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := l.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister implements prometheus.Registerer. What is registered stays.
func (l *Live) Unregister(prometheus.Collector) bool { return false }

// Gather implements prometheus.Gatherer.
func (l *Live) Gather() ([]*dto.MetricFamily, error) { return l.gatherer.Gather() }

// inTurn is all collectors of a registry as one.
type inTurn struct{ *Live }

// Describe implements prometheus.Collector. It sends nothing, so that what is
// collected is checked as it comes.
func (inTurn) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (t inTurn) Collect(metrics chan<- prometheus.Metric) {
	t.mu.Lock()
	all := t.all
	t.mu.Unlock()
	for _, c := range all {
		c.Collect(metrics)
	}
}
