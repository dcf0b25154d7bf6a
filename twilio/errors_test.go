package twilio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// refused is the error that a listing of SIMs makes of a response.
func refused(t *testing.T, status int, body string, headers ...string) *twilio.APIError {
	t.Helper()
	f := always(status, body, headers...)
	return as[*twilio.APIError](t, failure(t, newClient(t, f).Sims(t.Context())))
}

func TestRefusals(t *testing.T) {
	const html = "HTML instead of JSON, probably from a gateway in front of the API"
	for _, test := range []struct {
		name, body string
		status     int
		want       twilio.APIError
		reason     twilio.Reason
		text       string
	}{
		{"authentication", `{"code":20003,"message":"Authenticate","more_info":"https://www.twilio.com/docs/errors/20003","status":401}`, 401,
			twilio.APIError{Code: 20003, Message: "Authenticate", MoreInfo: "https://www.twilio.com/docs/errors/20003"}, twilio.ReasonAuthentication,
			"sims: HTTP 401, code 20003: Authenticate (request RQ9), see https://www.twilio.com/docs/errors/20003"},
		{"suspended account", `{"code":20003,"message":"Suspended"}`, 403, twilio.APIError{Code: 20003, Message: "Suspended"}, twilio.ReasonAuthentication, ""},
		{"inactive account", `{"code":20005,"message":"Not active"}`, 403, twilio.APIError{Code: 20005, Message: "Not active"}, twilio.ReasonAuthentication, ""},
		{"permission", `{"code":70051,"message":"No"}`, 403, twilio.APIError{Code: 70051, Message: "No"}, twilio.ReasonPermission, ""},
		{"not found", `{"code":20404,"message":"No such thing"}`, 404, twilio.APIError{Code: 20404, Message: "No such thing"}, twilio.ReasonRefused, ""},
		{"parameters", `{"code":83600,"message":"Conflict"}`, 400, twilio.APIError{Code: 83600, Message: "Conflict"}, twilio.ReasonRefused, ""},
		{"too many requests", `{"code":20429,"message":"Slow down"}`, 429, twilio.APIError{Code: 20429, Message: "Slow down"}, twilio.ReasonRateLimit, ""},
		{"too many requests under another status", `{"code":20429,"message":"Slow down"}`, 400, twilio.APIError{Code: 20429, Message: "Slow down"}, twilio.ReasonRateLimit, ""},
		{"server error", `{"code":20500,"message":"Broken"}`, 500, twilio.APIError{Code: 20500, Message: "Broken"}, twilio.ReasonServer, ""},
		{"unavailable", `{"code":20503,"message":"Later"}`, 503, twilio.APIError{Code: 20503, Message: "Later"}, twilio.ReasonServer, ""},
		{"code as a string", `{"code":"20404","message":"No"}`, 404, twilio.APIError{Code: 20404, Message: "No"}, twilio.ReasonRefused, ""},
		{"code that is none", `{"code":"E1","message":"No"}`, 404, twilio.APIError{Message: "No"}, twilio.ReasonRefused, "sims: HTTP 404: No (request RQ9)"},
		{"null code", `{"code":null,"message":null}`, 404, twilio.APIError{}, twilio.ReasonRefused, "sims: HTTP 404 (request RQ9)"},
		{"KORE's gateway", `{"message":"Unknown token","error":"invalid_token"}`, 401, twilio.APIError{Message: "Unknown token"}, twilio.ReasonAuthentication, ""},
		{"KORE's token errors", `{"error":"invalid_scope","error_description":"No such scope"}`, 400, twilio.APIError{Message: "No such scope"}, twilio.ReasonRefused, ""},
		{"KORE's error alone", `{"error":"forbidden"}`, 403, twilio.APIError{Message: "forbidden"}, twilio.ReasonPermission, ""},
		{"message that is an object", `{"message":{"text":"x"},"error":["y"]}`, 400, twilio.APIError{}, twilio.ReasonRefused, ""},
		{"HTML", "\n <html><body>Bad Gateway</body></html>", 502, twilio.APIError{Message: html}, twilio.ReasonServer,
			"sims: HTTP 502: " + html + " (request RQ9)"},
		{"empty", "", 503, twilio.APIError{Message: "empty body"}, twilio.ReasonServer, ""},
		{"text", "upstream connect error", 503, twilio.APIError{Message: "the body is not a JSON object"}, twilio.ReasonServer, ""},
		{"list", `[1]`, 400, twilio.APIError{Message: "the body is not a JSON object"}, twilio.ReasonRefused, ""},
		{"null", `null`, 400, twilio.APIError{Message: "the body is not a JSON object"}, twilio.ReasonRefused, ""},
		{"teapot", `{}`, 418, twilio.APIError{}, twilio.ReasonRefused, ""},
		{"no content", ``, 204, twilio.APIError{Message: "empty body"}, twilio.ReasonRefused, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := refused(t, test.status, test.body, "Twilio-Request-Id", "RQ9")
			want := test.want
			want.Endpoint, want.Status, want.RequestID = twilio.EndpointSims, test.status, "RQ9"
			equal(t, "error", want, *have)
			equal(t, "reason", test.reason, twilio.ReasonOf(have))
			if test.text != "" {
				equal(t, "text", test.text, have.Error())
			}
			equal(t, "advice", true, test.reason.Advice() != "")
		})
	}
}

