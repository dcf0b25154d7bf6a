package monthly

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// A Ledger keeps counters over a calendar month. It lets none of them fall
// within the month, shows every one at 0 before it counts, and leaves a month
// only once that has been read to its end. The counters are kept in columns: K
// names a column, which has a counter for each of its ids.
//
// A Ledger is not safe for concurrent use.
type Ledger[K comparable] struct {
	calendar Calendar
	maxAge   time.Duration
	started  time.Time

	columns   map[K]*column
	month     time.Time // over which the counters run; zero before the first report
	created   time.Time // when the counters were last reset
	end       time.Time // up to when they count
	zeroUntil time.Time // all show 0 until then
	reported  time.Time // when the last report came
	latest    time.Time // the latest moment of a report or an advance
	closeAt   time.Time // when to leave the month; zero until it was read to its end
	closeBy   time.Time // until when it waits for what has appeared since
	nextShown time.Time // when the next counter stops showing 0; zero if none waits
	shown     time.Time // when the counters were last shown
	unseen    int       // counters whose last value was not shown
}

// Options say how a Ledger treats its months.
type Options struct {
	Settle   time.Duration // how long after its end a month stays open
	Rollover time.Duration // how long counters show 0 between two months
	MaxAge   time.Duration // after which counters that no report renewed are no longer exposed
	Started  time.Time     // since when the counters are exposed without a break
}

// NewLedger makes a ledger without counters.
func NewLedger[K comparable](o Options) *Ledger[K] {
	return &Ledger[K]{
		calendar: NewCalendar(o.Settle, o.Rollover), maxAge: o.MaxAge, started: o.Started,
		columns: make(map[K]*column),
	}
}

// Window is what to query at a moment: the month by the clock, or the ledger's month
// if that could not be left yet.
func (l *Ledger[K]) Window(now time.Time) Window {
	if l.month.IsZero() {
		return l.calendar.At(now)
	}
	return l.calendar.of(l.month, now)
}

// HasReport reports whether there has been a report, and so a month.
func (l *Ledger[K]) HasReport() bool { return !l.month.IsZero() }

// ReadsEnd reports whether a poll of a window reads the month for the last time.
func (l *Ledger[K]) ReadsEnd(w Window) bool { return w.readsEnd(l.calendar.rollover) }

// Advance moves on to now, whether the API can be read or not: to the next month if
// its time has come, so that every counter shows 0, and to the values of counters
// that have shown 0 for long enough. It reports whether it changed anything.
func (l *Ledger[K]) Advance(now time.Time) bool {
	switch {
	case !l.closeAt.IsZero() && !now.Before(l.closeAt):
		now = l.forward(now)
		l.nextMonth(now)
	case !l.nextShown.IsZero() && !now.Before(l.nextShown):
		now = l.forward(now)
		l.nextShown = l.showsNext(now)
	default:
		return false
	}
	l.shown = now
	return true
}

func (l *Ledger[K]) nextMonth(now time.Time) {
	w := l.calendar.of(l.month.AddDate(0, 1, 0), now)
	for k, c := range l.columns {
		l.unseen += c.unseen(l.shown, l.zeroUntil)
		l.columns[k] = c.atZero()
	}
	l.month, l.end, l.zeroUntil = w.Month, w.Month, w.values
	l.created = later(w.opens, now)
	l.closeAt, l.nextShown = time.Time{}, time.Time{}
	// A rollover that begins late still lasts long enough to be scraped.
	if now.Sub(w.opens) > l.slack() {
		l.zeroUntil = later(w.values, now.Add(l.calendar.rollover))
	}
}

// showsNext is the first moment after now at which a counter stops showing 0; zero
// if there is none.
func (l *Ledger[K]) showsNext(now time.Time) (next time.Time) {
	for _, c := range l.columns {
		for i, until := range c.zeroUntil {
			if c.held[i] > 0 && until > unixNanoOf(now) {
				next = Earliest(next, until.time())
			}
		}
	}
	return next
}

// TakeUnseen returns how many counters left a month before their last value was
// shown, since it was called last: what they counted then is lost.
func (l *Ledger[K]) TakeUnseen() int {
	n := l.unseen
	l.unseen = 0
	return n
}

// forward returns now, or the latest moment before if the clock was set back since:
// what has been shown is not taken back, because it would be counted again when the clock
// comes by for a second time.
func (l *Ledger[K]) forward(now time.Time) time.Time {
	l.latest = later(l.latest, now)
	return l.latest
}

// slack is by how much a poll may shorten the time for which values are shown.
func (l *Ledger[K]) slack() time.Duration { return l.calendar.rollover / 10 }

// A Counter names one counter of a ledger.
type Counter[K comparable] struct {
	Column K
	ID     string
}

