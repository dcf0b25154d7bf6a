package twilio

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// A Limiter decides when the attempts of a client are sent. It must be safe for
// concurrent use.
type Limiter interface {
	// Acquire waits until an attempt may be sent. An error means that it must not be
	// sent; a *BudgetError gives the reason, and the cause of ctx that ctx has ended.
	// The caller calls done once the attempt has ended, with the number of requests
	// that it sent (redirects count, those for a token do not) and its error.
	Acquire(ctx context.Context) (done func(requests int, err error), err error)
}

// concurrency is a Limiter that bounds the attempts under way.
type concurrency struct{ *semaphore.Weighted }

// Acquire implements Limiter.
func (c concurrency) Acquire(ctx context.Context) (func(int, error), error) {
	if err := c.Weighted.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	return func(int, error) { c.Release(1) }, nil
}

// A BudgetError is an attempt that was not sent, because the account has used up the
// requests that it may send.
type BudgetError struct{ Text string }

func (e *BudgetError) Error() string  { return "not sent: " + e.Text }
func (e *BudgetError) reason() Reason { return ReasonLimit }
