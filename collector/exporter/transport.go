package exporter

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A Dialer makes the transport that carries an account's requests and adds its
// credentials.
type Dialer func(account config.Account, timeout time.Duration, userAgent string, observer twilio.Observer) (http.RoundTripper, error)

// Dial is the Dialer of the real world. It fails where a file for TLS cannot be
// used.
func Dial(account config.Account, timeout time.Duration, userAgent string, observer twilio.Observer) (http.RoundTripper, error) {
	client, files := account.HTTPClient, newSecretFiles()
	base, err := newConnections(files, "tls_config", client.TLSConfig, client.ProxyConfig, client.EnableHTTP2)
	if err != nil {
		return nil, err
	}
	base = addHeaders(files, client.HTTPHeaders, addCredentials(files, client, base))
	oauth2 := client.OAuth2
	if oauth2 == nil {
		return base, nil
	}
	if oauth2.GrantType == config.GrantTypeJWTBearer { // only the library can sign its requests for a token
		jwt := *oauth2
		files.readTLS("oauth2.tls_config", &jwt.TLSConfig)
		key := files.secret("oauth2.client_certificate_key_file", jwt.ClientCertificateKeyFile, string(jwt.ClientCertificateKey))
		return promconfig.NewOAuth2RoundTripper(key, &jwt, base, promconfig.WithSecretManager(files)), nil
	}
	// The token endpoint is reached the same way unless oauth2 says otherwise.
	tokenTLS, tlsKey, tokenProxy := client.TLSConfig, "tls_config", client.ProxyConfig
	if oauth2.TLSConfig != (promconfig.TLSConfig{}) {
		tokenTLS, tlsKey = oauth2.TLSConfig, "oauth2.tls_config"
	}
	if oauth2.ProxyURL.URL != nil || oauth2.ProxyFromEnvironment {
		tokenProxy = oauth2.ProxyConfig
	}
	tokenBase, err := newConnections(files, tlsKey, tokenTLS, tokenProxy, client.EnableHTTP2)
	if err != nil {
		return nil, err
	}
	return twilio.NewTokenTransport(twilio.TokenOptions{
		TokenURL:     oauth2.TokenURL,
		ClientID:     oauth2.ClientID,
		ClientSecret: files.secret("oauth2.client_secret_file", oauth2.ClientSecretFile, string(oauth2.ClientSecret)).Fetch,
		Scopes:       oauth2.Scopes,
		Params:       oauth2.EndpointParams,
		Base:         base,
		TokenBase:    tokenBase,
		UserAgent:    userAgent,
		Timeout:      timeout,
		Observer:     observer,
	}), nil
}

// idleTimeout is how long a connection waits for the next request. Those of a poll
// follow each other at once, and the next poll is usually far away.
const idleTimeout = 30 * time.Second

// newConnections makes the transport that opens connections. It renews them when
// a file of the TLS configuration changes. key is that of the TLS configuration.
func newConnections(files secretFiles, key string, tlsConfig promconfig.TLSConfig, proxy promconfig.ProxyConfig, http2 bool) (http.RoundTripper, error) {
	newTransport := func(c *tls.Config) (http.RoundTripper, error) {
		rt, err := promconfig.NewRoundTripperFromConfig(promconfig.HTTPClientConfig{ProxyConfig: proxy, EnableHTTP2: http2},
			"twilio") // in connection metrics that are not exposed
		if t, ok := rt.(*http.Transport); ok { // it is: there is nothing to add to requests
			t.TLSClientConfig, t.OnProxyConnectResponse = c, proxyRefusal
			t.IdleConnTimeout = idleTimeout
		}
		return rt, err
	}
	settings := files.readTLS(key, &tlsConfig)
	loaded, err := promconfig.NewTLSConfig(&tlsConfig, promconfig.WithSecretManager(files))
	if err != nil {
		return nil, err
	}
	if settings == (promconfig.TLSRoundTripperSettings{}) {
		return newTransport(loaded)
	}
	return promconfig.NewTLSRoundTripper(loaded, settings, newTransport)
}

// proxyRefusal is the error if a proxy refuses to connect to a host. That of
// net/http is the text of the status, such as "Forbidden", alone.
func proxyRefusal(_ context.Context, proxy *url.URL, request *http.Request, response *http.Response) error {
	status, advice := response.StatusCode, "it must allow CONNECT to "+request.Host
	switch status {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		advice = "check the user and password in the URL of the proxy"
	}
	return fmt.Errorf("the proxy %s refused the connection: HTTP %d %s: %s", proxy.Host, status, http.StatusText(status), advice)
}

// addCredentials adds those that are the same for each request.
func addCredentials(files secretFiles, c promconfig.HTTPClientConfig, next http.RoundTripper) http.RoundTripper {
	if a := c.Authorization; a != nil {
		next = promconfig.NewAuthorizationCredentialsRoundTripper(a.Type,
			files.secret("authorization.credentials_file", a.CredentialsFile, string(a.Credentials)), next)
	}
	if c.BearerToken != "" || c.BearerTokenFile != "" {
		next = promconfig.NewAuthorizationCredentialsRoundTripper("Bearer",
			files.secret("bearer_token_file", c.BearerTokenFile, string(c.BearerToken)), next)
	}
	if b := c.BasicAuth; b != nil {
		next = promconfig.NewBasicAuthRoundTripper(
			files.secret("basic_auth.username_file", b.UsernameFile, b.Username),
			files.secret("basic_auth.password_file", b.PasswordFile, string(b.Password)), next)
	}
	return next
}

// headers adds to requests the headers of http_headers.
type headers struct {
	values map[string][]promconfig.SecretReader
	next   http.RoundTripper
}

func addHeaders(files secretFiles, c *promconfig.Headers, next http.RoundTripper) http.RoundTripper {
	if c == nil {
		return next
	}
	h := &headers{make(map[string][]promconfig.SecretReader), next}
	for name, header := range c.Headers {
		add := func(r promconfig.SecretReader) { h.values[name] = append(h.values[name], r) }
		for _, value := range header.Values {
			add(promconfig.NewInlineSecret(value))
		}
		for _, secret := range header.Secrets {
			add(promconfig.NewInlineSecret(string(secret)))
		}
		for i, file := range header.Files {
			add(files.secret(fmt.Sprintf("http_headers.%s.files[%d]", name, i), file, ""))
		}
	}
	return h
}

func (h *headers) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	for name, values := range h.values {
		for _, value := range values {
			text, err := value.Fetch(req.Context())
			if err != nil {
				return nil, err
			}
			req.Header.Add(name, text)
		}
	}
	return h.next.RoundTrip(req)
}

func (h *headers) CloseIdleConnections() {
	if c, ok := h.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
