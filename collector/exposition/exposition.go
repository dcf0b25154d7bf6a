// Package exposition shows collectors' rows to Prometheus: rows become bytes
// when they change and not when they are scraped.
//
// What is scraped is made of a large part, the rows of the collectors, and a
// small one, the metrics about the process and the exporter itself. The large
// part is rendered and compressed in the poll that changed it, in the formats that
// scrapers ask for. A scrape renders the small part, and writes both as one body.
package exposition

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// An Exposition holds the rows of all collectors.
type Exposition struct {
	mu       sync.Mutex // held while a snapshot takes the place of another
	families map[string]*family
	sources  []*Source // by account
	version  uint64
	deflater *deflater

	current atomic.Pointer[snapshot]
	wanted  wanted
	pending sync.WaitGroup // of compression that scrapes asked for
}

// New makes an exposition that shows nothing yet.
func New() *Exposition {
	x := &Exposition{deflater: newDeflater()}
	x.current.Store(new(snapshot))
	// What Prometheus asks for by default.
	x.wanted.expect(openMetrics, time.Now())
	return x
}

// A Source is where the rows of some families of one account come from, such as
// one collector.
type Source struct {
	account string
	maxAge  time.Duration
	state   *state
}

// state is what a source shows.
type state struct {
	rows    []*rows
	errs    []error
	good    time.Time
	columns inspected
}

// NewSource makes a source that shows nothing yet. What it shows vanishes when it
// is older than maxAge; 0 is never.
func NewSource(account string, maxAge time.Duration) *Source {
	return &Source{account: account, maxAge: maxAge}
}

// at is what a source shows at a moment, and until when; nil if it is nothing.
func (s *Source) at(now time.Time) (*state, time.Time) {
	if s.state == nil || s.maxAge == 0 {
		return s.state, time.Time{}
	}
	until := s.state.good.Add(s.maxAge)
	if now.After(until) {
		return nil, time.Time{}
	}
	return s.state, until
}

// A Place says where a source begins.
type Place struct {
	Source  *Source
	Before  *Source        // whose results it shows until it has its own; nil if there is none
	Batches []metric.Batch // what it shows at first otherwise
}

// Replace shows these sources of rows of these families, and no others any more.
func (x *Exposition) Replace(table []metric.Family, places []Place) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	x.families = newFamilies(table)
	x.sources = make([]*Source, len(places))
	for i, p := range places {
		x.sources[i] = p.Source
		if p.Before != nil && p.Before.state != nil {
			p.Source.state = p.Before.state.in(x.families)
		} else if p.Batches != nil {
			x.take(p.Source, p.Batches, now)
		}
	}
	// A family's rows come account by account, those of one source in their order.
	slices.SortStableFunc(x.sources, func(a, b *Source) int { return strings.Compare(a.account, b.account) })
	x.update(now, nil)
}

// in is a state with the families of another table. One whose labels have
// changed waits for its next rows.
func (s *state) in(families map[string]*family) *state {
	next := &state{errs: s.errs, good: s.good, columns: s.columns}
	for _, r := range s.rows {
		if f := families[r.family.name]; f != nil && len(f.labels) == len(r.family.labels) {
			adopted := *r
			adopted.family = f
			next.rows = append(next.rows, &adopted)
		}
	}
	return next
}

// Show shows what a source found, as of the moment good, in the place of what it
// found before. When it returns, the next scrape has it.
func (x *Exposition) Show(s *Source, batches []metric.Batch, good time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	touched := make(map[*family]bool)
	s.touch(touched)
	x.take(s, batches, good)
	s.touch(touched)
	x.update(time.Now(), touched)
}

// touch adds the families of which a source has rows.
func (s *Source) touch(touched map[*family]bool) {
	if s.state != nil {
		for _, r := range s.state.rows {
			touched[r.family] = true
		}
	}
}

// take makes rows of what a source found.
func (x *Exposition) take(s *Source, batches []metric.Batch, good time.Time) {
	next := &state{good: good, columns: make(inspected)}
	var before inspected
	if s.state != nil {
		before = s.state.columns
	}
	for _, batch := range batches {
		f := x.families[batch.Family.Name]
		if f == nil {
			next.errs = append(next.errs, fmt.Errorf("%s of account %q: the family is not in the table of families, so its samples are not exposed", batch.Family.Name, s.account))
			continue
		}
		r, errs := newRows(f, s.account, batch, next.columns, before)
		next.errs = append(next.errs, errs...)
		if r == nil {
			continue
		}
		if before := s.find(r); before != nil {
			r.version = before.version
		} else {
			x.version++
			r.version = x.version
		}
		next.rows = append(next.rows, r)
	}
	s.state = next
}

// find looks for rows that look the same as others.
func (s *Source) find(r *rows) *rows {
	if s.state == nil {
		return nil
	}
	for _, o := range s.state.rows {
		if r.equal(o) {
			return o
		}
	}
	return nil
}

// update makes a snapshot and what is wanted of it, and then shows it. Only the
// touched families have changed, unless they are nil.
func (x *Exposition) update(now time.Time, touched map[*family]bool) {
	before := x.current.Load()
	if before.expired(now) {
		touched = nil
	}
	next := newSnapshot(x.sources, now, before, touched)
	for f := range formats {
		if x.wanted.at(f, now) && next.gzip[f].Load() == nil {
			x.compress(next, f)
		}
	}
	x.current.Store(next)
}

// compress makes a snapshot's body in one format. It cannot fail: appending to
// memory does not. Should it do so all the same, scrapes get it uncompressed.
func (x *Exposition) compress(s *snapshot, f format) {
	if s.deflate(f, x.deflater) != nil {
		return
	}
	if st, err := s.newStream(f, x.wanted.others(), x.deflater); err == nil {
		s.gzip[f].Store(st)
	}
}

// snapshot is what is to be shown at a moment.
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

// littleRows is up to how many rows a scrape compresses by itself what it is the
// first to ask for: a few milliseconds.
const littleRows = 20_000

// stream is the body of a snapshot in a format, compressed, with room for others;
// nil if there is none yet and making it would take long.
func (x *Exposition) stream(s *snapshot, f format, others []*dto.MetricFamily) *stream {
	if st := s.gzip[f].Load(); st != nil && st.fits(others) {
		return st
	}
	x.wanted.noteOthers(others)
	d := newDeflater()
	if s.count <= littleRows && s.deflate(f, d) != nil {
		return nil
	}
	st, err := s.newStream(f, others, d)
	if err != nil || st == nil {
		return nil
	}
	s.gzip[f].Store(st)
	return st
}

// want makes ready in the background what scrapes ask for.
func (x *Exposition) want(f format) {
	x.pending.Go(func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if s := x.current.Load(); s.gzip[f].Load() == nil {
			x.compress(s, f)
		}
	})
}

// Wait returns when no compression is under way that scrapes asked for. No
// scrape may begin meanwhile.
func (x *Exposition) Wait() { x.pending.Wait() }

// Gather implements prometheus.Gatherer. It takes memory and time for each series;
// the handler does without it.
func (x *Exposition) Gather() ([]*dto.MetricFamily, error) {
	s := x.snapshot(time.Now())
	return s.gather(), s.err
}
