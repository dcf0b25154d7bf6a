package exposition

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// response is what a scrape gets: families of samples and self-metrics, in the
// order of their names.
type response struct {
	*handler
	families    []*shownFamily
	self        []*dto.MetricFamily
	contentType expfmt.Format
	format      format // of the content type
	rendered    bool   // it has a format, and is not left to expfmt
}

// respond negotiates format and coding, and sends a snapshot and self-metrics.
func (h *handler) respond(w http.ResponseWriter, r *http.Request, s *snapshot, self []*dto.MetricFamily, now time.Time) {
	// promhttp sets the headers, so that every scraper gets what it gets from
	// other exporters. That takes some 40 µs; nothing is remembered of what clients
	// send.
	h.negotiator.ServeHTTP(headersOnly{io.Discard, w.Header()}, r)
	gzip := w.Header().Get("Content-Encoding") == string(promhttp.Gzip)
	w.Header().Del("Content-Encoding")

	resp := &response{handler: h, families: s.families, self: self, contentType: expfmt.Format(w.Header().Get("Content-Type"))}
	resp.format, resp.rendered = formatOf(resp.contentType)
	names := r.URL.Query()["name[]"]
	if len(names) > 0 {
		resp.filter(names)
	}
	send := resp.sendPlain
	switch {
	case gzip && resp.rendered:
		begins := len(names) == 0 && h.demand.note(resp.format, now)
		if chunks := resp.chunks(); chunks != nil {
			send = func(w *bufio.Writer) error { return resp.sendChunks(w, chunks) }
			break
		}
		// To send samples as they are costs less than to compress them while the
		// scraper waits.
		gzip = false
		if begins {
			defer h.compressLater(resp.format)
		}
	case gzip:
		send = resp.sendGzip
	}
	if gzip {
		w.Header().Set("Content-Encoding", string(promhttp.Gzip))
	}
	if r.Method != http.MethodHead && send(bufio.NewWriterSize(w, bufferSize)) != nil {
		panic(http.ErrAbortHandler) // or what was sent would look whole
	}
}

// headersOnly is a response whose body is thrown away.
type headersOnly struct {
	io.Writer
	header http.Header
}

func (h headersOnly) Header() http.Header { return h.header }
func (h headersOnly) WriteHeader(int)     {}

// filter keeps the families of these names.
func (resp *response) filter(names []string) {
	others := func(name string) bool { return !slices.Contains(names, name) }
	resp.families = slices.DeleteFunc(slices.Clone(resp.families), func(s *shownFamily) bool { return others(s.family.name) })
	resp.self = slices.DeleteFunc(slices.Clone(resp.self), func(f *dto.MetricFamily) bool { return others(f.GetName()) })
}

// maxInline is up to how many samples a scrape compresses by itself if they are not
// compressed yet, in a few milliseconds.
const maxInline = 20_000

// chunks are those of each family, nil if one is missing.
func (resp *response) chunks() [][]*chunk {
	count := 0
	for _, shown := range resp.families {
		count += shown.count
	}
	if count <= maxInline {
		compress(resp.families, resp.format, &resp.deflaters)
	}
	chunks := make([][]*chunk, len(resp.families))
	for i, shown := range resp.families {
		if chunks[i] = shown.chunks(resp.format); chunks[i] == nil {
			return nil
		}
	}
	return chunks
}

// sendChunks sends a gzip member.
func (resp *response) sendChunks(w *bufio.Writer, chunks [][]*chunk) error {
	member := newGzipMember(w)
	for i, shown := range resp.families {
		if before := resp.selfBefore(shown); len(before) > 0 {
			member.add(resp.deflaters.deflate(func(w *bufio.Writer) { _ = resp.encode(w, before) }))
		}
		for _, c := range chunks[i] {
			member.add(c)
		}
	}
	member.add(resp.deflaters.deflate(func(w *bufio.Writer) { _ = resp.encodeLast(w) }))
	return member.close()
}

// sendGzip compresses everything.
func (resp *response) sendGzip(w *bufio.Writer) error {
	member := newGzipMember(w)
	member.add(resp.deflaters.deflate(func(w *bufio.Writer) { _ = resp.sendPlain(w) }))
	return member.close()
}

// sendPlain sends everything uncompressed.
func (resp *response) sendPlain(w *bufio.Writer) error {
	for _, shown := range resp.families {
		err := resp.encode(w, resp.selfBefore(shown))
		if err == nil && resp.rendered {
			err = shown.render(w, resp.format)
		} else if err == nil {
			err = resp.encode(w, []*dto.MetricFamily{shown.gather()})
		}
		if err != nil {
			return err
		}
	}
	if err := resp.encodeLast(w); err != nil {
		return err
	}
	return w.Flush()
}

// selfBefore takes the self-metrics that come before a family.
func (resp *response) selfBefore(shown *shownFamily) []*dto.MetricFamily {
	n := 0
	for n < len(resp.self) && resp.self[n].GetName() < shown.family.name {
		n++
	}
	before := resp.self[:n]
	resp.self = resp.self[n:]
	return before
}

// encode encodes families. Its error is the writer's; those of encoding are
// reported.
func (resp *response) encode(w *bufio.Writer, families []*dto.MetricFamily) error {
	encoder := expfmt.NewEncoder(w, resp.contentType)
	for _, family := range families {
		if err := resp.report(w, encoder.Encode(family)); err != nil {
			return err
		}
	}
	return nil
}

// encodeLast encodes the self-metrics that are left, and the end.
func (resp *response) encodeLast(w *bufio.Writer) error {
	if err := resp.encode(w, resp.self); err != nil {
		return err
	}
	return resp.report(w, expfmt.NewEncoder(w, resp.contentType).(expfmt.Closer).Close())
}

// report reports an error of encoding, unless it is the writer's, which it returns.
func (resp *response) report(w *bufio.Writer, err error) error {
	if _, failed := w.Write(nil); failed != nil {
		return failed
	}
	if err != nil {
		resp.failed("encoding", "error encoding and sending metric family:", err)
	}
	return nil
}
