// Package demo is a simulated Twilio with a configuration for it, so that the
// exporter can be tried without an account.
package demo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A Demo is a simulated Twilio that listens on the loopback interface, and the
// configuration that points the exporter at it.
type Demo struct {
	Config *config.Config
	server *http.Server
	listen net.Listener
}

// New makes a demo: an account at Twilio and one at KORE, with credentials of
// their own for each run.
func New() (*Demo, error) {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the simulated Twilio cannot listen: %w", err)
	}
	token, secret := rand.Text(), rand.Text()
	simulator := twiliotest.New(twiliotest.Options{
		MaxConcurrent: 4,
		Accounts: []twiliotest.Account{
			{
				SID: "AC0000000000000000000000000000de01", Provider: twiliotest.Twilio, AuthToken: token,
				Seed: 1, SIMs: 200, Fleets: 4, Currency: "USD",
			},
			{
				SID: "AC0000000000000000000000000000de02", Provider: twiliotest.KORE,
				ClientID: "demo", ClientSecret: secret,
				Seed: 2, SIMs: 60, Fleets: 2, Currency: "EUR",
			},
		},
	})
	url := "http://" + listen.Addr().String()
	cfg, err := config.Parse("demo", fmt.Appendf(nil, `
accounts:
  - name: demo
    account_sid: AC0000000000000000000000000000de01
    basic_auth: {username: AC0000000000000000000000000000de01, password: %[2]s}
    supersim_url: %[1]s
    api_url: %[1]s
  - name: demo-kore
    provider: kore
    oauth2: {client_id: demo, client_secret: %[3]s, token_url: %[1]s/api-services/v1/auth/token}
    supersim_url: %[1]s
collectors:
  supersim_usage: {interval: 5s, groups: [account, sim, fleet, network, country, sim_network]}
  supersim_inventory: {interval: 30s}
  account_usage: {interval: 5s}
  account_balance: {interval: 5s}
  supersim_data_limits: {enabled: true, interval: 1m}
`, url, token, secret))
	if err != nil {
		listen.Close()
		return nil, err
	}
	return &Demo{cfg, &http.Server{Handler: simulator, ReadHeaderTimeout: 10 * time.Second}, listen}, nil
}

// Run serves until Close.
func (d *Demo) Run() error {
	if err := d.server.Serve(d.listen); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the simulated Twilio: %w", err)
	}
	return nil
}

// Close ends Run. It also stops listening if Run was never called.
func (d *Demo) Close() {
	d.server.Close()
	d.listen.Close()
}
