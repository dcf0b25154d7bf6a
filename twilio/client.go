// Package twilio is a client for the usage APIs of Twilio Super SIM (today
// sold by KORE) and of Twilio accounts. It reads listings page by page, exactly
// and within bounds, and knows nothing of what is done with them.
package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// Options say how a client reaches one account.
type Options struct {
	Provider   Provider
	AccountSID string // needed for the account API only

	SuperSIMURL string // origin; default: the provider's
	APIURL      string // origin; default: Twilio's

	// Transport carries requests and adds the account's credentials. It is
	// never given a request for an origin other than the two above.
	Transport http.RoundTripper
	UserAgent string
	// NoRedirects takes a redirect for a refusal. Without it one that stays at
	// the origin is followed.
	NoRedirects bool

	Timeout        time.Duration // for one try, answer included; default 30s
	MaxRetries     int           // tries after the first
	MaxConcurrency int           // requests at a time; default 2
	MaxRecords     int           // records of one listing; default 2,000,000

	Observer Observer // optional
}

// An Observer is told of every try; it must be safe for concurrent use.
type Observer interface {
	// Request is called when a try has ended: code is the HTTP status, from a
	// closed set, or "error" if there was none.
	Request(endpoint Endpoint, code string, took time.Duration)
	// Retry is called before a further try.
	Retry(endpoint Endpoint, reason Reason)
}

// A Client asks the APIs for one account. It is safe for concurrent use.
type Client struct {
	provider   Provider
	accountSID string
	superSIM   *url.URL
	api        *url.URL
	http       *http.Client
	userAgent  string
	timeout    time.Duration
	maxRetries int
	maxRecords int
	observer   Observer
	slots      *slots // one for each request under way

	// splitAll remembers that this account's API wants Granularity=all to end
	// at midnight.
	splitAll atomic.Bool
}

// New makes a client. It fails on a URL that is not an origin.
func New(o Options) (*Client, error) {
	c := &Client{
		provider:   o.Provider,
		accountSID: o.AccountSID,
		userAgent:  o.UserAgent,
		timeout:    or(o.Timeout, 30*time.Second),
		maxRetries: max(o.MaxRetries, 0),
		maxRecords: or(o.MaxRecords, 2_000_000),
		observer:   o.Observer,
		slots:      newSlots(or(o.MaxConcurrency, 2)),
	}
	if c.observer == nil {
		c.observer = noObserver{}
	}
	var err error
	if c.superSIM, err = parseOrigin(cmp.Or(o.SuperSIMURL, o.Provider.SuperSIMURL())); err != nil {
		return nil, err
	}
	if c.api, err = parseOrigin(cmp.Or(o.APIURL, ProviderTwilio.APIURL())); err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: &guard{next: o.Transport, allowed: []*url.URL{c.superSIM, c.api}}}
	if o.NoRedirects {
		c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return c, nil
}

// AccountSID is the account that the client was made for; it may be empty.
func (c *Client) AccountSID() string { return c.accountSID }

// Provider is who serves the account.
func (c *Client) Provider() Provider { return c.provider }

// get asks for u, again while that may help, and hands a good answer's body to
// read, which may run once for each try and so must start anew each time.
func (c *Client) get(ctx context.Context, endpoint Endpoint, t *ticket, u *url.URL, read func(io.Reader) error) error {
	return c.retry(ctx, endpoint, func() error {
		if err := t.enter(ctx); err != nil {
			return err
		}
		well := false
		defer func() { t.leave(well) }()
		err := c.try(ctx, endpoint, u, read)
		well = err == nil
		return err
	})
}

func (c *Client) try(ctx context.Context, endpoint Endpoint, u *url.URL, read func(io.Reader) error) error {
	tryCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(tryCtx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", endpoint, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)

	start, code := time.Now(), "error"
	defer func() { c.observer.Request(endpoint, code, time.Since(start)) }()
	resp, err := c.http.Do(req)
	if err != nil {
		return c.transportError(ctx, endpoint, err)
	}
	defer resp.Body.Close()
	code = statusCode(resp.StatusCode)
	if resp.StatusCode != http.StatusOK {
		return readAPIError(endpoint, resp)
	}
	body := &bodyReader{r: resp.Body, left: maxBody}
	if err := read(body); err != nil {
		if body.err != nil {
			return c.transportError(ctx, endpoint, body.err)
		}
		return &AnswerError{Endpoint: endpoint, RequestID: clean(resp.Header.Get("Twilio-Request-Id"), 100), Err: err}
	}
	return nil
}

// transportError sorts what net/http reports.
func (c *Client) transportError(ctx context.Context, endpoint Endpoint, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", endpoint, context.Cause(ctx))
	}
	// Those of the token endpoint have been sorted.
	if e, ok := errors.AsType[*APIError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*AnswerError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*TransportError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*CredentialsError](err); ok {
		return e
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok { // password_file and its like, read for each request
		return &CredentialsError{Endpoint: endpoint, Err: unwrapURL(err)}
	}
	if e, ok := errors.AsType[*originError](err); ok {
		return &AnswerError{Endpoint: endpoint, Err: fmt.Errorf("redirect %w", e)}
	}
	err = unwrapURL(err)
	reason := ReasonNetwork
	switch timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); {
	case errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		reason, err = ReasonTimeout, fmt.Errorf("no whole answer within %s", c.timeout)
	case errors.Is(err, io.ErrUnexpectedEOF):
		reason, err = ReasonTruncated, errors.New("the answer ended early")
	}
	return &TransportError{Endpoint: endpoint, Reason: reason, Err: err}
}

// unwrapURL drops the method and URL that net/http adds: they say nothing new.
func unwrapURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// maxBody bounds one answer: 1,000 records take some 400 KB.
const maxBody = 64 << 20

// bodyReader remembers whether reading failed, as opposed to decoding.
type bodyReader struct {
	r    io.Reader
	left int64
	err  error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("more than %d MiB in one answer", maxBody>>20)
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// truncated notes on the body that a decoder ran out of input: the answer was
// not whole, which is the connection's fault and not the content's.
func truncated(body io.Reader, err error) error {
	if b, ok := body.(*bodyReader); ok && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		b.err = io.ErrUnexpectedEOF
	}
	return err
}

func statusCode(status int) string {
	switch status {
	case 200, 301, 302, 307, 308, 400, 401, 403, 404, 405, 408, 429, 500, 501, 502, 503, 504:
		return strconv.Itoa(status)
	}
	return "other"
}

func or[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

type noObserver struct{}

func (noObserver) Request(Endpoint, string, time.Duration) {}
func (noObserver) Retry(Endpoint, Reason)                  {}
