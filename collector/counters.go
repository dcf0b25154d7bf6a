package collector

import (
	"math"
	"slices"
	"time"
)

// counters are a column of a ledger: one counter for each id. What is the same
// for almost all of them takes no memory.
type counters struct {
	// Both are shown, so they are replaced and never changed.
	ids  []string  // sorted
	held []float64 // the highest value that was reported in the month

	last      []float64 // the last value that was reported; nil if it is the one held, for all
	zeroUntil []moment  // it shows 0 until then; nil if that is over for all
	carried   []bool    // from the month before, only to show 0; nil if none is
}

// moment is a time in nanoseconds since the epoch; 0 is none.
type moment int64

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	return moment(t.UnixNano())
}

func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(m)).UTC()
}

// reported is what a poll reported on a column of counters.
type reported struct {
	ids     []string  // sorted
	values  []float64 // NaN: nothing, so the counter is at 0 or at what is held
	carried []string  // sorted: of the month before, needed where a restart fell into the passage through 0
}

// reserve makes room for n more.
func (r *reported) reserve(n int) {
	r.ids, r.values = slices.Grow(r.ids, n), slices.Grow(r.values, n)
}

// add reports the value of an id that sorts after all others.
func (r *reported) add(id string, value float64) {
	r.ids, r.values = append(r.ids, id), append(r.values, value)
}

// expect reports that an id has a counter, be it at 0.
func (r *reported) expect(id string) { r.add(id, math.NaN()) }

// entry is one of the counters.
type entry struct {
	held, last float64
	zeroUntil  moment
	carried    bool
}

func (c *counters) at(i int) entry {
	e := entry{held: c.held[i], last: c.held[i]}
	if c.last != nil {
		e.last = c.last[i]
	}
	if c.zeroUntil != nil {
		e.zeroUntil = c.zeroUntil[i]
	}
	if c.carried != nil {
		e.carried = c.carried[i]
	}
	return e
}

// add appends a counter whose id sorts after all others.
func (c *counters) add(id string, e entry) {
	n := len(c.ids)
	if c.last == nil && e.last != e.held {
		c.last = append(make([]float64, 0, cap(c.held)), c.held...)
	}
	if c.zeroUntil == nil && e.zeroUntil != 0 {
		c.zeroUntil = make([]moment, n, cap(c.held))
	}
	if c.carried == nil && e.carried {
		c.carried = make([]bool, n, cap(c.held))
	}
	c.ids, c.held = append(c.ids, id), append(c.held, e.held)
	if c.last != nil {
		c.last = append(c.last, e.last)
	}
	if c.zeroUntil != nil {
		c.zeroUntil = append(c.zeroUntil, e.zeroUntil)
	}
	if c.carried != nil {
		c.carried = append(c.carried, e.carried)
	}
}

// carriedOver are the counters as a new month begins with them.
func (c *counters) carriedOver() *counters {
	n := &counters{ids: c.ids, held: make([]float64, len(c.ids)), carried: make([]bool, len(c.ids))}
	for i := range n.carried {
		n.carried[i] = true
	}
	return n
}

// merge makes of counters and a report on them the next counters.
type merge struct {
	now     time.Time
	appears time.Time // when one that is new shows its value; zero: at once
	passed  bool      // the month's passage through 0 is over

	wake, last time.Time // when the first and the last one stops showing 0; zero if none does
}

// merge returns the next counters, and the ids whose values were lower than what
// had been reported before.
func (m *merge) merge(have *counters, r *reported) (next *counters, decreased []string) {
	n := max(len(have.ids), len(r.ids), len(r.carried))
	next = &counters{ids: make([]string, 0, n), held: make([]float64, 0, n)}
	var h, v, c int // how far each list has been read
	for step := 0; ; step++ {
		makeWay(step)
		id, more := "", false
		for _, head := range [...][]string{have.ids[h:], r.ids[v:], r.carried[c:]} {
			if len(head) > 0 && (!more || head[0] < id) {
				id, more = head[0], true
			}
		}
		if !more {
			break
		}
		e := entry{zeroUntil: momentOf(m.appears), carried: true}
		if h < len(have.ids) && have.ids[h] == id {
			e = have.at(h)
			id = have.ids[h]
			h++
		}
		if v < len(r.ids) && r.ids[v] == id {
			e.carried = false
			if value := r.values[v]; !math.IsNaN(value) {
				// A counter starts at 0, so less than nothing is a decrease too.
				if value < e.last {
					decreased = append(decreased, id)
				}
				e.last, e.held = value, max(e.held, value)
			}
			v++
		}
		if c < len(r.carried) && r.carried[c] == id {
			c++
		}
		if e.carried && m.passed {
			continue
		}
		if until := e.zeroUntil.time(); !m.now.Before(until) {
			e.zeroUntil = 0
		} else if e.held > 0 {
			m.wake, m.last = sooner(m.wake, until), later(m.last, until)
		}
		next.add(id, e)
	}
	// Most polls find the same ids, and many the same values.
	if slices.Equal(next.ids, have.ids) {
		next.ids = have.ids
	}
	if slices.Equal(next.held, have.held) {
		next.held = have.held
	}
	return next, decreased
}
