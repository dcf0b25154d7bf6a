package twiliotest

import (
	"fmt"
	"net/http"
	"time"
)

// FaultKind is a way to misbehave.
type FaultKind string

// Faults that take the place of the answer.
const (
	// RateLimit is 429 with code 20429, and Retry-After if the fault has one.
	RateLimit FaultKind = "rate_limit"
	// ServerError is 500 with code 20500. With another Status its code is 20000
	// and that status: 503 comes with 20503.
	ServerError FaultKind = "server_error"
	// HTMLError is 502, or the fault's Status, with a page of HTML.
	HTMLError FaultKind = "html_error"
	// Reset breaks the connection off before the answer. On a kept-alive
	// connection net/http's Transport repeats a GET by itself once, so over real
	// sockets one Reset may go unseen; over Simulator.Transport none does.
	Reset FaultKind = "reset"
	// Unauthorized is 401 with code 20003, at KORE a gateway's 401.
	Unauthorized FaultKind = "unauthorized"
	// Forbidden is 403 with code 70051, at KORE too.
	Forbidden FaultKind = "forbidden"
	// EchoCredentials is 400 with a message that repeats the Authorization header
	// and the password in it, or the form with the client's secret.
	EchoCredentials FaultKind = "echo_credentials"
	// InvalidPageToken is 400 with code 21481, for requests with a PageToken; others
	// do not count.
	InvalidPageToken FaultKind = "invalid_page_token"
)

// Slow waits for the fault's Delay on the clock of package time, then goes on. It
// ends early with the request's context.
const Slow FaultKind = "slow"

// Faults that spoil a good answer. Except where they say so, it stays valid JSON; they
// spoil all records of it, and answers of other status than 200 not at all.
const (
	// Truncate announces the whole body, sends half of it and breaks off.
	Truncate FaultKind = "truncate"
	// MalformedJSON sends half the body as if it were all.
	MalformedJSON FaultKind = "malformed_json"
	// ForeignNext links every page to a next one on http://attacker.invalid.
	ForeignNext FaultKind = "foreign_next"
	// LoopNext links every page to itself as the next one.
	LoopNext FaultKind = "loop_next"
	// NullNumbers makes every number of usage, money and limits null.
	NullNumbers FaultKind = "null_numbers"
	// UnreadableNumbers makes them something that is no decimal, or not finite, or
	// not whole where bytes are; what, changes from request to request.
	UnreadableNumbers FaultKind = "unreadable_numbers"
	// NegativeNumbers makes them negative, 0 included.
	NegativeNumbers FaultKind = "negative_numbers"
	// ShrinkTotals lowers all bytes, amounts and counts by a tenth. Bytes stay
	// whole, and upload and download add up to the total.
	ShrinkTotals FaultKind = "shrink_totals"
	// UnknownFields adds nested fields to the envelope and to every record.
	UnknownFields FaultKind = "unknown_fields"
	// DuplicateRecords repeats the first record at the end of the page.
	DuplicateRecords FaultKind = "duplicate_records"
	// ConflictingDuplicates repeats it with other numbers; with another unique_name
	// or friendly_name where it has no numbers.
	ConflictingDuplicates FaultKind = "conflicting_duplicates"
	// NoList leaves out the list, but not the envelope.
	NoList FaultKind = "no_list"
	// EmptyStrings makes amounts, counts and units "". Bytes stay.
	EmptyStrings FaultKind = "empty_strings"
	// MissingPeriod leaves out period, start_date and end_date.
	MissingPeriod FaultKind = "missing_period"
)

// Fault is one misbehaviour and when it occurs.
//
// Faults are gone through in the order of their injection, and only for requests with
// good credentials (token requests: with a known client, or any if Account is ""). One
// that takes the place of the answer ends this: those after it neither occur nor count
// the request. Those that spoil an answer add up.
type Fault struct {
	Kind     FaultKind
	Account  string   // SID of the credentials' account; "": any
	Endpoint Endpoint // "": any
	Times    int      // how often; 0: until ClearFaults
	After    int      // how many matching requests are spared first

	RetryAfter string        // header of RateLimit, ServerError and HTMLError, if not ""
	Delay      time.Duration // of Slow
	Status     int           // of ServerError and HTMLError, if not 0
}