// Commit takes a poll's report at now, and returns the counters that were reported
// lower than before.
func (l *Ledger[K]) Commit(now time.Time, r *Report[K]) (decreased []Counter[K]) {
	w, first := r.window, l.month.IsZero()
	now = l.forward(now)
	m := merger{now: now}
	if first {
		l.begin(now, w)
	} else {
		m.zeroUntil = now.Add(l.calendar.rollover)
		if now.Sub(l.reported) > l.maxAge {
			l.repeatUnseen(l.reported.Add(l.maxAge), now)
		}
	}
	l.end, l.reported, l.shown = w.End, now, now
	if l.closeAt.IsZero() && l.ReadsEnd(w) && !now.Before(l.zeroUntil) {
		l.closeAt = w.closes
		// The month's last values must be scraped, too, before they are gone.
		if !first {
			l.closeAt = later(w.closes, now.Add(l.calendar.rollover-l.slack()))
		}
		l.closeBy = l.closeAt.Add(l.calendar.rollover)
	}
	m.afterRollover = !now.Before(l.zeroUntil)
	decreased = l.merge(&m, r)
	l.nextShown = m.firstShown
	// The month waits for counters that have only now appeared in it, but not for
	// ever: where they appear all the time, the last ones are lost.
	if !l.closeAt.IsZero() && !m.lastShown.IsZero() {
		l.closeAt = later(l.closeAt, Earliest(m.lastShown.Add(l.calendar.rollover-l.slack()), l.closeBy))
	}
	return decreased
}

// begin starts the first month.
func (l *Ledger[K]) begin(now time.Time, w Window) {
	l.month, l.created, l.zeroUntil = w.Month, w.opens, w.values
	// Started before the end of the rollover, and read only after it: nothing has
	// shown the month yet, so show its 0 first.
	if l.started.Before(w.values) && !now.Before(w.values) {
		l.zeroUntil = now.Add(l.calendar.rollover)
	}
}

// merge merges a report into the columns, and returns the counters that were
// reported lower than before.
func (l *Ledger[K]) merge(m *merger, r *Report[K]) (decreased []Counter[K]) {
	for k, c := range l.columns {
		if r.kept != nil && r.kept(k) {
			m.keep(c)
		} else {
			r.Column(k) // so that columns without a report are merged, too
		}
	}
	for k, c := range r.columns {
		have := l.columns[k]
		if have == nil {
			have = &column{incomplete: c.missed}
		}
		next, lower := m.merge(have, c)
		if l.columns[k] = next; next.empty() {
			delete(l.columns, k)
		}
		for _, id := range lower {
			decreased = append(decreased, Counter[K]{k, id})
		}
	}
	return decreased
}

// repeatUnseen shows 0 once more where counters still showed it when the results
// expired, at since.
func (l *Ledger[K]) repeatUnseen(since, now time.Time) {
	until := now.Add(l.calendar.rollover)
	if l.zeroUntil.After(since) {
		l.zeroUntil = later(l.zeroUntil, until)
	}
	for _, c := range l.columns {
		for i, t := range c.zeroUntil {
			if t > unixNanoOf(since) {
				c.zeroUntil[i] = max(t, unixNanoOf(until))
			}
		}
	}
}

// Columns yields the names of the columns that have counters, in no order.
func (l *Ledger[K]) Columns() iter.Seq[K] { return maps.Keys(l.columns) }

// IDs are those that have a counter in a column, sorted. The caller must not
// change them.
func (l *Ledger[K]) IDs(k K) []string {
	if c := l.columns[k]; c != nil {
		return c.ids
	}
	return nil
}

// Values are those of a column's counters as they are to be shown at now, in the
// order of IDs.
func (l *Ledger[K]) Values(k K, now time.Time) metric.Column[float64] {
	c, now := l.columns[k], later(l.latest, now)
	if c == nil || now.Before(l.zeroUntil) {
		return metric.Const(0.0)
	}
	values, copied := c.held, false
	for i, t := range c.zeroUntil {
		if unixNanoOf(now) < t && values[i] != 0 {
			if !copied {
				values, copied = slices.Clone(values), true
			}
			values[i] = 0
		}
	}
	return metric.Values(values)
}

// Created is when the counters were last reset: when they left the month before, by
// the clock or, if that month could not be left then, later. No sample of the month
// before is exposed at that time or after it. It is zero before the first report.
//
// Source: OpenMetrics 1.0, section "Counter" (the time of the reset).
func (l *Ledger[K]) Created() time.Time { return l.created }

// End is the time up to which the values count that are shown at now.
func (l *Ledger[K]) End(now time.Time) time.Time {
	if later(l.latest, now).Before(l.zeroUntil) {
		return l.month
	}
	return l.end
}

// NextChange is the first moment after now at which the counters change by the
// clock alone, or are to be read for the last time in their month. It is zero if
// none is known.
func (l *Ledger[K]) NextChange(now time.Time) time.Time {
	if !l.closeAt.IsZero() && !now.Before(l.closeAt) {
		return now // the time came while a poll was under way
	}
	return Earliest(l.NextEdge(now), nextOf(now, l.nextShown))
}

// NextEdge is the first moment after now at which the month begins, ends, or is to be
// read for the last time. It is zero if none is known.
func (l *Ledger[K]) NextEdge(now time.Time) time.Time {
	w := l.Window(now)
	// A counter that first appears in the poll at two rollovers before the month closes
	// shows 0 until the last poll, and then its value until the month closes.
	last := w.closes.Add(-l.calendar.rollover)
	return nextOf(now, l.zeroUntil, last.Add(-l.calendar.rollover), last, w.closes, l.closeAt)
}

// nextOf is the first of some moments that is after now; zero if none is.
func nextOf(now time.Time, moments ...time.Time) (next time.Time) {
	for _, t := range moments {
		if t.After(now) {
			next = Earliest(next, t)
		}
	}
	return next
}

// Adopt continues another ledger's counters with this one's options.
func (l *Ledger[K]) Adopt(o *Ledger[K]) {
	calendar, maxAge := l.calendar, l.maxAge
	*l = *o
	l.calendar, l.maxAge = calendar, maxAge
}
