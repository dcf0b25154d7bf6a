package exporter

import (
	"slices"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// pollsShown is for how long ended polls are remembered.
const pollsShown = 24 * time.Hour

// pollLog remembers how the last polls of a task ended: those of the last day, but no
// more than status.MaxPolls. It takes 56 bytes for each.
type pollLog struct {
	mu    sync.Mutex
	since time.Time // all polls that ended from then on are remembered
	// polls are replaced and never changed, so that a page needs no copy of them.
	polls []status.Poll // the oldest first
}

func newPollLog(since time.Time) *pollLog {
	return &pollLog{since: since, polls: []status.Poll{}}
}

func (l *pollLog) add(o *Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	polls := recent(l.polls, o.Ended)
	if len(polls) == status.MaxPolls {
		polls = polls[1:]
		l.since = polls[0].Ended.Time
	}
	ended := status.Poll{Ended: at(o.Ended), Duration: o.Duration.Seconds(), Requests: o.Requests, Reason: string(o.Reason)}
	l.polls = slices.Concat(polls, []status.Poll{ended})
}

// recent are those of the polls that are not too old at a moment.
func recent(polls []status.Poll, now time.Time) []status.Poll {
	old := func(p status.Poll) bool { return now.Sub(p.Ended.Time) > pollsShown }
	for len(polls) > 0 && old(polls[0]) {
		polls = polls[1:]
	}
	return polls
}

// last are the polls of the last day at a moment, the oldest first, and since when none
// is missing.
func (l *pollLog) last(now time.Time) ([]status.Poll, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := now.Add(-pollsShown)
	if l.since.After(since) {
		since = l.since
	}
	return recent(l.polls, now), since
}
