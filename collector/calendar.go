package collector

import "time"

// calendar says which month counters show at a moment. Its edges depend on the
// clock alone, so a restart changes nothing.
//
//	month starts   +settle        +rollover
//	|--------------|--------------|--------------------------|--------------|
//	 month before   0              this month so far          … until its own
//	 still shown                                              end + settle
type calendar struct {
	settle   time.Duration // how long after its end a month is still shown, rollover at least
	rollover time.Duration // how long 0 is shown then
}

// newCalendar makes a calendar. A month is shown for rollover after its end in
// any case: its last hour is known no sooner and must be seen.
func newCalendar(settle, rollover time.Duration) calendar {
	return calendar{max(settle, rollover), rollover}
}

// window is what counters show of a month.
type window struct {
	month  time.Time // its start; the counters' created timestamp
	end    time.Time // up to when usage is asked for: the last whole hour, at most the month's end
	begins time.Time // from when on the month is shown, first at 0
	shown  time.Time // from when on its values are shown
	closes time.Time // when it gives way to the next one
}

// at is the month to show at a moment.
func (c calendar) at(now time.Time) window { return c.of(monthOf(now.Add(-c.settle)), now) }

// of is what is to be shown of a month.
func (c calendar) of(month, now time.Time) window {
	next := month.AddDate(0, 1, 0)
	return window{
		month:  month,
		end:    earlier(now.UTC().Truncate(time.Hour), next),
		begins: month.Add(c.settle),
		// The new month is not shown before its first hour is whole.
		shown:  month.Add(max(c.settle+c.rollover, time.Hour)),
		closes: next.Add(c.settle),
	}
}

func (w window) before() time.Time { return w.month.AddDate(0, -1, 0) }

func monthOf(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// sooner is the earlier of two times, of which a zero one is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
