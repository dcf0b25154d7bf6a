package twiliotest

import (
	"cmp"
	"fmt"
	"net/http"
)

// attacker is an origin that no client may follow a link or redirect to.
const attacker = "http://attacker.invalid"

// moved is the path under which redirects find every resource again.
const moved = "/moved"

// misbehave waits, and returns the response that takes the place of the real one, if
// any.
func (s *Simulator) misbehave(q *request, faults []Fault) *response {
	for _, f := range faults {
		switch {
		case f.Kind == Slow && !wait(q.ctx, f.Delay):
			return &response{abort: true}
		case f.Kind == PageOverlap:
			q.shift = -1
		case f.Kind == PageGap:
			q.shift = 1
		case f.Kind.replaces():
			a := f.respond(q)
			if f.RetryAfter != "" {
				a.header("Retry-After", f.RetryAfter)
			}
			return a
		}
	}
	return nil
}

func (f *Fault) respond(q *request) *response {
	switch f.Kind {
	case RateLimit:
		return tooManyRequests(f.RetryAfter)
	case ServerError:
		n := cmp.Or(f.Status, http.StatusInternalServerError)
		return failure(n, 20000+n, "Something broke, as was asked for")
	case HTMLError:
		n := cmp.Or(f.Status, http.StatusBadGateway)
		page := fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>%d %s</title></head><body><h1>%[1]d</h1></body></html>\n", n, http.StatusText(n))
		return &response{status: n, kind: "text/html; charset=utf-8", body: []byte(page)}
	case Unauthorized:
		if q.world != nil {
			return unauthenticated(q.world.account.Provider)
		}
		return invalidClient("Not this time")
	case Forbidden:
		return failure(http.StatusForbidden, 70051, "This key may not do that")
	case Refusal:
		return failure(cmp.Or(f.Status, http.StatusBadRequest), f.Code, "Refused, as was asked for")
	case EchoCredentials:
		return failure(http.StatusBadRequest, 20001, echo(q.http))
	case InvalidPageToken:
		return badToken()
	case Redirect, RedirectWithoutQuery, RedirectLoop, RedirectEndless, RedirectForeign:
		return f.redirect(q)
	default: // Reset
		return &response{abort: true}
	}
}

func (f *Fault) redirect(q *request) *response {
	a := &response{status: cmp.Or(f.Status, http.StatusTemporaryRedirect), kind: "text/plain"}
	to := *q.http.URL
	to.Scheme, to.Host = "", "" // relative, as a request's URL is at a server
	switch f.Kind {
	case Redirect, RedirectEndless:
		to.Path = moved + to.Path
	case RedirectWithoutQuery:
		to.Path, to.RawQuery = moved+to.Path, ""
	case RedirectForeign:
		a.header("Location", attacker+to.String())
		return a
	}
	a.header("Location", to.String())
	return a
}

// echo is a message with everything in it that must not end up in a log.
func echo(r *http.Request) string {
	_, password, _ := r.BasicAuth()
	return fmt.Sprintf("Cannot make sense of Authorization: %s (password %s) with form %s",
		r.Header.Get("Authorization"), password, r.PostForm.Encode())
}
