package twilio_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// Token responses as endpoints send them, which RFC 6749 does not foresee.
func TestTokensInTheWild(t *testing.T) {
	const hour = time.Hour
	for name, test := range map[string]struct {
		kind, body string
		life       time.Duration // 0: until it is refused
	}{
		"JSON as text":           {"text/plain", `{"access_token":"the-token","token_type":"Bearer","expires_in":3600}`, hour},
		"JSON as text in UTF-8":  {"text/plain; charset=utf-8", " \r\n" + `{"access_token":"the-token","expires_in":3600}` + "\n", hour},
		"JSON as a form":         {"application/x-www-form-urlencoded", `{"access_token":"the-token","expires_in":3600}`, hour},
		"JSON as HTML":           {"text/html", `{"access_token":"the-token","expires_in":3600}`, hour},
		"JSON without a type":    {"", `{"access_token":"the-token","expires_in":3600}`, hour},
		"a type that is none":    {"json;;", `{"access_token":"the-token","expires_in":3600}`, hour},
		"a form":                 {"application/x-www-form-urlencoded", `access_token=the-token&expires_in=3600&token_type=bearer`, hour},
		"a decimal lifetime":     {"application/json", `{"access_token":"the-token","expires_in":3600.0}`, hour},
		"a lifetime with a half": {"application/json", `{"access_token":"the-token","expires_in":"3600.5"}`, hour + time.Second/2},
		"a lifetime in text":     {"application/json", `{"access_token":"the-token","expires_in":"3600"}`, hour},
		"an exponent":            {"application/json", `{"access_token":"the-token","expires_in":3.6e3}`, hour},
		"an empty lifetime":      {"application/json", `{"access_token":"the-token","expires_in":""}`, 0},
		"a negative lifetime":    {"application/json", `{"access_token":"the-token","expires_in":-1}`, 0},
		"Apigee":                 {"application/json", `{"access_token":"the-token","token_type":"BearerToken","expires_in":"3600","status":"approved","scope":""}`, hour},
		"bearer in lower case":   {"application/json", `{"access_token":"the-token","token_type":"bearer","expires_in":3600}`, hour},
		"a type in other words":  {"application/json", `{"access_token":"the-token","token_type":"urn:ietf:params:oauth:token-type:jwt","expires_in":3600}`, hour},
		"a null type":            {"application/json", `{"access_token":"the-token","token_type":null,"expires_in":3600}`, hour},
		"a type that is no text": {"application/json", `{"access_token":"the-token","token_type":1,"expires_in":3600}`, hour},
		"an error that is null":  {"application/json", `{"access_token":"the-token","error":null,"expires_in":3600}`, hour},
		"a status of its own":    {"application/json", `{"access_token":"the-token","expires_in":3600,"expires_on":"1700000000","ext_expires_in":0}`, hour},
		"a scope that is a list": {"application/json", `{"access_token":"the-token","expires_in":3600,"scope":["a","b"]}`, hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
					return reply(r, http.StatusOK, test.body, "Content-Type", test.kind), nil
				})
				api := always(http.StatusOK, superSIMPage("sims", "null"))
				c, _ := kore(t, simulate(), options, func(o *twilio.TokenOptions) { o.Base = api })
				if err := request(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				equal(t, "Authorization", "Bearer the-token", api.requests[0].Header.Get("Authorization"))
				early := min(time.Minute, test.life/10)
				time.Sleep(test.life - early - 1)
				_ = request(t.Context(), c)
				equal(t, "token requests before it ends", 1, server.count())
				time.Sleep(2 + 100*24*hour)
				_ = request(t.Context(), c)
				want := 2
				if test.life == 0 {
					want = 1
				}
				equal(t, "token requests", want, server.count())
			})
		})
	}
}

