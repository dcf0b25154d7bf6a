package twilio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// Whatever the token endpoint does, the error says that it was the token
// endpoint, why, and nothing of the secret.
func TestInvalidTokenResponses(t *testing.T) {
	for _, test := range []struct {
		name, kind, body string
		status           int
		want             twilio.Reason
	}{
		{"no access_token", "application/json", `{"expires_in":3600}`, 200, twilio.ReasonResponse},
		{"null access_token", "application/json", `{"access_token":null}`, 200, twilio.ReasonResponse},
		{"empty access_token", "application/json", `{"access_token":""}`, 200, twilio.ReasonResponse},
		{"access_token that is an object", "application/json", `{"access_token":{}}`, 200, twilio.ReasonResponse},
		{"expires_in in words", "application/json", `{"access_token":"t","expires_in":"soon"}`, 200, twilio.ReasonResponse},
		{"error with status 200", "application/json", `{"error":"invalid_client","error_description":"SECRET"}`, 200, twilio.ReasonAuthentication},
		{"HTML", "text/html", `<html>SECRET</html>`, 200, twilio.ReasonResponse},
		{"empty", "application/json", ``, 200, twilio.ReasonResponse},
		{"half", "application/json", `{"access_token":"t`, 200, twilio.ReasonResponse},
		{"a list", "application/json", `[]`, 200, twilio.ReasonResponse},
		{"text", "text/plain", `SECRET`, 200, twilio.ReasonResponse},
		{"text that is no form", "text/plain", `%zzSECRET`, 200, twilio.ReasonResponse},
		{"too large", "application/json", `{"access_token":"` + strings.Repeat("t", 2<<20) + `"}`, 200, twilio.ReasonResponse},
		{"refusal", "application/json", `{"error":"invalid_client","error_description":"no client with SECRET"}`, 401, twilio.ReasonAuthentication},
		{"refusal by RFC 6749", "application/json", `{"error":"invalid_client","error_description":"SECRET"}`, 400, twilio.ReasonAuthentication},
		{"refusal without words", "application/json", `{"error":"SECRET"}`, 400, twilio.ReasonRefused},
		{"refusal of a gateway", "application/json", `{"message":"SECRET","error":"forbidden"}`, 403, twilio.ReasonPermission},
		{"refusal with the form", "application/json", `{"error":"x","error_description":"got client_secret=ENCODED&x\n"}`, 400, twilio.ReasonRefused},
		{"HTML refusal", "text/html", `<html>SECRET</html>`, 401, twilio.ReasonAuthentication},
		{"HTML error", "text/html", `<html>SECRET</html>`, 502, twilio.ReasonServer},
		{"too many requests", "text/plain", `SECRET`, 429, twilio.ReasonRateLimit},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := strings.NewReplacer("SECRET", koreSecret, "ENCODED", url.QueryEscape(koreSecret)).Replace(test.body)
			server, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
				return reply(r, test.status, body, "Content-Type", test.kind), nil
			})
			c, seen := kore(t, simulate(), options)
			err := request(t.Context(), c)
			no(t, err, koreSecret, url.QueryEscape(koreSecret))
			equal(t, "reason", test.want, twilio.ReasonOf(err))
			if want := "token: "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("want the prefix %q, have %q", want, err)
			}
			if strings.ContainsAny(err.Error(), "\n\r\t") {
				t.Errorf("control characters in %q", err)
			}
			between(t, "length of the error", 1, 500, len(err.Error()))
			equal(t, "requests", 1, server.count())
			seen.check(t, []string{fmt.Sprintf("token %d", test.status)}, nil)
		})
	}
}

func TestTokenTransportErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		respond func(int, *http.Request) (*http.Response, error)
		want    twilio.Reason
		took    time.Duration
	}{
		{"no connection", func(int, *http.Request) (*http.Response, error) { return nil, errors.New("refused " + koreSecret) }, twilio.ReasonNetwork, 0},
		{"slow", func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, twilio.ReasonTimeout, 5 * time.Second},
		{"stalled body", func(_ int, r *http.Request) (*http.Response, error) {
			resp := asJSON(r, http.StatusOK, "")
			resp.Body = stalled{strings.NewReader(`{"access`), r.Context()}
			return resp, nil
		}, twilio.ReasonTimeout, 5 * time.Second},
		{"truncated body", func(_ int, r *http.Request) (*http.Response, error) {
			resp := asJSON(r, http.StatusOK, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"access`), broken{io.ErrUnexpectedEOF}))
			return resp, nil
		}, twilio.ReasonTruncated, 0},
		{"broken body", func(_ int, r *http.Request) (*http.Response, error) {
			resp := asJSON(r, http.StatusOK, "")
			resp.Body = io.NopCloser(broken{errors.New("connection reset")})
			return resp, nil
		}, twilio.ReasonNetwork, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, options := tokenServer(test.respond)
				c, _ := kore(t, simulate(), options, func(o *twilio.TokenOptions) { o.Timeout = 5 * time.Second })
				start := time.Now()
				err := request(t.Context(), c)
				no(t, err, koreSecret)
				e := as[*twilio.TransportError](t, err)
				equal(t, "reason", test.want, e.Reason)
				equal(t, "endpoint", twilio.EndpointToken, e.Endpoint)
				equal(t, "time", test.took, time.Since(start))
			})
		})
	}
}

func TestTokenTimeoutHasADefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		transport, _ := koreTransport(simulate(), options, func(o *twilio.TokenOptions) { o.Observer = nil })
		c := newClient(t, transport, asKORE, func(o *twilio.Options) { o.Timeout = time.Hour })
		start := time.Now()
		equal(t, "reason", twilio.ReasonTimeout, twilio.ReasonOf(request(t.Context(), c)))
		equal(t, "time", 30*time.Second, time.Since(start))
	})
}

// A temporary failure of the token endpoint is retried like any other,
// by the pace of the transport.
func TestTokenFailuresAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate()
		s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Endpoint: twiliotest.Token, Status: 503, RetryAfter: "2", Times: 1})
		s.Inject(twiliotest.Fault{Kind: twiliotest.Reset, Endpoint: twiliotest.Token, Times: 1})
		transport, seen := koreTransport(s)
		c := newClient(t, transport, asKORE, retries(8))
		if err := request(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		seen.check(t, []string{"token 503", "token error", "token 200"}, nil)
		equal(t, "requests", 1, s.Requests(twiliotest.Sims))
	})
}

// A redirect of the token endpoint would carry the secret to wherever it leads.
func TestTokenRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{"https://attacker.invalid/token", "/elsewhere"} {
			t.Run(fmt.Sprint(status, " ", location), func(t *testing.T) {
				server, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
					return reply(r, status, "", "Location", location), nil
				})
				c, _ := kore(t, simulate(), options)
				err := as[*twilio.APIError](t, request(t.Context(), c))
				equal(t, "status", status, err.Status)
				equal(t, "reason", twilio.ReasonRefused, twilio.ReasonOf(err))
				equal(t, "requests", 1, server.count())
			})
		}
	}
}

// A secret that cannot be read is not the network's fault, and nothing is sent.
func TestSecretThatCannotBeRead(t *testing.T) {
	s := simulate()
	c, _ := kore(t, s, func(o *twilio.TokenOptions) {
		o.ClientSecret = func(context.Context) (string, error) { return "", errors.New("no such file") }
	})
	err := request(t.Context(), c)
	equal(t, "endpoint", twilio.EndpointToken, as[*twilio.CredentialsError](t, err).Endpoint)
	equal(t, "text", "token: not sent: no such file", err.Error())
	equal(t, "reason", twilio.ReasonAuthentication, twilio.ReasonOf(err))
	equal(t, "requests", 0, s.TotalRequests())
}

// The simulator's echo of the form shows nothing of it.
func TestSimulatedTokenEcho(t *testing.T) {
	s := simulate()
	s.Inject(twiliotest.Fault{Kind: twiliotest.EchoCredentials, Endpoint: twiliotest.Token})
	c, _ := kore(t, s)
	err := request(t.Context(), c)
	no(t, err, koreSecret, url.QueryEscape(koreSecret))
	equal(t, "endpoint", twilio.EndpointToken, as[*twilio.APIError](t, err).Endpoint)
}