type armedFault struct {
	Fault
	seen, fired int
}

// Inject adds a fault to those there are. It panics on a kind that there is not.
func (s *Simulator) Inject(f Fault) {
	switch f.Kind {
	case RateLimit, ServerError, HTMLError, Reset, Unauthorized, Forbidden, EchoCredentials, InvalidPageToken,
		Slow, Truncate, MalformedJSON, ForeignNext, LoopNext, NullNumbers, UnreadableNumbers, NegativeNumbers,
		ShrinkTotals, UnknownFields, DuplicateRecords, ConflictingDuplicates, NoList, EmptyStrings, MissingPeriod:
	default:
		panic(fmt.Sprintf("twiliotest: no fault %q", f.Kind))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armedFault{Fault: f})
}

// ClearFaults ends all faults.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// replaces reports whether the kind takes the place of the answer.
func (k FaultKind) replaces() bool {
	switch k {
	case RateLimit, ServerError, HTMLError, Reset, Unauthorized, Forbidden, EchoCredentials, InvalidPageToken:
		return true
	}
	return false
}

// active counts a request for the faults that it matches and returns those that occur.
func (s *Simulator) active(accountSID string, q *request) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Fault
	for _, f := range s.faults {
		switch {
		case f.Account != "" && f.Account != accountSID,
			f.Endpoint != "" && f.Endpoint != q.endpoint,
			f.Kind == InvalidPageToken && !q.http.URL.Query().Has("PageToken"):
			continue
		}
		f.seen++
		if f.seen <= f.After || f.Times > 0 && f.fired >= f.Times {
			continue
		}
		f.fired++
		out = append(out, f.Fault)
		if f.Kind.replaces() {
			break
		}
	}
	return out
}

// misbehave waits, and returns the answer that takes the place of the real one, if any.
func (s *Simulator) misbehave(q *request, faults []Fault) *answer {
	for _, f := range faults {
		if f.Kind == Slow && !wait(q.ctx, f.Delay) {
			return &answer{abort: true}
		}
		if !f.Kind.replaces() {
			continue
		}
		a := f.answer(q)
		if f.RetryAfter != "" && (f.Kind == ServerError || f.Kind == HTMLError) {
			a.header("Retry-After", f.RetryAfter)
		}
		return a
	}
	return nil
}

func (f *Fault) answer(q *request) *answer {
	status := func(absent int) int {
		if f.Status != 0 {
			return f.Status
		}
		return absent
	}
	switch f.Kind {
	case RateLimit:
		return tooManyRequests(f.RetryAfter)
	case ServerError:
		n := status(http.StatusInternalServerError)
		return failure(n, 20000+n, "Something broke, as was asked for")
	case HTMLError:
		n := status(http.StatusBadGateway)
		page := fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>%d %s</title></head><body><h1>%[1]d</h1></body></html>\n", n, http.StatusText(n))
		return &answer{status: n, kind: "text/html; charset=utf-8", body: []byte(page)}
	case Unauthorized:
		if q.world != nil {
			return unauthenticated(q.world.account.Provider)
		}
		return invalidClient("Not this time")
	case Forbidden:
		return failure(http.StatusForbidden, 70051, "This key may not do that")
	case EchoCredentials:
		return failure(http.StatusBadRequest, 20001, echo(q.http))
	case InvalidPageToken:
		return badToken()
	default: // Reset
		return &answer{abort: true}
	}
}

// echo is a message with everything in it that must not end up in a log.
func echo(r *http.Request) string {
	_, password, _ := r.BasicAuth()
	return fmt.Sprintf("Cannot make sense of Authorization: %s (password %s) with form %s",
		r.Header.Get("Authorization"), password, r.PostForm.Encode())
}