// What cannot be used is refused in words, with the reason that leads to the right
// advice.
func TestTokensThatCannotBeUsed(t *testing.T) {
	for _, test := range []struct {
		kind, body string
		status     int
		reason     twilio.Reason
		text       string
	}{
		{"application/json", `{"access_token":"t","token_type":"MAC","mac_key":"x"}`, 200, twilio.ReasonResponse, `"mac", which cannot be sent as a bearer token`},
		{"application/json", `{"access_token":"t","token_type":"DPoP"}`, 200, twilio.ReasonResponse, `"dpop", which cannot be sent`},
		{"application/json", `{"access_token":"t\r\nX-Evil: 1"}`, 200, twilio.ReasonResponse, "characters that no header can carry"},
		{"application/json", `{"access_token":"tökén"}`, 200, twilio.ReasonResponse, "characters that no header can carry"},
		{"application/json", `{"access_token":["t"]}`, 200, twilio.ReasonResponse, "no usable access_token"},
		{"application/json", `{"access_token":"t","access_token":"u"}`, 200, twilio.ReasonResponse, "no access_token: jsontext: duplicate object member name"},
		{"text/plain", `{"error":"invalid_client","error_description":"unknown"}`, 401, twilio.ReasonAuthentication, "token: HTTP 401: unknown"},
		{"text/html", `{"error":"invalid_client"}`, 400, twilio.ReasonAuthentication, "token: HTTP 400: invalid_client"},
		{"", `{"error":"invalid_client"}`, 403, twilio.ReasonAuthentication, "token: HTTP 403: invalid_client"},
		{"application/problem+json", `{"error":"Invalid Client","error_description":"no such client"}`, 400, twilio.ReasonAuthentication, "no such client"},
		{"application/json", `{"error":"unauthorized_client"}`, 400, twilio.ReasonAuthentication, "unauthorized_client"},
		{"application/json", `{"error":"invalid_grant"}`, 400, twilio.ReasonAuthentication, "invalid_grant"},
		{"application/json", `{"error":"access_denied"}`, 400, twilio.ReasonPermission, "access_denied"},
		{"application/json", `{"error":"invalid_scope"}`, 400, twilio.ReasonRefused, "invalid_scope"},
		{"application/json", `{"error":"invalid_client"}`, 503, twilio.ReasonServer, "invalid_client"},
		{"application/json", `{"error":{"code":"invalid_client"}}`, 401, twilio.ReasonAuthentication, "token: HTTP 401"},
		{"text/plain", `{"message":"Unauthorized"}`, 401, twilio.ReasonAuthentication, "Unauthorized"},
		{"text/plain", `{"error":"invalid_client","error_description":"with status 200"}`, 200, twilio.ReasonAuthentication, "with status 200"},
		{"application/json", `{"access_token":"","error":"slow_down"}`, 200, twilio.ReasonRefused, "slow_down"},
	} {
		t.Run(fmt.Sprint(test.status, " ", test.body), func(t *testing.T) {
			_, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
				return reply(r, test.status, test.body, "Content-Type", test.kind), nil
			})
			c, _ := kore(t, simulate(), options)
			err := request(t.Context(), c)
			equal(t, "reason", test.reason, twilio.ReasonOf(err))
			if err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("want %q in %v", test.text, err)
			}
		})
	}
}

// FuzzToken reads token responses: a token that can be sent, or an error.
func FuzzToken(f *testing.F) {
	for _, body := range []string{
		goodToken, `{"access_token":"t","token_type":"MAC"}`, `{"access_token":"t","expires_in":"1e308"}`, `{"error":"invalid_client"}`,
		`access_token=a&expires_in=1`, `%zz`, ``, `null`, `{}`, `{"access_token":"` + "\x7f" + `"}`, `{"access_token":"t","expires_in":-9e18}`,
	} {
		f.Add(200, []byte(body))
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		_, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) { return reply(r, status, string(body)), nil })
		api := always(http.StatusOK, superSIMPage("sims", "null"))
		c, _ := kore(t, simulate(), options, func(o *twilio.TokenOptions) { o.Base = api })
		if err := request(t.Context(), c); err != nil {
			if !strings.HasPrefix(err.Error(), "token: ") || strings.Contains(err.Error(), koreSecret) {
				t.Errorf("not the token endpoint's: %v", err)
			}
			return
		}
		if token := api.requests[0].Header.Get("Authorization"); status > 299 || !strings.HasPrefix(token, "Bearer ") || strings.ContainsAny(token[7:], "\r\n\t ") {
			t.Errorf("sent with status %d: %q", status, token)
		}
	})
}
