package exporter_test

import (
	"maps"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// every is an effect at all endpoints.
func every(e effect) effects {
	m := make(effects)
	for _, c := range columns() {
		m[c.endpoint] = e
	}
	return m
}

// lists is an effect on listings. A balance and a token are one record each.
func lists(e effect) effects {
	no := effect{notApplicable: "no list"}
	return every(e).but(no, twiliotest.Balance, twiliotest.Token)
}

// but has another effect at some endpoints.
func (m effects) but(e effect, endpoints ...twiliotest.Endpoint) effects {
	m = maps.Clone(m)
	for _, endpoint := range endpoints {
		m[endpoint] = e
	}
	return m
}

// fails is an effect that lets the poll fail; log are parts of the message.
func fails(reason string, log ...string) effect { return effect{reason: reason, log: log} }

// succeedsAfter is a poll that succeeds with so many requests.
func succeedsAfter(n int) effect { return effect{requests: n} }

// held keeps the counters whatever becomes of the gauges.
func held(gauges func(series string, v float64) float64) func(string, float64) float64 {
	return func(series string, v float64) float64 {
		if family, _, _ := strings.Cut(series, "{"); strings.HasSuffix(family, "_total") {
			return v
		}
		return gauges(series, v)
	}
}

// in changes the series whose names begin with one of the prefixes.
func in(change func(float64) float64, prefixes ...string) func(string, float64) float64 {
	return func(series string, v float64) float64 {
		for _, prefix := range prefixes {
			if strings.HasPrefix(series, prefix) {
				return change(v)
			}
		}
		return v
	}
}

// gone drops the series whose names begin with one of the prefixes.
func gone(prefixes ...string) func(string, float64) float64 {
	return in(func(float64) float64 { return vanished }, prefixes...)
}

// silent makes gauges of an hour 0 where there was usage.
func silent(float64) float64 { return 0 }

// unreported drops gauges of an hour where there was usage: what was silent has no
// record that could leave the number out.
func unreported(v float64) float64 {
	if v == 0 {
		return 0
	}
	return vanished
}

// Prefixes of the names of gauges.
func hourGauges() []string {
	var names []string
	for _, d := range []string{"account", "sim", "fleet", "network", "country"} {
		names = append(names, "twilio_supersim_"+d+"_hour_upload_bytes", "twilio_supersim_"+d+"_hour_download_bytes")
	}
	return names
}

func monthlyGauges() []string {
	return []string{"twilio_account_previous_month_", "twilio_account_usage_cost", "twilio_account_cost"}
}
