package twilio

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Codes of Twilio's error dictionary that the client acts on
// (https://www.twilio.com/docs/api/errors).
const (
	codeInvalidPageToken = 21481
	codeTooManyRequests  = 20429
	codeNotMidnight      = 83601
)

// maxErrorBody bounds what is read of an error's body.
const maxErrorBody = 64 << 10

// An APIError is an answer by which the API refuses a request.
type APIError struct {
	Endpoint   Endpoint
	Status     int           // HTTP status
	Code       int           // Twilio's error code, 0 if it gave none
	Message    string        // as the API words it, credentials removed, at most 300 characters
	MoreInfo   string        // Twilio's page on the error
	RequestID  string        // Twilio-Request-Id: quote it to Twilio's support
	RetryAfter time.Duration // what the API asks to wait, bounded by 60s; 0 if it does not say
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: answered HTTP %d", e.Endpoint, e.Status)
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
	return b.String()
}

// A ParameterError is a query that could only be refused and was not sent.
type ParameterError struct {
	Parameter string // as the API spells it
	Text      string
}

func (e *ParameterError) Error() string {
	return fmt.Sprintf("not sent: %s %s", e.Parameter, e.Text)
}

// An AnswerError is an answer that cannot be used, although its status is 200.
type AnswerError struct {
	Endpoint  Endpoint
	RequestID string
	Err       error
}

func (e *AnswerError) Error() string {
	if e.RequestID == "" {
		return fmt.Sprintf("%s: unusable answer: %v", e.Endpoint, e.Err)
	}
	return fmt.Sprintf("%s: unusable answer: %v (request %s)", e.Endpoint, e.Err, e.RequestID)
}

func (e *AnswerError) Unwrap() error { return e.Err }

// A TransportError is a request that got no whole answer.
type TransportError struct {
	Endpoint Endpoint
	Reason   Reason // ReasonNetwork, ReasonTimeout or ReasonTruncated
	Err      error
}

func (e *TransportError) Error() string { return fmt.Sprintf("%s: %v", e.Endpoint, e.Err) }
func (e *TransportError) Unwrap() error { return e.Err }

// A CredentialsError is a file of credentials that cannot be read.
type CredentialsError struct {
	Endpoint Endpoint
	Err      error
}

func (e *CredentialsError) Error() string { return fmt.Sprintf("%s: not sent: %v", e.Endpoint, e.Err) }
func (e *CredentialsError) Unwrap() error { return e.Err }

// A LimitError is a listing longer than the client was told to read.
type LimitError struct {
	Endpoint Endpoint
	Max      int // records
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: the listing has more than %d records (max_records)", e.Endpoint, e.Max)
}

// A Reason says in one word why a request or a poll failed. The set is closed,
// so that it can be a label.
type Reason string

// The reasons.
const (
	ReasonAuthentication Reason = "authentication" // credentials were refused
	ReasonPermission     Reason = "permission"     // credentials lack a permission
	ReasonRateLimit      Reason = "rate_limit"     // HTTP 429
	ReasonServer         Reason = "server"         // HTTP 5xx
	ReasonRefused        Reason = "refused"        // any other refusal
	ReasonNetwork        Reason = "network"        // no connection, or it broke
	ReasonTimeout        Reason = "timeout"        // no whole answer in time
	ReasonTruncated      Reason = "truncated"      // the answer ended early
	ReasonAnswer         Reason = "answer"         // an answer that cannot be read or believed
	ReasonLimit          Reason = "limit"          // more records than max_records
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{
		ReasonAnswer, ReasonAuthentication, ReasonLimit, ReasonNetwork, ReasonPermission,
		ReasonRateLimit, ReasonRefused, ReasonServer, ReasonTimeout, ReasonTruncated,
	}
}

// RetryReasons lists the reasons for which a request is tried again.
func RetryReasons() []Reason {
	return []Reason{ReasonNetwork, ReasonRateLimit, ReasonServer, ReasonTimeout, ReasonTruncated}
}

