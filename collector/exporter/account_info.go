package exporter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

func accountInfo() metric.Family {
	return metric.Gauge("twilio_account_info",
		"An account that is configured, or a subaccount that was found, constant 1; account_sid is empty until it is known.", "account_sid", "provider")
}

// accountInfoCollector collects what is known of each account.
type accountInfoCollector struct {
	desc     *prometheus.Desc
	accounts func() generation
}

func newAccountInfoCollector(accounts func() generation) accountInfoCollector {
	f := accountInfo()
	return accountInfoCollector{prometheus.NewDesc(f.Name, f.Help, f.AllLabels(), nil), accounts}
}

// Describe implements prometheus.Collector.
func (c accountInfoCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c accountInfoCollector) Collect(ch chan<- prometheus.Metric) {
	for _, a := range c.accounts() {
		if a.settings.elsewhere {
			continue
		}
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, 1, a.name, a.shared.SID(), string(a.provider))
	}
}
