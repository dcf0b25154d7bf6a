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
	sources  []*Source // by account
	version  uint64    // of the samples that were new last

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

// A Source is where the samples of some families of one account come from, such
// as one collector.
type Source struct {
	account string
	maxAge  time.Duration
	state   *state
}

// state is what a source has found.
type state struct {
	samples []*samples
	errs    []error // why samples are missing
	asOf    time.Time
}

// NewSource makes a source without samples. Its samples vanish when they are older
// than maxAge; 0 is never.
func NewSource(account string, maxAge time.Duration) *Source {
	return &Source{account: account, maxAge: maxAge}
}

// at is what a source exposes at a moment, and until when; nil if it is nothing.
// The zero time is no end.
func (s *Source) at(now time.Time) (*state, time.Time) {
	if s.state == nil || s.maxAge == 0 {
		return s.state, time.Time{}
	}
	until := s.state.asOf.Add(s.maxAge)
	if now.After(until) {
		return nil, time.Time{}
	}
	return s.state, until
}

// A SourceInit is a source and what it exposes until its first Show.
type SourceInit struct {
	Source      *Source
	Predecessor *Source // whose samples it goes on to expose, maybe itself; nil: none
}

// Replace exposes samples of these families from these sources, and of no others
// any more.
func (x *Exposition) Replace(families []metric.Family, sources []SourceInit) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.families = newFamilies(families)
	x.sources = make([]*Source, len(sources))
	for i, init := range sources {
		x.sources[i] = init.Source
		if p := init.Predecessor; p != nil && p.state != nil {
			init.Source.state = p.state.withFamilies(x.families)
		}
	}
	// A family's samples come account by account, and within one in the order of
	// its sources.
	slices.SortStableFunc(x.sources, func(a, b *Source) int { return strings.Compare(a.account, b.account) })
	x.update(time.Now(), nil)
}

// withFamilies is the state with other families of the same names. It has no
// samples of a family whose labels have changed; they come with the next Show.
func (s *state) withFamilies(families map[string]*family) *state {
	next := &state{errs: s.errs, asOf: s.asOf}
	for _, samples := range s.samples {
		if f := families[samples.family.name]; f != nil && slices.Equal(f.labels, samples.family.labels) {
			adopted := *samples
			adopted.family = f
			next.samples = append(next.samples, &adopted)
		}
	}
	return next
}

// Show replaces what a source exposes by what it found as of a moment. When it
// returns, the next scrape has it. Samples that cannot be exposed are errors of
// the scrapes.
func (x *Exposition) Show(s *Source, batches []metric.Batch, asOf time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	touched := make(map[*family]bool)
	s.touch(touched)
	x.take(s, batches, asOf)
	s.touch(touched)
	x.update(time.Now(), touched)
}

// touch adds the families that a source has samples of.
func (s *Source) touch(touched map[*family]bool) {
	if s.state != nil {
		for _, samples := range s.state.samples {
			touched[samples.family] = true
		}
	}
}

// take makes samples of batches.
func (x *Exposition) take(s *Source, batches []metric.Batch, asOf time.Time) {
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
	s.state = next
}

// find looks for samples that are equal to others.
func (s *Source) find(like *samples) *samples {
	if s.state == nil {
		return nil
	}
	for _, samples := range s.state.samples {
		if samples.equal(like) {
			return samples
		}
	}
	return nil
}

// update makes the next snapshot, and then shows it. Only the touched families
// have changed; nil is all of them.
func (x *Exposition) update(now time.Time, touched map[*family]bool) {
	before := x.current.Load()
	if before.expired(now) {
		touched = nil
	}
	next := newSnapshot(x.sources, now, before, touched)
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

// Wait returns when no compression is under way that scrapes asked for. No
// scrape may begin meanwhile.
func (x *Exposition) Wait() { x.pending.Wait() }
