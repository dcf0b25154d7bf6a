package backfill

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// A timeline says at which moments the counters of one kind, bytes or money, have
// samples. It goes by the calendar by which the exporter shows them.
type timeline struct {
	calendar monthly.Calendar
	from     time.Time // no sample is earlier
	until    time.Time // nor later
	// The exporter may show the month open from until on. What may not have been
	// reported by then must not be in a sample, or the counter would fall: of this
	// month, samples count up to settled at most.
	open, settled time.Time
}

// newTimeline makes the timeline of counters whose months stay open for settle. They
// run from from to to, which is when the exporter may have been scraped first. Where
// to is the start of a month that has settled by now, the month before it is shown to
// its end and left, as the exporter would.
func newTimeline(settle, rollover time.Duration, from, to, now time.Time) timeline {
	t := timeline{calendar: monthly.NewCalendar(settle, rollover), from: from, until: to}
	if opens := t.calendar.Opens(to); to.Equal(monthly.Start(to)) && !opens.After(now) {
		t.until = opens
	}
	t.open = t.calendar.At(t.until).Month
	t.settled = t.until.Add(-settle)
	return t
}

// A part is a stretch of one month.
type part struct {
	month, start, end time.Time
	step              time.Duration
	first             bool // of what is written of the month
}

// steps is how many steps it has.
func (p part) steps() int { return int(p.end.Sub(p.start) / p.step) }

// A moment is when a counter has a sample, and what of the month is in it: up to the
// end of a number of the part's steps. With atZero it is 0, between two months.
type moment struct {
	at    time.Time
	steps int
}

const atZero = -1

// moments are those at which counters have samples that count up to a time in a part:
// each whole step, and the passages through 0 before and after the month.
func (t timeline) moments(p part) []moment {
	opens, next := t.calendar.Opens(p.month), p.month.AddDate(0, 1, 0)
	closes := t.calendar.Opens(next)
	var all []moment
	add := func(at time.Time) {
		if m, ok := t.momentAt(p, at); ok && (m.steps > 0 || m.steps == atZero && p.first) {
			all = append(all, m)
		}
	}
	add(opens)
	begin := p.start
	if opens.After(begin) {
		begin = opens
	}
	for at := begin.Truncate(p.step); at.Before(closes); at = at.Add(p.step) {
		if at.After(opens) {
			add(at)
		}
		if p.end.Before(next) && at.After(p.end) && !t.calendar.At(at).InRollover(at) {
			break
		}
	}
	if p.end.Equal(next) && !closes.Before(t.from) && !closes.After(t.until) {
		all = append(all, moment{closes, atZero})
	}
	return all
}

// beginning is the sample that a series begins with where it has none yet: what it
// counted before the part, or 0. There may be no place for it, or one of moments.
func (t timeline) beginning(p part) (moment, bool) {
	at := p.start
	if opens := t.calendar.Opens(p.month); opens.After(at) {
		at = opens
	}
	if t.from.After(at) {
		at = t.from
	}
	return t.momentAt(p, at)
}

// momentAt is the moment at a time, if the counters of the part's month are shown then.
func (t timeline) momentAt(p part, at time.Time) (moment, bool) {
	w := t.calendar.At(at)
	if at.Before(t.from) || at.After(t.until) || !w.Month.Equal(p.month) {
		return moment{}, false
	}
	if w.InRollover(at) {
		return moment{at, atZero}, true
	}
	if w.End.Before(p.start) || w.End.After(p.end) || w.Month.Equal(t.open) && w.End.After(t.settled) {
		return moment{}, false
	}
	return moment{at, int(w.End.Sub(p.start) / p.step)}, true
}

// countsTo is the time up to which counters count that are shown at a moment.
func (t timeline) countsTo(p part, m moment) time.Time {
	if m.steps == atZero {
		return t.calendar.At(m.at).Month
	}
	return p.start.Add(time.Duration(m.steps) * p.step)
}
