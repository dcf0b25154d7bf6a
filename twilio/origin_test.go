package twilio_test

import (
	"net/http"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func TestOrigins(t *testing.T) {
	for _, test := range []struct {
		url string
		ok  bool
	}{
		{"https://supersim.example", true},
		{"https://supersim.example/", true},
		{"http://127.0.0.1:8080", true},
		{"http://[::1]:8080", true},
		{"supersim.example", false},
		{"//supersim.example", false},
		{"ftp://supersim.example", false},
		{"https://", false},
		{"https://:443", false},
		{"https://user:password@supersim.example", false},
		{"https://supersim.example/v1", false},
		{"https://supersim.example?x=1", false},
		{"https://supersim.example#x", false},
		{"https://super sim.example", false},
		{"https://supersim.example:port", false},
	} {
		t.Run(test.url, func(t *testing.T) {
			_, err := twilio.New(twilio.Options{SuperSIMURL: test.url})
			equal(t, "SuperSIMURL taken", test.ok, err == nil)
			_, err = twilio.New(twilio.Options{APIURL: test.url})
			equal(t, "APIURL taken", test.ok, err == nil)
		})
	}
}

func TestConfiguredOriginsAreUsed(t *testing.T) {
	f := inTurn(superSIMPage("sims", "null"), monthlyPage("null"))
	c := newClient(t, f, func(o *twilio.Options) {
		o.SuperSIMURL, o.APIURL = "http://127.0.0.1:81/", "http://127.0.0.1:82"
	})
	mustList(t, c.Sims(t.Context()))
	mustList(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
	equal(t, "Super SIM", "127.0.0.1:81", f.requests[0].URL.Host)
	equal(t, "account", "127.0.0.1:82", f.requests[1].URL.Host)
}

func TestClientSaysWhoseItIs(t *testing.T) {
	c := newClient(t, always(http.StatusOK, ""))
	equal(t, "account", accountSID, c.AccountSID())
	equal(t, "provider", twilio.ProviderTwilio, c.Provider())
}

// What the API does not have is not requested.
func TestNoAccountAPI(t *testing.T) {
	for name, test := range map[string]struct {
		provider twilio.Provider
		sid      string
		want     string
	}{
		"KORE":              {twilio.ProviderKORE, accountSID, twilio.ErrNoAccountAPI.Error()},
		"no account":        {twilio.ProviderTwilio, "", twilio.ErrNoAccountAPI.Error()},
		"SID of a SIM":      {twilio.ProviderTwilio, "HS" + accountSID[2:], "not sent: AccountSid must be AC and 32 hexadecimal digits"},
		"path for a SID":    {twilio.ProviderTwilio, "AC/../../../etc/passwd", "not sent: AccountSid must be AC and 32 hexadecimal digits"},
		"SID with a letter": {twilio.ProviderTwilio, accountSID[:33] + "x", "not sent: AccountSid must be AC and 32 hexadecimal digits"},
	} {
		t.Run(name, func(t *testing.T) {
			f := always(http.StatusOK, "{}")
			c := newClient(t, f, func(o *twilio.Options) { o.Provider, o.AccountSID = test.provider, test.sid })
			err := failure(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
			equal(t, "monthly usage", test.want, err.Error())
			_, err = c.Balance(t.Context())
			if err == nil {
				t.Fatal("want an error")
			}
			equal(t, "balance", test.want, err.Error())
			equal(t, "requests", 0, f.count())
		})
	}
}

func TestProviders(t *testing.T) {
	equal(t, "Twilio's account API", true, twilio.ProviderTwilio.HasAccountAPI())
	equal(t, "KORE's account API", false, twilio.ProviderKORE.HasAccountAPI())
	for provider, want := range map[twilio.Provider][3]string{
		twilio.ProviderTwilio: {"https://supersim.twilio.com", "https://api.twilio.com", ""},
		twilio.ProviderKORE:   {"https://supersim.api.korewireless.com", "", "https://api.korewireless.com/api-services/v1/auth/token"},
	} {
		equal(t, "URLs", want, [3]string{provider.SuperSIMURL(), provider.APIURL(), provider.TokenURL()})
	}
	equal(t, "KORE's usage page", 249, twilio.ProviderKORE.MaxPageSize(twilio.EndpointUsageRecords))
	equal(t, "KORE's SIM page", 1000, twilio.ProviderKORE.MaxPageSize(twilio.EndpointSims))
	equal(t, "Twilio's usage page", 1000, twilio.ProviderTwilio.MaxPageSize(twilio.EndpointUsageRecords))
	for provider, want := range map[twilio.Provider]map[twilio.Endpoint]bool{
		twilio.ProviderTwilio: {twilio.EndpointUsageRecords: true, twilio.EndpointSims: true, twilio.EndpointFleets: true,
			twilio.EndpointNetworks: true, twilio.EndpointBillingPeriods: true, twilio.EndpointMonthlyUsage: true, twilio.EndpointBalance: true,
			twilio.EndpointAccounts: true},
		twilio.ProviderKORE: {twilio.EndpointUsageRecords: true, twilio.EndpointSims: true, twilio.EndpointFleets: true,
			twilio.EndpointNetworks: true, twilio.EndpointBillingPeriods: true, twilio.EndpointToken: true},
	} {
		have := provider.Endpoints()
		equal(t, string(provider)+"'s endpoints", len(want), len(have))
		for _, e := range have {
			equal(t, string(provider)+"'s "+string(e), true, want[e])
		}
	}
	for status, want := range map[twilio.SimStatus]bool{
		"new": false, "ready": true, "active": true, "inactive": false, "scheduled": true, "unheard-of": false,
	} {
		equal(t, string(status), want, status.CanSend())
	}
}
