package twilio

// Provider names who serves the Super SIM API of an account.
type Provider string

const (
	// ProviderTwilio is Twilio itself: basic authentication, two hosts.
	ProviderTwilio Provider = "twilio"
	// ProviderKORE is KORE Wireless, which took Super SIM over in 2023: the same
	// Super SIM API on a host of its own, OAuth 2.0, and no account API.
	ProviderKORE Provider = "kore"
)

// Endpoint names a resource of the APIs; it is the label value under which
// requests are counted.
type Endpoint string

// The endpoints that this package asks.
const (
	EndpointUsageRecords Endpoint = "usage_records"
	EndpointSims         Endpoint = "sims"
	EndpointFleets       Endpoint = "fleets"
	EndpointNetworks     Endpoint = "networks"
	EndpointMonthlyUsage Endpoint = "monthly_usage"
	EndpointBalance      Endpoint = "balance"
	EndpointToken        Endpoint = "token"
)

// Endpoints lists what the provider has, so that a counter for each can start at 0.
func (p Provider) Endpoints() []Endpoint {
	all := []Endpoint{EndpointUsageRecords, EndpointSims, EndpointFleets, EndpointNetworks}
	if p == ProviderKORE {
		return append(all, EndpointToken)
	}
	return append(all, EndpointMonthlyUsage, EndpointBalance)
}

// HasAccountAPI says whether the provider reports an account's usage and balance.
func (p Provider) HasAccountAPI() bool { return p != ProviderKORE }

// MaxPageSize is the largest PageSize that the provider takes for an endpoint:
// 1,000, but 249 for UsageRecords at KORE (the vendors' OpenAPI files).
func (p Provider) MaxPageSize(e Endpoint) int {
	if p == ProviderKORE && e == EndpointUsageRecords {
		return 249
	}
	return 1000
}

// pageSize is what a listing asks for unless its parameters say otherwise: the
// largest page, but 100 for account usage, where pages of 1,000 have been
// reported to end in HTTP 500 with code 20500.
func (p Provider) pageSize(e Endpoint) int {
	if e == EndpointMonthlyUsage {
		return 100
	}
	return p.MaxPageSize(e)
}
