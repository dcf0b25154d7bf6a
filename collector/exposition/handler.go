package exposition

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// HandlerOptions configure a handler, which otherwise behaves like promhttp with
// ContinueOnError and EnableOpenMetrics.
type HandlerOptions struct {
	SelfMetrics         prometheus.Gatherer   // gathered in each scrape
	Registry            prometheus.Registerer // takes promhttp's metrics about scrapes
	ErrorLog            promhttp.Logger       // of what is missing in a response; nil: not logged
	MaxRequestsInFlight int                   // further ones wait for a second, then get status 503; 0: no limit
	DisableCompression  bool
}

// Handler serves the samples and the self-metrics. The server must have a
// WriteTimeout: it also ends the deadlines that responses set for themselves.
func (x *Exposition) Handler(o HandlerOptions) http.Handler {
	h := &handler{Exposition: x, HandlerOptions: o, errorCount: errorCounter(o.Registry)}
	h.negotiator = promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{
		EnableOpenMetrics: true, DisableCompression: o.DisableCompression,
	})
	if o.MaxRequestsInFlight > 0 {
		h.inFlight = make(semaphore, o.MaxRequestsInFlight)
	}
	return promhttp.InstrumentMetricHandler(o.Registry, h)
}

// errorCounter is promhttp's counter of errors that leave metrics out of
// responses.
func errorCounter(registry prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "promhttp_metric_handler_errors_total",
		Help: "Total number of internal errors encountered by the promhttp metric handler.",
	}, []string{"cause"})
	if err := registry.Register(c); err != nil {
		known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err)
		if !ok {
			panic(err) // its name is another metric's
		}
		c = known.ExistingCollector.(*prometheus.CounterVec)
	}
	c.WithLabelValues("gathering")
	c.WithLabelValues("encoding")
	return c
}

type handler struct {
	*Exposition
	HandlerOptions
	negotiator http.Handler // promhttp's, which serves nothing
	errorCount *prometheus.CounterVec
	inFlight   semaphore
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.inFlight.acquireSoon(r.Context()) {
		http.Error(w, fmt.Sprintf("Limit of concurrent requests reached (%d), try again later.", cap(h.inFlight)), http.StatusServiceUnavailable)
		return
	}
	defer h.inFlight.release()
	now := time.Now()
	timeout := scrapeTimeout(r)
	w = &scrapeWriter{w, http.NewResponseController(w), now.Add(timeout), h.inFlight}
	self, err := h.SelfMetrics.Gather()
	s := h.snapshot(now)
	for _, err := range []error{err, s.err} {
		if err != nil {
			h.failed("gathering", "error gathering metrics:", err)
		}
	}
	switch {
	case err != nil && len(self) == 0 && len(s.families) == 0:
		http.Error(w, "An error has occurred while serving metrics:\n\n"+err.Error(), http.StatusInternalServerError)
	case time.Since(now) > timeout, r.Context().Err() != nil:
		http.Error(w, "The scrape has timed out.", http.StatusServiceUnavailable)
	default:
		h.respond(w, r, s, self, now)
	}
}

// maxScrape is how long a scrape may take, whatever the scraper says.
const maxScrape = 2 * time.Minute

// scrapeTimeout is how long the scraper waits, at most maxScrape.
func scrapeTimeout(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds < maxScrape.Seconds()) {
		return maxScrape
	}
	return time.Duration(seconds * float64(time.Second))
}

// failed counts and logs an error that leaves metrics out of a response.
func (h *handler) failed(cause, message string, err error) {
	h.errorCount.WithLabelValues(cause).Inc()
	if h.ErrorLog != nil {
		h.ErrorLog.Println(message, err)
	}
}
