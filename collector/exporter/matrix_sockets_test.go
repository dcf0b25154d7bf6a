package exporter_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestConnectionErrors compares the errors of the simulated connection with those that
// real sockets have: the matrix is about the latter.
func TestConnectionErrors(t *testing.T) {
	closed := listen(t, nil)
	closed.Close()
	address := closed.Addr().String()
	good := newIssuer(t, "one")
	for _, x := range []struct {
		kind twiliotest.FaultKind
		real func(t *testing.T) string // error of a real connection
	}{
		{twiliotest.DNSFailure, func(t *testing.T) string {
			withoutNames(t)
			return overSocket(t, "http://simulator", "")
		}},
		{twiliotest.ConnectionRefused, func(t *testing.T) string { return overSocket(t, "http://"+address, "") }},
		{twiliotest.NoDescriptors, func(t *testing.T) string {
			l := listen(t, func(net.Conn) {})
			withoutDescriptors(t)
			return overSocket(t, "http://"+l.Addr().String(), "")
		}},
		{twiliotest.ProxyDown, func(t *testing.T) string {
			return overSocket(t, "http://simulator", "  proxy_url: http://"+address+"\n")
		}},
		{twiliotest.ProxyRefused, func(t *testing.T) string {
			proxy := responding(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", nil)
			return overSocket(t, "https://simulator", "  proxy_url: "+proxy+"\n")
		}},
		{twiliotest.TLSExpired, func(t *testing.T) string {
			return good.meet(t, &x509.Certificate{NotAfter: time.Now().Add(-time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
		}},
		{twiliotest.TLSWrongName, func(t *testing.T) string {
			return good.meet(t, &x509.Certificate{NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(192, 0, 2, 9)}})
		}},
		{twiliotest.TLSUnknownAuthority, func(t *testing.T) string {
			other := newIssuer(t, "another")
			other.file = good.file
			return other.meet(t, &x509.Certificate{NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
		}},
		{twiliotest.ConnectReset, func(t *testing.T) string {
			return overSocket(t, "https://"+listen(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 1))
				reset(c)
			}).Addr().String(), "")
		}},
		{twiliotest.Reset, func(t *testing.T) string { return overSocket(t, responding(t, "", reset), "") }},
		{twiliotest.CloseAfterRequest, func(t *testing.T) string { return overSocket(t, responding(t, "", nil), "") }},
		{twiliotest.TruncateHeaders, func(t *testing.T) string {
			return overSocket(t, responding(t, "HTTP/1.1 200 OK\r\nServer: test\r\n", nil), "")
		}},
		{twiliotest.MalformedHeader, func(t *testing.T) string {
			return overSocket(t, responding(t, "HTTP/1.1 200 OK\r\nGot "+basic(sidA, "token-a")+"\r\n\r\n", nil), "")
		}},
		{twiliotest.Truncate, func(t *testing.T) string {
			return overSocket(t, responding(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", nil), "")
		}},
		{twiliotest.ResetBody, func(t *testing.T) string {
			return overSocket(t, responding(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", func(c net.Conn) {
				time.Sleep(time.Millisecond) // let the headers arrive
				reset(c)
			}), "")
		}},
	} {
		t.Run(string(x.kind), func(t *testing.T) {
			actual := x.real(t)
			var simulated string
			synctest.Test(t, func(t *testing.T) {
				s := handMade()["a"]
				s.Inject(twiliotest.Fault{Kind: x.kind})
				dial := inMemory(func(string) http.RoundTripper { return s.Transport() })
				rt, err := dial(parse(t, "accounts:"+twilioAccount).Accounts()[0], time.Minute, "twilio_exporter/test", nil)
				if err != nil {
					t.Fatal(err)
				}
				simulated = errorOf(t, rt, "http://simulator")
			})
			if actual != simulated {
				t.Errorf("a real connection has %q, the simulated one %q", actual, simulated)
			}
		})
	}
}

// overSocket is the error of a listing through the transport of the real world.
func overSocket(t *testing.T, url, options string) string {
	t.Helper()
	rt := mustDial(t, "accounts:"+strings.ReplaceAll(twilioAccount, "http://simulator", url)+options)
	return errorOf(t, rt, url)
}

// errorOf is how a listing fails, without addresses and other details.
func errorOf(t *testing.T, rt http.RoundTripper, url string) string {
	t.Helper()
	client, err := twilio.New(twilio.Options{SuperSIMURL: url, Transport: rt, UserAgent: "twilio_exporter/test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range client.Sims(t.Context()) {
		if err != nil {
			text := err.Error()
			for _, d := range []struct{ pattern, instead string }{
				{`[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+:[0-9]+`, "ADDRESS"},
				{`current time \S+ is after \S+`, "current time … is after …"},
				{`valid for \S+, not \S+`, "valid for …, not …"},
			} {
				text = regexp.MustCompile(d.pattern).ReplaceAllString(text, d.instead)
			}
			return fmt.Sprintf("%s: %s", twilio.ReasonOf(err), text)
		}
	}
	t.Fatal("the listing did not fail")
	return ""
}

// listen handles the connections to a listener on this machine.
func listen(t *testing.T, handle func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			handle(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l
}

// responding is the URL of a server that reads each request, writes the same and ends
// the connection.
func responding(t *testing.T, text string, end func(net.Conn)) string {
	return "http://" + listen(t, func(c net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			r.Body.Close()
		}
		_, _ = io.WriteString(c, text)
		if end != nil {
			end(c)
		}
	}).Addr().String()
}

// reset makes the end of a connection a reset.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
}

// withoutNames resolves names with a server that knows none.
func withoutNames(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			query[2], query[3] = 0x81, 0x83 // a response: NXDOMAIN
			_, _ = conn.WriteTo(query[:n], from)
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		conn.Close()
		<-done
	})
}

// withoutDescriptors leaves the process no file descriptor until the test ends.
func withoutDescriptors(t *testing.T) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 0, Max: before.Max}); err != nil {
		t.Skip(err)
	}
}

// An issuer signs certificates.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string // with its certificate
}

func newIssuer(t *testing.T, name string) *issuer {
	t.Helper()
	a := &issuer{
		certificate: &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		},
		file: filepath.Join(t.TempDir(), "ca.pem"),
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der := a.sign(t, a.certificate)
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *issuer) sign(t *testing.T, c *x509.Certificate) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.certificate, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// meet is the error of a listing from a server with a certificate of the issuer.
func (a *issuer) meet(t *testing.T, c *x509.Certificate) string {
	t.Helper()
	c.SerialNumber = big.NewInt(2)
	certificate := tls.Certificate{Certificate: [][]byte{a.sign(t, c)}, PrivateKey: a.key}
	l := listen(t, func(conn net.Conn) {
		_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake()
	})
	return overSocket(t, "https://"+l.Addr().String(), "  tls_config: {ca_file: "+a.file+"}\n")
}
