package twilio

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxRetryAfter bounds the wait that a response can impose.
const maxRetryAfter = 60 * time.Second

// retry calls attempt until it succeeds, fails for good, or has failed
// 1+maxRetries times. It waits as Twilio advises: from 100 ms, doubled up to
// 30 s, with 10 % jitter.
func (c *Client) retry(ctx context.Context, endpoint Endpoint, attempt func() error) error {
	waits := &backoff.ExponentialBackOff{
		InitialInterval:     100 * time.Millisecond,
		RandomizationFactor: 0.1,
		Multiplier:          2,
		MaxInterval:         30 * time.Second,
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := attempt()
		switch {
		case err == nil:
			return struct{}{}, nil
		case !retryable(err):
			return struct{}{}, backoff.Permanent(err)
		}
		if e, ok := errors.AsType[*APIError](err); ok && e.RetryAfter > 0 {
			return struct{}{}, &afterError{err, &backoff.RetryAfterError{Duration: e.RetryAfter + rand.N(e.RetryAfter/10+1)}}
		}
		return struct{}{}, err
	},
		backoff.WithBackOff(waits),
		backoff.WithMaxTries(uint(c.maxRetries)+1),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) { c.observer.Retry(endpoint, ReasonOf(err)) }),
	)
	// The error of the last attempt may still be wrapped for the library.
	if e, ok := errors.AsType[*afterError](err); ok {
		return e.error
	}
	if e, ok := errors.AsType[*backoff.PermanentError](err); ok {
		return e.Err
	}
	return err
}

// retryable reports whether another attempt may succeed. A GET may be repeated.
func retryable(err error) bool {
	e, ok := errors.AsType[classified](err)
	return ok && slices.Contains(RetryReasons(), e.reason())
}

// afterError is an error together with the wait that the API demands.
type afterError struct {
	error
	after *backoff.RetryAfterError
}

func (e *afterError) Unwrap() []error { return []error{e.error, e.after} }

// retryAfter parses both forms of the header (RFC 9110, section 10.2.3).
func retryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		wait = time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
