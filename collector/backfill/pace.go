package backfill

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// pace keeps an account's requests within max_requests_per_hour, by waiting between
// pages.
type pace struct {
	limiter *rate.Limiter // nil: no limit
	sent    atomic.Int64  // requests that were not waited for yet
}

func newPace(perHour int) *pace {
	p := new(pace)
	if perHour > 0 {
		// With the first one there are no more than perHour in any hour.
		p.limiter = rate.NewLimiter(rate.Every(time.Hour/time.Duration(max(perHour-1, 1))), 1)
	}
	return p
}

// wait waits until the next request may be sent.
func (p *pace) wait(ctx context.Context) error {
	if p.limiter == nil || p.sent.Load() == 0 {
		return nil
	}
	for n := p.sent.Swap(0); n > 0; n-- {
		if err := p.limiter.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}
