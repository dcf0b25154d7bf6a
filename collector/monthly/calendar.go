// Package monthly keeps counters that run over a calendar month (UTC): from the
// sums that an API reports since the start of the month it makes counters that
// are safe to use with increase(). It knows nothing of where the sums come from.
//
// A month goes through these phases:
//
//	month starts   +settle        +rollover
//	|--------------|--------------|--------------------------|--------------|
//	 the month      0              this month so far          … until its own
//	 before                                                   end + settle
//
// All edges depend on the clock alone, so a restart changes nothing. Only where
// the API could not be read at the end of a month does a Ledger stay in it for
// longer than its Calendar says.
package monthly

import "time"

// A Calendar tells which month counters show at a moment.
type Calendar struct {
	settle   time.Duration // how long after its end a month is still shown, rollover at least
	rollover time.Duration // how long 0 is shown then
}

// NewCalendar makes a calendar whose months stay open for settle after their
// end, and whose counters then show 0 for rollover. A month stays open at least for
// rollover, so that its last hour can be polled and scraped.
func NewCalendar(settle, rollover time.Duration) Calendar {
	return Calendar{max(settle, rollover), rollover}
}

// A Window is what counters show of one month.
type Window struct {
	Month time.Time // start of the month
	End   time.Time // up to when usage is asked for: the last whole hour, at most the month's end

	asked  time.Time // the moment that the window was made for
	opens  time.Time // from when on the month is shown, at 0
	values time.Time // from when on its values are shown
	closes time.Time // when it gives way to the next month
}

// At is the window to show at a moment.
func (c Calendar) At(now time.Time) Window { return c.of(Start(now.Add(-c.settle)), now) }

// Opens is the moment from which counters show a month, at 0 first: they show the month
// before until then.
func (c Calendar) Opens(month time.Time) time.Time { return c.of(month, month).opens }

// of is the window of a month at a moment.
func (c Calendar) of(month, now time.Time) Window {
	next := month.AddDate(0, 1, 0)
	end := now.UTC().Truncate(time.Hour)
	if next.Before(end) {
		end = next
	}
	return Window{
		Month: month,
		End:   end,
		asked: now,
		opens: month.Add(c.settle),
		// The new month is not shown before its first hour is whole.
		values: month.Add(max(c.settle+c.rollover, time.Hour)),
		closes: next.Add(c.settle),
	}
}

// Previous is the start of the month before.
func (w Window) Previous() time.Time { return w.Month.AddDate(0, -1, 0) }

// readsEnd reports whether a poll of this window reads the month for the last time:
// to its end, and no earlier than rollover before the month closes.
func (w Window) readsEnd(rollover time.Duration) bool {
	return w.End.Equal(w.Month.AddDate(0, 1, 0)) && !w.asked.Before(w.closes.Add(-rollover))
}

// InRollover reports whether the month's counters show 0 at a moment because the
// month before has only just been left.
func (w Window) InRollover(now time.Time) bool { return now.Before(w.values) }

// Start is the start of the calendar month (UTC) that a moment lies in.
func Start(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// Earliest is the earliest of some times; a zero time is never.
func Earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