// The simulator's own words arrive, with the request's id.
func TestSimulatedRefusals(t *testing.T) {
	for kind, want := range map[twiliotest.FaultKind]struct {
		status, code int
		reason       twilio.Reason
	}{
		twiliotest.RateLimit:    {429, 20429, twilio.ReasonRateLimit},
		twiliotest.ServerError:  {500, 20500, twilio.ReasonServer},
		twiliotest.HTMLError:    {502, 0, twilio.ReasonServer},
		twiliotest.Unauthorized: {401, 20003, twilio.ReasonAuthentication},
		twiliotest.Forbidden:    {403, 70051, twilio.ReasonPermission},
	} {
		t.Run(string(kind), func(t *testing.T) {
			s := simulate()
			s.Inject(twiliotest.Fault{Kind: kind})
			_, err := simulated(t, s).Balance(t.Context())
			have := as[*twilio.APIError](t, err)
			equal(t, "status", want.status, have.Status)
			equal(t, "code", want.code, have.Code)
			equal(t, "reason", want.reason, twilio.ReasonOf(err))
			equal(t, "endpoint", twilio.EndpointBalance, have.Endpoint)
			equal(t, "has a request id", true, have.RequestID != "")
		})
	}
}

func TestWrongCredentials(t *testing.T) {
	s := simulate()
	c := newClient(t, basicAuth{accountSID, "another", s.Transport()}, retries(3))
	err := failure(t, c.Sims(t.Context()))
	equal(t, "reason", twilio.ReasonAuthentication, twilio.ReasonOf(err))
	equal(t, "requests", 1, s.TotalRequests())
}

// Megabytes of error are not read, and long messages are cut.
func TestLongErrors(t *testing.T) {
	read := 0
	f := &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
		resp := reply(r, http.StatusBadRequest, "")
		resp.Body = endless{start: `{"message":"`, count: &read}
		return resp, nil
	}}
	err := failure(t, newClient(t, f).Sims(t.Context()))
	between(t, "bytes read", 1, 256<<10, read)
	between(t, "length of the error", 1, 500, len(err.Error()))

	long := strings.Repeat("é", 10_000)
	have := refused(t, 400, fmt.Sprintf(`{"message":%q,"more_info":%q}`, long, long), "Twilio-Request-Id", long)
	equal(t, "message", strings.Repeat("é", 300)+"…", have.Message)
	equal(t, "more_info", strings.Repeat("é", 200)+"…", have.MoreInfo)
	equal(t, "request id", strings.Repeat("é", 100)+"…", have.RequestID)
}

