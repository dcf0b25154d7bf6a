package web

import (
	"bytes"
	"errors"
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

// Deadlines of a connection. No request to the exporter has a body, so there is
// little to read. A handler whose response may take longer than writeTimeout sets a
// deadline of its own, as that of the metrics does.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 2 * time.Minute // longer than a scrape interval

	reloadTimeout = 2 * time.Minute
)

// NewServer makes a server that closes every connection at last: after a timeout, or
// when there are too many. What net/http logs goes to the logger.
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

// withoutBody refuses requests with a body before they cost anything: in the middle
// of the response, net/http would wait for a body that may never come.
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

// serverLog logs the messages of net/http. Those that any client can cause are at
// level debug: a port scanner must not fill the log.
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
	// The toolkit panics if a descriptor is not a listening socket.
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
		return errors.New("--web.systemd-socket: systemd passed no socket")
	}
	return toolkit.ServeMultiple(listeners, server, flags, logger)
}
