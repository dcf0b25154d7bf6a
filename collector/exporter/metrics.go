package exporter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// metrics are those about the exporter itself. They count on while results are
// replaced as a whole.
type metrics struct {
	pollSuccess, pollDuration, pollLastSuccess, pollRecords *prometheus.GaugeVec
	polls, pollFailures, decreases                          *prometheus.CounterVec
	requests, retries                                       *prometheus.CounterVec
	requestDuration                                         *prometheus.HistogramVec
	reloadSuccessful, reloadTimestamp                       prometheus.Gauge
	shardOrdinal, totalShards                               prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	table := make(map[string]collector.Family)
	for _, f := range collector.Families(false) {
		table[f.Name] = f
	}
	gauge := func(name string) *prometheus.GaugeVec {
		f := table[name]
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: f.Name, Help: f.Help, Unit: f.Unit()}, labelsOf(f))
		registry.MustRegister(v)
		return v
	}
	counter := func(name string) *prometheus.CounterVec {
		f := table[name]
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help, Unit: f.Unit()}, labelsOf(f))
		registry.MustRegister(v)
		return v
	}
	duration := table[collector.APIRequestDuration]
	m := &metrics{
		pollSuccess:     gauge(collector.PollSuccess),
		pollDuration:    gauge(collector.PollDuration),
		pollLastSuccess: gauge(collector.PollLastSuccess),
		pollRecords:     gauge(collector.PollRecords),
		polls:           counter(collector.Polls),
		pollFailures:    counter(collector.PollFailures),
		decreases:       counter(collector.UsageDecreases),
		requests:        counter(collector.APIRequests),
		retries:         counter(collector.APIRetries),
		requestDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: duration.Name, Help: duration.Help, Unit: duration.Unit(),
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labelsOf(duration)),
		reloadSuccessful: gauge(collector.ConfigLastReloadSuccessful).WithLabelValues(),
		reloadTimestamp:  gauge(collector.ConfigLastReloadTimestamp).WithLabelValues(),
		shardOrdinal:     gauge(collector.ShardOrdinal).WithLabelValues(),
		totalShards:      gauge(collector.TotalShards).WithLabelValues(),
	}
	registry.MustRegister(m.requestDuration)
	gauge(collector.BuildInfo).With(prometheus.Labels{
		"version": version.Version, "revision": version.GetRevision(), "branch": version.Branch,
		"goversion": version.GoVersion, "goos": version.GoOS, "goarch": version.GoArch, "tags": version.GetTags(),
	}).Set(1)
	return m
}

// start makes the counters of an account exist at 0, so that their first
// increase is seen.
func (m *metrics) start(account string, provider twilio.Provider, collectors []string) {
	for _, c := range collectors {
		m.polls.WithLabelValues(account, c)
		m.decreases.WithLabelValues(account, c)
		for _, reason := range twilio.Reasons() {
			m.pollFailures.WithLabelValues(account, c, string(reason))
		}
	}
	for _, endpoint := range provider.Endpoints() {
		m.requests.WithLabelValues(account, string(endpoint), "200")
		m.requestDuration.WithLabelValues(account, string(endpoint))
		for _, reason := range twilio.RetryReasons() {
			m.retries.WithLabelValues(account, string(endpoint), string(reason))
		}
	}
}

// forget drops what belongs to an account, or to one of its collectors.
func (m *metrics) forget(labels prometheus.Labels) {
	for _, v := range []*prometheus.GaugeVec{m.pollSuccess, m.pollDuration, m.pollLastSuccess, m.pollRecords} {
		v.DeletePartialMatch(labels)
	}
	for _, v := range []*prometheus.CounterVec{m.polls, m.pollFailures, m.decreases, m.requests, m.retries} {
		v.DeletePartialMatch(labels)
	}
	m.requestDuration.DeletePartialMatch(labels)
}

// labelsOf is a family's labels as exposed.
func labelsOf(f collector.Family) []string {
	if f.PerAccount {
		return append([]string{"account"}, f.Labels...)
	}
	return f.Labels
}

// observer counts one account's requests.
type observer struct {
	*metrics
	account string
}

// Request implements twilio.Observer.
func (o observer) Request(endpoint twilio.Endpoint, code string, took time.Duration) {
	o.requests.WithLabelValues(o.account, string(endpoint), code).Inc()
	o.requestDuration.WithLabelValues(o.account, string(endpoint)).Observe(took.Seconds())
}

// Retry implements twilio.Observer.
func (o observer) Retry(endpoint twilio.Endpoint, reason twilio.Reason) {
	o.retries.WithLabelValues(o.account, string(endpoint), string(reason)).Inc()
}
