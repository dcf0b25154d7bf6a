package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Options configure the client of one account. Zero values stand for the
// defaults.
type Options struct {
	Provider   Provider // default: ProviderTwilio
	AccountSID string   // needed for the account API only

	SuperSIMURL string // origin; default: the provider's
	APIURL      string // origin; default: the provider's

	// Transport carries requests and adds the account's credentials. It never
	// gets a request for an origin other than the two above.
	Transport http.RoundTripper
	UserAgent string
	// Redactor knows the account's secrets, which no error of the client shows.
	// The client adds the credentials that it sees on requests. Default: a new one.
	Redactor *Redactor
	// SecretHeaders names request headers whose values are secrets, beside
	// Authorization and Proxy-Authorization.
	SecretHeaders []string
	// NoRedirects makes a redirect an error. Without it, redirects within the
	// origin are followed.
	NoRedirects bool

	Timeout        time.Duration // of one attempt, response body included; default 30s
	MaxRetries     int           // attempts after the first
	MaxConcurrency int           // attempts at a time, unless there is a Limiter; default 2
	MaxRecords     int           // records of one listing; default 2,000,000

	Observer Observer // optional
	Limiter  Limiter  // default: one that allows MaxConcurrency attempts at a time
}

// An Observer is notified of every HTTP request. It must be safe for concurrent use.
type Observer interface {
	// Request is called after a request, redirects and those for a token included:
	// code is the HTTP status, from a closed
	// set, or "error" if there was no response.
	Request(endpoint Endpoint, code string, took time.Duration)
	// Retry is called before an attempt that follows a failed one.
	Retry(endpoint Endpoint, reason Reason)
}

// A Client reads the APIs for one account. It is safe for concurrent use.
type Client struct {
	provider   Provider
	accountSID string
	superSIM   *url.URL
	api        *url.URL // nil where the provider has no account API
	http       *http.Client
	userAgent  string
	redactor   *Redactor
	secrets    []string // names of headers, in canonical form
	timeout    time.Duration
	maxRetries int
	maxRecords int
	observer   Observer
	limiter    Limiter

	// splitAll remembers that this account's API refuses Granularity=all for
	// ranges that do not start and end at midnight.
	splitAll atomic.Bool

	warnings warnings
}

// New returns a client. It fails on a URL that is not an origin.
func New(o Options) (*Client, error) {
	c := &Client{
		provider:   o.Provider,
		accountSID: o.AccountSID,
		userAgent:  o.UserAgent,
		redactor:   cmp.Or(o.Redactor, NewRedactor()),
		secrets:    []string{"Authorization", "Proxy-Authorization"},
		timeout:    cmp.Or(o.Timeout, 30*time.Second),
		maxRetries: max(o.MaxRetries, 0),
		maxRecords: cmp.Or(o.MaxRecords, 2_000_000),
		observer:   o.Observer,
		limiter:    o.Limiter,
	}
	if c.limiter == nil {
		c.limiter = concurrency{semaphore.NewWeighted(int64(cmp.Or(o.MaxConcurrency, 2)))}
	}
	if c.observer == nil {
		c.observer = noObserver{}
	}
	for _, name := range o.SecretHeaders {
		c.secrets = append(c.secrets, http.CanonicalHeaderKey(name))
	}
	var err error
	if c.superSIM, err = parseOrigin(cmp.Or(o.SuperSIMURL, o.Provider.SuperSIMURL())); err != nil {
		return nil, err
	}
	allowed := []*url.URL{c.superSIM}
	if api := cmp.Or(o.APIURL, o.Provider.APIURL()); api != "" {
		if c.api, err = parseOrigin(api); err != nil {
			return nil, err
		}
		allowed = append(allowed, c.api)
	}
	c.http = &http.Client{Transport: &guard{next: o.Transport, allowed: allowed}, CheckRedirect: checkRedirect}
	if o.NoRedirects {
		c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return c, nil
}

// AccountSID returns the SID of Options, which may be empty.
func (c *Client) AccountSID() string { return c.accountSID }

// Provider returns the provider of Options.
func (c *Client) Provider() Provider { return c.provider }

// MaxRecords returns the bound on the records of one listing.
func (c *Client) MaxRecords() int { return c.maxRecords }

// get requests u, and passes the body of a response with status 200 to read. It
// runs read once for each attempt that comes so far, so read must start afresh.
func (c *Client) get(ctx context.Context, endpoint Endpoint, u *url.URL, read func(io.Reader) error) error {
	return c.retry(ctx, endpoint, func() (err error) {
		done, err := c.limiter.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", endpoint, err)
		}
		exchange := &exchange{endpoint: endpoint, observer: c.observer}
		defer func() { done(exchange.sent, err) }()
		return c.redactor.clean(c.attempt(ctx, exchange, u, read))
	})
}

func (c *Client) attempt(ctx context.Context, exchange *exchange, u *url.URL, read func(io.Reader) error) error {
	endpoint := exchange.endpoint
	attemptCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// The next transport adds the credentials, so only the connection shows them.
	attemptCtx = httptrace.WithClientTrace(attemptCtx, &httptrace.ClientTrace{WroteHeaderField: func(name string, values []string) {
		if slices.Contains(c.secrets, http.CanonicalHeaderKey(name)) { // HTTP/2 has them in lower case
			for _, value := range values {
				c.redactor.addHeader(value)
			}
		}
	}})
	req, err := http.NewRequestWithContext(attemptCtx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", endpoint, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	acceptGzip(req)

	defer exchange.end()
	resp, err := c.http.Do(req.WithContext(exchange.in(attemptCtx)))
	if err != nil {
		if exchange.redirected() && ctx.Err() == nil { // the redirect is to blame, not the connection
			return &ResponseError{Endpoint: endpoint, Err: unwrapURL(err)}
		}
		return c.transportError(ctx, endpoint, err)
	}
	defer resp.Body.Close()
	c.redactor.addRequest(resp.Request, c.secrets)
	if resp.StatusCode != http.StatusOK {
		return readAPIError(endpoint, resp)
	}
	body := newBodyReader(resp, maxBody)
	if err := read(body); err != nil {
		if body.err != nil {
			return c.transportError(ctx, endpoint, body.err)
		}
		return &ResponseError{Endpoint: endpoint, RequestID: requestID(resp), Err: err}
	}
	return nil
}

// transportError classifies an error of net/http.
func (c *Client) transportError(ctx context.Context, endpoint Endpoint, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", endpoint, context.Cause(ctx))
	}
	if e, ok := errors.AsType[classified](err); ok { // of the token endpoint
		return e
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok { // password_file and the like, read for each request
		return &CredentialsError{Endpoint: endpoint, Err: unwrapURL(err)}
	}
	err = unwrapURL(err)
	reason := ReasonNetwork
	switch timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); {
	case errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		reason, err = ReasonTimeout, fmt.Errorf("no complete response within %s", c.timeout)
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason, err = ReasonTruncated, errors.New("the response was cut off")
	}
	return &TransportError{Endpoint: endpoint, Reason: reason, Err: err}
}

// unwrapURL drops the method and URL that net/http adds: the endpoint says enough.
func unwrapURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// statusCode returns the value of the label code.
func statusCode(status int) string {
	switch status {
	case 200, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 408, 429, 500, 501, 502, 503, 504:
		return strconv.Itoa(status)
	}
	return "other"
}

type noObserver struct{}

func (noObserver) Request(Endpoint, string, time.Duration) {}
func (noObserver) Retry(Endpoint, Reason)                  {}
