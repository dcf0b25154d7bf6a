package exposition

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// snapshot is everything there is to expose at a moment. It does not change, apart
// from chunks that are added.
type snapshot struct {
	families []*shownFamily // sorted by name
	err      error          // why samples are missing
	expires  time.Time      // when some samples become too old; zero is never
}

// shownFamily is a family with its samples, of which there is at least one.
type shownFamily struct {
	family   *family
	segments []*segment
	count    int // of samples
}

// newSnapshot puts together the samples of sources, in their order. It takes the
// families that are not touched from the snapshot before; nil touches all of them.
func newSnapshot(sources []*Source, now time.Time, before *snapshot, touched map[*family]bool) *snapshot {
	s := new(snapshot)
	byFamily := make(map[*family][]*samples)
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
		for _, samples := range state.samples {
			if samples.count > 0 && (touched == nil || touched[samples.family]) {
				byFamily[samples.family] = append(byFamily[samples.family], samples)
			}
		}
	}
	s.err = errors.Join(errs...)
	segmentsBefore := make(map[string][]*segment)
	for _, shown := range before.families {
		segmentsBefore[shown.family.name] = shown.segments
		if touched != nil && !touched[shown.family] {
			s.families = append(s.families, shown)
		}
	}
	for f, all := range byFamily {
		shown := &shownFamily{family: f, segments: divide(all)}
		reuse(shown.segments, segmentsBefore[f.name])
		for _, segment := range shown.segments {
			shown.count += segment.count
		}
		s.families = append(s.families, shown)
	}
	slices.SortFunc(s.families, func(a, b *shownFamily) int { return strings.Compare(a.family.name, b.family.name) })
	return s
}

// expired reports whether some samples have become too old.
func (s *snapshot) expired(now time.Time) bool { return !s.expires.IsZero() && now.After(s.expires) }

// frame is what comes before and after the samples of a segment: the first one has
// the family's header and the last one its footer.
func (s *shownFamily) frame(f format, segment int) (header, footer []byte) {
	if segment == 0 {
		header = s.header(f)
	}
	if segment == len(s.segments)-1 {
		footer = s.family.footer[f]
	}
	return header, footer
}

func (s *shownFamily) header(f format) []byte {
	header := s.family.header[f]
	if f != protobuf {
		return header
	}
	size := len(header) + len(s.family.footer[f])
	for _, segment := range s.segments {
		size += segment.protobufSize()
	}
	return append(protowire.AppendVarint(nil, uint64(size)), header...)
}

// render writes a family. Its error is the writer's.
func (s *shownFamily) render(w *bufio.Writer, f format) error {
	for i := range s.segments {
		if err := s.renderSegment(w, f, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *shownFamily) renderSegment(w *bufio.Writer, f format, i int) error {
	header, footer := s.frame(f, i)
	_, err := w.Write(header)
	for _, samples := range s.segments[i].samples {
		if err == nil {
			err = f.render(w, samples)
		}
	}
	if err == nil {
		_, err = w.Write(footer)
	}
	return err
}

// chunk is a segment's chunk, nil if there is none.
func (s *shownFamily) chunk(f format, i int) *chunk {
	c := s.segments[i].cache.chunks[f].Load()
	if c == nil {
		return nil
	}
	if header, footer := s.frame(f, i); !bytes.Equal(c.header, header) || !bytes.Equal(c.footer, footer) {
		return nil
	}
	return c
}

// compress makes the chunks that are missing.
func compress(families []*shownFamily, f format, d *deflaters) {
	for _, s := range families {
		for i := range s.segments {
			if s.chunk(f, i) != nil {
				continue
			}
			// To compress into memory cannot fail.
			c := d.deflate(func(w *bufio.Writer) { _ = s.renderSegment(w, f, i) })
			c.header, c.footer = s.frame(f, i)
			s.segments[i].cache.chunks[f].Store(c)
		}
	}
}

// chunks are those of all segments in their order, nil if one is missing.
func (s *shownFamily) chunks(f format) []*chunk {
	chunks := make([]*chunk, len(s.segments))
	for i := range s.segments {
		if chunks[i] = s.chunk(f, i); chunks[i] == nil {
			return nil
		}
	}
	return chunks
}
