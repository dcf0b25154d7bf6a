package twiliotest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
)

// Transport returns a RoundTripper that calls the service in memory, whatever the
// host of the request. It opens no sockets and blocks in ways that testing/synctest
// understands. A connection that the service breaks off is an *net.OpError before the
// headers, io.ErrUnexpectedEOF while the body is read after them. The end of the
// request's context ends both sides, and so does closing the body, which returns once
// the service has let go of the request.
//
// Faults of the connection are errors of it, with which the service does not count the
// request.
func (s *Simulator) Transport() http.RoundTripper {
	return &transport{service: s, connect: s.connect}
}

type transport struct {
	service http.Handler
	connect func(*http.Request) error // why the service cannot be reached, or nil
}

// exchange is one request in memory, and the ResponseWriter of it.
type exchange struct {
	request   *http.Request
	header    http.Header
	pipe      *io.PipeWriter
	body      *responseBody
	responded chan *http.Response // holds one
	sent      bool
	written   int64
	length    int64 // announced, or -1
	broken    error // how the body breaks off, if not by its end
}

// responseBody is the client's end.
type responseBody struct {
	*io.PipeReader
	cancel context.CancelFunc
	done   chan struct{} // closed when the service is done
}

// Close ends the service's work on the request and waits for that.
func (b *responseBody) Close() error {
	b.cancel()
	err := b.PipeReader.Close()
	<-b.done
	return err
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		closeBody(r)
		return nil, err
	}
	if err := t.connect(r); err != nil {
		closeBody(r)
		return nil, err
	}
	traceHeaders(r)
	ctx, cancel := context.WithCancel(r.Context())
	reader, writer := io.Pipe()
	x := &exchange{
		request:   r,
		header:    make(http.Header),
		pipe:      writer,
		body:      &responseBody{PipeReader: reader, cancel: cancel, done: make(chan struct{})},
		responded: make(chan *http.Response, 1),
		length:    -1,
	}
	stop := context.AfterFunc(r.Context(), func() { writer.CloseWithError(context.Cause(r.Context())) })
	failed := make(chan error, 1)
	go func() {
		defer close(x.body.done)
		defer cancel()
		defer stop()
		defer closeBody(r)
		if err := x.serve(t.service, ctx); err != nil {
			failed <- err
		}
	}()

	select {
	case response := <-x.responded:
		return response, nil
	case err := <-failed:
		return nil, err
	case <-r.Context().Done():
		// The service may have responded in the same moment: nobody reads that.
		_ = reader.Close()
		return nil, context.Cause(r.Context())
	}
}

// traceHeaders tells whoever traces the request (net/http/httptrace) of its headers, as
// net/http's Transport does when it has written them.
func traceHeaders(r *http.Request) {
	trace := httptrace.ContextClientTrace(r.Context())
	if trace == nil || trace.WroteHeaderField == nil {
		return
	}
	for name, values := range r.Header {
		trace.WroteHeaderField(name, values)
	}
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// serve runs the handler and ends the body; an error is for a client that still waits
// for the headers.
func (x *exchange) serve(h http.Handler, ctx context.Context) error {
	broken := x.run(h, x.incoming(ctx))
	switch {
	case x.sent && (broken || x.length > x.written):
		// A client that has given up reads of that, whichever side noticed first.
		_ = x.pipe.CloseWithError(cmp.Or(context.Cause(x.request.Context()), x.broken, io.ErrUnexpectedEOF))
	case broken:
		if err := ctx.Err(); err != nil {
			return err
		}
		return resetError()
	default:
		x.WriteHeader(http.StatusOK)
		_ = x.pipe.Close()
	}
	return nil
}

// run reports whether the handler broke the connection off. Other panics are bugs and
// go on.
func (x *exchange) run(h http.Handler, r *http.Request) (broken bool) {
	defer func() {
		switch v := recover(); {
		case v == nil:
		case isAbort(v):
			broken = true
		default:
			panic(v)
		}
	}()
	h.ServeHTTP(x, r)
	return false
}

func isAbort(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// incoming is the request as a server gets it.
func (x *exchange) incoming(ctx context.Context) *http.Request {
	in := x.request.Clone(ctx)
	in.RequestURI = in.URL.RequestURI()
	in.RemoteAddr = "192.0.2.1:1234"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: in.URL.Hostname()}
	}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	// As net/http's Transport does: "" means none, absent means Go's own.
	if agents, ok := in.Header["User-Agent"]; !ok {
		in.Header.Set("User-Agent", "Go-http-client/1.1")
	} else if len(agents) > 0 && agents[0] == "" {
		in.Header.Del("User-Agent")
	}
	return in
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.sent {
		return
	}
	x.sent = true
	header := x.header.Clone()
	if n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64); err == nil {
		x.length = n
	}
	x.responded <- &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		ContentLength: x.length,
		Body:          x.body,
		Request:       x.request,
	}
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	n, err := x.pipe.Write(p)
	x.written += int64(n)
	return n, err
}

// Flush implements http.Flusher: everything is sent at once anyway.
func (x *exchange) Flush() { x.WriteHeader(http.StatusOK) }
