package exposition

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// negotiator finds out what a request wants to be answered in. It asks promhttp,
// which serves nothing for it, so that every scraper gets what it gets from others.
type negotiator struct{ promhttp http.Handler }

func newNegotiator(o HandlerOptions) *negotiator {
	return &negotiator{promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{
		EnableOpenMetrics: true, DisableCompression: o.DisableCompression,
	})}
}

// negotiate sets an answer's headers, and returns its format and coding, which
// is "" for none.
func (n *negotiator) negotiate(answer http.Header, r *http.Request) (expfmt.Format, string) {
	n.promhttp.ServeHTTP(headerOnly{io.Discard, answer}, r)
	return expfmt.Format(answer.Get("Content-Type")), answer.Get("Content-Encoding")
}

// headerOnly is a response whose headers are all that is kept of it.
type headerOnly struct {
	io.Writer
	header http.Header
}

func (h headerOnly) Header() http.Header { return h.header }
func (h headerOnly) WriteHeader(int)     {}
