package twiliotest

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"syscall"
)

// connect returns the error of the connection fault that a request meets, or nil.
func (s *Simulator) connect(r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if !f.Kind.breaksConnection() {
			continue
		}
		q := request{http: r}
		q.endpoint, _, _ = route(r.URL.Path)
		if f.matches(s.accountOf(r), q.endpoint, r) && s.occurs(f) {
			return connectionError(f.Kind, r)
		}
	}
	return nil
}

// accountOf names the Twilio account whose credentials a request has, or "". The
// caller holds the lock.
func (s *Simulator) accountOf(r *http.Request) string {
	user, _, _ := r.BasicAuth()
	for _, w := range s.order {
		if user != "" && (user == w.account.SID || user == w.account.KeySID) {
			return w.account.SID
		}
	}
	return ""
}

// connectionError is what net/http's Transport returns for a fault of the connection,
// without the method and URL that its Client adds.
func connectionError(kind FaultKind, r *http.Request) error {
	host := r.URL.Hostname()
	_, remote := ends()
	proxy := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 3), Port: 3128}
	dial := func(addr net.Addr, call string, errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: os.NewSyscallError(call, errno)}
	}
	// The certificate of the examples is for one other host.
	certificate := &x509.Certificate{
		Subject:    pkix.Name{CommonName: "other.example"},
		DNSNames:   []string{"other.example"},
		Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}}}, // has subject alternative names
	}
	verify := func(err error) error {
		return &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{certificate}, Err: err}
	}
	switch kind {
	case DNSFailure:
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
			Err: "no such host", Name: host, Server: "192.0.2.53:53", IsNotFound: true,
		}}
	case ConnectionRefused:
		return dial(remote, "connect", syscall.ECONNREFUSED)
	case NoDescriptors:
		return dial(remote, "socket", syscall.EMFILE)
	case ProxyDown:
		return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: dial(proxy, "connect", syscall.ECONNREFUSED)}
	case ProxyRefused:
		// Its text is the exporter's, which net/http asks about such a response.
		return fmt.Errorf("the proxy %s refused the connection: HTTP 403 Forbidden: it must allow CONNECT to %s:443", proxy, host)
	case TLSExpired:
		return verify(x509.CertificateInvalidError{
			Cert: certificate, Reason: x509.Expired, Detail: "current time 2004-03-15T12:00:00Z is after 2004-03-14T00:00:00Z",
		})
	case TLSWrongName:
		return verify(x509.HostnameError{Certificate: certificate, Host: host})
	case TLSUnknownAuthority:
		return verify(x509.UnknownAuthorityError{Cert: certificate})
	case CloseAfterRequest:
		traceHeaders(r)
		return io.EOF
	case TruncateHeaders:
		traceHeaders(r)
		return io.ErrUnexpectedEOF
	case MalformedHeader:
		traceHeaders(r)
		line := "Got " + r.Header.Get("Authorization")
		return fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w",
			textproto.ProtocolError(fmt.Sprintf("malformed MIME header: missing colon: %q", line)))
	default: // ConnectReset
		return resetError()
	}
}

// resetError is what reading from a connection returns that the other side has reset.
func resetError() error {
	local, remote := ends()
	return &net.OpError{Op: "read", Net: "tcp", Source: local, Addr: remote, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

// ends are the addresses of a connection in errors.
func ends() (local, remote net.Addr) {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 41000}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443}
}
