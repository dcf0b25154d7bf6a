package twilio

import (
	"context"
	"net/http"
	"time"
)

// exchange reports each HTTP request of an attempt to the Observer: the first
// one, one for each redirect, and one that is repeated with a new access token.
// A request is reported when the next one starts or the attempt ends, so that its
// duration includes reading the body.
type exchange struct {
	endpoint Endpoint
	observer Observer
	sent     int // requests so far

	code  string // of the request under way; "" if there is none
	start time.Time
}

type exchangeKey struct{}

func (x *exchange) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// exchangeOf returns the exchange of a request's context, or one that reports to
// nobody.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{observer: noObserver{}}
}

// send sends a request by roundTrip.
func (x *exchange) send(req *http.Request, roundTrip func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	x.end()
	x.code, x.start = "error", time.Now()
	x.sent++
	resp, err := roundTrip(req)
	if err == nil {
		x.code = statusCode(resp.StatusCode)
	}
	return resp, err
}

// end reports the last request.
func (x *exchange) end() {
	if x.code != "" {
		x.observer.Request(x.endpoint, x.code, time.Since(x.start))
	}
	x.code = ""
}

// redirected reports whether the last response was a redirect.
func (x *exchange) redirected() bool {
	switch x.code {
	case "301", "302", "303", "307", "308":
		return true
	}
	return false
}
