package exporter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/common/version"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// metrics are the self-metrics: those about the exporter and not about usage.
type metrics struct {
	pollSuccess, pollDuration, pollLastSuccess, pollRecords *prometheus.GaugeVec
	polls, pollFailures, decreases, unseen                  *prometheus.CounterVec
	requests, retries                                       *prometheus.CounterVec
	requestDuration                                         *prometheus.HistogramVec
	requestsPlanned, requestsBudget                         *prometheus.GaugeVec
	storageSuccessful, storageTimestamp, storageSize        *prometheus.GaugeVec
	reloadSuccessful, reloadTimestamp                       prometheus.Gauge
	shardOrdinal, totalShards                               prometheus.Gauge

	families   []metric.Family // of all of them
	perAccount []perAccount    // those whose series belong to an account
}

// perAccount is a vector of metrics with the label account.
type perAccount interface{ DeletePartialMatch(prometheus.Labels) int }

// selfFamilies are the families of the self-metrics.
func selfFamilies() []metric.Family { return newMetrics(prometheus.NewRegistry()).families }

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{families: []metric.Family{accountInfo(), superSIMAvailable()}}
	register := promauto.With(registry)
	opts := func(f metric.Family) prometheus.Opts {
		m.families = append(m.families, f)
		return prometheus.Opts{Name: f.Name, Help: f.Help, Unit: f.Unit()}
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		f := metric.Gauge(name, help, labels...)
		v := register.NewGaugeVec(prometheus.GaugeOpts(opts(f)), f.AllLabels())
		m.perAccount = append(m.perAccount, v)
		return v
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		f := metric.Counter(name, help, labels...)
		v := register.NewCounterVec(prometheus.CounterOpts(opts(f)), f.AllLabels())
		m.perAccount = append(m.perAccount, v)
		return v
	}
	processGauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		f := metric.Family{Name: name, Help: help, Type: metric.TypeGauge, Labels: labels}
		return register.NewGaugeVec(prometheus.GaugeOpts(opts(f)), f.AllLabels())
	}
	m.pollSuccess = gauge("twilio_exporter_poll_success",
		"Whether the last poll succeeded, 1 or 0; after a failure the results of the last successful poll are exposed.", "collector")
	m.pollDuration = gauge("twilio_exporter_poll_duration_seconds",
		"Duration of the last poll in seconds.", "collector")
	m.pollLastSuccess = gauge("twilio_exporter_poll_last_success_timestamp_seconds",
		"When the last successful poll ended, in seconds since the epoch.", "collector")
	m.pollRecords = gauge("twilio_exporter_poll_records",
		"Records that the last successful poll read.", "collector")
	m.polls = counter("twilio_exporter_polls_total",
		"Polls that ended, successful or not.", "collector")
	m.pollFailures = counter("twilio_exporter_poll_failures_total",
		"Polls that failed, by reason.", "collector", "reason")
	m.requests = counter("twilio_exporter_api_requests_total",
		"HTTP requests sent to the API, retries included, by HTTP status; code is error where there was no response.", "endpoint", "code")
	m.retries = counter("twilio_exporter_api_retries_total",
		"HTTP requests to the API that were sent again, by the reason for which the attempt before failed.", "endpoint", "reason")
	duration := metric.Gauge("twilio_exporter_api_request_duration_seconds",
		"Duration of HTTP requests to the API in seconds, the whole response included.", "endpoint")
	duration.Type = metric.TypeHistogram
	o := opts(duration)
	m.requestDuration = register.NewHistogramVec(prometheus.HistogramOpts{
		Name: o.Name, Help: o.Help, Unit: o.Unit, Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, duration.AllLabels())
	m.perAccount = append(m.perAccount, m.requestDuration)
	m.requestsPlanned = gauge("twilio_exporter_api_requests_planned_per_hour",
		"HTTP requests an hour that the polls of the account would send at their intervals, as many as the last polls took; above the budget, collectors poll less often.")
	m.requestsBudget = gauge("twilio_exporter_api_requests_budget_per_hour",
		"HTTP requests that the account may send in any hour (max_requests_per_hour).")
	m.decreases = counter("twilio_exporter_usage_decreases_total",
		"Counters that the API reported lower than before within their month; the higher value is held.", "collector")
	m.unseen = counter("twilio_exporter_usage_unseen_total",
		"Counters that left a month before their last value was shown, because rollover is shorter than a poll takes or than usage keeps appearing.", "collector")
	m.storageSuccessful = gauge("twilio_exporter_storage_last_write_successful",
		"Whether the account's state was last written to storage.path, 1 or 0; after a failure the account starts without a state.")
	m.storageTimestamp = gauge("twilio_exporter_storage_last_write_timestamp_seconds",
		"When the account's state was last written to storage.path, in seconds since the epoch.")
	m.storageSize = gauge("twilio_exporter_storage_size_bytes",
		"Size of the account's state in storage.path.")
	m.reloadSuccessful = processGauge("twilio_exporter_config_last_reload_successful",
		"Whether the last load of the configuration succeeded, 1 or 0.").WithLabelValues()
	m.reloadTimestamp = processGauge("twilio_exporter_config_last_reload_success_timestamp_seconds",
		"When the configuration was last loaded successfully, in seconds since the epoch.").WithLabelValues()
	m.shardOrdinal = processGauge("twilio_exporter_shard_ordinal",
		"Which of the shards this process is, counted from 0.").WithLabelValues()
	m.totalShards = processGauge("twilio_exporter_total_shards",
		"Shards that the accounts are divided among, 1 where they are not.").WithLabelValues()
	processGauge("twilio_exporter_build_info", "The build that is running, constant 1.",
		"branch", "goarch", "goos", "goversion", "revision", "tags", "version").With(prometheus.Labels{
		"version": version.Version, "revision": version.GetRevision(), "branch": version.Branch,
		"goversion": version.GoVersion, "goos": version.GoOS, "goarch": version.GoArch, "tags": version.GetTags(),
	}).Set(1)
	return m
}

