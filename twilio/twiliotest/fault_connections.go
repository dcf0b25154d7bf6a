package twiliotest

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"net"
	"net/http"
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
		if f.matches(s.accountOf(r), q.endpoint) && s.occurs(f) {
			return connectionError(f.Kind, r.URL.Hostname())
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
func connectionError(kind FaultKind, host string) error {
	local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 41000}
	remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443}
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
	case TLSExpired:
		return verify(x509.CertificateInvalidError{
			Cert: certificate, Reason: x509.Expired, Detail: "current time 2004-03-15T12:00:00Z is after 2004-03-14T00:00:00Z",
		})
	case TLSWrongName:
		return verify(x509.HostnameError{Certificate: certificate, Host: host})
	case TLSUnknownAuthority:
		return verify(x509.UnknownAuthorityError{Cert: certificate})
	case CloseAfterRequest:
		return io.EOF
	case TruncateHeaders:
		return io.ErrUnexpectedEOF
	default: // ConnectReset
		return resetError(local, remote)
	}
}

// resetError is what reading from a connection returns that the other side has reset.
func resetError(local, remote net.Addr) error {
	return &net.OpError{Op: "read", Net: "tcp", Source: local, Addr: remote, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}
