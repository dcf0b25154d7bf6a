package twilio

// Provider is the company that serves the Super SIM API of an account. Its text
// is what the configuration and the status page show.
type Provider string

const (
	// ProviderTwilio is Twilio itself: HTTP basic authentication, and two hosts,
	// one for the Super SIM API and one for the account API.
	ProviderTwilio Provider = "twilio"
	// ProviderKORE is KORE Wireless, which acquired Super SIM in 2023: the same
	// Super SIM API on another host, OAuth 2.0, and no account API.
	ProviderKORE Provider = "kore"
)

// SuperSIMURL returns the default origin of the Super SIM API (servers in the
// vendors' OpenAPI files).
func (p Provider) SuperSIMURL() string {
	if p == ProviderKORE {
		return "https://supersim.api.korewireless.com"
	}
	return "https://supersim.twilio.com"
}

// APIURL returns the default origin of the account API (servers in Twilio's
// OpenAPI files), or "" where there is none, as for KORE.
func (p Provider) APIURL() string {
	if p == ProviderKORE {
		return ""
	}
	return "https://api.twilio.com"
}

// TokenURL returns the default URL of the OAuth 2.0 token endpoint (KORE's
// OpenAPI file), or "" where there is none, as for Twilio.
func (p Provider) TokenURL() string {
	if p == ProviderKORE {
		return "https://api.korewireless.com/api-services/v1/auth/token"
	}
	return ""
}

// HasAccountAPI reports whether the provider serves the account API: usage and
// balance of the whole account.
func (p Provider) HasAccountAPI() bool { return p.APIURL() != "" }

// Endpoint names a resource of the APIs. Its text is the value of the label
// endpoint of the request metrics.
type Endpoint string

// The endpoints that this package requests.
const (
	EndpointUsageRecords   Endpoint = "usage_records"
	EndpointSims           Endpoint = "sims"
	EndpointFleets         Endpoint = "fleets"
	EndpointNetworks       Endpoint = "networks"
	EndpointBillingPeriods Endpoint = "billing_periods"
	EndpointMonthlyUsage   Endpoint = "monthly_usage"
	EndpointBalance        Endpoint = "balance"
	EndpointAccounts       Endpoint = "accounts"
	EndpointToken          Endpoint = "token"
)

// Endpoints lists the endpoints of the provider, so that a counter for each can
// start at 0.
func (p Provider) Endpoints() []Endpoint {
	all := []Endpoint{EndpointUsageRecords, EndpointSims, EndpointFleets, EndpointNetworks, EndpointBillingPeriods}
	if p == ProviderKORE {
		return append(all, EndpointToken)
	}
	return append(all, EndpointMonthlyUsage, EndpointBalance, EndpointAccounts)
}

// MaxPageSize returns the largest PageSize that an endpoint accepts: 1,000, but
// 249 for UsageRecords at KORE (the vendors' OpenAPI files).
func (p Provider) MaxPageSize(e Endpoint) int {
	if p == ProviderKORE && e == EndpointUsageRecords {
		return 249
	}
	return 1000
}

// pageSize returns the PageSize of a listing whose parameters give none: the
// largest, but 100 for account usage, where users have reported HTTP 500 with
// code 20500 for pages of 1,000, and for accounts, which the same API lists.
func (p Provider) pageSize(e Endpoint) int {
	if e == EndpointMonthlyUsage || e == EndpointAccounts {
		return 100
	}
	return p.MaxPageSize(e)
}
