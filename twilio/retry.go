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

// maxRetryAfter bounds how long an answer can make the client wait; past it a
// poll had better fail and say so.
const maxRetryAfter = 60 * time.Second

// retry runs op until it succeeds, fails for good or has failed once more than
// maxRetries. The pace is Twilio's advice: from 100 ms up to 30 s, give or take
// a tenth.
func (c *Client) retry(ctx context.Context, endpoint Endpoint, op func() error) error {
	pace := &backoff.ExponentialBackOff{
		InitialInterval:     100 * time.Millisecond,
		RandomizationFactor: 0.1,
		Multiplier:          2,
		MaxInterval:         30 * time.Second,
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := op()
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
		backoff.WithBackOff(pace),
		backoff.WithMaxTries(uint(c.maxRetries)+1),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) { c.observer.Retry(endpoint, ReasonOf(err)) }),
	)
	// The last try's error may still be wrapped for the loop.
	if e, ok := errors.AsType[*afterError](err); ok {
		return e.error
	}
	if e, ok := errors.AsType[*backoff.PermanentError](err); ok {
		return e.Err
	}
	return err
}

// retryable: a GET may be sent again after 429, 5xx and when no whole answer came.
func retryable(err error) bool {
	if e, ok := errors.AsType[*APIError](err); ok {
		return slices.Contains(RetryReasons(), ReasonOf(e))
	}
	_, ok := errors.AsType[*TransportError](err)
	return ok
}

// afterError is an error together with the wait that the API asks for.
type afterError struct {
	error
	after *backoff.RetryAfterError
}

func (e *afterError) Unwrap() []error { return []error{e.error, e.after} }

// retryAfter reads the header in both its forms (RFC 9110, section 10.2.3).
func retryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		wait = time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
