package web

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	stdlog "log"
)

// Deadlines of a connection. No request that the exporter answers has a body, so
// there is little to read. A response that takes longer than writeTimeout sets
// deadlines of its own, as that with the metrics does.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 2 * time.Minute // longer than a scrape interval
)

// NewServer makes a server whose connections all end: after a time, or because
// there are too many. What net/http logs goes to the logger.
func NewServer(logger log.Logger, handler http.Handler) *http.Server {
	connections := newConnections(connectionLimit())
	return &http.Server{
		Handler:           withoutBody(handler),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ConnState:         connections.changed,
		ErrorLog:          stdlog.New(serverLog{logger}, "", 0),
	}
}

// withoutBody refuses requests with a body before anything is done for them:
// net/http would read what the client may never send, in the middle of the
// response.
func withoutBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			w.Header().Set("Connection", "close") // and so the body is not read
			http.Error(w, "no request here takes a body", http.StatusRequestEntityTooLarge)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serverLog logs what net/http has to say. Whatever a client can cause at will is
// at debug: a port scanner must not fill the log.
type serverLog struct{ log.Logger }

// Write implements io.Writer.
func (l serverLog) Write(line []byte) (int, error) {
	leveled := level.Warn
	for _, start := range []string{"http: TLS handshake error", "http2: ", "http: URL query contains semicolon"} {
		if bytes.HasPrefix(line, []byte(start)) {
			leveled = level.Debug
		}
	}
	if bytes.HasPrefix(line, []byte("http: panic")) {
		leveled = level.Error
	}
	leveled(l.Logger).Log("msg", "HTTP server", "err", string(bytes.TrimSpace(line)))
	return len(line), nil
}

// ListenAndServe serves at the addresses of the flags, or on the sockets that
// systemd passes. It returns http.ErrServerClosed after a shutdown.
func ListenAndServe(server *http.Server, flags *toolkit.FlagConfig, logger *slog.Logger) error {
	if flags.WebSystemdSocket == nil || !*flags.WebSystemdSocket {
		return toolkit.ListenAndServe(server, flags, logger)
	}
	// The toolkit panics where a descriptor is no socket that listens.
	var listeners []net.Listener
	for _, file := range activation.Files(true) {
		listener, err := net.FileListener(file)
		if err != nil {
			return fmt.Errorf("--web.systemd-socket: file descriptor %d (%s) is not a listening stream socket: %w", file.Fd(), file.Name(), err)
		}
		file.Close()
		listeners = append(listeners, listener)
	}
	if len(listeners) == 0 {
		return fmt.Errorf("--web.systemd-socket: systemd passed no socket")
	}
	return toolkit.ServeMultiple(listeners, server, flags, logger)
}
