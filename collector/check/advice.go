package check

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// adviceOn is what to do about an API that does not work.
func adviceOn(a config.Account, endpoint twilio.Endpoint, err error) string {
	reason := twilio.ReasonOf(err)
	var status, code int
	if e, ok := errors.AsType[*twilio.APIError](err); ok {
		status, code = e.Status, e.Code
	}
	superSIM := isSuperSIM(endpoint)
	switch reason {
	case twilio.ReasonAuthentication:
		return adviceOnCredentials(a, superSIM, err)
	case twilio.ReasonPermission:
		return adviceOnPermission(a, endpoint)
	case twilio.ReasonServer:
		return "the API failed by itself: check again in some minutes"
	case twilio.ReasonResponse:
		return "check that supersim_url and api_url are those of the API, and what is between, such as a proxy; if they are, report this with the request ID"
	}
	switch {
	case code >= codeFirstRange && code <= codeLastRange:
		return "the API refuses the range that was asked for, which goes by the clock of this machine: set the clock; if it is right, report this with the request ID"
	case status == http.StatusNotFound && superSIM:
		return "check supersim_url, and whether the provider serves Super SIM to this account"
	case status == http.StatusNotFound:
		return "check account_sid and api_url"
	}
	return reason.Advice()
}

// The codes of ranges that the API does not take, from 83600 (invalid or conflicting
// parameters) to 83605 (older than 18 months).
const codeFirstRange, codeLastRange = 83600, 83605

func isSuperSIM(endpoint twilio.Endpoint) bool {
	switch endpoint {
	case twilio.EndpointAccounts, twilio.EndpointMonthlyUsage, twilio.EndpointBalance:
		return false
	}
	return true
}

// adviceOnCredentials is what to do where credentials were refused or not read.
func adviceOnCredentials(a config.Account, superSIM bool, err error) string {
	isSID := regexp.MustCompile(`^(AC|SK)[0-9a-f]{32}$`).MatchString
	if _, ok := errors.AsType[*twilio.CredentialsError](err); ok {
		return "let the file be read, and fill it"
	}
	if a.Provider == twilio.ProviderKORE {
		if o := a.HTTPClient.OAuth2; o != nil && isSID(o.ClientID) {
			return "client_id is a SID of Twilio: use KORE's client_id and client_secret, or set provider: twilio with basic_auth"
		}
		return "check client_id and client_secret, which KORE gives, and token_url; for credentials of Twilio (AC…, SK…), set provider: twilio with basic_auth"
	}
	if b := a.HTTPClient.BasicAuth; b != nil && b.Username != "" && !isSID(b.Username) {
		return "the username is neither an account SID (AC…) nor the SID of an API key (SK…): if it is KORE's client_id, set provider: kore with oauth2"
	}
	advice := twilio.ReasonAuthentication.Advice()
	if superSIM {
		advice += "; if its SIMs are at KORE now, set provider: kore and KORE's client_id and client_secret"
	}
	return advice
}

// adviceOnPermission is what to do where credentials lack a permission.
func adviceOnPermission(a config.Account, endpoint twilio.Endpoint) string {
	switch {
	case a.Provider == twilio.ProviderKORE:
		return "have KORE let this client read Super SIM"
	case endpoint == twilio.EndpointMonthlyUsage:
		return "give the Restricted API key the permission to read usage records, or use a Main or a Standard key"
	case endpoint == twilio.EndpointBalance:
		return "use a Main API key, or set account_balance.enabled to false for this account"
	case endpoint == twilio.EndpointAccounts:
		return "use a Main API key or the auth token, because other keys cannot list accounts; or set subaccounts.enabled to false"
	}
	return "Restricted API keys cannot be given Super SIM: use a Main or a Standard key"
}

// mostClock is how far the clocks may be apart.
const mostClock = time.Minute

// advise adds what is amiss with the account as a whole to the API that shows it.
func (a *Account) advise(account config.Account, api config.API, client *twilio.Client, plan collector.Plan, seen *traffic) {
	if off := seen.offClock(); len(a.APIs) > 0 && (off > mostClock || off < -mostClock) {
		direction := "behind"
		if off < 0 {
			direction, off = "ahead of", -off
		}
		a.add(a.APIs[0].API, fmt.Sprintf("the clock of this machine is %s %s the API's: set it, because what is asked for and shown goes by it",
			off.Round(time.Second), direction))
	}
	if client.SplitsTotals() {
		a.add(twilio.EndpointUsageRecords, "the API wants totals to end at midnight (code 83601), so polls read the hours since then one by one: "+
			"poll less often or leave sim out of groups if that takes too many requests")
	}
	if most := float64(api.MaxRequestsPerHour); most > 0 && plan.RequestsPerHour > most {
		a.add(twilio.EndpointUsageRecords, fmt.Sprintf("polls would take %.0f requests an hour, and max_requests_per_hour is %.0f, so they come less often than configured: lengthen intervals, leave groups out, or raise it",
			plan.RequestsPerHour, most))
	}
	for name, schedule := range account.Collectors.Schedules() {
		endpoint := mainEndpoint(name)
		takes := time.Duration(plan.Polls[name] * float64(seen.latency(endpoint)) / float64(max(api.MaxConcurrency, 1)))
		if takes > schedule.Interval { // none, if it is off
			a.add(endpoint, fmt.Sprintf("%s cannot keep its interval of %s: a poll of %.0f requests takes about %s; lengthen the interval or raise max_concurrency",
				name, model.Duration(schedule.Interval), plan.Polls[name], takes.Round(time.Second)))
		}
	}
}

// add adds advice to an API that was asked.
func (a *Account) add(endpoint twilio.Endpoint, advice string) {
	for i := range a.APIs {
		if api := &a.APIs[i]; api.API == endpoint {
			if api.Advice != "" {
				advice = api.Advice + "; " + advice
			}
			api.Advice = advice
		}
	}
}

// mainEndpoint is the one that most requests of a collector go to.
func mainEndpoint(collector string) twilio.Endpoint {
	switch collector {
	case "supersim_inventory":
		return twilio.EndpointSims
	case "account_usage":
		return twilio.EndpointMonthlyUsage
	case "account_balance":
		return twilio.EndpointBalance
	default:
		return twilio.EndpointUsageRecords
	}
}
