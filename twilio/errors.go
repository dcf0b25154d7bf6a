package twilio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Error codes of Twilio that the client acts on
// (https://www.twilio.com/docs/api/errors).
const (
	codeInvalidPageToken = 21481
	codeNotFound         = 20404
	codeTooManyRequests  = 20429
	codeNotMidnight      = 83601
)

// classified is an error of this package, which knows its reason.
type classified interface {
	error
	reason() Reason
}

// An APIError is a response with a status other than 200, or an error object of
// the token endpoint with any status.
type APIError struct {
	Endpoint   Endpoint
	Status     int           // HTTP status
	Code       int           // Twilio's error code; 0 if the response has none
	Message    string        // the API's text without credentials, at most 300 characters
	MoreInfo   string        // URL of Twilio's page about the error
	OAuthCode  string        // error code of the token endpoint (RFC 6749, section 5.2), in lower case; may be empty
	RequestID  string        // Twilio-Request-Id, which Twilio's support asks for
	RetryAfter time.Duration // wait that the API demands, at most 60s; 0 if none
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: HTTP %d", e.Endpoint, e.Status)
	if e.Code != 0 {
		fmt.Fprintf(&b, ", code %d", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	if e.MoreInfo != "" {
		fmt.Fprintf(&b, ", see %s", e.MoreInfo)
	}
	return oneLine(b.String())
}

func (e *APIError) reason() Reason {
	switch {
	case e.Status == http.StatusTooManyRequests || e.Code == codeTooManyRequests:
		return ReasonRateLimit
	case e.Status < 500 && slices.Contains([]string{"invalid_client", "unauthorized_client", "invalid_grant"}, e.OAuthCode):
		return ReasonAuthentication
	case e.Status < 500 && slices.Contains([]string{"access_denied", "insufficient_scope"}, e.OAuthCode):
		return ReasonPermission
	case e.Status == http.StatusUnauthorized || e.Code == 20003 || e.Code == 20005:
		return ReasonAuthentication
	case e.Status == http.StatusForbidden:
		return ReasonPermission
	case e.Status >= 500:
		return ReasonServer
	}
	return ReasonRefused
}

// A ParameterError is a query that the API would refuse, and that was not sent.
type ParameterError struct {
	Parameter string // as the API spells it
	Text      string
}

func (e *ParameterError) Error() string  { return fmt.Sprintf("not sent: %s %s", e.Parameter, e.Text) }
func (e *ParameterError) reason() Reason { return ReasonRefused }

// A ResponseError is a response with status 200 that cannot be used.
type ResponseError struct {
	Endpoint  Endpoint
	RequestID string // Twilio-Request-Id; may be empty
	Err       error
}

func (e *ResponseError) Error() string {
	text := fmt.Sprintf("%s: invalid response: %v", e.Endpoint, e.Err)
	if e.RequestID != "" {
		text += fmt.Sprintf(" (request %s)", e.RequestID)
	}
	return oneLine(text)
}

func (e *ResponseError) Unwrap() error  { return e.Err }
func (e *ResponseError) reason() Reason { return ReasonResponse }

// A TransportError is an attempt without a complete response.
type TransportError struct {
	Endpoint Endpoint
	Reason   Reason // ReasonNetwork, ReasonTimeout or ReasonTruncated
	Err      error
}

func (e *TransportError) Error() string  { return oneLine(fmt.Sprintf("%s: %v", e.Endpoint, e.Err)) }
func (e *TransportError) Unwrap() error  { return e.Err }
func (e *TransportError) reason() Reason { return e.Reason }

// A CredentialsError is a file of credentials that cannot be read.
type CredentialsError struct {
	Endpoint Endpoint
	Err      error
}

func (e *CredentialsError) Error() string {
	return oneLine(fmt.Sprintf("%s: not sent: %v", e.Endpoint, e.Err))
}

func (e *CredentialsError) Unwrap() error  { return e.Err }
func (e *CredentialsError) reason() Reason { return ReasonAuthentication }

// oneLine bounds the text of an error, which may quote the API.
func oneLine(text string) string { return sanitize(text, maxErrorText-1) }

// A LimitError is a listing of more than Options.MaxRecords, or one that takes
// more of something else than that allows.
type LimitError struct {
	Endpoint Endpoint
	Max      int    // records
	Text     string // what the listing has too much of; empty for records
}

func (e *LimitError) Error() string {
	if e.Text != "" {
		return fmt.Sprintf("%s: %s, which max_records (%d) allows", e.Endpoint, e.Text, e.Max)
	}
	return fmt.Sprintf("%s: the listing has more than %d records (max_records)", e.Endpoint, e.Max)
}

func (e *LimitError) reason() Reason { return ReasonLimit }

// A Reason says in one word why an attempt or a poll failed. It is a label
// value, from a closed set.
type Reason string

// The reasons.
const (
	ReasonAuthentication Reason = "authentication" // the credentials were refused, or could not be read
	ReasonPermission     Reason = "permission"     // the credentials lack a permission
	ReasonRateLimit      Reason = "rate_limit"     // HTTP 429
	ReasonServer         Reason = "server"         // HTTP 5xx
	ReasonRefused        Reason = "refused"        // any other refusal
	ReasonNetwork        Reason = "network"        // no connection, or a broken one
	ReasonTimeout        Reason = "timeout"        // no complete response in time
	ReasonTruncated      Reason = "truncated"      // a response that was cut off
	ReasonResponse       Reason = "answer"         // a response that cannot be parsed or is inconsistent
	ReasonLimit          Reason = "limit"          // more records than max_records, or requests than max_requests_per_hour
)

// Reasons lists all reasons.
func Reasons() []Reason {
	return []Reason{
		ReasonResponse, ReasonAuthentication, ReasonLimit, ReasonNetwork, ReasonPermission,
		ReasonRateLimit, ReasonRefused, ReasonServer, ReasonTimeout, ReasonTruncated,
	}
}

// RetryReasons lists the reasons for which a request is attempted again.
func RetryReasons() []Reason {
	return []Reason{ReasonNetwork, ReasonRateLimit, ReasonServer, ReasonTimeout, ReasonTruncated}
}

// Advice returns what the operator can do about it, in one line.
func (r Reason) Advice() string {
	switch r {
	case ReasonAuthentication:
		return "check account_sid and the credentials of this account, and that the account is active"
	case ReasonPermission:
		return "grant the credentials access to this resource, or use a Main or Standard API key"
	case ReasonRateLimit:
		return "lower api.max_concurrency or lengthen the interval; other clients may be using the same account"
	case ReasonServer:
		return "no action needed unless this persists: the API failed, and the next poll will retry"
	case ReasonNetwork, ReasonTruncated:
		return "check the connection to the API: DNS, proxy, firewall, TLS"
	case ReasonTimeout:
		return "raise api.timeout, or check the connection to the API"
	case ReasonLimit:
		return "raise the limit that the error names"
	case ReasonResponse:
		return "nothing of this poll was published; if this persists, report it with the request ID"
	default:
		return "see the error message, and Twilio's page about the error code"
	}
}

// ReasonOf returns the reason of an error of this package, and ReasonNetwork for
// any other error.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[classified](err); ok {
		return e.reason()
	}
	switch {
	case errors.Is(err, ErrNoAccountAPI):
		return ReasonRefused
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	}
	return ReasonNetwork
}

