package report

import (
	"errors"
	"time"
)

// period is a time from start, inclusive, to end, exclusive.
type period struct{ start, end time.Time }

func (p period) isEmpty() bool { return !p.start.Before(p.end) }

// span is what a report counts.
type span struct {
	now      time.Time
	begin    time.Time // of the month
	finish   time.Time // of the month, exclusive
	month    period    // what of it has passed, to the last whole hour
	previous period    // as much of the month before; empty if there is nothing to compare
	oldest   time.Time // from where on the API has usage
	over     bool      // the month
}

// historyMonths is how far back the API goes.
//
// Source: Twilio's page on error 83605.
const historyMonths = 18

func newSpan(month, now time.Time) span {
	s := span{now: now, begin: month, finish: month.AddDate(0, 1, 0), oldest: oldest(now)}
	s.over = !now.Before(s.finish)
	s.month = period{month, s.finish}
	s.previous = period{month.AddDate(0, -1, 0), month}
	if !s.over {
		s.month.end = now.Truncate(time.Hour)
		if end := s.previous.start.Add(s.month.end.Sub(month)); end.Before(month) {
			s.previous.end = end
		}
	}
	if !s.hasBefore() {
		s.previous = period{}
	}
	return s
}

// hasBefore reports whether the API has all of the month before.
func (s span) hasBefore() bool { return !s.begin.AddDate(0, -1, 0).Before(s.oldest) }

// oldest is the first moment that the API can be asked for.
func oldest(now time.Time) time.Time {
	month := monthOf(now).AddDate(0, -historyMonths, 0)
	last := month.AddDate(0, 1, -1).Day() // of the month, which may be shorter than this one
	return month.AddDate(0, 0, min(now.Day(), last)-1)
}

// billed divides what is counted in two: what should be billed completely, and the
// rest. delay is how late bills come.
func (s span) billed(delay time.Duration) (done, open period) {
	const day = 24 * time.Hour
	cut := s.now.Add(-delay).Truncate(day)
	switch {
	case !cut.Before(s.month.end):
		return s.month, period{}
	case !s.month.start.Before(cut):
		return period{}, s.month
	}
	return period{s.month.start, cut}, period{cut, s.month.end}
}

// days are the whole days of both months.
func (s span) days() period {
	start := s.month.start
	if s.hasBefore() {
		start = s.begin.AddDate(0, -1, 0)
	}
	return period{start, s.month.end.Truncate(24 * time.Hour)}
}

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// ParseMonth reads a month such as 2026-10 that has begun and that the API still has.
func ParseMonth(text string, now time.Time) (time.Time, error) {
	month, err := time.Parse("2006-01", text)
	switch {
	case err != nil:
		return time.Time{}, errors.New("a month looks like 2026-10")
	case month.After(now):
		return time.Time{}, errors.New("that month has not begun")
	case month.Before(oldest(now.UTC())):
		return time.Time{}, errors.New("the API goes back 18 months")
	}
	return month, nil
}
