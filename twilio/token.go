package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// TokenOptions configure how access tokens are obtained with OAuth 2.0 client
// credentials (RFC 6749, section 4.4).
type TokenOptions struct {
	TokenURL     string
	ClientID     string
	ClientSecret func(context.Context) (string, error) // called for each token, so that a changed file is used
	Scopes       []string
	Params       map[string]string // additional form fields

	// Base carries requests that have a token, TokenBase those for a token.
	Base, TokenBase http.RoundTripper
	UserAgent       string
	Redactor        *Redactor     // knows the account's secrets, and gets those used here; default: a new one
	Timeout         time.Duration // for one token request; default 30s
	Observer        Observer      // optional; sees token requests as EndpointToken
}

// NewTokenTransport returns a transport that adds an access token to requests.
// All requests share the token. One request at a time fetches it: the first one,
// one shortly before the token expires, and one that is refused with 401 or 403
// (KORE's response to an expired token), which is then sent again. After a token
// request has failed, the next one waits, longer each time.
func NewTokenTransport(o TokenOptions) http.RoundTripper {
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	o.Redactor = cmp.Or(o.Redactor, NewRedactor())
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	return &tokenTransport{TokenOptions: o, lock: make(chan struct{}, 1)}
}

type tokenTransport struct {
	TokenOptions

	lock chan struct{} // guards the fields below; a channel, so that waiting ends with the context

	token   *accessToken
	renewAt time.Time // when to fetch the next token; zero if the lifetime is unknown
	forced  time.Time // when a refused token was last replaced

	failure  error     // of the last fetch; nil after a success
	secret   string    // client secret of the failed fetch
	failures int       // consecutive
	notUntil time.Time // earliest time of the next fetch
}

const (
	// forcedPause is the minimum time between replacements of refused tokens:
	// credentials that lack a permission are refused with every token.
	forcedPause = time.Minute
	// A fetch waits at least this long after one that was refused or failed
	// otherwise; twice as long after each further failure, up to maxTokenWait.
	refusedWait, failedWait, maxTokenWait = 30 * time.Second, time.Second, 15 * time.Minute
)

func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := t.get(req.Context(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := t.send(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
		return resp, err
	}
	fresh, err := t.get(req.Context(), token)
	if err != nil || fresh == token {
		return resp, nil // the API's response says more
	}
	resp.Body.Close()
	exchange := exchangeOf(req.Context())
	exchange.code = statusCode(resp.StatusCode)
	return exchange.send(req, func(req *http.Request) (*http.Response, error) { return t.send(req, fresh) })
}

func (t *tokenTransport) send(req *http.Request, token *accessToken) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token.text)
	return t.Base.RoundTrip(req)
}

func (t *tokenTransport) CloseIdleConnections() {
	for _, rt := range []http.RoundTripper{t.Base, t.TokenBase} {
		if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
}

// get returns a token to use. Refused is the one that the API refused, or nil. It
// is returned again if a refused token was replaced less than forcedPause ago.
func (t *tokenTransport) get(ctx context.Context, refused *accessToken) (*accessToken, error) {
	select {
	case t.lock <- struct{}{}:
		defer func() { <-t.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := time.Now()
	switch {
	case t.token == nil:
	case refused == t.token:
		if !t.forced.IsZero() && now.Sub(t.forced) < forcedPause {
			return t.token, nil
		}
	case t.renewAt.IsZero() || now.Before(t.renewAt):
		return t.token, nil
	}
	secret, err := t.ClientSecret(ctx)
	if err != nil {
		return nil, t.Redactor.clean(&CredentialsError{Endpoint: EndpointToken, Err: err})
	}
	t.Redactor.Add(secret)
	// A token that is due for renewal is usable until it expires.
	usable := t.token != nil && refused != t.token && (t.token.expiry.IsZero() || now.Before(t.token.expiry))
	if t.failure != nil && now.Before(t.notUntil) && secret == t.secret {
		if usable {
			return t.token, nil
		}
		return nil, t.failure
	}
	token, err := t.fetch(ctx, secret)
	if err != nil {
		err = t.Redactor.clean(err)
		if ctx.Err() == nil {
			t.remember(err, secret)
		}
		if usable {
			return t.token, nil
		}
		return nil, err
	}
	t.Redactor.Add(token.text)
	if refused != nil {
		t.forced = now
	}
	t.token, t.renewAt = token, time.Time{}
	t.failure, t.failures = nil, 0
	if life := token.expiry.Sub(now); life > 0 {
		t.renewAt = token.expiry.Add(-min(time.Minute, life/10))
	}
	return token, nil
}

// remember notes a failed fetch, so that the next one waits.
func (t *tokenTransport) remember(err error, secret string) {
	wait := failedWait
	switch ReasonOf(err) {
	case ReasonAuthentication, ReasonPermission, ReasonRefused:
		wait = refusedWait
	}
	wait = min(wait<<min(t.failures, 10), maxTokenWait)
	t.failure, t.secret, t.notUntil = err, secret, time.Now().Add(wait)
	t.failures++
}

// fetch requests a token with the credentials in the form, as KORE documents it,
// and never in a header. It follows no redirect, which could send the secret
// anywhere.
func (t *tokenTransport) fetch(ctx context.Context, secret string) (*accessToken, error) {
	form := make(url.Values)
	form.Set("grant_type", "client_credentials")
	for name, value := range t.Params {
		form.Set(name, value)
	}
	form.Set("client_id", t.ClientID)
	form.Set("client_secret", secret)
	if len(t.Scopes) > 0 {
		form.Set("scope", strings.Join(t.Scopes, " "))
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EndpointToken, unwrapURL(err))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", t.UserAgent)
	acceptGzip(req)

	start, code := time.Now(), "error"
	defer func() { t.Observer.Request(EndpointToken, code, time.Since(start)) }()
	resp, err := t.TokenBase.RoundTrip(req)
	if err != nil {
		return nil, tokenTransportError(err)
	}
	defer resp.Body.Close()
	code = statusCode(resp.StatusCode)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, readAPIError(EndpointToken, resp)
	}
	body := newBodyReader(resp, maxTokenBody)
	text, err := io.ReadAll(body)
	if body.err != nil {
		return nil, tokenTransportError(body.err)
	}
	if err == nil {
		var token *accessToken
		if token, err = parseToken(resp.StatusCode, text, time.Now()); err == nil {
			return token, nil
		}
	}
	if e, ok := errors.AsType[*APIError](err); ok {
		return nil, e
	}
	return nil, &ResponseError{Endpoint: EndpointToken, RequestID: requestID(resp), Err: err}
}

// tokenTransportError classifies an error of the connection.
func tokenTransportError(err error) error {
	reason := ReasonNetwork
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		reason = ReasonTimeout
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason = ReasonTruncated
	}
	return &TransportError{Endpoint: EndpointToken, Reason: reason, Err: err}
}
