package exposition

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// HandlerOptions say how scrapes are answered. What is not said here is as
// promhttp does it with ContinueOnError and EnableOpenMetrics.
type HandlerOptions struct {
	SelfMetrics         prometheus.Gatherer   // the metrics that are not rows, gathered for each scrape
	Registry            prometheus.Registerer // takes promhttp's metrics about scrapes
	ErrorLog            promhttp.Logger
	MaxRequestsInFlight int // 0: no limit
	DisableCompression  bool
}

// Handler serves the rows and the live metrics.
func (x *Exposition) Handler(o HandlerOptions) http.Handler {
	h := &handler{Exposition: x, HandlerOptions: o, negotiator: newNegotiator(o), errorCount: errorCounter(o.Registry)}
	if o.MaxRequestsInFlight > 0 {
		h.inFlight = make(chan struct{}, o.MaxRequestsInFlight)
	}
	h.workspaces.New = func() any { return &workspace{deflater: newDeflater()} }
	return promhttp.InstrumentMetricHandler(o.Registry, h)
}

// errorCounter is promhttp's counter of what could not be shown.
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
	*negotiator
	errorCount *prometheus.CounterVec
	inFlight   chan struct{}
	workspaces sync.Pool
}

// workspace is memory that one scrape after the other uses.
type workspace struct {
	deflater *deflater
	text     buffer
	deflated []byte
	pieces   [][]byte
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.inFlight != nil {
		select {
		case h.inFlight <- struct{}{}:
			defer func() { <-h.inFlight }()
		default:
			http.Error(w, fmt.Sprintf("Limit of concurrent requests reached (%d), try again later.", cap(h.inFlight)), http.StatusServiceUnavailable)
			return
		}
	}
	now := time.Now()
	if timeout := scrapeTimeout(r); timeout > 0 {
		ctx, cancel := context.WithDeadline(r.Context(), now.Add(timeout))
		defer cancel()
		r = r.WithContext(ctx)
		// Nobody waits for what would be sent later.
		connection := http.NewResponseController(w)
		if connection.SetWriteDeadline(now.Add(timeout)) == nil {
			defer func() { _ = connection.SetWriteDeadline(time.Time{}) }()
		}
	}

	others, err := h.SelfMetrics.Gather()
	s := h.snapshot(now)
	for _, err := range []error{err, s.err} {
		if err != nil {
			h.failed("gathering", "error gathering metrics:", err)
		}
	}
	if err != nil && len(others) == 0 && len(s.families) == 0 {
		http.Error(w, "An error has occurred while serving metrics:\n\n"+err.Error(), http.StatusInternalServerError)
		return
	}
	if r.Context().Err() != nil {
		http.Error(w, "The scrape's time is over.", http.StatusServiceUnavailable)
		return
	}
	h.answer(w, r, s, others, now)
}

// scrapeTimeout is how long the scraper waits, 0 if it does not say.
func scrapeTimeout(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds < 1e6) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// failed counts and logs what could not be shown.
func (h *handler) failed(cause, message string, err error) {
	h.errorCount.WithLabelValues(cause).Inc()
	if h.ErrorLog != nil {
		h.ErrorLog.Println(message, err)
	}
}

// answer sends what is ready as it is, and renders what is not.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, s *snapshot, others []*dto.MetricFamily, now time.Time) {
	contentType, coding := h.negotiate(w.Header(), r)
	w.Header().Del("Content-Encoding") // until it is
	f, known := formatOf(contentType)
	only := names(r)

	space := h.workspaces.Get().(*workspace)
	defer h.workspaces.Put(space)
	out := io.Writer(w)
	if coding == string(promhttp.Gzip) {
		if known && only == nil {
			becomesWanted := h.wanted.note(f, now)
			if st := h.stream(s, f, others); st != nil {
				w.Header().Set("Content-Encoding", coding)
				h.send(w, r, st, contentType, others, space)
				return
			}
			// Sending all of it costs less than compressing it while somebody waits.
			if becomesWanted {
				defer h.want(f)
			}
		} else {
			w.Header().Set("Content-Encoding", coding)
			z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
			if err != nil {
				panic(err) // only a level that does not exist is an error
			}
			defer func() { _ = z.Close() }() // the scraper may have gone
			out = z
		}
	}
	if r.Method != http.MethodHead {
		h.render(out, r, s, contentType, others, only, space)
	}
}

