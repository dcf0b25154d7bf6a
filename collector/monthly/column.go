package monthly

import (
	"math"
	"slices"
	"time"
)

// column is a counter for each of some ids. State that almost no counter is in
// takes no memory while none is.
type column struct {
	// Both are exposed, so they are replaced and never changed.
	ids  []string  // sorted
	held []float64 // the highest value that was reported in the month

	last      []float64  // the value that was reported last; nil if it is the one held, for all
	zeroUntil []unixNano // the counter shows 0 until then; nil if that is over for all
	carried   []bool     // the counter is of the month before, only to show 0; nil if none is

	incomplete bool     // no report since the start was complete
	hidden     []string // sorted: ids without a counter that may have had one before the start
}

// empty reports whether nothing of the column is worth keeping.
func (c *column) empty() bool { return len(c.ids) == 0 && len(c.hidden) == 0 && !c.incomplete }

// unixNano is a time in nanoseconds since the epoch; 0 is none. It takes a third of
// the memory of a time.Time.
type unixNano int64

func unixNanoOf(t time.Time) unixNano {
	if t.IsZero() {
		return 0
	}
	return unixNano(t.UnixNano())
}

func (n unixNano) time() time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(n)).UTC()
}

// entry is one of the counters.
type entry struct {
	held, last float64
	zeroUntil  unixNano
	carried    bool
}

func (c *column) at(i int) entry {
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
func (c *column) add(id string, e entry) {
	n := len(c.ids)
	if c.last == nil && e.last != e.held {
		c.last = append(make([]float64, 0, cap(c.held)), c.held...)
	}
	if c.zeroUntil == nil && e.zeroUntil != 0 {
		c.zeroUntil = make([]unixNano, n, cap(c.held))
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

// atZero is the column as a new month begins with it.
func (c *column) atZero() *column {
	n := &column{ids: c.ids, held: make([]float64, len(c.ids)), carried: make([]bool, len(c.ids))}
	for i := range n.carried {
		n.carried[i] = true
	}
	return n
}

// unseen is how many counters have a value that was not shown yet when they were
// shown last. All showed 0 until zeroUntil.
func (c *column) unseen(shown, zeroUntil time.Time) (n int) {
	for i, held := range c.held {
		if held > 0 && (shown.Before(zeroUntil) || c.zeroUntil != nil && c.zeroUntil[i] > unixNanoOf(shown)) {
			n++
		}
	}
	return n
}

// merger makes the next column of a column and a report on it.
type merger struct {
	now           time.Time
	zeroUntil     time.Time // when a counter that is new shows its value; zero: at once
	afterRollover bool      // the month's rollover is over

	firstShown, lastShown time.Time // when the first and the last counter stop showing 0; zero if none waits
}

// merge returns the next column, and the ids whose values were reported lower
// than before.
func (m *merger) merge(have *column, r *ColumnReport) (next *column, decreased []string) {
	n := max(len(have.ids), len(r.ids), len(r.previous))
	next = &column{ids: make([]string, 0, n), held: make([]float64, 0, n)}
	unsure := m.zeroUntil.IsZero() || have.incomplete
	next.incomplete = unsure && r.incomplete
	ids := [...]idReader{{ids: have.ids}, {ids: r.ids}, {ids: r.unknown}, {ids: r.previous}, {ids: have.hidden}}
	for {
		id, ok := firstOf(ids[:])
		if !ok {
			break
		}
		h, known := ids[0].take(id)
		v, named := ids[1].take(id)
		_, unknown := ids[2].take(id)
		_, previous := ids[3].take(id)
		_, hidden := ids[4].take(id)

		e := entry{zeroUntil: unixNanoOf(m.zeroUntil), carried: true}
		if known {
			e = have.at(h)
		} else if hidden || have.incomplete {
			e.zeroUntil = 0
		}
		value := math.NaN()
		if named {
			value = r.values[v]
		}
		// Without a value and a counter, it is new, may have had a counter before the
		// start, or had one in the month before.
		switch {
		case known, named && !(next.incomplete && m.afterRollover && math.IsNaN(value)):
		case m.afterRollover && (hidden || unsure && (unknown || named)):
			next.hidden = append(next.hidden, id)
			continue
		case !previous:
			continue
		}
		if named || known && unknown {
			e.carried = false
		}
		if !math.IsNaN(value) {
			// A counter starts at 0, so less than nothing is a decrease too.
			if value < e.last {
				decreased = append(decreased, id)
			}
			e.last, e.held = value, max(e.held, value)
		}
		if e.carried && m.afterRollover {
			continue
		}
		if until := e.zeroUntil.time(); !m.now.Before(until) {
			e.zeroUntil = 0
		} else if e.held > 0 {
			m.firstShown, m.lastShown = Earliest(m.firstShown, until), later(m.lastShown, until)
		}
		next.add(id, e)
	}
	next.share(have, r)
	return next, decreased
}

// keep notes when the counters of a column that stays as it is stop showing 0.
func (m *merger) keep(c *column) {
	for i, until := range c.zeroUntil {
		if until := until.time(); c.held[i] > 0 && m.now.Before(until) {
			m.firstShown, m.lastShown = Earliest(m.firstShown, until), later(m.lastShown, until)
		}
	}
}

// idReader reads a sorted list of ids.
type idReader struct {
	ids  []string
	next int
}

// take reads an id and returns its index, if it is the next one.
func (r *idReader) take(id string) (index int, ok bool) {
	if r.next == len(r.ids) || r.ids[r.next] != id {
		return 0, false
	}
	r.next++
	return r.next - 1, true
}

// firstOf is the first id that has not been read, if there is one.
func firstOf(lists []idReader) (id string, ok bool) {
	for i := range lists {
		if r := &lists[i]; r.next < len(r.ids) && (!ok || r.ids[r.next] < id) {
			id, ok = r.ids[r.next], true
		}
	}
	return id, ok
}

// share holds ids and values once that are equal to those of the column before or
// of the report: most polls find the same ids, and many the same values.
func (c *column) share(have *column, r *ColumnReport) {
	if slices.Equal(c.ids, have.ids) {
		c.ids = have.ids
	} else if slices.Equal(c.ids, r.ids) {
		c.ids = r.ids
	}
	if slices.Equal(c.held, have.held) {
		c.held = have.held
	}
}
