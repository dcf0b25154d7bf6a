package backfill

import (
	"fmt"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// Resolution is how far apart samples are.
type Resolution string

// The resolutions: a sample at each whole hour, or at each midnight (UTC).
const (
	Hour Resolution = "hour"
	Day  Resolution = "day"
)

func (r Resolution) step() time.Duration {
	if r == Day {
		return 24 * time.Hour
	}
	return time.Hour
}

// months is how far back the API has usage.
//
// Source: Twilio's documentation of UsageRecords, error 83605.
const months = 18

// ParseDate reads a date, YYYY-MM-DD, as the midnight (UTC) that it begins with.
func ParseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a date such as 2026-08-31", s)
	}
	return t, nil
}

// CheckDates rejects a range that is empty, in the future, or older than what the API
// keeps.
func CheckDates(from, to, now time.Time) error {
	today := now.UTC().Truncate(24 * time.Hour)
	switch earliest := today.AddDate(0, -months, 0); {
	case !from.Before(to):
		return fmt.Errorf("--from=%s must be before --to=%s, which is not included", from.Format(time.DateOnly), to.Format(time.DateOnly))
	case to.After(today):
		return fmt.Errorf("--to=%s must not be after today, %s (UTC)", to.Format(time.DateOnly), today.Format(time.DateOnly))
	case from.Before(earliest):
		return fmt.Errorf("--from=%s must not be before %s: the API keeps usage for %d months", from.Format(time.DateOnly), earliest.Format(time.DateOnly), months)
	}
	return nil
}

// A span is a stretch of time, end excluded.
type span struct{ start, end time.Time }

func (s span) steps(step time.Duration) int { return int(s.end.Sub(s.start) / step) }

// months are the parts of a span by month.
func (s span) months(step time.Duration) []part {
	var parts []part
	for start := s.start; start.Before(s.end); {
		month := monthly.Start(start)
		end := month.AddDate(0, 1, 0)
		if s.end.Before(end) {
			end = s.end
		}
		parts = append(parts, part{month: month, start: start, end: end, step: step})
		start = end
	}
	return parts
}

// cut cuts a span at starts of months so that no stretch has more than so many, and
// these into stretches of at most so many days.
func (s span) cut(months, days int) []span {
	var all []span
	for start := s.start; start.Before(s.end); {
		end := monthly.Start(start).AddDate(0, months, 0)
		if s.end.Before(end) {
			end = s.end
		}
		for start.Before(end) {
			next := start.AddDate(0, 0, days)
			if end.Before(next) {
				next = end
			}
			all = append(all, span{start, next})
			start = next
		}
	}
	return all
}

// split splits a span into about equal stretches of whole steps.
func (s span) split(n int, step time.Duration) []span {
	steps := s.steps(step)
	n = max(1, min(n, steps))
	var all []span
	for i := range n {
		all = append(all, span{s.start.Add(time.Duration(i*steps/n) * step), s.start.Add(time.Duration((i+1)*steps/n) * step)})
	}
	return all
}
