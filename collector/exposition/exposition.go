package exposition

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// An Exposition holds the samples of all collectors.
type Exposition struct {
	mu       sync.Mutex // held while a snapshot replaces another
	families map[string]*family
	sources  []*Source // sorted by account
	version  uint64    // of the newest samples

	current   atomic.Pointer[snapshot]
	demand    demand
	deflaters deflaters
	pending   sync.WaitGroup // of compression that scrapes asked for
}

// New makes an exposition without samples.
func New() *Exposition {
	x := new(Exposition)
	x.current.Store(new(snapshot))
	// What Prometheus asks for by default.
	x.demand.expect(openMetrics, time.Now())
	return x
}

// Replace exposes samples of these families from these sources, and no others from
// now on. A label of a family that samples do not have is empty for them: only some
// accounts may have it.
func (x *Exposition) Replace(families []metric.Family, sources []*Source) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.families = newFamilies(families)
	x.sources = slices.Clone(sources)
	for _, s := range x.sources {
		if s.state != nil {
			s.state = x.withFamilies(s.state)
			x.rename(s)
		}
	}
	// A family's samples come account by account, and within one in the order of
	// its sources.
	slices.SortStableFunc(x.sources, func(a, b *Source) int { return strings.Compare(a.account, b.account) })
	x.update(time.Now(), nil)
}

// rename gives the samples of a source that it has adopted the account of the source.
func (x *Exposition) rename(s *Source) {
	for i, before := range s.state.samples {
		if before.account != s.account {
			x.version++
			s.state.samples[i] = before.of(s.account, x.version)
		}
	}
}

// withFamilies is a state with the families of the table. It has no samples of a family
// that has lost a label of theirs; they come with the next Show.
func (x *Exposition) withFamilies(s *state) *state {
	next := &state{errs: s.errs, asOf: s.asOf}
	for _, before := range s.samples {
		f := x.families[before.family.name]
		if f == nil {
			continue
		}
		samples := before.withFamily(f)
		if samples == nil {
			continue
		}
		if !slices.Equal(f.labels, before.family.labels) {
			x.version++
			samples.version = x.version
		}
		next.samples = append(next.samples, samples)
	}
	return next
}

// Show replaces what a source exposes with batches that are true as of a moment.
// The next scrape after it returns has them. Samples that cannot be exposed are
// errors of the scrapes.
func (x *Exposition) Show(s *Source, batches []metric.Batch, asOf time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	changed := make(map[*family]bool)
	s.addFamilies(changed)
	s.state = x.newState(s, batches, asOf)
	s.addFamilies(changed)
	x.update(time.Now(), changed)
}

// newState makes the next state of a source. Samples that it has already keep their
// version.
func (x *Exposition) newState(s *Source, batches []metric.Batch, asOf time.Time) *state {
	next := &state{asOf: asOf}
	for _, batch := range batches {
		f := x.families[batch.Family.Name]
		if f == nil {
			next.errs = append(next.errs, fmt.Errorf("%s of account %q: the family is not in the table of families, so its samples are not exposed", batch.Family.Name, s.account))
			continue
		}
		samples, errs := newSamples(f, s.account, batch)
		next.errs = append(next.errs, errs...)
		if samples == nil {
			continue
		}
		if before := s.find(samples); before != nil {
			samples.version = before.version
		} else {
			x.version++
			samples.version = x.version
		}
		next.samples = append(next.samples, samples)
	}
	return next
}

// update replaces the snapshot once its chunks are ready. Only the changed families
// are built again; nil is all of them.
func (x *Exposition) update(now time.Time, changed map[*family]bool) {
	before := x.current.Load()
	if before.expired(now) {
		changed = nil
	}
	next := newSnapshot(x.sources, now, before, changed)
	for f := range formats {
		if x.demand.has(f, now) {
			compress(next.families, f, &x.deflaters)
		}
	}
	x.current.Store(next)
}

// snapshot is what there is to expose at a moment.
func (x *Exposition) snapshot(now time.Time) *snapshot {
	if s := x.current.Load(); !s.expired(now) {
		return s
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.current.Load(); !s.expired(now) {
		return s
	}
	x.update(now, nil)
	return x.current.Load()
}

// compressLater makes the chunks of a format in the background.
func (x *Exposition) compressLater(f format) {
	x.pending.Go(func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		compress(x.current.Load().families, f, &x.deflaters)
	})
}

// Wait waits for the compression that scrapes asked for. No scrape may begin
// meanwhile.
func (x *Exposition) Wait() { x.pending.Wait() }
