package budget

import (
	"slices"
	"sync"
	"time"
)

// A Window counts the requests of the last hour. It is safe for concurrent use, and
// needs no initialization.
type Window struct {
	mu   sync.Mutex
	sent []time.Time // the requests, the oldest first
}

// Add counts n more requests, or takes back the last ones if n is less than 0.
func (w *Window) Add(now time.Time, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(now)
	for range n {
		w.sent = append(w.sent, now)
	}
	w.sent = w.sent[:len(w.sent)-min(max(-n, 0), len(w.sent))]
}

// Sent returns the moments of the requests in the hour before now, the first one first.
func (w *Window) Sent(now time.Time) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(now)
	return slices.Clone(w.sent)
}

// Restore counts requests that another process sent. Those that lie in the future are
// taken to be of now: the clock may have been set back.
func (w *Window) Restore(now time.Time, sent []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range sent {
		if at.After(now) {
			at = now
		}
		w.sent = append(w.sent, at)
	}
	slices.SortFunc(w.sent, time.Time.Compare)
	w.forget(now)
}

// Count returns how many requests there were in the hour before now.
func (w *Window) Count(now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(now)
	return len(w.sent)
}

// Wait returns how long it takes until no more than n requests are counted, if none are
// added.
func (w *Window) Wait(now time.Time, n int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(now)
	if excess := len(w.sent) - max(n, 0); excess > 0 {
		return w.sent[excess-1].Add(time.Hour).Sub(now)
	}
	return 0
}

// forget drops what is an hour old.
func (w *Window) forget(now time.Time) {
	old := 0
	for old < len(w.sent) && now.Sub(w.sent[old]) >= time.Hour {
		old++
	}
	w.sent = slices.Delete(w.sent, 0, old)
}
