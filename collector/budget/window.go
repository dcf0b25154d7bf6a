package budget

import (
	"sync"
	"time"
)

// Resolution is how exact a Window is: what it counts is forgotten after an hour, or up
// to so much later.
const Resolution = 10 * time.Second

// buckets are those of an hour and the one that is being filled.
const buckets = int64(time.Hour/Resolution) + 1

// A Window counts the requests of the last hour. It is safe for concurrent use, and
// needs no initialization.
type Window struct {
	mu      sync.Mutex
	started time.Time // of bucket 0: differences of times do not follow the machine's clock where it is set
	latest  int64     // number of the bucket that is being filled
	counts  [buckets]int32
	sum     int
}

// Add counts n more requests.
func (w *Window) Add(now time.Time, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forward(now)
	w.counts[w.latest%buckets] += int32(n)
	w.sum += n
}

// Count returns how many requests there were in the hour before now.
func (w *Window) Count(now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forward(now)
	return w.sum
}

// Wait returns how long it takes until no more than n are counted, if none are added.
func (w *Window) Wait(now time.Time, n int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forward(now)
	left := w.sum
	if left <= n {
		return 0
	}
	for i := int64(1); i <= buckets; i++ { // the oldest first
		left -= int(w.counts[(w.latest+i)%buckets])
		if left <= n {
			return w.started.Add(time.Duration(w.latest+i) * Resolution).Sub(now)
		}
	}
	return time.Hour + Resolution // nothing is left by then, so n is less than 0
}

// forward forgets what is too old.
func (w *Window) forward(now time.Time) {
	if w.started.IsZero() {
		w.started = now
	}
	latest := int64(now.Sub(w.started) / Resolution)
	for range min(latest-w.latest, buckets) {
		w.latest++
		i := w.latest % buckets
		w.sum -= int(w.counts[i])
		w.counts[i] = 0
	}
	w.latest = max(w.latest, latest)
}
