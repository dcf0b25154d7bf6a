package exporter

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// metrics are the self-metrics: those about the exporter and not about usage.
// They accumulate while results are replaced as a whole.
type metrics struct {
	accountInfo                                             accountInfo
	pollSuccess, pollDuration, pollLastSuccess, pollRecords *prometheus.GaugeVec
	polls, pollFailures, decreases                          *prometheus.CounterVec
	requests, retries                                       *prometheus.CounterVec
	requestDuration                                         *prometheus.HistogramVec
	reloadSuccessful, reloadTimestamp                       prometheus.Gauge
	shardOrdinal, totalShards                               prometheus.Gauge

	families []metric.Family // of all of them
}

// selfFamilies are the families of the self-metrics.
func selfFamilies() []metric.Family { return newMetrics(prometheus.NewRegistry()).families }

func newMetrics(registry prometheus.Registerer) *metrics {
	m := new(metrics)
	gauge := func(f metric.Family) *prometheus.GaugeVec {
		m.families = append(m.families, f)
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: f.Name, Help: f.Help, Unit: f.Unit()}, f.AllLabels())
		registry.MustRegister(v)
		return v
	}
	counter := func(f metric.Family) *prometheus.CounterVec {
		m.families = append(m.families, f)
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help, Unit: f.Unit()}, f.AllLabels())
		registry.MustRegister(v)
		return v
	}
	histogram := func(f metric.Family, buckets ...float64) *prometheus.HistogramVec {
		f.Type = metric.TypeHistogram
		m.families = append(m.families, f)
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Unit: f.Unit(), Buckets: buckets}, f.AllLabels())
		registry.MustRegister(v)
		return v
	}
	process := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return gauge(metric.Family{Name: name, Help: help, Type: metric.TypeGauge, Labels: labels})
	}
	m.accountInfo.vec = gauge(metric.Gauge("twilio_account_info",
		"A configured account, constant 1; account_sid is empty until it is known.", "account_sid", "provider"))
	m.pollSuccess = gauge(metric.Gauge("twilio_exporter_poll_success",
		"Whether the last poll succeeded, 1 or 0; after a failure the results of the last successful poll are exposed.", "collector"))
	m.pollDuration = gauge(metric.Gauge("twilio_exporter_poll_duration_seconds",
		"Duration of the last poll in seconds.", "collector"))
	m.pollLastSuccess = gauge(metric.Gauge("twilio_exporter_poll_last_success_timestamp_seconds",
		"When the last successful poll ended, in seconds since the epoch.", "collector"))
	m.pollRecords = gauge(metric.Gauge("twilio_exporter_poll_records",
		"Records that the last successful poll read.", "collector"))
	m.polls = counter(metric.Counter("twilio_exporter_polls_total",
		"Polls that ended, successful or not.", "collector"))
	m.pollFailures = counter(metric.Counter("twilio_exporter_poll_failures_total",
		"Polls that failed, by reason.", "collector", "reason"))
	m.requests = counter(metric.Counter("twilio_exporter_api_requests_total",
		"HTTP requests sent to the API, retries included, by HTTP status; code is error where there was no response.", "endpoint", "code"))
	m.retries = counter(metric.Counter("twilio_exporter_api_retries_total",
		"HTTP requests to the API that were sent again, by the reason for which the attempt before failed.", "endpoint", "reason"))
	m.requestDuration = histogram(metric.Gauge("twilio_exporter_api_request_duration_seconds",
		"Duration of HTTP requests to the API in seconds, the whole response included.", "endpoint"),
		.05, .1, .25, .5, 1, 2.5, 5, 10, 30)
	m.decreases = counter(metric.Counter("twilio_exporter_usage_decreases_total",
		"Counters that the API reported lower than before within their month; the higher value is held.", "collector"))
	m.reloadSuccessful = process("twilio_exporter_config_last_reload_successful",
		"Whether the last load of the configuration succeeded, 1 or 0.").WithLabelValues()
	m.reloadTimestamp = process("twilio_exporter_config_last_reload_success_timestamp_seconds",
		"When the configuration was last loaded successfully, in seconds since the epoch.").WithLabelValues()
	m.shardOrdinal = process("twilio_exporter_shard_ordinal",
		"Which of the shards this process is, counted from 0.").WithLabelValues()
	m.totalShards = process("twilio_exporter_total_shards",
		"Shards that the accounts are divided among, 1 where they are not.").WithLabelValues()
	process("twilio_exporter_build_info", "The build that is running, constant 1.",
		"branch", "goarch", "goos", "goversion", "revision", "tags", "version").With(prometheus.Labels{
		"version": version.Version, "revision": version.GetRevision(), "branch": version.Branch,
		"goversion": version.GoVersion, "goos": version.GoOS, "goarch": version.GoArch, "tags": version.GetTags(),
	}).Set(1)
	return m
}

// start makes the counters of an account exist at 0, so that increase() sees
// their first increase.
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

// accountInfo shows what is known of each account.
type accountInfo struct {
	vec *prometheus.GaugeVec

	mu    sync.Mutex
	shown map[string][]string // label values by account name
}

// set shows an account, instead of what was known of it before.
func (i *accountInfo) set(account, sid string, provider twilio.Provider) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before, now := i.shown[account], []string{account, sid, string(provider)}
	if slices.Equal(before, now) {
		return
	}
	i.vec.WithLabelValues(now...).Set(1)
	if before != nil {
		i.vec.DeleteLabelValues(before...)
	}
	if i.shown == nil {
		i.shown = make(map[string][]string)
	}
	i.shown[account] = now
}

func (i *accountInfo) forget(account string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if before := i.shown[account]; before != nil {
		i.vec.DeleteLabelValues(before...)
		delete(i.shown, account)
	}
}
