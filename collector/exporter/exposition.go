package exporter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twilio-exporter/twilio_exporter/collector"
)

// exposition shows the collectors' results. It is the one place where rows
// become metrics.
type exposition struct{ exporter *Exporter }

// Describe implements prometheus.Collector. It sends nothing: a reload can
// change the labels of a family.
func (exposition) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (x exposition) Collect(metrics chan<- prometheus.Metric) {
	g := x.exporter.current.Load()
	if g == nil {
		return
	}
	for _, account := range g.accounts {
		labels := []string{account.name, account.shared.SID(), string(account.provider)}
		metrics <- prometheus.MustNewConstMetric(g.families[collector.AccountInfo].desc, prometheus.GaugeValue, 1, labels...)
	}
	now := time.Now()
	for _, t := range g.tasks {
		for _, batch := range t.results(now) {
			g.families[batch.Family].send(metrics, t.account, batch)
		}
	}
}

// family is what client_golang wants to know of a row of the table.
type family struct {
	desc      *prometheus.Desc
	labels    int
	valueType prometheus.ValueType
}

func newFamilies(iccid bool) map[string]family {
	families := make(map[string]family)
	for _, f := range collector.Families(iccid) {
		valueType := prometheus.GaugeValue
		if f.Type == collector.Counter {
			valueType = prometheus.CounterValue
		}
		labels := labelsOf(f)
		desc := prometheus.V2.NewDesc(f.Name, f.Help, prometheus.UnconstrainedLabels(labels), nil, prometheus.WithUnit(f.Unit()))
		families[f.Name] = family{desc, len(labels), valueType}
	}
	return families
}

// labelsOf is a family's labels as exposed.
func labelsOf(f collector.Family) []string {
	if f.PerAccount {
		return append([]string{"account"}, f.Labels...)
	}
	return f.Labels
}

// send makes metrics of a batch. A row that cannot be one, such as a label value
// that is not UTF-8, is reported in its place and takes no other row with it.
func (f family) send(metrics chan<- prometheus.Metric, account string, batch collector.Batch) {
	for _, series := range batch.Series {
		labels := append([]string{account}, series.Labels...)
		if len(labels) != f.labels {
			return // from before a reload that changed them; the next poll has them
		}
		var m prometheus.Metric
		var err error
		if f.valueType == prometheus.CounterValue {
			m, err = prometheus.NewConstMetricWithCreatedTimestamp(f.desc, f.valueType, series.Value, batch.Created, labels...)
		} else {
			m, err = prometheus.NewConstMetric(f.desc, f.valueType, series.Value, labels...)
		}
		if err != nil {
			m = prometheus.NewInvalidMetric(f.desc, err)
		}
		metrics <- m
	}
}
