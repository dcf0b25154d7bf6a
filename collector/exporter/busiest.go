package exporter

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// The hours of all SIMs would take 20 MB at 100,000 of them. So only those of the SIMs
// are remembered that were among an account's busiest in one of the hours: a SIM is
// watched from such an hour on, and what it used before is not known.
const (
	busiest = 10 // of each hour, and on the page
	watched = 20 // SIMs of an account: the busiest of the last hour, and of those before the ones with the most bytes
)

// simHours are the bytes of one SIM in the last closed hours, the oldest first; NaN: not
// known.
type simHours struct {
	sid   string
	hours [status.HoursShown]float64
}

// bytes is the sum of the hours that are known.
func (s *simHours) bytes() (sum float64) {
	for _, v := range s.hours {
		if !math.IsNaN(v) {
			sum += v
		}
	}
	return sum
}

// last are the bytes of the last hour; -1 if they are not known.
func (s *simHours) last() float64 {
	if v := s.hours[len(s.hours)-1]; !math.IsNaN(v) {
		return v
	}
	return -1
}

// watch adds the hour that ends then to those of the SIMs that were watched before. The
// same hour once more replaces what was known of it.
func watch(before *shown, end time.Time, upload, download metric.Batch) []simHours {
	next := make([]simHours, 0, watched+busiest)
	if before != nil && !before.hoursEnd.IsZero() {
		passed := int(end.Sub(before.hoursEnd) / time.Hour)
		for _, s := range before.sims {
			next = append(next, s.after(passed))
		}
	}
	var top []simHours // the busiest of the hour that are not watched, the busiest first
	for sid, bytes := range simBytes(upload, download) {
		if i, known := find(next, sid); known {
			next[i].hours[status.HoursShown-1] = bytes
			continue
		}
		if bytes <= 0 || len(top) == busiest && bytes <= top[busiest-1].last() {
			continue
		}
		top = slices.Insert(top, rank(top, bytes), newSimHours(sid, bytes))
		top = top[:min(len(top), busiest)]
	}
	for i := range top {
		top[i].sid = strings.Clone(top[i].sid) // the column may be one large string
	}
	next = append(next, top...)
	// The busiest of the last hour stay, and of the others those with the most bytes.
	slices.SortStableFunc(next, func(a, b simHours) int { return cmp.Compare(b.last(), a.last()) })
	others := next[min(len(next), busiest):]
	slices.SortStableFunc(others, func(a, b simHours) int { return cmp.Compare(b.bytes(), a.bytes()) })
	next = slices.Clone(next[:min(len(next), watched)])
	slices.SortFunc(next, func(a, b simHours) int { return cmp.Compare(a.sid, b.sid) })
	return next
}

func newSimHours(sid string, bytes float64) simHours {
	s := simHours{sid: sid}
	for i := range s.hours {
		s.hours[i] = math.NaN()
	}
	s.hours[len(s.hours)-1] = bytes
	return s
}

// after is the SIM's hours when so many more have passed; of these nothing is known yet.
func (s simHours) after(passed int) simHours {
	next := simHours{sid: s.sid}
	for i := range next.hours {
		next.hours[i] = math.NaN()
		if from := i + passed; from >= 0 && from < len(s.hours) {
			next.hours[i] = s.hours[from]
		}
	}
	return next
}

func find(sims []simHours, sid string) (int, bool) {
	// Those from before come sorted.
	return slices.BinarySearchFunc(sims, sid, func(s simHours, sid string) int { return cmp.Compare(s.sid, sid) })
}

// rank is where so many bytes belong.
func rank(top []simHours, bytes float64) int {
	for i := range top {
		if bytes > top[i].last() {
			return i
		}
	}
	return len(top)
}

// simBytes yields the bytes of each SIM in both directions, sorted by SID as the batches
// are. What only one of them has is the sum.
func simBytes(upload, download metric.Batch) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		sid := func(b metric.Batch, i int) string { return b.Labels[0].At(i) }
		for i, j := 0, 0; i < upload.Len || j < download.Len; {
			var order int
			switch {
			case i == upload.Len:
				order = 1
			case j == download.Len:
				order = -1
			default:
				order = strings.Compare(sid(upload, i), sid(download, j))
			}
			var key string
			var bytes float64
			if order <= 0 {
				key, bytes = sid(upload, i), upload.Values.At(i)
				i++
			}
			if order >= 0 {
				key, bytes = sid(download, j), bytes+download.Values.At(j)
				j++
			}
			if !yield(key, bytes) {
				return
			}
		}
	}
}
