package collector

import (
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// monthlyCompleteness finds out, after a start, when the listings of monthly usage can be
// taken as complete. There is no total to compare them with, and one that lacks a record
// looks as if the category was new. So listings have to name the same records as the one
// before, some minutes earlier.
type monthlyCompleteness struct {
	complete bool // since a poll since the start
	named    []monthlyKey
	polls    int // in a row that named the same
	asked    int
	next     time.Time // when to poll again to find out; zero: at the interval
}

const (
	// recheck is how far apart listings are that tell whether they are complete.
	recheck = 5 * time.Minute
	// recheckPolls and recheckEmpty are how many listings have to name the same records,
	// and how many have to name none.
	recheckPolls = 2
	recheckEmpty = 3
	// recheckMost is after how many polls the next one waits for the interval.
	recheckMost = 4
)

// judge takes the sorted records of a poll at a time.
func (m *monthlyCompleteness) judge(now time.Time, records []twilio.MonthlyUsage, key func(twilio.MonthlyUsage) monthlyKey) {
	m.next = time.Time{}
	if m.complete {
		return
	}
	named := make([]monthlyKey, len(records))
	for i, r := range records {
		named[i] = key(r)
	}
	if m.polls++; !slices.Equal(named, m.named) {
		m.polls = 1
	}
	m.named = named
	if m.polls >= recheckEmpty || m.polls >= recheckPolls && len(named) > 0 {
		m.complete, m.named = true, nil
	} else if m.asked++; m.asked < recheckMost {
		m.next = now.Add(recheck)
	}
}

// nextPoll is when to poll again to find out; zero if that has passed or need not be.
func (m *monthlyCompleteness) nextPoll(now time.Time) time.Time {
	if m.next.After(now) {
		return m.next
	}
	return time.Time{}
}
