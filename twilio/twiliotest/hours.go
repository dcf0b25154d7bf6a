package twiliotest

import (
	"math"
	"slices"
)

// hourCache keeps the usage of the newest hours, which every poll asks for again.
type hourCache struct {
	hours    map[int64][]segment
	segments int
	oldest   int64 // of hours
	scratch  []segment
}

const (
	maxKeptHours    = 1024
	maxKeptSegments = 1 << 20 // some 64 MB
)

func newHourCache() hourCache { return hourCache{hours: make(map[int64][]segment)} }

func (c *hourCache) get(hour int64) ([]segment, bool) {
	s, ok := c.hours[hour]
	return s, ok
}

// keep stores a copy unless all that is kept is newer and there is no room.
func (c *hourCache) keep(hour int64, segments []segment) []segment {
	for len(c.hours) > 0 && (len(c.hours) >= maxKeptHours || c.segments+len(segments) > maxKeptSegments) {
		if hour < c.oldest {
			return segments
		}
		c.segments -= len(c.hours[c.oldest])
		delete(c.hours, c.oldest)
		c.oldest = math.MaxInt64
		for h := range c.hours {
			c.oldest = min(c.oldest, h)
		}
	}
	if len(segments) > maxKeptSegments {
		return segments
	}
	kept := slices.Clone(segments)
	if len(c.hours) == 0 {
		c.oldest = hour
	}
	c.oldest = min(c.oldest, hour)
	c.hours[hour] = kept
	c.segments += len(kept)
	return kept
}
