package collector

import (
	"iter"
	"time"
)

// ledger keeps the counters of one kind over a calendar month: it lets none of
// them fall within the month, lets every one be seen at 0 before it counts, and
// leaves a month only once it has been read to its end.
type ledger[K comparable, V int64 | float64] struct {
	calendar
	maxAge  time.Duration // after which its counters are no longer exposed
	started time.Time     // since when the account is polled without a break

	entries   map[K]*entry[V]
	month     time.Time // over which the entries run; zero before the first report
	end       time.Time // up to when they count
	zeroUntil time.Time // all show 0 until then
	reported  time.Time // when the last report came
	closeAt   time.Time // when to leave the month; zero until it was read to its end
	wake      time.Time // when an entry stops showing 0; zero if none waits
}

type entry[V any] struct {
	held      V         // the highest value that was reported in the month
	last      V         // the last value that was reported
	zeroUntil time.Time // it shows 0 until then
	carried   bool      // from the month before, only to show 0
}

// report is what one poll found out about a ledger's month.
type report[K comparable, V any] struct {
	window   window
	values   map[K]V        // as reported
	expected map[K]struct{} // at 0 unless reported, held or left out by the API
	carried  map[K]struct{} // of the month before, needed where a restart fell into the passage through 0
}

// at is what to ask for at a moment: the clock's month, or the ledger's own as
// long as it could not be left.
func (l *ledger[K, V]) at(now time.Time) window {
	if l.month.IsZero() {
		return l.calendar.at(now)
	}
	return l.of(l.month, now)
}

// turn moves to the next month if its time has come: every counter then shows
// 0, whether the API answers or not.
func (l *ledger[K, V]) turn(now time.Time) bool {
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
	for _, e := range l.entries {
		*e = entry[V]{carried: true}
	}
	return true
}

// slack is what a poll may take of the time for which something is to be shown.
func (l *ledger[K, V]) slack() time.Duration { return l.rollover / 10 }

// commit takes over what a poll reported at now, and returns the keys whose
// values were lower than what had been reported before.
func (l *ledger[K, V]) commit(now time.Time, r report[K, V]) (decreased []K) {
	first := l.month.IsZero()
	if first {
		l.entries = make(map[K]*entry[V], len(r.values)+len(r.expected))
		l.month, l.zeroUntil = r.window.month, r.window.shown
		// The passage through 0 was to be shown in this time and could not be, so
		// nothing has shown the month yet.
		if l.started.Before(r.window.shown) && !now.Before(r.window.shown) {
			l.zeroUntil = now.Add(l.rollover)
		}
	} else if now.Sub(l.reported) > l.maxAge {
		l.repeatUnseen(l.reported.Add(l.maxAge), now)
	}
	l.end, l.reported = r.window.end, now
	if closing := r.window.closes; l.closeAt.IsZero() && !now.Before(closing.Add(-l.rollover)) && !now.Before(l.zeroUntil) {
		l.closeAt = closing
		// Its last values are to be seen, too, before they are gone.
		if !first {
			l.closeAt = later(closing, now.Add(l.rollover-l.slack()))
		}
	}

	add := func(k K) *entry[V] {
		e := l.entries[k]
		if e == nil {
			e = &entry[V]{}
			if !first {
				e.zeroUntil = now.Add(l.rollover)
			}
			l.entries[k] = e
		}
		return e
	}
	for k := range r.carried {
		if l.entries[k] == nil {
			add(k).carried = true
		}
	}
	for k := range r.expected {
		add(k).carried = false
	}
	for k, v := range r.values {
		e := add(k)
		// A counter starts at 0, so less than nothing is a decrease too.
		if v < e.last {
			decreased = append(decreased, k)
		}
		e.carried, e.last, e.held = false, v, max(e.held, v)
	}
	l.wake = time.Time{}
	var last time.Time // when the last of those that show 0 for now shows its value
	for k, e := range l.entries {
		switch {
		case e.carried && !now.Before(l.zeroUntil):
			delete(l.entries, k)
		case e.held > 0 && now.Before(e.zeroUntil):
			l.wake, last = sooner(l.wake, e.zeroUntil), later(last, e.zeroUntil)
		}
	}
	// A month that is left late anyway waits for what has only now appeared in it.
	if l.closeAt.After(r.window.closes) && !last.IsZero() {
		l.closeAt = later(l.closeAt, last.Add(l.rollover-l.slack()))
	}
	return decreased
}

// repeatUnseen starts each passage through 0 again that was not over when the
// results stopped being exposed.
func (l *ledger[K, V]) repeatUnseen(since, now time.Time) {
	if l.zeroUntil.After(since) {
		l.zeroUntil = later(l.zeroUntil, now.Add(l.rollover))
	}
	for _, e := range l.entries {
		if e.zeroUntil.After(since) {
			e.zeroUntil = later(e.zeroUntil, now.Add(l.rollover))
		}
	}
}

// all yields every counter as it is to be shown at now.
func (l *ledger[K, V]) all(now time.Time) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for k, e := range l.entries {
			v := e.held
			if now.Before(l.zeroUntil) || now.Before(e.zeroUntil) {
				v = 0
			}
			if !yield(k, v) {
				return
			}
		}
	}
}

// upTo is the time up to which the shown values count.
func (l *ledger[K, V]) upTo(now time.Time) time.Time {
	if now.Before(l.zeroUntil) {
		return l.month
	}
	return l.end
}

// next is when the counters change by the clock alone, or are to be read for
// the last time in their month.
func (l *ledger[K, V]) next(now time.Time) time.Time {
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
func (l *ledger[K, V]) adopt(o *ledger[K, V]) {
	own := l.calendar
	maxAge := l.maxAge
	*l = *o
	l.calendar, l.maxAge = own, maxAge
}
