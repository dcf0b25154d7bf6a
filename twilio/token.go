package twilio

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
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
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	return &tokenTransport{TokenOptions: o, lock: make(chan struct{}, 1)}
}

type tokenTransport struct {
	TokenOptions

	lock chan struct{} // guards the fields below; a channel, so that waiting ends with the context

	token   *oauth2.Token
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
	return t.send(req, fresh)
}

func (t *tokenTransport) send(req *http.Request, token *oauth2.Token) (*http.Response, error) {
	req = req.Clone(req.Context())
	token.SetAuthHeader(req)
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
func (t *tokenTransport) get(ctx context.Context, refused *oauth2.Token) (*oauth2.Token, error) {
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
		return nil, &CredentialsError{Endpoint: EndpointToken, Err: err}
	}
	// A token that is due for renewal is usable until it expires.
	usable := t.token != nil && refused != t.token && (t.token.Expiry.IsZero() || now.Before(t.token.Expiry))
	if t.failure != nil && now.Before(t.notUntil) && secret == t.secret {
		if usable {
			return t.token, nil
		}
		return nil, t.failure
	}
	token, err := t.fetch(ctx, secret)
	if err != nil {
		if ctx.Err() == nil {
			t.remember(err, secret)
		}
		if usable {
			return t.token, nil
		}
		return nil, err
	}
	if refused != nil {
		t.forced = now
	}
	t.token, t.renewAt = token, time.Time{}
	t.failure, t.failures = nil, 0
	// A token that claims to have expired already is used until it is refused.
	if life := token.Expiry.Sub(now); life > 0 {
		t.renewAt = token.Expiry.Add(-min(time.Minute, life/10))
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
// and never in a header.
func (t *tokenTransport) fetch(ctx context.Context, secret string) (*oauth2.Token, error) {
	cfg := clientcredentials.Config{
		ClientID:       t.ClientID,
		ClientSecret:   secret,
		TokenURL:       t.TokenURL,
		Scopes:         t.Scopes,
		EndpointParams: make(map[string][]string, len(t.Params)),
		AuthStyle:      oauth2.AuthStyleInParams,
	}
	for k, v := range t.Params {
		cfg.EndpointParams.Set(k, v)
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	requests := &tokenRequests{t: t}
	token, err := cfg.Token(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport: requests,
		// A redirect could send the secret anywhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))
	bodyErr := requests.body.err // the library does not wrap it
	_, noResponse := errors.AsType[*url.Error](err)
	switch {
	case err == nil:
		return token, nil
	case bodyErr != nil:
		return nil, tokenTransportError(bodyErr, secret)
	case noResponse:
		return nil, tokenTransportError(err, secret)
	}
	return nil, tokenResponseError(err, secret)
}

// tokenResponseError converts an error of the library, whose text has the body of
// the response, to one that does not show the secret.
func tokenResponseError(err error, secret string) error {
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return &ResponseError{Endpoint: EndpointToken, Err: errors.New(sanitize(removeSecrets(err.Error(), secret), 300))}
	}
	status := e.Response.StatusCode
	if status < 300 {
		return &ResponseError{Endpoint: EndpointToken, Err: errors.New("no usable access_token")}
	}
	if status == http.StatusBadRequest && e.ErrorCode == "invalid_client" {
		status = http.StatusUnauthorized // RFC 6749, section 5.2, allows either
	}
	message := e.ErrorDescription
	if message == "" {
		message = e.ErrorCode
	}
	return &APIError{
		Endpoint:   EndpointToken,
		Status:     status,
		Message:    sanitize(removeSecrets(message, secret), 300),
		RetryAfter: retryAfter(e.Response.Header.Get("Retry-After"), time.Now()),
	}
}

// tokenTransportError does the same for an error of the connection.
func tokenTransportError(err error, secret string) error {
	err = unwrapURL(err)
	reason := ReasonNetwork
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		reason = ReasonTimeout
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason = ReasonTruncated
	}
	return &TransportError{Endpoint: EndpointToken, Reason: reason, Err: errors.New(sanitize(removeSecrets(err.Error(), secret), 300))}
}

// tokenRequests adds the User-Agent to a token request and reports it to the
// Observer.
type tokenRequests struct {
	t    *tokenTransport
	body bodyReader
}

func (r *tokenRequests) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", r.t.UserAgent)
	start, code := time.Now(), "error"
	resp, err := r.t.TokenBase.RoundTrip(req)
	if err == nil {
		code = statusCode(resp.StatusCode)
		r.body = bodyReader{r: resp.Body, left: maxBody}
		resp.Body = struct {
			io.Reader
			io.Closer
		}{&r.body, resp.Body}
	}
	r.t.Observer.Request(EndpointToken, code, time.Since(start))
	return resp, err
}
