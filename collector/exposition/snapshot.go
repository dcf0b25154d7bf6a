package exposition

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// snapshot is all rows at a moment, by family. It does not change, apart from
// compressed bodies that are added.
type snapshot struct {
	families []*shownFamily // sorted by name
	count    int            // of rows
	err      error          // what could not be shown
	expires  time.Time      // when some of it will be too old to be shown; zero: never

	gzip [formats]atomic.Pointer[stream]
}

// newSnapshot puts together the rows of sources in their order. It takes from the
// snapshot before whatever looks the same, and the families that are not touched,
// if the touched ones are known.
func newSnapshot(sources []*Source, now time.Time, before *snapshot, touched map[*family]bool) *snapshot {
	s := new(snapshot)
	byFamily := make(map[*family][]*rows)
	var errs []error
	for _, source := range sources {
		state, until := source.at(now)
		if state == nil {
			continue
		}
		if !until.IsZero() && (s.expires.IsZero() || until.Before(s.expires)) {
			s.expires = until
		}
		errs = append(errs, state.errs...)
		for _, r := range state.rows {
			if r.count > 0 && (touched == nil || touched[r.family]) {
				byFamily[r.family] = append(byFamily[r.family], r)
			}
		}
	}
	s.err = errors.Join(errs...)
	for f, all := range byFamily {
		shown := &shownFamily{family: f, segments: segments(f, all)}
		for _, segment := range shown.segments {
			shown.count += segment.count
		}
		s.families = append(s.families, shown)
	}
	if touched != nil {
		for _, shown := range before.families {
			if !touched[shown.family] {
				s.families = append(s.families, shown)
			}
		}
	}
	for _, shown := range s.families {
		s.count += shown.count
	}
	slices.SortFunc(s.families, func(a, b *shownFamily) int { return strings.Compare(a.family.name, b.family.name) })
	s.reuse(before)
	return s
}

// expired says whether some of a snapshot is too old to be shown.
func (s *snapshot) expired(now time.Time) bool { return !s.expires.IsZero() && now.After(s.expires) }

// reuse takes the bodies of segments that look the same.
func (s *snapshot) reuse(before *snapshot) {
	if before == nil {
		return
	}
	known := make(map[uint64]*bodies)
	for _, f := range before.families {
		for _, segment := range f.segments {
			known[segment.bodies.versions[0]] = segment.bodies
		}
	}
	same := len(s.families) == len(before.families)
	for i, f := range s.families {
		for _, segment := range f.segments {
			if b := known[segment.bodies.versions[0]]; b != nil && b != segment.bodies && b.same(segment.bodies) {
				segment.bodies = b
			}
		}
		same = same && slices.EqualFunc(f.segments, before.families[i].segments, func(a, b *segment) bool { return a.bodies == b.bodies })
	}
	if same {
		for f := range s.gzip {
			s.gzip[f].Store(before.gzip[f].Load())
		}
	}
}

// deflate compresses what is kept compressed and is not yet.
func (s *snapshot) deflate(f format, d *deflater) error {
	buffer := make([]byte, 0, 2*bufferSize) // a header, and what render makes room for
	for _, shown := range s.families {
		if shown.small() {
			continue
		}
		for _, segment := range shown.segments {
			if segment.bodies.deflated[f].Load() != nil {
				continue
			}
			d.begin(nil)
			head := buffer[:0]
			if segment.bodies.withHeader(f) {
				head = f.appendHeader(head, shown)
			}
			rest, err := f.render(head, segment, func(b []byte) error {
				runtime.Gosched() // scrapes go first
				return d.write(b)
			})
			if err != nil {
				return err
			}
			if segment.bodies.withHeader(f) {
				rest = f.appendFooter(rest, shown)
			}
			if err := d.write(rest); err != nil {
				return err
			}
			p, err := d.end()
			if err != nil {
				return err
			}
			p.deflated = slices.Clip(slices.Clone(p.deflated))
			segment.bodies.deflated[f].Store(&p)
		}
	}
	return nil
}

