package simulator

import (
	"fmt"
	"net"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// accountSID is a SID that names the seed.
func (o Options) accountSID() string { return fmt.Sprintf("AC%032x", o.Seed) }

// clientID is that of an account at KORE.
func (o Options) clientID() string { return fmt.Sprintf("simulated-%d", o.Seed) }

// configuration is the one that talks to the service at an address.
func (o Options) configuration(address net.Addr, hasFaults bool) string {
	url := "http://" + reachable(address)
	text := fmt.Sprintf("# The simulated API of %s at %s: %d SIMs in %d fleets.\n", o.Provider, url, o.SIMs, o.Fleets)
	if hasFaults {
		text += fmt.Sprintf("# Its faults: curl %s/-/faults\n", url)
	}
	if o.Provider == twiliotest.KORE {
		return text + fmt.Sprintf(`accounts:
  - name: simulated-%[1]d
    provider: kore
    oauth2: {client_id: %[2]s, client_secret: %[3]s, token_url: %[4]s/api-services/v1/auth/token}
    supersim_url: %[4]s
`, o.Seed, o.clientID(), secret, url)
	}
	return text + fmt.Sprintf(`accounts:
  - name: simulated-%[1]d
    account_sid: %[2]s
    basic_auth: {username: %[2]s, password: %[3]s}
    supersim_url: %[4]s
    api_url: %[4]s
`, o.Seed, o.accountSID(), secret, url)
}

// reachable is how a client on this machine reaches what listens at an address.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return address.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(tcp.Port))
}
