package exposition

import (
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"
)

// segment is samples of a family that are compressed together: those of one large
// account, or of several small ones.
type segment struct {
	samples []*samples
	count   int
	cache   *cache // shared by the segments of later snapshots whose samples are equal
}

// cache is what was made of a segment's samples.
type cache struct {
	versions []uint64 // of the samples
	chunks   [formats]atomic.Pointer[chunk]

	sizeOnce     sync.Once
	protobufSize int
}

func newSegment(all []*samples) *segment {
	s := &segment{samples: all, cache: new(cache)}
	for _, samples := range all {
		s.count += samples.count
		s.cache.versions = append(s.cache.versions, samples.version)
	}
	return s
}

// protobufSize is how many bytes the samples have in protobuf.
func (s *segment) protobufSize() int {
	s.cache.sizeOnce.Do(func() {
		for _, samples := range s.samples {
			s.cache.protobufSize += newProtobufEncoder(samples).size()
		}
	})
	return s.cache.protobufSize
}

// Segments of small accounts hold some thousand samples: few enough that little
// has to be compressed again when one account changes, and enough to compress well.
const (
	minSegment     = 1000 // samples from which on a segment may end
	maxSegment     = 8000 // samples at which it ends
	segmentEndings = 8    // one account of so many ends a segment
)

// divide divides a family's samples into segments. Where a segment ends depends on
// the accounts' names and not on the samples before it, so that few segments
// change when few samples do.
func divide(all []*samples) []*segment {
	var segments []*segment
	from, count := 0, 0
	end := func(to int) {
		if from < to {
			segments = append(segments, newSegment(all[from:to]))
		}
		from, count = to, 0
	}
	for i, s := range all {
		if s.count >= maxSegment {
			end(i)
		}
		count += s.count
		if count >= maxSegment || count >= minSegment && endsSegment(s.account) {
			end(i + 1)
		}
	}
	end(len(all))
	return segments
}

func endsSegment(account string) bool {
	h := fnv.New32a()
	h.Write([]byte(account))
	return h.Sum32()%segmentEndings == 0
}

// reuse takes the caches of an earlier snapshot's segments with equal samples.
func reuse(segments, before []*segment) {
	known := make(map[uint64]*cache, len(before))
	for _, s := range before {
		known[s.cache.versions[0]] = s.cache
	}
	for _, s := range segments {
		if c := known[s.cache.versions[0]]; c != nil && slices.Equal(c.versions, s.cache.versions) {
			s.cache = c
		}
	}
}
