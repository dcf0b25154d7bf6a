package exposition

import (
	"context"
	"net/http"
	"time"
)

// maxStall is how long a scraper may take to accept what one write sends it, 128
// KiB at most.
const maxStall = 10 * time.Second

// scrapeWriter sends a response to scrapers that make progress. One that reads
// nothing loses its connection, and keeps no other scraper waiting meanwhile.
type scrapeWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
	deadline   time.Time // of the whole response
	inFlight   semaphore // is released while the scraper is waited for
}

// Write implements io.Writer.
func (w *scrapeWriter) Write(p []byte) (int, error) {
	deadline := time.Now().Add(maxStall)
	if w.deadline.Before(deadline) {
		deadline = w.deadline
	}
	_ = w.connection.SetWriteDeadline(deadline) // which not every writer knows
	w.inFlight.release()
	defer w.inFlight.acquire()
	return w.ResponseWriter.Write(p)
}

// semaphore bounds how many scrapes are worked on; nil: no bound.
type semaphore chan struct{}

// maxQueue is how long a scrape waits for room. It takes milliseconds to be rendered
// for, so many that come at once need not fail.
const maxQueue = time.Second

// acquireSoon reports whether there was room within maxQueue.
func (s semaphore) acquireSoon(ctx context.Context) bool {
	if s == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, maxQueue)
	defer cancel()
	select {
	case s <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s semaphore) acquire() {
	if s != nil {
		s <- struct{}{}
	}
}

func (s semaphore) release() {
	if s != nil {
		<-s
	}
}
