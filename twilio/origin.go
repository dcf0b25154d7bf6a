package twilio

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// guard passes on requests for the configured origins only, redirects included,
// because the next transport adds credentials to them.
type guard struct {
	next    http.RoundTripper
	allowed []*url.URL
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, origin := range g.allowed {
		if sameOrigin(origin, req.URL) {
			return exchangeOf(req.Context()).send(req, g.next.RoundTrip)
		}
	}
	return nil, &originError{req.URL}
}

// An originError is a link or redirect to another origin.
type originError struct{ u *url.URL }

func (e *originError) Error() string {
	return fmt.Sprintf("not followed: it leads to %q, which is not the configured origin", sanitize(e.u.Scheme+"://"+e.u.Host, 100))
}

// sameOrigin reports whether scheme, host and port are the same (RFC 6454,
// section 5), and b has no credentials.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b) && b.User == nil
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

func parseOrigin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("not an origin of the form https://host")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
