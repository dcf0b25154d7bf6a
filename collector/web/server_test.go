package web_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/twilio-exporter/twilio_exporter/collector/web"
)

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// await waits until something is so, at most for as long as a test may take.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// serve serves a handler on the loopback interface.
func serve(t *testing.T, logger log.Logger, handler http.Handler, most int) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := web.NewServer(logger, handler)
	if most > 0 {
		web.SetMaxConnections(server, most)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func metrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "metrics") })
}

// TestBodies: a request with a body is refused at once, be the body there or not,
// and whatever the method; the connection ends with it.
func TestBodies(t *testing.T) {
	called := make(chan struct{}, 10)
	l := serve(t, log.NewNopLogger(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{} }), 0)
	for _, head := range []string{
		"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234567890",
		"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
	} {
		c := dial(t, l)
		if _, err := io.WriteString(c, head); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
			t.Errorf("%q: want 413 and an end of the connection, have %d, %t", head, resp.StatusCode, resp.Close)
		}
		if took := time.Since(start); took > 5*time.Second { // half of the read deadline
			t.Errorf("%q: the response waited %s for the body", head, took)
		}
	}
	if len(called) > 0 {
		t.Errorf("the handler was called %d times", len(called))
	}
	c := dial(t, l)
	io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || len(called) != 1 {
		t.Errorf("want a request without a body to be answered, have %v, %d", err, len(called))
	}
}

// TestDeadlines: no connection lasts for ever, whatever the client does.
func TestDeadlines(t *testing.T) {
	s := web.NewServer(log.NewNopLogger(), metrics())
	for what, d := range map[string]time.Duration{
		"headers": s.ReadHeaderTimeout, "the request": s.ReadTimeout, "the response": s.WriteTimeout, "the next request": s.IdleTimeout,
	} {
		if d <= 0 || d > 5*time.Minute {
			t.Errorf("%s may take %s", what, d)
		}
	}
	if s.IdleTimeout <= time.Minute {
		t.Errorf("connections do not outlive a scrape interval: %s", s.IdleTimeout)
	}
}

// TestConnections: of too many connections some that wait are closed, and each new
// one is served.
func TestConnections(t *testing.T) {
	l := serve(t, log.NewNopLogger(), metrics(), 5)
	var silent, idle []net.Conn
	for range 3 {
		silent = append(silent, dial(t, l))
	}
	get := func(c net.Conn) error {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	for range 30 {
		c := dial(t, l)
		if err := get(c); err != nil {
			t.Fatalf("connection %d: %v", len(idle), err)
		}
		idle = append(idle, c)
	}
	open := append(silent, idle...)
	await(t, "5 of the connections are left", func() bool {
		open = slices.DeleteFunc(open, func(c net.Conn) bool { return get(c) != nil })
		return len(open) <= 5
	})
	if len(open) == 0 {
		t.Error("none is left")
	}
}

// TestServerLog: what any client can cause is at debug, and in the log's format.
func TestServerLog(t *testing.T) {
	out := new(buffer)
	logger := level.NewFilter(log.NewLogfmtLogger(out), level.AllowAll())
	l := serve(t, logger, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("on purpose")
		}
	}), 0)
	c := dial(t, l)
	io.WriteString(c, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n")
	io.ReadAll(c)
	await(t, "the panic is logged", func() bool { return strings.Contains(out.String(), "on purpose") })
	if line := out.String(); !strings.HasPrefix(line, "level=error msg=") || strings.Count(line, "\n") != 1 {
		t.Errorf("have %q", line)
	}

	// A port scanner at a server with TLS.
	out = new(buffer)
	logger = level.NewFilter(log.NewLogfmtLogger(out), level.AllowAll())
	server := web.NewServer(logger, metrics())
	tlsListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	defer certificates.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(tls.NewListener(tlsListener, certificates.TLS))
	}()
	scan := dial(t, tlsListener)
	io.WriteString(scan, "GET / HTTP/1.0\r\n\r\n")
	io.ReadAll(scan)
	await(t, "the handshake's failure is logged", func() bool { return strings.Contains(out.String(), "TLS handshake error") })
	if line := out.String(); !strings.HasPrefix(line, "level=debug msg=") {
		t.Errorf("have %q", line)
	}
	server.Close()
	<-done
}

// TestCrossSite: a page of another site cannot make a browser reload the
// configuration; curl and the exporter's own pages can.
func TestCrossSite(t *testing.T) {
	s := newSite("/metrics")
	for _, x := range []struct {
		method, path string
		headers      map[string]string
		status       int
	}{
		{"POST", "/-/reload", nil, 200},
		{"POST", "/-/reload", map[string]string{"Origin": "http://exporter:9860"}, 200},
		{"POST", "/-/reload", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"POST", "/-/reload", map[string]string{"Origin": "https://evil.example"}, 403},
		{"POST", "/-/reload", map[string]string{"Origin": "null"}, 403},
		{"POST", "/-/reload", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"POST", "/-/reload", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"GET", "/metrics", map[string]string{"Origin": "https://grafana.example", "Sec-Fetch-Site": "cross-site"}, 200},
	} {
		r := httptest.NewRequest(x.method, "http://exporter:9860"+x.path, nil)
		for name, value := range x.headers {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != x.status {
			t.Errorf("%s %s with %v: want %d, have %d", x.method, x.path, x.headers, x.status, w.Code)
		}
	}
}

// TestSystemdSocket: what systemd passes must be a socket that listens; all else
// ends with a sentence that names the descriptor.
func TestSystemdSocket(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcpFile, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer tcpFile.Close()
	udpFile, err := udp.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer udpFile.Close()
	for _, x := range []struct {
		name  string
		files []*os.File
		fds   int
		want  string
	}{
		{"datagram", []*os.File{udpFile}, 1, "file descriptor 3 (web) is not a listening stream socket"},
		{"closed", nil, 1, "file descriptor 3 (web) is not a listening stream socket"},
		{"second", []*os.File{tcpFile, udpFile}, 2, "file descriptor 4 (LISTEN_FD_4) is not a listening stream socket"},
		{"none", nil, 0, "systemd passed no socket"},
	} {
		t.Run(x.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			// systemd says whom the descriptors are for; the shell knows its PID.
			child := exec.CommandContext(ctx, "sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestSystemdChild$'`, os.Args[0]) //nolint:gosec // this test binary
			child.Env = append(os.Environ(), "SYSTEMD_CHILD=1", "LISTEN_FDNAMES=web", fmt.Sprintf("LISTEN_FDS=%d", x.fds))
			child.ExtraFiles = x.files
			out, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "child: --web.systemd-socket: "+x.want) {
				t.Errorf("want %q, have %v and %s", x.want, err, out)
			}
		})
	}
}

// TestSystemdChild is the process that TestSystemdSocket starts.
func TestSystemdChild(t *testing.T) {
	if os.Getenv("SYSTEMD_CHILD") == "" {
		return // it runs as a child only
	}
	yes, none := true, ""
	flags := &toolkit.FlagConfig{WebSystemdSocket: &yes, WebConfigFile: &none, WebListenAddresses: &[]string{}}
	err := web.ListenAndServe(web.NewServer(log.NewNopLogger(), metrics()), flags, slog.New(slog.DiscardHandler))
	fmt.Println("child:", err)
}
