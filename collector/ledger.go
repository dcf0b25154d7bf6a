package collector

import (
	"slices"
	"time"
)

// ledger keeps the counters of one kind over a calendar month: it lets none of
// them fall within the month, lets every one be seen at 0 before it counts, and
// leaves a month only once it has been read to its end. K names a column of
// counters.
type ledger[K comparable] struct {
	calendar
	maxAge  time.Duration // after which its counters are no longer exposed
	started time.Time     // since when the account is polled without a break

	columns   map[K]*counters
	month     time.Time // over which the counters run; zero before the first report
	end       time.Time // up to when they count
	zeroUntil time.Time // all show 0 until then
	reported  time.Time // when the last report came
	closeAt   time.Time // when to leave the month; zero until it was read to its end
	wake      time.Time // when a counter stops showing 0; zero if none waits
}

// report is what one poll found out about a ledger's month.
type report[K comparable] struct {
	window  window
	columns map[K]*reported
}

// column is the report on a column of counters.
func (r report[K]) column(k K) *reported {
	c := r.columns[k]
	if c == nil {
		c = new(reported)
		r.columns[k] = c
	}
	return c
}

// at is what to ask for at a moment: the clock's month, or the ledger's own as
// long as it could not be left.
func (l *ledger[K]) at(now time.Time) window {
	if l.month.IsZero() {
		return l.calendar.at(now)
	}
	return l.of(l.month, now)
}

// turn moves to the next month if its time has come: every counter then shows
// 0, whether the API answers or not.
func (l *ledger[K]) turn(now time.Time) bool {
	if l.closeAt.IsZero() || now.Before(l.closeAt) {
		return false
	}
	w := l.of(l.month.AddDate(0, 1, 0), now)
	l.month, l.end, l.zeroUntil = w.month, w.month, w.shown
	l.closeAt, l.wake = time.Time{}, time.Time{}
	// A passage that begins late still lasts as long as a scrape needs.
	if now.Sub(w.begins) > l.slack() {
		l.zeroUntil = later(w.shown, now.Add(l.rollover))
	}
	for k, c := range l.columns {
		l.columns[k] = c.carriedOver()
	}
	return true
}

// slack is what a poll may take of the time for which something is to be shown.
func (l *ledger[K]) slack() time.Duration { return l.rollover / 10 }

// key names one counter.
type key[K comparable] struct {
	column K
	id     string
}

// commit takes over what a poll reported at now, and returns the keys whose
// values were lower than what had been reported before.
func (l *ledger[K]) commit(now time.Time, r report[K]) (decreased []key[K]) {
	first := l.month.IsZero()
	m := merge{now: now}
	if first {
		l.columns = make(map[K]*counters, len(r.columns))
		l.month, l.zeroUntil = r.window.month, r.window.shown
		// The passage through 0 was to be shown in this time and could not be, so
		// nothing has shown the month yet.
		if l.started.Before(r.window.shown) && !now.Before(r.window.shown) {
			l.zeroUntil = now.Add(l.rollover)
		}
	} else {
		m.appears = now.Add(l.rollover)
		if now.Sub(l.reported) > l.maxAge {
			l.repeatUnseen(l.reported.Add(l.maxAge), now)
		}
	}
	l.end, l.reported = r.window.end, now
	if closing := r.window.closes; l.closeAt.IsZero() && !now.Before(closing.Add(-l.rollover)) && !now.Before(l.zeroUntil) {
		l.closeAt = closing
		// Its last values are to be seen, too, before they are gone.
		if !first {
			l.closeAt = later(closing, now.Add(l.rollover-l.slack()))
		}
	}

	m.passed = !now.Before(l.zeroUntil)
	for k := range l.columns {
		r.column(k) // silence is a report, too
	}
	for k, c := range r.columns {
		have := l.columns[k]
		if have == nil {
			have = new(counters)
		}
		next, lower := m.merge(have, c)
		if l.columns[k] = next; len(next.ids) == 0 {
			delete(l.columns, k)
		}
		for _, id := range lower {
			decreased = append(decreased, key[K]{k, id})
		}
	}
	l.wake = m.wake
	// A month that is left late anyway waits for what has only now appeared in it.
	if l.closeAt.After(r.window.closes) && !m.last.IsZero() {
		l.closeAt = later(l.closeAt, m.last.Add(l.rollover-l.slack()))
	}
	return decreased
}

// repeatUnseen starts each passage through 0 again that was not over when the
// results stopped being exposed.
func (l *ledger[K]) repeatUnseen(since, now time.Time) {
	until := now.Add(l.rollover)
	if l.zeroUntil.After(since) {
		l.zeroUntil = later(l.zeroUntil, until)
	}
	for _, c := range l.columns {
		for i, t := range c.zeroUntil {
			if t > momentOf(since) {
				c.zeroUntil[i] = max(t, momentOf(until))
			}
		}
	}
}

// ids are those that have a counter in a column, sorted.
func (l *ledger[K]) ids(k K) []string {
	if c := l.columns[k]; c != nil {
		return c.ids
	}
	return nil
}

// shown are the values of a column's counters as they are to be shown at now.
func (l *ledger[K]) shown(k K, now time.Time) Column[float64] {
	c := l.columns[k]
	if c == nil || now.Before(l.zeroUntil) {
		return All(0.0)
	}
	values := c.held
	copied := false
	for i, t := range c.zeroUntil {
		if momentOf(now) < t && values[i] != 0 {
			if !copied {
				values, copied = slices.Clone(values), true
			}
			values[i] = 0
		}
	}
	return Each(values)
}

// upTo is the time up to which the shown values count.
func (l *ledger[K]) upTo(now time.Time) time.Time {
	if now.Before(l.zeroUntil) {
		return l.month
	}
	return l.end
}

// next is when the counters change by the clock alone, or are to be read for
// the last time in their month.
func (l *ledger[K]) next(now time.Time) time.Time {
	if !l.closeAt.IsZero() && !now.Before(l.closeAt) {
		return now // its time came while a poll was under way
	}
	w := l.at(now)
	var next time.Time
	for _, t := range []time.Time{l.zeroUntil, w.closes.Add(-l.rollover), w.closes, l.closeAt, l.wake} {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next // zero: at no time that is known
}

// adopt carries on with another ledger's counters.
func (l *ledger[K]) adopt(o *ledger[K]) {
	own := l.calendar
	maxAge := l.maxAge
	*l = *o
	l.calendar, l.maxAge = own, maxAge
}