// initialize makes the counters of an account exist at 0, so that increase() sees
// their first increase.
func (m *metrics) initialize(account string, endpoints []twilio.Endpoint, collectors []string) {
	for _, c := range collectors {
		m.polls.WithLabelValues(account, c)
		m.decreases.WithLabelValues(account, c)
		m.unseen.WithLabelValues(account, c)
		for _, reason := range twilio.Reasons() {
			m.pollFailures.WithLabelValues(account, c, string(reason))
		}
	}
	for _, endpoint := range endpoints {
		m.requests.WithLabelValues(account, string(endpoint), "200")
		m.requestDuration.WithLabelValues(account, string(endpoint))
		for _, reason := range twilio.RetryReasons() {
			m.retries.WithLabelValues(account, string(endpoint), string(reason))
		}
	}
}

// pollEnded counts a poll and shows its outcome.
func (m *metrics) pollEnded(account, name string, o *Outcome, r collector.Result) {
	m.polls.WithLabelValues(account, name).Inc()
	m.show(account, name, o)
	if o.Reason != "" {
		m.pollFailures.WithLabelValues(account, name, string(o.Reason)).Inc()
		return
	}
	m.decreases.WithLabelValues(account, name).Add(float64(r.Decreases))
	m.unseen.WithLabelValues(account, name).Add(float64(r.Unseen))
}

// show shows the outcome of a poll.
func (m *metrics) show(account, name string, o *Outcome) {
	success := 1.0
	if o.Reason != "" {
		success = 0
	}
	m.pollSuccess.WithLabelValues(account, name).Set(success)
	m.pollDuration.WithLabelValues(account, name).Set(o.Duration.Seconds())
	if !o.LastSuccess.IsZero() {
		m.pollLastSuccess.WithLabelValues(account, name).Set(float64(o.LastSuccess.UnixMilli()) / 1000)
		m.pollRecords.WithLabelValues(account, name).Set(float64(o.Records))
	}
}

// stateWritten shows the outcome of writing an account's state.
func (m *metrics) stateWritten(account string, size int64, err error) {
	if err != nil {
		m.storageSuccessful.WithLabelValues(account).Set(0)
		return
	}
	m.storageSuccessful.WithLabelValues(account).Set(1)
	m.storageTimestamp.WithLabelValues(account).Set(float64(time.Now().UnixMilli()) / 1000)
	m.storageSize.WithLabelValues(account).Set(float64(size))
}

// restored shows when restored results were read.
func (m *metrics) restored(account, name string, o *Outcome) {
	m.pollLastSuccess.WithLabelValues(account, name).Set(float64(o.LastSuccess.UnixMilli()) / 1000)
	m.pollRecords.WithLabelValues(account, name).Set(float64(o.Records))
}

// forget drops the series that have these labels.
func (m *metrics) forget(labels prometheus.Labels) {
	for _, v := range m.perAccount {
		v.DeletePartialMatch(labels)
	}
}

// observer counts one account's requests.
type observer struct {
	*metrics
	account string
	limiter *accountRequests
}

// Request implements twilio.Observer.
func (o observer) Request(endpoint twilio.Endpoint, code string, took time.Duration) {
	o.requests.WithLabelValues(o.account, string(endpoint), code).Inc()
	o.requestDuration.WithLabelValues(o.account, string(endpoint)).Observe(took.Seconds())
	if endpoint == twilio.EndpointToken { // all others count as the queue lets them through
		o.limiter.count(1)
	}
}

// Retry implements twilio.Observer.
func (o observer) Retry(endpoint twilio.Endpoint, reason twilio.Reason) {
	o.retries.WithLabelValues(o.account, string(endpoint), string(reason)).Inc()
}
