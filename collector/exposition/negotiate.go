package exposition

import (
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// negotiator finds out what a request wants to be answered in. It asks promhttp,
// which serves nothing for it, so that every scraper gets what it gets from others.
type negotiator struct {
	promhttp http.Handler

	mu    sync.Mutex
	known map[accepted]http.Header
}

// accepted is what scrapers say about formats and codings.
type accepted struct{ formats, codings string }

// scrapers bounds how many different requests are remembered. There are as many
// as there are kinds of scrapers.
const scrapers = 100

func newNegotiator(o HandlerOptions) *negotiator {
	return &negotiator{
		promhttp: promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{
			EnableOpenMetrics: true, DisableCompression: o.DisableCompression,
		}),
		known: make(map[accepted]http.Header),
	}
}

// negotiate sets an answer's headers, and returns its format and coding, which
// is "" for none.
func (n *negotiator) negotiate(answer http.Header, r *http.Request) (expfmt.Format, string) {
	key := accepted{r.Header.Get("Accept"), strings.Join(r.Header.Values("Accept-Encoding"), ",")}
	n.mu.Lock()
	header := n.known[key]
	n.mu.Unlock()
	if header == nil {
		header = make(http.Header)
		n.promhttp.ServeHTTP(headerOnly{io.Discard, header}, &http.Request{Method: r.Method, Header: http.Header{
			"Accept": {key.formats}, "Accept-Encoding": {key.codings},
		}})
		n.mu.Lock()
		if len(n.known) < scrapers {
			n.known[key] = header
		}
		n.mu.Unlock()
	}
	for name, values := range header {
		answer[name] = append(answer[name], values...)
	}
	return expfmt.Format(header.Get("Content-Type")), header.Get("Content-Encoding")
}

// headerOnly is a response whose headers are all that is kept of it.
type headerOnly struct {
	io.Writer
	header http.Header
}

func (h headerOnly) Header() http.Header { return h.header }
func (h headerOnly) WriteHeader(int)     {}
