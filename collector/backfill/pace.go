package backfill

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// pace keeps an account's requests within max_requests_per_hour, by waiting between
// pages: a request that waited itself could exceed its timeout.
type pace struct {
	limiter *rate.Limiter // nil: no limit
	sent    atomic.Int64  // requests that were not waited for yet
	turn    chan struct{} // full while one waits for all of them
}

// newPace makes the pace of so many requests at a time.
func newPace(perHour, concurrency int) *pace {
	p := &pace{turn: make(chan struct{}, 1)}
	if perHour > 0 {
		// So many have been sent and not been waited for at most, so that there are no more
		// than perHour in any hour.
		perHour = max(perHour-max(concurrency, 1), 1)
		p.limiter = rate.NewLimiter(rate.Every(time.Hour/time.Duration(perHour)), 1)
	}
	return p
}

// wait waits until the next request may be sent.
func (p *pace) wait(ctx context.Context) error {
	if p.limiter == nil || p.sent.Load() == 0 {
		return nil
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for n := p.sent.Swap(0); n > 0; n-- {
		if err := p.limiter.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// paced is a listing that keeps the pace.
func paced[T any](ctx context.Context, p *pace, list iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for record, err := range list {
			if err == nil {
				err = p.wait(ctx)
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
		if err := p.wait(ctx); err != nil { // after a listing without records, too
			var none T
			yield(none, err)
		}
	}
}
