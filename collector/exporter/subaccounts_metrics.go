package exporter

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

func superSIMAvailable() metric.Family {
	return metric.Gauge("twilio_exporter_subaccount_supersim_available",
		"Whether the Super SIM data of a subaccount can be had, 1 or 0: it takes credentials of the subaccount itself, which an entry in accounts has.", "account_sid")
}

// superSIMAvailableCollector collects which subaccounts have credentials of their own.
type superSIMAvailableCollector struct {
	desc     *prometheus.Desc
	accounts func() generation
}

func newSuperSIMAvailableCollector(accounts func() generation) superSIMAvailableCollector {
	f := superSIMAvailable()
	return superSIMAvailableCollector{prometheus.NewDesc(f.Name, f.Help, f.AllLabels(), nil), accounts}
}

// Describe implements prometheus.Collector.
func (c superSIMAvailableCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c superSIMAvailableCollector) Collect(ch chan<- prometheus.Metric) {
	all := c.accounts()
	subaccounts := make(map[string]bool) // SIDs in lower case
	for _, a := range all {
		if a.discovery != nil {
			for _, s := range a.discovery.accounts() {
				subaccounts[strings.ToLower(s.SID)] = s.Status.IsOpen()
			}
		}
	}
	for _, a := range all {
		sid, value := a.settings.account.AccountSID, 1.0
		switch {
		case a.isFound():
			value = 0
		case a.settings.elsewhere || !subaccounts[strings.ToLower(sid)]:
			continue
		}
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, value, a.name, sid)
	}
}
