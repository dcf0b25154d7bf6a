package twilio_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// no fails where one of the secrets shows, in an error's text or its fields.
func no(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("want an error")
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%q shows in %s", secret, text)
			}
		}
	}
}

// A server that repeats the credentials that it was sent does not get them
// into the error, wherever it puts them.
func TestEchoedCredentials(t *testing.T) {
	const password = "s3cret/with+signs=&%"
	encoded := base64.StdEncoding.EncodeToString([]byte(accountSID + ":" + password))
	secrets := []string{password, encoded, url.QueryEscape(password)}
	for _, said := range []string{
		"Basic " + encoded, encoded, accountSID + ":" + password, password, "password=" + url.QueryEscape(password), strings.Repeat(password, 20),
	} {
		for name, body := range map[string]any{
			"message":           map[string]any{"code": 20001, "message": "Bad header " + said},
			"more_info":         map[string]any{"message": "x", "more_info": "https://example.invalid/?" + said},
			"error_description": map[string]any{"error_description": said},
			"error":             map[string]any{"error": said},
			"HTML":              nil,
		} {
			t.Run(name+" "+said, func(t *testing.T) {
				text, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				if body == nil {
					text = []byte("<html>" + said + "</html>")
				}
				f := always(http.StatusBadRequest, string(text))
				c := newClient(t, basicAuth{accountSID, password, f})
				no(t, failure(t, c.Sims(t.Context())), secrets...)
			})
		}
	}
}

func TestEchoedBearerToken(t *testing.T) {
	const token = "eyJhbGciOi.J9-token_of.access"
	bearer := &fake{}
	bearer.respond = func(_ int, r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
		return reply(r, http.StatusForbidden, fmt.Sprintf(`{"message":"no access for %s"}`, token)), nil
	}
	err := failure(t, newClient(t, bearer).Sims(t.Context()))
	no(t, err, token)
	equal(t, "message", "no access for <secret>", as[*twilio.APIError](t, err).Message)
}

// The simulator echoes what it got.
func TestSimulatedEcho(t *testing.T) {
	s := simulate()
	s.Inject(twiliotest.Fault{Kind: twiliotest.EchoCredentials})
	encoded := base64.StdEncoding.EncodeToString([]byte(accountSID + ":" + authToken))
	err := failure(t, simulated(t, s).Sims(t.Context()))
	no(t, err, authToken, encoded)
	equal(t, "has the rest", true, strings.Contains(err.Error(), "Cannot make sense of Authorization"))

	transport, _ := koreTransport(s)
	c := newClient(t, transport, asKORE)
	no(t, failure(t, c.Sims(t.Context())), koreSecret, url.QueryEscape(koreSecret))
}

// The Accounts resource holds a secret, and other bodies may: what is not a
// documented field is never kept.
func TestUnknownFieldsAreNotKept(t *testing.T) {
	const secret = "hidden-auth-token"
	f := inTurn(`{"account_sid":"AC1","balance":"x","currency":"USD","auth_token":"` + secret + `"}`)
	_, err := newClient(t, f).Balance(t.Context())
	no(t, err, secret)
}

// A response without its request, as some RoundTrippers make it, is no panic.
func TestResponseWithoutRequest(t *testing.T) {
	f := &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
		resp := reply(r, http.StatusBadRequest, `{"message":"no"}`)
		resp.Request = nil
		return resp, nil
	}}
	err := failure(t, newClient(t, f).Sims(t.Context()))
	equal(t, "message", "no", as[*twilio.APIError](t, err).Message)
}
