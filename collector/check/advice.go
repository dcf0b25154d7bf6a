package check

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// adviceOn is what to do about an API that does not work.
func adviceOn(a config.Account, endpoint twilio.Endpoint, err error) string {
	reason := twilio.ReasonOf(err)
	superSIM := endpoint != twilio.EndpointMonthlyUsage && endpoint != twilio.EndpointBalance
	var status int
	if e, ok := errors.AsType[*twilio.APIError](err); ok {
		status = e.Status
	}
	switch {
	case reason == twilio.ReasonPermission && superSIM && a.Provider == twilio.ProviderTwilio:
		return "Restricted API keys cannot be given Super SIM: use a Main or a Standard key"
	case reason == twilio.ReasonPermission && endpoint == twilio.EndpointMonthlyUsage:
		return "give the Restricted API key the permission to read usage records, or use a Main or a Standard key"
	case reason == twilio.ReasonPermission && endpoint == twilio.EndpointBalance:
		return "use a Main API key, or set account_balance.enabled to false for this account"
	case reason == twilio.ReasonAuthentication && superSIM && a.Provider == twilio.ProviderTwilio:
		return reason.Advice() + "; if its SIMs are at KORE now, set provider: kore and KORE's client_id and client_secret"
	case reason == twilio.ReasonAuthentication && a.Provider == twilio.ProviderKORE:
		return "check client_id and client_secret; if they are of Twilio (AC…, SK…), set provider: twilio with basic_auth"
	case status == http.StatusNotFound:
		return "check supersim_url and api_url, and whether the provider serves Super SIM to this account"
	}
	return reason.Advice()
}

// mostClock is how far the clocks may be apart.
const mostClock = time.Minute

// advice is what is amiss with the account as a whole.
func advice(a config.Account, api config.API, client *twilio.Client, plan collector.Plan, seen *traffic) []string {
	var all []string
	if off := seen.offClock(); off > mostClock || off < -mostClock {
		direction := "behind"
		if off < 0 {
			direction, off = "ahead of", -off
		}
		all = append(all, fmt.Sprintf("the clock of this machine is %s %s the API's: set it, because what is asked for and shown goes by it",
			off.Round(time.Second), direction))
	}
	if client.SplitsTotals() {
		all = append(all, "the API wants totals to end at midnight (code 83601), so polls read the hours since then one by one: "+
			"poll less often or leave sim out of groups if that takes too many requests")
	}
	for name, schedule := range a.Collectors.Schedules() {
		takes := time.Duration(plan.Polls[name] * float64(seen.latency(mainEndpoint(name))) / float64(max(api.MaxConcurrency, 1)))
		if schedule.Enabled && takes > schedule.Interval {
			all = append(all, fmt.Sprintf("%s cannot keep its interval of %s: a poll of %.0f requests takes about %s; lengthen the interval or raise max_concurrency",
				name, model.Duration(schedule.Interval), plan.Polls[name], takes.Round(time.Second)))
		}
	}
	return all
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
