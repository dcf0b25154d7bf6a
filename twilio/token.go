package twilio

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// TokenOptions say how an access token is had by OAuth 2.0 client credentials
// (RFC 6749, section 4.4).
type TokenOptions struct {
	TokenURL     string
	ClientID     string
	ClientSecret func(context.Context) (string, error) // asked for each token, so that a changed file is used
	Scopes       []string
	Params       map[string]string // further form fields

	// Base carries requests once they bear a token, TokenBase those for one.
	Base, TokenBase http.RoundTripper
	UserAgent       string
	Timeout         time.Duration // for one token request; default 30s
	Observer        Observer      // optional; sees token requests as EndpointToken
}

// NewTokenTransport makes a transport that gives requests an access token. All
// who share it share the token: it is fetched by one at a time, again shortly
// before it ends, and once when a request is refused with 401 or 403 (KORE
// answers 403 to an expired token). After a token was refused it waits, longer
// each time, before it asks for another.
func NewTokenTransport(o TokenOptions) http.RoundTripper {
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	o.Timeout = or(o.Timeout, 30*time.Second)
	return &tokenTransport{TokenOptions: o, lock: make(chan struct{}, 1)}
}

type tokenTransport struct {
	TokenOptions

	lock chan struct{} // held while the fields below are used; a channel, so that waiting ends with a context

	token   *oauth2.Token
	renewAt time.Time // when to fetch the next one although this may still do
	forced  time.Time // when last a refused token was replaced before its time

	failure  error     // the last fetch's, nil after a success
	secret   string    // that it failed with
	failures int       // in a row
	notUntil time.Time // when the next fetch may be tried
}

const (
	// forcedPause keeps credentials that lack a permission, and so are refused
	// with every token, from fetching tokens without end.
	forcedPause = time.Minute
	// After a refusal the next fetch waits 30 s, then twice that, up to 15
	// minutes; after other failures from 1 s up.
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
		return resp, nil // what the API said is the better error
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

// get returns a token to use. Refused is one that the API did not take: it is
// returned again if another was replaced for that reason just before.
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
	// Until it ends, a token that was only to be renewed early still does.
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
	// One that claims to have ended already is used until it is refused.
	if life := token.Expiry.Sub(now); life > 0 {
		t.renewAt = token.Expiry.Add(-min(time.Minute, life/10))
	}
	return token, nil
}

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

// fetch asks for a token with the credentials in the form, as KORE documents
// it, and never in a header.
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
		// A redirect would carry the secret to wherever it leads.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))
	broken := requests.body.err // which the library does not wrap
	_, unanswered := errors.AsType[*url.Error](err)
	switch {
	case err == nil:
		return token, nil
	case broken != nil:
		return nil, transportTokenError(broken, secret)
	case unanswered:
		return nil, transportTokenError(err, secret)
	}
	return nil, answerTokenError(err, secret)
}

// answerTokenError and transportTokenError make of the library's errors ones
// that are sure not to show the secret: their text holds the answer's body.
func answerTokenError(err error, secret string) error {
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return &AnswerError{Endpoint: EndpointToken, Err: errors.New(clean(removeSecrets(err.Error(), secret), 300))}
	}
	status := e.Response.StatusCode
	if status < 300 {
		return &AnswerError{Endpoint: EndpointToken, Err: errors.New("it has no usable access_token")}
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
		Message:    clean(removeSecrets(message, secret), 300),
		RetryAfter: retryAfter(e.Response.Header.Get("Retry-After"), time.Now()),
	}
}

func transportTokenError(err error, secret string) error {
	err = unwrapURL(err)
	reason := ReasonNetwork
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		reason = ReasonTimeout
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason = ReasonTruncated
	}
	return &TransportError{Endpoint: EndpointToken, Reason: reason, Err: errors.New(clean(removeSecrets(err.Error(), secret), 300))}
}

// tokenRequests names the exporter on a request for a token and reports it.
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