// Advice is what whoever runs the client can do about it.
func (r Reason) Advice() string {
	switch r {
	case ReasonAuthentication:
		return "check account_sid and the credentials of this account, and that the account is active"
	case ReasonPermission:
		return "give the API key access to this resource, or use a Main or Standard key"
	case ReasonRateLimit:
		return "lower api.max_concurrency or lengthen the interval; others may be using the same account"
	case ReasonServer:
		return "nothing to do here: the API failed; the next poll tries again"
	case ReasonNetwork, ReasonTruncated:
		return "check the way to the API: DNS, proxy, firewall, TLS"
	case ReasonTimeout:
		return "raise api.timeout, or check the way to the API"
	case ReasonLimit:
		return "raise api.max_records"
	case ReasonAnswer:
		return "nothing was published from it; if it stays, report it with the request id"
	default:
		return "see the message and Twilio's page on the code"
	}
}

// ReasonOf finds the reason in an error of this package; it is ReasonNetwork
// for an error that is none of them.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*APIError](err); ok {
		switch {
		case e.Status == http.StatusTooManyRequests || e.Code == codeTooManyRequests:
			return ReasonRateLimit
		case e.Status == http.StatusUnauthorized || e.Code == 20003 || e.Code == 20005:
			return ReasonAuthentication
		case e.Status == http.StatusForbidden:
			return ReasonPermission
		case e.Status >= 500:
			return ReasonServer
		}
		return ReasonRefused
	}
	if e, ok := errors.AsType[*TransportError](err); ok {
		return e.Reason
	}
	if _, ok := errors.AsType[*CredentialsError](err); ok {
		return ReasonAuthentication
	}
	if _, ok := errors.AsType[*LimitError](err); ok {
		return ReasonLimit
	}
	if _, ok := errors.AsType[*ParameterError](err); ok || errors.Is(err, ErrNoAccountAPI) {
		return ReasonRefused
	}
	if _, ok := errors.AsType[*AnswerError](err); ok {
		return ReasonAnswer
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ReasonTimeout
	}
	return ReasonNetwork
}

// IsInvalidPageToken says that a listing has to be started again (code 21481).
func IsInvalidPageToken(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Code == codeInvalidPageToken
}

func readAPIError(endpoint Endpoint, resp *http.Response) *APIError {
	e := &APIError{
		Endpoint:   endpoint,
		Status:     resp.StatusCode,
		RequestID:  clean(resp.Header.Get("Twilio-Request-Id"), 100),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
	// A body that breaks off is still an error with a status.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var fields struct {
		Code             scalar
		Message          scalar
		MoreInfo         scalar `json:"more_info"`
		Error            scalar
		ErrorDescription scalar `json:"error_description"`
	}
	switch err := json.Unmarshal(body, &fields); {
	case err == nil:
		if code, err := fields.Code.bytes("code"); err == nil { // whole, like a count of bytes
			e.Code = int(code.V)
		}
		// Twilio says message; KORE error_description, or message beside error.
		for _, s := range []*scalar{&fields.Message, &fields.ErrorDescription, &fields.Error} {
			if text := s.text(); text != "" && !s.other() {
				e.Message = clean(redact(text, resp.Request), 300)
				break
			}
		}
		e.MoreInfo = clean(redact(fields.MoreInfo.text(), resp.Request), 200)
	case len(body) == 0:
		e.Message = "no body"
	case strings.HasPrefix(strings.TrimSpace(string(body)), "<"):
		// A gateway's page says little and may repeat headers.
		e.Message = "an HTML page, so likely from a gateway before the API"
	default:
		e.Message = "a body that is not JSON"
	}
	return e
}

// redact removes from an API's words the credentials that its request carried:
// some gateways repeat what they were sent.
func redact(text string, req *http.Request) string {
	if req == nil {
		return text
	}
	header := req.Header.Get("Authorization")
	_, credentials, _ := strings.Cut(header, " ")
	secrets := []string{header, credentials}
	if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil {
		_, password, _ := strings.Cut(string(plain), ":")
		secrets = append(secrets, string(plain), password)
	}
	return removeSecrets(text, secrets...)
}

func removeSecrets(text string, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.NewReplacer(s, "<secret>", url.QueryEscape(s), "<secret>").Replace(text)
		}
	}
	return text
}

// clean makes foreign text fit for one line of a log.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