// names are the names of the only families that are asked for; nil means all.
func names(r *http.Request) map[string]bool {
	if r.URL == nil || r.URL.RawQuery == "" {
		return nil
	}
	var only map[string]bool
	for _, name := range r.URL.Query()["name[]"] {
		if only == nil {
			only = make(map[string]bool)
		}
		only[name] = true
	}
	return only
}

// send sends a compressed body, with the others in between.
func (h *handler) send(w http.ResponseWriter, r *http.Request, st *stream, contentType expfmt.Format, others []*dto.MetricFamily, space *workspace) {
	sum := newChecksum(0, 0)
	space.pieces = append(space.pieces[:0], []byte(gzipHeader))
	space.deflated = space.deflated[:0]
	space.text = space.text[:0]
	encoder := expfmt.NewEncoder(&space.text, contentType)
	flush := func() {
		if len(space.text) == 0 {
			return
		}
		from := len(space.deflated)
		if st.large {
			space.deflated = appendStored(space.deflated, space.text)
			sum = sum.then(newChecksum(crc32.ChecksumIEEE(space.text), uint64(len(space.text))))
		} else {
			space.deflater.begin(space.deflated)
			_ = space.deflater.write(space.text) // appending cannot fail
			p, _ := space.deflater.end()
			space.deflated, sum = p.deflated, sum.then(p.sum)
		}
		space.pieces = append(space.pieces, space.deflated[from:])
		space.text = space.text[:0]
	}
	for _, part := range st.parts {
		for len(others) > 0 && others[0].GetName() < part.first {
			h.encode(encoder, others[0])
			others = others[1:]
		}
		flush()
		space.pieces, sum = append(space.pieces, part.pieces...), sum.then(part.sum)
	}
	for _, family := range others {
		h.encode(encoder, family)
	}
	h.encoded(encoder.(expfmt.Closer).Close())
	flush()
	space.pieces = append(space.pieces, appendGzipTrailer(nil, sum))

	length := 0
	for _, piece := range space.pieces {
		length += len(piece)
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	if r.Method == http.MethodHead {
		return
	}
	space.text = space.text[:0]
	for i, piece := range space.pieces {
		last := i == len(space.pieces)-1
		if len(piece) < smallPiece {
			// Each write costs a system call or two.
			if space.text = append(space.text, piece...); !last && len(space.text) < bufferSize {
				continue
			}
			piece = nil
		}
		for _, out := range [][]byte{space.text, piece} {
			if len(out) == 0 {
				continue
			}
			if _, err := w.Write(out); err != nil {
				return // the scraper has gone
			}
		}
		space.text = space.text[:0]
	}
}

// smallPiece is up to how many bytes a piece is copied to be sent with others.
const smallPiece = 32 << 10

func (h *handler) encode(encoder expfmt.Encoder, family *dto.MetricFamily) {
	h.encoded(encoder.Encode(family))
}

func (h *handler) encoded(err error) {
	if err != nil {
		h.failed("encoding", "error encoding and sending metric family:", err)
	}
}

// render renders a snapshot and the others as it sends them.
func (h *handler) render(w io.Writer, r *http.Request, s *snapshot, contentType expfmt.Format, others []*dto.MetricFamily, only map[string]bool, space *workspace) {
	f, known := formatOf(contentType)
	space.text = space.text[:0]
	encoder := expfmt.NewEncoder(&space.text, contentType)
	pass := func(b []byte) error {
		if err := r.Context().Err(); err != nil {
			return err
		}
		_, err := w.Write(b)
		return err
	}
	wanted := func(name string) bool { return only == nil || only[name] }
	for _, shown := range s.families {
		for len(others) > 0 && others[0].GetName() < shown.family.name {
			if wanted(others[0].GetName()) {
				h.encode(encoder, others[0])
			}
			others = others[1:]
		}
		if !wanted(shown.family.name) {
			continue
		}
		if !known {
			h.encode(encoder, shown.gather())
			continue
		}
		space.text = f.appendHeader(space.text, shown)
		for _, segment := range shown.segments {
			rest, err := f.render(space.text, segment, pass)
			if space.text = rest; err != nil {
				panic(http.ErrAbortHandler) // or what was sent would look whole
			}
		}
		space.text = f.appendFooter(space.text, shown)
	}
	for _, family := range others {
		if wanted(family.GetName()) {
			h.encode(encoder, family)
		}
	}
	h.encoded(encoder.(expfmt.Closer).Close())
	if pass(space.text) != nil {
		panic(http.ErrAbortHandler)
	}
}
