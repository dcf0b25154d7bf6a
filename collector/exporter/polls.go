package exporter

import (
	"slices"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// pollsShown is for how long ended polls are remembered.
const pollsShown = 24 * time.Hour

// pollLog remembers how the last polls of a task ended: those of the last day, but no
// more than status.MaxPolls. It takes 48 bytes for each.
type pollLog struct {
	mu    sync.Mutex
	since time.Time // all polls that ended from then on are remembered
	polls []endedPoll
}

type endedPoll struct {
	ended    time.Time
	took     float32 // seconds
	requests int32
	reason   twilio.Reason // "" if it succeeded
}

func newPollLog(since time.Time) *pollLog { return &pollLog{since: since} }

func (l *pollLog) add(o *Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(o.Ended)
	l.polls = append(l.polls, endedPoll{o.Ended, float32(o.Duration.Seconds()), int32(min(o.Requests, 1<<30)), o.Reason}) //nolint:gosec // limited by 1<<30
	if n := len(l.polls) - status.MaxPolls; n > 0 {
		l.polls = slices.Delete(l.polls, 0, n)
		l.since = l.polls[0].ended
	}
}

// forget drops the polls that are too old at a moment.
func (l *pollLog) forget(now time.Time) {
	old := 0
	for old < len(l.polls) && now.Sub(l.polls[old].ended) > pollsShown {
		old++
	}
	l.polls = slices.Delete(l.polls, 0, old)
}

// last are the polls of the last day at a moment, the oldest first, and since when none
// is missing.
func (l *pollLog) last(now time.Time) ([]status.Poll, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	polls := make([]status.Poll, len(l.polls))
	for i, p := range l.polls {
		polls[i] = status.Poll{Ended: status.Time{Time: p.ended}, Duration: float64(p.took), Requests: int(p.requests), Reason: string(p.reason)}
	}
	since := now.Add(-pollsShown)
	if l.since.After(since) {
		since = l.since
	}
	return polls, since
}
