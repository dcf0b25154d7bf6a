package exporter

import (
	"context"
	"net/http"
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
	const name = "twilio" // in connection metrics that are not exposed
	client := account.HTTPClient
	oauth2 := client.OAuth2
	if oauth2 == nil || oauth2.ClientCertificateKey != "" || oauth2.ClientCertificateKeyFile != "" {
		return promconfig.NewRoundTripperFromConfig(client, name)
	}
	client.OAuth2 = nil
	base, err := promconfig.NewRoundTripperFromConfig(client, name)
	if err != nil {
		return nil, err
	}
	// The token endpoint is reached the same way unless oauth2 says otherwise.
	forToken := promconfig.HTTPClientConfig{
		TLSConfig: client.TLSConfig, ProxyConfig: client.ProxyConfig,
		FollowRedirects: client.FollowRedirects, EnableHTTP2: client.EnableHTTP2,
	}
	if oauth2.TLSConfig != (promconfig.TLSConfig{}) {
		forToken.TLSConfig = oauth2.TLSConfig
	}
	if oauth2.ProxyURL.URL != nil || oauth2.ProxyFromEnvironment {
		forToken.ProxyConfig = oauth2.ProxyConfig
	}
	tokenBase, err := promconfig.NewRoundTripperFromConfig(forToken, name)
	if err != nil {
		return nil, err
	}
	secret := func(context.Context) (string, error) { return string(oauth2.ClientSecret), nil }
	if oauth2.ClientSecretFile != "" {
		secret = promconfig.NewFileSecret(oauth2.ClientSecretFile).Fetch
	}
	return twilio.NewTokenTransport(twilio.TokenOptions{
		TokenURL:     oauth2.TokenURL,
		ClientID:     oauth2.ClientID,
		ClientSecret: secret,
		Scopes:       oauth2.Scopes,
		Params:       oauth2.EndpointParams,
		Base:         base,
		TokenBase:    tokenBase,
		UserAgent:    userAgent,
		Timeout:      timeout,
		Observer:     observer,
	}), nil
}
