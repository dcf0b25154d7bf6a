package demo_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/demo"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDemo: both providers are there, by credentials that change from run to
// run, and on the loopback interface only.
func TestDemo(t *testing.T) {
	passwords := make(map[string]bool)
	for range 2 {
		d, err := demo.New()
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- d.Run() }()
		accounts := d.Config.Accounts()
		if len(accounts) != 2 || accounts[0].Provider != twilio.ProviderTwilio || accounts[1].Provider != twilio.ProviderKORE {
			t.Fatalf("want an account of each provider, have %v", accounts)
		}
		for _, origin := range []string{accounts[0].SuperSIMURL, accounts[0].APIURL, accounts[1].SuperSIMURL} {
			u, err := url.Parse(origin)
			if err != nil {
				t.Fatal(err)
			}
			if ip := net.ParseIP(u.Hostname()); !ip.IsLoopback() {
				t.Errorf("%s is not on the loopback interface", origin)
			}
		}
		basic, oauth2 := accounts[0].HTTPClient.BasicAuth, accounts[1].HTTPClient.OAuth2
		for _, secret := range []string{string(basic.Password), string(oauth2.ClientSecret)} {
			if passwords[secret] || len(secret) < 20 {
				t.Errorf("the secret %q was used before, or is short", secret)
			}
			passwords[secret] = true
		}

		for password, want := range map[string]int{string(basic.Password): 200, "guessed": 401} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, accounts[0].SuperSIMURL+"/v1/Fleets", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth(basic.Username, password)
			r.Header.Set("User-Agent", "twilio_exporter/test")
			if have := status(t, r); have != want {
				t.Errorf("want status %d, have %d", want, have)
			}
		}
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {oauth2.ClientID}, "client_secret": {string(oauth2.ClientSecret)}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, oauth2.TokenURL, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("User-Agent", "twilio_exporter/test")
		if have := status(t, r); have != 200 {
			t.Errorf("want status 200 of the token endpoint, have %d", have)
		}

		d.Close()
		if err := <-done; err != nil {
			t.Errorf("Close is no failure: %v", err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func status(t *testing.T, r *http.Request) int {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// TestCloseWithoutRun: what was never run stops to listen, too.
func TestCloseWithoutRun(t *testing.T) {
	d, err := demo.New()
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	address := strings.TrimPrefix(d.Config.Accounts()[0].SuperSIMURL, "http://")
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Errorf("%s still listens", address)
	}
	if err := d.Run(); err != nil {
		t.Errorf("Run after Close is no failure: %v", err)
	}
}