// stream is a snapshot's body in one format, compressed, in parts between which
// other families may come.
type stream struct {
	parts []part
	large bool // so much that what comes in between does not matter
}

// largeRows is from how many rows on a scrape's live metrics are sent as they
// are: to compress them takes longer than to send them, and they are a hundredth
// of the body at most.
const largeRows = 100_000

// part is families that follow each other.
type part struct {
	first, last string // names of families
	pieces      [][]byte
	sum         checksum
}

// fits says whether other families come between parts and not inside of one.
func (s *stream) fits(others []*dto.MetricFamily) bool {
	for _, p := range s.parts {
		i, _ := slices.BinarySearchFunc(others, p.first, func(f *dto.MetricFamily, name string) int { return strings.Compare(f.GetName(), name) })
		if i < len(others) && others[i].GetName() < p.last {
			return false
		}
	}
	return true
}

// newStream puts a body together for others to come in between. It is nil as
// long as something is not compressed.
func (s *snapshot) newStream(f format, others []*dto.MetricFamily, d *deflater) (*stream, error) {
	st := &stream{large: s.count >= largeRows}
	var p *part
	var loose []byte // not compressed yet
	flush := func() error {
		if len(loose) == 0 {
			return nil
		}
		d.begin(nil)
		if err := d.write(loose); err != nil {
			return err
		}
		c, err := d.end()
		p.pieces, p.sum = append(p.pieces, slices.Clone(c.deflated)), p.sum.then(c.sum)
		loose = loose[:0]
		return err
	}
	for _, shown := range s.families {
		name := shown.family.name
		for len(others) > 0 && others[0].GetName() < name {
			if others = others[1:]; p != nil {
				if err := flush(); err != nil {
					return nil, err
				}
				p = nil
			}
		}
		if p == nil {
			st.parts = append(st.parts, part{first: name, sum: newChecksum(0, 0)})
			p = &st.parts[len(st.parts)-1]
		}
		p.last = name
		apart := shown.small() || !shown.segments[0].bodies.withHeader(f)
		if apart {
			loose = f.appendHeader(loose, shown)
		}
		for _, segment := range shown.segments {
			if shown.small() {
				loose, _ = f.render(loose, segment, nil)
				continue
			}
			body := segment.bodies.deflated[f].Load()
			if body == nil {
				return nil, nil
			}
			if err := flush(); err != nil {
				return nil, err
			}
			p.pieces, p.sum = append(p.pieces, body.deflated), p.sum.then(body.sum)
		}
		if apart {
			loose = f.appendFooter(loose, shown)
		}
	}
	return st, flush()
}

// gather makes the snapshot's families in client_golang's form.
func (s *snapshot) gather() []*dto.MetricFamily {
	var all []*dto.MetricFamily
	for _, shown := range s.families {
		all = append(all, shown.gather())
	}
	return all
}

func (s *shownFamily) gather() *dto.MetricFamily {
	f := s.family
	family := &dto.MetricFamily{Name: &f.name, Help: &f.help, Type: f.kind.Enum()}
	if f.unit != "" {
		family.Unit = &f.unit
	}
	for _, segment := range s.segments {
		for _, r := range segment.rows {
			for i := range r.count {
				family.Metric = append(family.Metric, r.metric(i))
			}
		}
	}
	return family
}

func (r *rows) metric(i int) *dto.Metric {
	m := &dto.Metric{Label: make([]*dto.LabelPair, len(r.labels))}
	for l, c := range r.labels {
		m.Label[l] = &dto.LabelPair{Name: &r.family.labels[l], Value: proto.String(c.At(i))}
	}
	value := proto.Float64(r.values.At(i))
	if r.family.kind != dto.MetricType_COUNTER {
		m.Gauge = &dto.Gauge{Value: value}
		return m
	}
	m.Counter = &dto.Counter{Value: value}
	if !r.created.IsZero() {
		m.Counter.CreatedTimestamp = timestamppb.New(r.created)
	}
	return m
}
