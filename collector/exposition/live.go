package exposition

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Live is a registry of metrics that are gathered for each scrape. It gathers as
// prometheus.Registry does. That one has a goroutine for each collector and checks
// every metric every time, which took longer than all that a scrape does besides
// sending; here it is asked when something is there that was not before, and
// whenever something is not as it should be.
type Live struct {
	known      *prometheus.Registry // of what must not be registered twice
	workspaces sync.Pool

	mu       sync.Mutex
	all      []collects
	families atomic.Pointer[liveFamilies]
}

// liveFamilies are the families of metrics that were found to go together.
type liveFamilies struct {
	of  map[*prometheus.Desc]int
	all []*dto.MetricFamily // sorted by name, without metrics
}

// liveWorkspace is memory that is used to gather again and again.
type liveWorkspace struct {
	queue    chan prometheus.Metric
	metrics  []prometheus.Metric
	values   []dto.Metric
	lists    []*dto.Metric // of all families
	families []dto.MetricFamily
	gathered []*dto.MetricFamily
}

// NewLive makes a registry with nothing in it.
func NewLive() *Live {
	l := &Live{known: prometheus.NewRegistry()}
	l.workspaces.New = func() any { return &liveWorkspace{queue: make(chan prometheus.Metric, 4096)} }
	l.families.Store(new(liveFamilies))
	return l
}

// Register implements prometheus.Registerer.
func (l *Live) Register(c prometheus.Collector) error {
	if err := l.known.Register(c); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all[:len(l.all):len(l.all)], c.Collect)
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

// Gather implements prometheus.TransactionalGatherer.
func (l *Live) Gather() ([]*dto.MetricFamily, func(), error) {
	space := l.workspaces.Get().(*liveWorkspace)
	done := func() {
		space.clear()
		l.workspaces.Put(space)
	}
	all := l.collectors()
	if !space.collect(all) {
		families, err := check(all...)
		return families, done, err
	}
	known := l.families.Load()
	if space.gather(known) {
		return space.gathered, done, nil
	}
	families, err := check(these(space.metrics...))
	if err == nil {
		l.families.Store(known.with(space.metrics))
	}
	return families, done, err
}

func (l *Live) collectors() []collects {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}

// clear lets go of what was gathered.
func (s *liveWorkspace) clear() {
	clear(s.metrics)
	clear(s.values)
	clear(s.lists)
	clear(s.families)
	s.metrics, s.gathered = s.metrics[:0], s.gathered[:0]
}

// collect collects all metrics. It returns false if a collector panics, which is
// for a registry to report.
func (s *liveWorkspace) collect(all []collects) (ok bool) {
	// There is room for all of them in the queue. Should there not be, it is
	// emptied while it is filled.
	stop, stopped := make(chan struct{}), make(chan struct{})
	late := time.AfterFunc(time.Millisecond, func() {
		defer close(stopped)
		for {
			select {
			case m := <-s.queue:
				s.metrics = append(s.metrics, m)
			case <-stop:
				return
			}
		}
	})
	defer func() {
		ok = recover() == nil
		if !late.Stop() {
			close(stop)
			<-stopped
		}
		for len(s.queue) > 0 {
			s.metrics = append(s.metrics, <-s.queue)
		}
	}()
	for _, c := range all {
		c.Collect(s.queue)
	}
	return true
}

// gather puts the metrics into families. It returns false if one is new, or if
// they are not as they should be.
func (s *liveWorkspace) gather(known *liveFamilies) bool {
	s.values = grown(s.values, len(s.metrics))
	s.lists = grown(s.lists, len(s.metrics))
	s.families = grown(s.families, len(known.all))
	// A family's metrics have their places behind those of the family before.
	ends := make([]int, len(known.all))
	for _, m := range s.metrics {
		family, ok := known.of[m.Desc()]
		if !ok {
			return false
		}
		ends[family]++
	}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	starts := slices.Clone(ends)
	for i, m := range s.metrics {
		family, value := known.of[m.Desc()], &s.values[i]
		if m.Write(value) != nil || !hasType(value, known.all[family].GetType()) {
			return false
		}
		starts[family]--
		s.lists[starts[family]] = value
	}
	for i, like := range known.all {
		list := s.lists[starts[i]:ends[i]]
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, compareLive)
		for n := range list[1:] {
			if compareLive(list[n], list[n+1]) == 0 { // they may differ in their timestamps
				return false
			}
		}
		family := &s.families[i]
		family.Name, family.Help, family.Type, family.Unit, family.Metric = like.Name, like.Help, like.Type, like.Unit, list
		s.gathered = append(s.gathered, family)
	}
	return true
}

// grown is memory for n values, of which none is in use.
func grown[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

func hasType(m *dto.Metric, t dto.MetricType) bool {
	switch t {
	case dto.MetricType_COUNTER:
		return m.Counter != nil
	case dto.MetricType_GAUGE:
		return m.Gauge != nil
	case dto.MetricType_HISTOGRAM:
		return m.Histogram != nil
	case dto.MetricType_SUMMARY:
		return m.Summary != nil
	}
	return false
}

// compareLive orders a family's metrics as the registry does.
func compareLive(a, b *dto.Metric) int {
	if n := len(a.Label) - len(b.Label); n != 0 {
		return n
	}
	for i, l := range a.Label {
		if n := strings.Compare(l.GetValue(), b.Label[i].GetValue()); n != 0 {
			return n
		}
	}
	return 0
}

// with is the families of some metrics, with which a registry found nothing wrong.
func (f *liveFamilies) with(metrics []prometheus.Metric) *liveFamilies {
	names := make(map[*prometheus.Desc]string)
	families := make(map[string]*dto.MetricFamily)
	for _, m := range metrics {
		d := m.Desc()
		if _, ok := names[d]; ok {
			continue
		}
		var family *dto.MetricFamily
		if i, ok := f.of[d]; ok {
			family = f.all[i]
		} else {
			// Only a registry can tell what a Desc says.
			alone, err := check(these(m))
			if err != nil || len(alone) != 1 {
				return f
			}
			family = alone[0]
			family.Metric = nil
		}
		names[d], families[family.GetName()] = family.GetName(), family
	}
	next := &liveFamilies{of: make(map[*prometheus.Desc]int)}
	sorted := slices.Sorted(maps.Keys(families))
	for _, name := range sorted {
		next.all = append(next.all, families[name])
	}
	for d, name := range names {
		next.of[d], _ = slices.BinarySearch(sorted, name)
	}
	return next
}

// check gathers metrics as a registry does, which checks each as it comes.
func check(all ...collects) ([]*dto.MetricFamily, error) {
	r := prometheus.NewRegistry()
	for _, c := range all {
		r.MustRegister(c)
	}
	return r.Gather()
}

// collects is a collector by its method Collect.
type collects func(chan<- prometheus.Metric)

// Describe implements prometheus.Collector. It sends nothing: what will be
// collected is not known before.
func (collects) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collects) Collect(metrics chan<- prometheus.Metric) { c(metrics) }

// these collects metrics that are there.
func these(all ...prometheus.Metric) collects {
	return func(metrics chan<- prometheus.Metric) {
		for _, m := range all {
			metrics <- m
		}
	}
}
