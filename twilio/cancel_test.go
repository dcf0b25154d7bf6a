package twilio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// cancelled runs a listing that is cancelled after a while and checks that it
// ends at that moment.
func cancelled(t *testing.T, c *twilio.Client, after time.Duration) {
	t.Helper()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	time.AfterFunc(after, func() { cancel(cause) })
	start := time.Now()
	err := failure(t, c.Sims(ctx))
	equal(t, "ended after", after, time.Since(start))
	if !errors.Is(err, cause) {
		t.Errorf("want the cause, have %v", err)
	}
}

func TestCancelEndsAWaitForTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := always(http.StatusTooManyRequests, "", "Retry-After", "60")
		cancelled(t, newClient(t, f, retries(9)), 3*time.Second)
		equal(t, "requests", 1, f.count())
	})
}

func TestCancelEndsASlowRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.Latency = time.Minute })
		cancelled(t, simulated(t, s, retries(9), func(p *twilio.Options) { p.Timeout = time.Hour }), 3*time.Second)
		equal(t, "requests", 1, s.TotalRequests())
	})
}

func TestCancelEndsASlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
			resp := reply(r, http.StatusOK, "")
			resp.Body = stalled{strings.NewReader(`{"sims":[`), r.Context()}
			return resp, nil
		}}
		cancelled(t, newClient(t, f, retries(9)), 3*time.Second)
		equal(t, "requests", 1, f.count())
	})
}

func TestCancelEndsAWaitForTheSemaphore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.Latency = time.Minute })
		c := simulated(t, s, func(p *twilio.Options) { p.Timeout, p.MaxConcurrency = time.Hour, 1 })
		done := make(chan error)
		go func() {
			_, err := c.Balance(t.Context())
			done <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := failure(t, c.Sims(ctx))
		equal(t, "ended after", time.Second, time.Since(start))
		equal(t, "error", "sims: context deadline exceeded", err.Error())
		equal(t, "is", true, errors.Is(err, context.DeadlineExceeded))
		equal(t, "reason", twilio.ReasonTimeout, twilio.ReasonOf(err))
		equal(t, "requests", 0, s.Requests(twiliotest.Sims))
		equal(t, "the other's error", nil, <-done)
	})
}

func TestCancelledBeforeTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := simulate()
	err := failure(t, simulated(t, s, retries(5)).Sims(ctx))
	equal(t, "is", true, errors.Is(err, context.Canceled))
	equal(t, "requests", 0, s.TotalRequests())
}

// However many listings are read, only so many requests are under way. There are
// as many listings as keep all of these busy to the end.
func TestMaxConcurrency(t *testing.T) {
	for _, test := range []struct{ max, want int }{{0, 2}, {1, 1}, {3, 3}} {
		t.Run(fmt.Sprint(test.max), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulate(func(o *twiliotest.Options) { o.Latency = time.Second })
				c := simulated(t, s, pagesOf(10), func(p *twilio.Options) { p.MaxConcurrency = test.max })
				start := time.Now()
				var group sync.WaitGroup
				var records atomic.Int64
				for range 24 {
					group.Go(func() {
						for _, err := range c.Sims(t.Context()) {
							if err != nil {
								t.Error(err)
								return
							}
							records.Add(1)
						}
					})
				}
				group.Wait()
				equal(t, "requests at a time", test.want, s.MaxConcurrency())
				equal(t, "requests", 72, s.TotalRequests())
				equal(t, "records", 600, records.Load())
				// Nobody waits while there is room.
				equal(t, "time", time.Duration(72/test.want)*time.Second, time.Since(start))
			})
		})
	}
}

// A wait for the next attempt does not hold the semaphore.
func TestSemaphoreIsFreeDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.Latency = time.Second })
		s.Inject(twiliotest.Fault{Kind: twiliotest.RateLimit, Endpoint: twiliotest.Balance, Times: 1, RetryAfter: "30"})
		c := simulated(t, s, retries(1), func(p *twilio.Options) { p.MaxConcurrency = 1 })
		start := time.Now()
		done := make(chan error)
		go func() {
			_, err := c.Balance(t.Context())
			done <- err
		}()
		synctest.Wait()
		mustList(t, c.Sims(t.Context()))
		equal(t, "the other is done after", 2*time.Second, time.Since(start))
		if err := <-done; err != nil {
			t.Error(err)
		}
		between(t, "the first is done after", 32*time.Second, 36*time.Second, time.Since(start))
	})
}

// Nor does the consumer of a page.
func TestSemaphoreIsFreeWhileAPageIsConsumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate()
		c := simulated(t, s, func(p *twilio.Options) { p.MaxConcurrency = 1 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, err := range c.Sims(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Balance(ctx); err != nil {
				t.Fatal(err)
			}
		}
	})
}
