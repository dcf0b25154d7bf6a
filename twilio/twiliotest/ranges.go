package twiliotest

import (
	"net/http"
	"time"
)

const day = 24 * time.Hour

// span is the time that usage records are asked for, in steps of one bucket.
type span struct {
	from, to time.Time
	step     time.Duration // 0: one bucket for all
}

// readSpan reads StartTime, EndTime and Granularity and enforces the documented
// limits. Which requests need midnight is not documented: day needs it here, all only
// with Options.AllNeedsMidnight.
func (s *Simulator) readSpan(p *params, now time.Time) (span, *response) {
	var r span
	granularity := p.values["Granularity"]
	midnight := false
	switch granularity {
	case "hour":
		r.step = time.Hour
	case "day":
		r.step, midnight = day, true
	default:
		midnight = s.options.AllNeedsMidnight
	}
	align := time.Hour
	if midnight {
		align = day
	}

	var ok bool
	r.to = now.Truncate(align)
	if v, given := p.values["EndTime"]; given {
		if r.to, ok = parseExact(stamp, v); !ok {
			return r, p.refuse("EndTime has to look like " + stamp)
		}
	}
	r.from = addMonths(r.to, -1)
	if v, given := p.values["StartTime"]; given {
		if r.from, ok = parseExact(stamp, v); !ok {
			return r, p.refuse("StartTime has to look like " + stamp)
		}
	}

	refuse := func(code int, message string) (span, *response) {
		return r, failure(http.StatusBadRequest, code, message)
	}
	longest := map[string]time.Time{
		"hour": r.from.Add(31 * day),
		"day":  addMonths(r.from, 3),
	}
	last, limited := longest[granularity]
	if !limited {
		last = addMonths(r.from, 18)
	}
	switch {
	case !r.from.Before(r.to):
		return refuse(83600, "StartTime has to be before EndTime")
	case r.to.After(now):
		return refuse(83600, "EndTime is in the future")
	case !aligned(r.from, time.Hour) || !aligned(r.to, time.Hour):
		return refuse(83602, "StartTime and EndTime have to be on a whole hour")
	case midnight && (!aligned(r.from, day) || !aligned(r.to, day)):
		return refuse(83601, "StartTime and EndTime have to be at midnight")
	case r.from.Before(addMonths(now.Truncate(day), -18)):
		return refuse(83605, "Usage is kept for 18 months")
	case r.to.After(last):
		return refuse(83604, "The range is too long for this granularity")
	case p.values["Group"] == "sim" && r.to.After(r.from.Add(31*day)):
		return refuse(83603, "Grouped by SIM, the range is 31 days at most")
	}
	return r, nil
}

func aligned(t time.Time, d time.Duration) bool { return t.Truncate(d).Equal(t) }

// addMonths stays in the month it reaches: three months after the 30th of November are
// the last of February, not the 2nd of March, which is how time.AddDate counts.
func addMonths(t time.Time, months int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	lastDay := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), lastDay)-1)
}
