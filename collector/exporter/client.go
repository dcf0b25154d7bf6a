package exporter

import (
	"net/http"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// ClientOptions configure a client.
type ClientOptions struct {
	Dial      Dialer // default: Dial
	UserAgent string
	Redactor  *twilio.Redactor // knows the account's secrets
	Observer  twilio.Observer
	Limiter   twilio.Limiter // default: the one of a twilio.Client
	// Wrap returns the transport that requests go through; default: the one it is given.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// NewClient makes the client of an account, and the transport that it uses. It fails
// where a file for TLS cannot be used.
func NewClient(a config.Account, api config.API, o ClientOptions) (*twilio.Client, http.RoundTripper, error) {
	dial := o.Dial
	if dial == nil {
		dial = Dial
	}
	transport, err := dial(a, api.Timeout, o.UserAgent, o.Observer)
	if err != nil {
		return nil, nil, err
	}
	if o.Wrap != nil {
		transport = o.Wrap(transport)
	}
	client, err := twilio.New(twilio.Options{
		Provider:       a.Provider,
		AccountSID:     a.AccountSID,
		SuperSIMURL:    a.SuperSIMURL,
		APIURL:         a.APIURL,
		Transport:      transport,
		UserAgent:      o.UserAgent,
		Redactor:       o.Redactor,
		SecretHeaders:  a.SecretHeaders(),
		NoRedirects:    !a.HTTPClient.FollowRedirects,
		Timeout:        api.Timeout,
		MaxRetries:     api.MaxRetries,
		MaxConcurrency: api.MaxConcurrency,
		MaxRecords:     api.MaxRecords,
		Observer:       o.Observer,
		Limiter:        o.Limiter,
	})
	return client, transport, err
}
