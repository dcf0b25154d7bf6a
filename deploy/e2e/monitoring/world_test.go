package monitoring_test

import (
	"fmt"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// Two accounts, at Twilio and at KORE, small enough to calculate results by hand.
const (
	production = "AC0000000000000000000000000000e2e1"
	sensors    = "AC0000000000000000000000000000e2e2"

	meters   = "HF0000000000000000000000000000e2e1"
	cameras  = "HF0000000000000000000000000000e2e2"
	trackers = "HF0000000000000000000000000000e2e3"

	homeNetwork    = "HW0000000000000000000000000000e2e1"
	roamingNetwork = "HW0000000000000000000000000000e2e2"

	token  = "production's auth token"
	secret = "sensors' client secret"
)

// simSID returns the SID of the nth SIM of all accounts, counted from 1.
func simSID(n int) string { return fmt.Sprintf("HS%032x", 0xe2e00+n) }

// wildSIM can use wildBytes in an hour, far more than usual. sleepySIM uses less in
// the last days of a month.
var wildSIM, sleepySIM = simSID(2), simSID(8)

const wildBytes = 900_000_000

// world returns the simulated accounts and their usage. In each hour from start to
// end every active SIM uses about two megabytes, a tenth of it abroad; in the hours
// for which wild returns true, wildSIM uses wildBytes. If end is zero, usage does not
// end.
func world(start, end time.Time, wild func(hour time.Time) bool) twiliotest.Options {
	networks := []twiliotest.Network{
		{SID: homeNetwork, FriendlyName: "Home Mobile", ISOCountry: "DE", MCC: "262", MNC: "097"},
		{SID: roamingNetwork, FriendlyName: "Border Telecom", ISOCountry: "PL", MCC: "260", MNC: "096"},
	}
	usage := func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if sim.Status != "active" || hour.Before(start) || !end.IsZero() && !hour.Before(end) {
			return nil
		}
		n := int64(sim.SID[len(sim.SID)-1]) // any number that differs from SIM to SIM
		bytes := 500_000 + 10_000*(n+7*int64(hour.Hour())%11)
		if wild != nil && sim.SID == wildSIM && wild(hour) {
			bytes = wildBytes / 2
		}
		// Little usage in the last five days of each month, so that the new month soon
		// exceeds what an exporter that started late saw of the old one.
		if sim.SID == sleepySIM && hour.AddDate(0, 0, 5).Month() != hour.Month() {
			bytes /= 100
		}
		segment := func(network string, bytes int64) twiliotest.Segment {
			return twiliotest.Segment{
				NetworkSID: network, Upload: bytes, Download: bytes, MicroCost: bytes / 5,
				ByteDelay: 10 * time.Minute, BillDelay: 40 * time.Minute,
			}
		}
		return []twiliotest.Segment{segment(homeNetwork, bytes-bytes/10), segment(roamingNetwork, bytes/10)}
	}
	sims := func(first, count int, fleets ...string) []twiliotest.SIM {
		var list []twiliotest.SIM
		for i := range count {
			s := twiliotest.SIM{SID: simSID(first + i), UniqueName: fmt.Sprintf("device-%02d", first+i), FleetSID: fleets[i%len(fleets)]}
			list = append(list, s)
		}
		return list
	}
	one := sims(1, 8, meters, cameras)
	one = append(one, twiliotest.SIM{SID: simSID(9), UniqueName: "silent-one", FleetSID: meters, Status: "ready"},
		twiliotest.SIM{SID: simSID(10), UniqueName: "waiting", FleetSID: meters, Status: "scheduled"})
	return twiliotest.Options{Accounts: []twiliotest.Account{
		{
			SID: production, AuthToken: token, Currency: "USD", Balance: "9000.00", SIMList: one,
			FleetList: []twiliotest.Fleet{
				{SID: meters, UniqueName: "meters", DataLimitMB: 20000},
				{SID: cameras, UniqueName: "cameras", DataLimitMB: 50000},
			},
			NetworkList: networks, Usage: usage,
		},
		{
			SID: sensors, Provider: twiliotest.KORE, ClientID: "sensors", ClientSecret: secret, Currency: "EUR",
			SIMList:     sims(11, 3, trackers),
			FleetList:   []twiliotest.Fleet{{SID: trackers, UniqueName: "trackers", DataLimitMB: 20000}},
			NetworkList: networks, Usage: usage,
		},
	}}
}

// configuration returns the exporter's configuration for this world.
func configuration(url, collectors string) string {
	return fmt.Sprintf(`
accounts:
  - name: production
    account_sid: %[2]s
    basic_auth: {username: %[2]s, password: %[3]q}
    supersim_url: %[1]s
    api_url: %[1]s
  - name: sensors
    provider: kore
    oauth2: {client_id: sensors, client_secret: %[4]q, token_url: %[1]s/api-services/v1/auth/token}
    supersim_url: %[1]s
%[5]s`, url, production, token, secret, collectors)
}