// A body that breaks off leaves the status.
func TestBrokenErrorBody(t *testing.T) {
	f := &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
		resp := reply(r, http.StatusNotFound, "")
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"code":20404,`), broken{io.ErrUnexpectedEOF}))
		return resp, nil
	}}
	have := as[*twilio.APIError](t, failure(t, newClient(t, f).Sims(t.Context())))
	equal(t, "status", 404, have.Status)
}

// broken is a body that only fails.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestControlCharactersAreRemoved(t *testing.T) {
	have := refused(t, 400, `{"message":"one\ntwo\u001b[31m\u0000\u0085three\ud800","more_info":"https://x\r\ny"}`, "Twilio-Request-Id", "RQ\n1\x7f\xff")
	equal(t, "message", "one two [31m  three\ufffd", have.Message)
	equal(t, "more_info", "https://x  y", have.MoreInfo)
	equal(t, "request id", "RQ 1 \ufffd", have.RequestID)
	equal(t, "valid", true, utf8.ValidString(have.Error()))
}

func TestResponseErrorsNameTheRequest(t *testing.T) {
	f := always(http.StatusOK, `{}`, "Twilio-Request-Id", "RQ7")
	err := failure(t, newClient(t, f).Sims(t.Context()))
	equal(t, "text", `sims: invalid response: missing list "sims" (request RQ7)`, err.Error())
	equal(t, "id", "RQ7", as[*twilio.ResponseError](t, err).RequestID)
}

func TestReasonOf(t *testing.T) {
	deadline, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, test := range []struct {
		err  error
		want twilio.Reason
	}{
		{&twilio.APIError{Status: 401}, twilio.ReasonAuthentication},
		{&twilio.APIError{Status: 403}, twilio.ReasonPermission},
		{&twilio.APIError{Status: 429}, twilio.ReasonRateLimit},
		{&twilio.APIError{Status: 502}, twilio.ReasonServer},
		{&twilio.APIError{Status: 302}, twilio.ReasonRefused},
		{&twilio.TransportError{Reason: twilio.ReasonTimeout, Err: io.EOF}, twilio.ReasonTimeout},
		{&twilio.TransportError{Reason: twilio.ReasonTruncated, Err: io.EOF}, twilio.ReasonTruncated},
		{&twilio.CredentialsError{Err: fs.ErrNotExist}, twilio.ReasonAuthentication},
		{&twilio.LimitError{}, twilio.ReasonLimit},
		{&twilio.ParameterError{}, twilio.ReasonRefused},
		{&twilio.ResponseError{Err: io.EOF}, twilio.ReasonResponse},
		{&twilio.ResponseError{Err: fmt.Errorf("x: %w", io.EOF)}, twilio.ReasonResponse},
		{deadline.Err(), twilio.ReasonTimeout},
		{context.Canceled, twilio.ReasonNetwork},
		{errors.New("something else"), twilio.ReasonNetwork},
	} {
		equal(t, fmt.Sprintf("%T %v", test.err, test.err), test.want, twilio.ReasonOf(fmt.Errorf("wrapped: %w", test.err)))
	}
}

func TestReasonsAreClosed(t *testing.T) {
	all := twilio.Reasons()
	seen := make(map[twilio.Reason]bool)
	for _, r := range all {
		equal(t, "twice "+string(r), false, seen[r])
		seen[r] = true
		equal(t, "advice for "+string(r), true, r.Advice() != "")
	}
	for _, r := range twilio.RetryReasons() {
		equal(t, "in Reasons: "+string(r), true, seen[r])
	}
	for _, r := range []twilio.Reason{twilio.ReasonAuthentication, twilio.ReasonPermission, twilio.ReasonRefused, twilio.ReasonResponse, twilio.ReasonLimit} {
		equal(t, "all reasons have "+string(r), true, seen[r])
		equal(t, "attempted again for "+string(r), false, slices.Contains(twilio.RetryReasons(), r))
	}
}

// A file of credentials that cannot be read is not the network's fault.
func TestCredentialsFile(t *testing.T) {
	f := &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
		_, err := os.ReadFile(t.TempDir() + "/no-such-file")
		return nil, fmt.Errorf("unable to read basic auth password: %w", err)
	}}
	o := new(observer)
	c := newClient(t, f, retries(3), func(p *twilio.Options) { p.Observer = o })
	err := failure(t, c.Sims(t.Context()))
	as[*twilio.CredentialsError](t, err)
	equal(t, "names the file", true, strings.Contains(err.Error(), "no-such-file"))
	equal(t, "names the URL", false, strings.Contains(err.Error(), "https://"))
	equal(t, "is", true, errors.Is(err, fs.ErrNotExist))
	equal(t, "reason", twilio.ReasonAuthentication, twilio.ReasonOf(err))
	equal(t, "requests", 1, f.count())
	o.check(t, []string{"sims error"}, nil)
}