// IsInvalidPageToken reports whether a listing has to start again (code 21481).
func IsInvalidPageToken(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Code == codeInvalidPageToken
}

// IsNotFound reports whether the API does not have a resource (HTTP 404 with code
// 20404), as opposed to a gateway that does not know the URL.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status == http.StatusNotFound && e.Code == codeNotFound
}

func readAPIError(endpoint Endpoint, resp *http.Response) *APIError {
	e := &APIError{
		Endpoint:   endpoint,
		Status:     resp.StatusCode,
		RequestID:  requestID(resp),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
	// A body that is cut off is still an error with a status.
	body, readErr := io.ReadAll(newBodyReader(resp, maxErrorBody))
	var code, message, moreInfo, kind, description scalar
	for _, s := range []*scalar{&message, &moreInfo, &description} {
		s.limit = maxErrorBody // to be cut
	}
	switch err := new(decoder).read(bytes.NewReader(body), object{
		"code": &code, "message": &message, "more_info": &moreInfo, "error": &kind, "error_description": &description,
	}); {
	case err == nil:
		if n, err := code.bytes("code"); err == nil { // whole, like a number of bytes
			e.Code = int(n.V)
		}
		if endpoint == EndpointToken {
			e.OAuthCode = oauthCode(&kind)
		}
		// Twilio sends message; KORE error_description, or message and error.
		e.Message = errorMessage(&message, &description, &kind)
		e.MoreInfo = string(moreInfo.content())
	case len(body) == 0 && readErr != nil:
		e.Message = readErr.Error()
	case len(body) == 0:
		e.Message = "empty body"
	case bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")):
		// A gateway's page says little and may echo headers.
		e.Message = "HTML instead of JSON, probably from a gateway in front of the API"
	default:
		e.Message = "the body is not a JSON object"
	}
	return e
}

// errorMessage returns the first of these fields that has a text.
func errorMessage(fields ...*scalar) string {
	for _, s := range fields {
		if text := s.content(); len(text) > 0 && s.isText() {
			return string(text)
		}
	}
	return ""
}

func requestID(resp *http.Response) string { return resp.Header.Get("Twilio-Request-Id") }
