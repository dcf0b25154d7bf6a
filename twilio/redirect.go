package twilio

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// maxRedirects is how many redirects of one request are followed.
const maxRedirects = 9

// redirectError is a redirect that is not followed, because what it leads to
// would not be the response to the request.
type redirectError struct{ text string }

func (e *redirectError) Error() string { return "redirect not followed: " + e.text }

// checkRedirect is http.Client.CheckRedirect. A redirect must keep the parameters:
// without them, the API responds to another question, such as for the usage of
// all SIMs.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case slices.ContainsFunc(via, func(r *http.Request) bool { return r.URL.String() == req.URL.String() }):
		return &redirectError{fmt.Sprintf("it leads back to an earlier one, after %d requests", len(via))}
	case len(via) > maxRedirects:
		return &redirectError{fmt.Sprintf("there were %d before it", maxRedirects)}
	case !sameParameters(req.URL, via[0].URL):
		return &redirectError{"it does not keep the parameters of the request"}
	}
	return nil
}

func sameParameters(a, b *url.URL) bool {
	x, errX := url.ParseQuery(a.RawQuery)
	y, errY := url.ParseQuery(b.RawQuery)
	return errors.Join(errX, errY) == nil && maps.EqualFunc(x, y, slices.Equal)
}
