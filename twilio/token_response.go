package twilio

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// accessToken is a token that is sent as RFC 6750 says, in the header
// "Authorization: Bearer".
type accessToken struct {
	text   string
	expiry time.Time // zero if unknown: it is used until it is refused
}

// parseToken reads the response to a token request (RFC 6749, section 5). It is
// more tolerant than golang.org/x/oauth2, which refuses responses of endpoints
// that are in use: JSON is JSON whatever its Content-Type, a lifetime may be a
// decimal number or empty, and a token is a bearer token whatever its type is
// called, unless it cannot be sent as one.
func parseToken(status int, body []byte, now time.Time) (*accessToken, error) {
	var token, kind, life, code, description scalar
	token.limit = 64 << 10
	fields := object{
		"access_token": &token, "token_type": &kind, "expires_in": &life, "error": &code, "error_description": &description,
	}
	if err := new(decoder).read(bytes.NewReader(body), fields); err != nil {
		form, formErr := url.ParseQuery(string(bytes.TrimSpace(body)))
		if formErr != nil || !form.Has("access_token") {
			return nil, fmt.Errorf("no access_token: %w", err)
		}
		for name, s := range fields {
			s.raw, _ = jsontext.AppendQuote(nil, form.Get(name)) // its error is about UTF-8
		}
	}
	text := token.text()
	switch {
	case text == "" && code.isText() && code.text() != "":
		return nil, &APIError{Endpoint: EndpointToken, Status: status, OAuthCode: oauthCode(&code), Message: errorMessage(&description, &code)}
	case text == "" || token.raw[0] != '"':
		return nil, errors.New("no usable access_token")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("the access_token has characters that no header can carry")
	}
	switch k := strings.ToLower(kind.text()); k {
	case "mac", "pop", "dpop", "n_a":
		return nil, fmt.Errorf("the token has the type %q, which cannot be sent as a bearer token (RFC 6750)", k)
	}
	seconds, err := life.decimal("expires_in")
	if err != nil {
		return nil, err
	}
	t := &accessToken{text: text}
	const most = 10 * 365 * 24 * 60 * 60 // seconds, which fit a Duration
	if s := seconds.V.InexactFloat64(); s > 0 {
		t.expiry = now.Add(time.Duration(min(s, most) * float64(time.Second)))
	}
	return t, nil
}

// oauthCode returns an error code of RFC 6749, of which endpoints vary the
// spelling.
func oauthCode(code *scalar) string {
	if !code.isText() {
		return ""
	}
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(code.text()))
}
