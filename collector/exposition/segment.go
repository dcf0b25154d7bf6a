package exposition

import (
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"
)

// segment is rows of a family that are compressed together: those of one large
// account, or of a few small ones.
type segment struct {
	rows   []*rows
	count  int
	bodies *bodies // shared by segments that look the same
}

// bodies is what is kept of a segment besides its rows.
type bodies struct {
	versions []uint64 // of the rows
	begins   *family  // that begins with them, if one does
	alone    bool     // they are all of it
	deflated [formats]atomic.Pointer[piece]

	sizeOnce sync.Once
	size     int // of the rows in protobuf
}

func newSegment(lots []*rows) *segment {
	s := &segment{rows: lots, bodies: &bodies{}}
	for _, r := range lots {
		s.count += r.count
		s.bodies.versions = append(s.bodies.versions, r.version)
	}
	return s
}

// same says whether bodies look the same in every format.
func (b *bodies) same(o *bodies) bool {
	return slices.Equal(b.versions, o.versions) && b.alone == o.alone &&
		(b.begins == nil) == (o.begins == nil) && (b.begins == nil || b.begins.sameHeader(o.begins))
}

// withHeader says whether the family's header is in a segment's body, and in
// protobuf its footer, which saves scrapes a write. A header of protobuf tells the
// size of all segments.
func (b *bodies) withHeader(f format) bool { return b.begins != nil && (f != protobuf || b.alone) }

func (s *segment) protobufSize() int {
	s.bodies.sizeOnce.Do(func() {
		for _, r := range s.rows {
			s.bodies.size += newProtobufRows(r).size()
		}
	})
	return s.bodies.size
}

// Segments of many small accounts hold some thousand rows, so that little is
// compressed again when one account changes, and yet they compress well.
const (
	smallFamily   = 500  // rows up to which a family has no segment that is kept compressed
	enoughRows    = 1000 // from which on a segment may end
	tooManyRows   = 8000 // at which it must
	segmentsEndIn = 8    // one account of so many ends a segment that has enough rows
)

// segments divides a family's rows, and says how each is placed.
func segments(f *family, all []*rows) []*segment {
	divided := divide(all)
	divided[0].bodies.begins = f
	divided[0].bodies.alone = len(divided) == 1
	return divided
}

// divide divides a family's rows. Where a segment ends hangs on accounts' names
// and not on what came before, so that few segments change when few rows do.
func divide(all []*rows) []*segment {
	var divided []*segment
	var open []*rows
	count := 0
	closeSegment := func() {
		if len(open) > 0 {
			divided = append(divided, newSegment(slices.Clone(open)))
		}
		open, count = open[:0], 0
	}
	for _, r := range all {
		if r.count >= tooManyRows {
			closeSegment()
		}
		open = append(open, r)
		if count += r.count; count >= tooManyRows || count >= enoughRows && r.ends {
			closeSegment()
		}
	}
	closeSegment()
	return divided
}

func endsSegment(account string) bool {
	h := fnv.New32a()
	h.Write([]byte(account))
	return h.Sum32()%segmentsEndIn == 0
}

// shownFamily is a family with all its rows.
type shownFamily struct {
	family   *family
	segments []*segment
	count    int // of rows
}

// small says that a family is rendered whenever anything changes.
func (s *shownFamily) small() bool { return s.count <= smallFamily }
