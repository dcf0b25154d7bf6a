package exposition_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what there is to be shown: batches by account.
type world map[string][]metric.Batch

// selfMetrics are of every type.
func selfMetrics() []prometheus.Collector {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "self_gauge", Help: "A gauge."})
	gauge.Set(1e9 + 0.5)
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "z_self_total", Help: "A counter."}, []string{"code"})
	counter.WithLabelValues("200").Add(3)
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "a_second_seconds", Help: "A histogram.", Unit: "seconds"})
	histogram.Observe(0.3)
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "sent_summary", Help: "A summary.", Objectives: map[float64]float64{0.5: 0.05}})
	summary.Observe(2)
	odd := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "self_odd_bytes", Help: "A \"gauge\" \\ of\nmany.", Unit: "bytes"}, []string{"a", "b"})
	for i, v := range hostileValues {
		text := strings.ToValidUTF8(hostileTexts[i%len(hostileTexts)], "?")
		odd.WithLabelValues(text, fmt.Sprint(i)).Set(v)
	}
	unnamed := prometheus.NewCounter(prometheus.CounterOpts{Name: "self_without_suffix", Help: "A counter."})
	exemplar := prometheus.NewCounter(prometheus.CounterOpts{Name: "self_exemplar_total", Help: "A counter."})
	exemplar.(prometheus.ExemplarAdder).AddWithExemplar(1, prometheus.Labels{"trace": "x"})
	foreign := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "self.foreign", Help: "A gauge."}, []string{"a.b"})
	foreign.WithLabelValues("x").Set(1)
	const hostile = "a\"b\\c\nd é"
	much := prometheus.NewDesc("self_much_seconds", "A histogram of much.", []string{"text"}, nil)
	histograms := collects(func(metrics chan<- prometheus.Metric) {
		metrics <- prometheus.MustNewConstHistogram(much, 1<<60+1, math.Inf(+1), map[float64]uint64{-1e-9: 0, 0.25: 999_999, 1: 1_000_000, 1e6: 1<<53 + 1}, hostile)
		metrics <- prometheus.MustNewConstHistogram(much, 0, math.NaN(), nil, hostile+"x")
		metrics <- prometheus.MustNewConstHistogram(much, 3, 4, map[float64]uint64{1: 1, math.Inf(+1): 3}, hostile+"y")
	})
	observed := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "self_observed_seconds", Help: "A histogram."})
	observed.(prometheus.ExemplarObserver).ObserveWithExemplar(0.3, prometheus.Labels{"trace": "x"})
	native := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "self_native_seconds", Help: "A histogram.", NativeHistogramBucketFactor: 1.1})
	native.Observe(0.3)
	return []prometheus.Collector{gauge, counter, histogram, summary, odd, unnamed, exemplar, foreign, histograms, observed, native}
}

// collects is a collector of whatever a function sends.
type collects func(metrics chan<- prometheus.Metric)

func (collects) Describe(chan<- *prometheus.Desc)           {}
func (c collects) Collect(metrics chan<- prometheus.Metric) { c(metrics) }

// reference shows a world by client_golang alone.
type reference struct {
	world world
	self  []prometheus.Collector
}

func (reference) Describe(chan<- *prometheus.Desc) {}

func (r reference) Collect(metrics chan<- prometheus.Metric) {
	for account, batches := range r.world {
		for _, batch := range batches {
			f := batch.Family
			desc := prometheus.V2.NewDesc(f.Name, f.Help, prometheus.UnconstrainedLabels(append([]string{"account"}, f.Labels...)), nil, prometheus.WithUnit(f.Unit()))
			for series := range batch.All() {
				labels := append([]string{account}, series.Labels...)
				var m prometheus.Metric
				var err error
				switch {
				case f.Type == metric.TypeCounter && !batch.Created.IsZero():
					m, err = prometheus.NewConstMetricWithCreatedTimestamp(desc, prometheus.CounterValue, series.Value, batch.Created, labels...)
				case f.Type == metric.TypeCounter:
					m, err = prometheus.NewConstMetric(desc, prometheus.CounterValue, series.Value, labels...)
				default:
					m, err = prometheus.NewConstMetric(desc, prometheus.GaugeValue, series.Value, labels...)
				}
				if err != nil {
					m = prometheus.NewInvalidMetric(desc, err)
				}
				metrics <- m
			}
		}
	}
}

func (r reference) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(append(r.self, r)...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true,
	})
}

// show makes an exposition of a world.
func show(w world) (*exposition.Exposition, map[string]*exposition.Source) {
	x := exposition.New()
	sources := make(map[string]*exposition.Source)
	var inits []exposition.SourceInit
	for account := range w {
		sources[account] = exposition.NewSource(account, 0)
		inits = append(inits, exposition.SourceInit{Source: sources[account]})
	}
	x.Replace(table(), inits)
	for account, batches := range w {
		x.Show(sources[account], batches, time.Now())
	}
	return x, sources
}

func handler(x *exposition.Exposition, self []prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(self...)
	return x.Handler(exposition.HandlerOptions{SelfMetrics: registry, Registry: prometheus.NewRegistry()})
}

// accepts are what scrapers ask for, Prometheus's own words among them.
var accepts = []string{
	"",
	"text/plain;version=0.0.4",
	"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
	"application/openmetrics-text;version=0.0.1",
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6",
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text",
	"application/openmetrics-text;version=1.0.0;escaping=dots",
	"text/plain;version=1.0.0;escaping=underscores",
	"text/html",
}

func scrape(t testing.TB, h http.Handler, accept, coding, query string) (http.Header, []byte) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics"+query, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	if coding != "" {
		r.Header.Set("Accept-Encoding", coding)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d: %s", accept, w.Code, w.Body)
	}
	body := w.Body.Bytes()
	if length := w.Result().ContentLength; length >= 0 && length != int64(len(body)) {
		t.Errorf("%s: Content-Length %d, and %d bytes", accept, length, len(body))
	}
	if w.Header().Get("Content-Encoding") == "gzip" {
		body = gunzip(t, body)
	}
	return w.Header(), body
}

// gunzip reads one gzip member, which must be all there is.
func gunzip(t testing.TB, body []byte) []byte {
	t.Helper()
	in := bytes.NewReader(body)
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if in.Len() > 0 {
		t.Errorf("%d bytes behind the gzip member", in.Len())
	}
	return plain
}

// compare compares every format with client_golang's, byte for byte.
func compare(t testing.TB, w world) {
	t.Helper()
	x, _ := show(w)
	fixed := selfMetrics()
	ours, theirs := handler(x, fixed), reference{w, fixed}.handler()
	for _, query := range []string{"", "?name[]=cost_total&name[]=self_gauge"} {
		for _, accept := range accepts {
			for _, coding := range []string{"", "gzip"} {
				want, wantBody := scrape(t, theirs, accept, coding, query)
				have, haveBody := scrape(t, ours, accept, coding, query)
				for _, name := range []string{"Content-Type", "Content-Encoding", "Vary"} {
					if !slices.Equal(have.Values(name), want.Values(name)) {
						t.Errorf("%q %q%s: %s: want %q, have %q", accept, coding, query, name, want.Values(name), have.Values(name))
					}
				}
				// The library's text form of protobuf has spaces at random.
				if strings.Contains(accept, "encoding=text") || strings.Contains(accept, "compact-text") {
					haveBody, wantBody = bytes.Join(bytes.Fields(haveBody), []byte(" ")), bytes.Join(bytes.Fields(wantBody), []byte(" "))
				}
				if !bytes.Equal(haveBody, wantBody) {
					t.Fatalf("%q %q%s: %s", accept, coding, query, difference(wantBody, haveBody))
				}
			}
		}
	}
}

// difference shows where two bodies part.
func difference(want, have []byte) string {
	i := 0
	for i < len(want) && i < len(have) && want[i] == have[i] {
		i++
	}
	from := max(0, i-200)
	return fmt.Sprintf("they part at byte %d\nwant …%q\nhave …%q", i, want[from:min(len(want), i+100)], have[from:min(len(have), i+100)])
}

var month = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// hostile are label values and values that have broken other encoders.
var (
	hostileTexts  = []string{"", `"`, `\`, "\n", "\\n", `a"b\c` + "\nd", "ö€😀", "\x00", "\xff", "a\xc3", " ", "{}", "=", ",", "# EOF\n", strings.Repeat("x", 300)}
	hostileValues = []float64{
		0, math.Copysign(0, -1), 1, -1, 10, 999999, 1e6, 1234567, 1e15, 1e15 - 1, 1<<53 + 1, 1 << 53, 1e20, 1e21, 1e22, 123456789012345,
		0.1, 0.000001, 0.0001, 0.00009, 0.00012, 2417.858045, 1234567.891, 999999.9999999, 1e-320, math.SmallestNonzeroFloat64, math.MaxFloat64,
		math.NaN(), math.Float64frombits(0x7ff8000000000123), math.Inf(1), math.Inf(-1), math.Pi, 1 / 3.0, 5e-7, 123456.5, 0.3, 100000, 1000000.5, -2.5, -1e6, -0.000123,
	}
)

func TestHostile(t *testing.T) {
	var sent, cost, ages, odd, info []metric.Sample
	for i, s := range hostileTexts {
		value := hostileValues[i%len(hostileValues)]
		sent = append(sent, metric.Sample{Labels: []string{s}, Value: value})
		cost = append(cost, metric.Sample{Labels: []string{s, "USD"}, Value: value}, metric.Sample{Labels: []string{"x", s}, Value: value})
		ages = append(ages, metric.Sample{Labels: []string{s, "b" + s}, Value: value})
		info = append(info, metric.Sample{Labels: []string{"x" + s, s, s + "y"}, Value: 1})
	}
	for i, v := range hostileValues {
		odd = append(odd, metric.Sample{Labels: []string{fmt.Sprint(i % 30)}, Value: v}) // some come twice
	}
	batches := []metric.Batch{
		metric.NewBatch(family("a_first"), []metric.Sample{{Value: 7}}),
		metric.NewCounters(family("sent_bytes_total"), month, sent),
		metric.NewCounters(family("cost_total"), time.Unix(0, 0), cost),
		metric.NewCounters(family("age_seconds"), month, ages),
		metric.NewBatch(family("no_suffix"), odd),
		metric.NewBatch(family("zz_info"), info),
	}
	w := world{"no samples": nil}
	for _, account := range hostileTexts[:9] {
		w[account] = batches
	}
	compare(t, w)
	compare(t, world{"a": {metric.NewCounters(family("sent_bytes_total"), month, nil)}})
	compare(t, world{})
}

// TestLarge has families that are kept compressed, in several segments, of
// accounts of very different sizes.
func TestLarge(t *testing.T) {
	w := make(world)
	for a := range 30 {
		samples := 10
		switch {
		case a == 20:
			samples = 8200
		case a%9 == 0:
			samples = 700
		}
		ids, values, fleets := make([]string, samples), make([]float64, samples), make([]string, samples)
		for i := range samples {
			ids[i] = fmt.Sprintf("HS%032x", i*7919)
			values[i] = float64(i * i * 31)
			fleets[i] = fmt.Sprintf("HF%02d", i*20/samples)
		}
		info := slices.Clone(ids)
		w[fmt.Sprintf("account-%d", a)] = []metric.Batch{
			{Family: family("sent_bytes_total"), Created: month, Len: samples, Labels: []metric.Column[string]{metric.Values(ids)}, Values: metric.Values(values)},
			{Family: family("cost_total"), Created: month, Len: samples, Labels: []metric.Column[string]{metric.Values(ids), metric.Const("EUR")}, Values: metric.Const(0.0)},
			{Family: family("cost_total"), Created: month, Len: samples, Labels: []metric.Column[string]{metric.Values(ids), metric.Const("USD")}, Values: metric.Values(values)},
			{Family: family("zz_info"), Len: samples, Labels: []metric.Column[string]{metric.Values(info), metric.Const("meter"), metric.Values(fleets)}, Values: metric.Const(1.0)},
		}
	}
	x, sources := show(w)
	fixed := selfMetrics()
	ours, theirs := handler(x, fixed), reference{w, fixed}.handler()
	for _, accept := range []string{accepts[1], accepts[2], accepts[4]} {
		_, want := scrape(t, theirs, accept, "gzip", "")
		var codings []string
		for _, coding := range []string{"gzip", "gzip", "gzip", "identity"} {
			header, have := scrape(t, ours, accept, coding, "")
			if !bytes.Equal(have, want) {
				t.Fatalf("%q %q: %s", accept, coding, difference(want, have))
			}
			codings = append(codings, header.Get("Content-Encoding"))
			x.Wait()
		}
		// Nothing is kept for who looks once; for Prometheus, it is from the start.
		expected := []string{"", "", "gzip", ""}
		if accept == accepts[2] {
			expected = []string{"gzip", "gzip", "gzip", ""}
		}
		if !slices.Equal(codings, expected) {
			t.Errorf("%q: have codings %q, want %q", accept, codings, expected)
		}
	}

	// What is kept must give way to what changes, and to nothing else: a value
	// among thousands, a month, a label, samples that go.
	for _, change := range []struct {
		account string
		what    func([]metric.Batch)
	}{
		{"account-20", func(b []metric.Batch) {
			values := slices.Clone(b[0].Values.Values())
			values[4321]++
			b[0].Values = metric.Values(values)
		}},
		{"account-3", func(b []metric.Batch) { b[2].Created = month.AddDate(0, 1, 0) }},
		{"account-9", func(b []metric.Batch) {
			b[3].Labels = slices.Replace(slices.Clone(b[3].Labels), 1, 2, metric.Const("x"))
		}},
		{"account-18", func(b []metric.Batch) { b[0].Len = 0 }},
	} {
		w[change.account] = slices.Clone(w[change.account])
		change.what(w[change.account])
		x.Show(sources[change.account], w[change.account], time.Now())
		for _, accept := range []string{accepts[1], accepts[2], accepts[4]} {
			_, want := scrape(t, theirs, accept, "", "")
			if header, have := scrape(t, ours, accept, "gzip", ""); !bytes.Equal(have, want) || header.Get("Content-Encoding") != "gzip" {
				t.Fatalf("%s changed: %q: %s", change.account, accept, difference(want, have))
			}
		}
	}
}

// FuzzEquality makes a world of what it gets.
func FuzzEquality(f *testing.F) {
	for i, s := range hostileTexts {
		f.Add(s, hostileTexts[(i+3)%len(hostileTexts)], binary.LittleEndian.AppendUint64(nil, math.Float64bits(hostileValues[i])))
	}
	f.Fuzz(func(t *testing.T, a, b string, bits []byte) {
		var values []float64
		for ; len(bits) >= 8 && len(values) < 50; bits = bits[8:] {
			values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(bits)))
		}
		var sent, info []metric.Sample
		for i, v := range values {
			sent = append(sent, metric.Sample{Labels: []string{a + strings.Repeat(b, i%3)}, Value: v})
			info = append(info, metric.Sample{Labels: []string{fmt.Sprint(i), a, b}, Value: v})
		}
		batches := []metric.Batch{
			metric.NewCounters(family("sent_bytes_total"), month, sent),
			metric.NewBatch(family("zz_info"), info),
		}
		compare(t, world{a: batches, b + "2": batches[:1]})
	})
}

// FuzzNumber compares single values, which need many tries.
func FuzzNumber(f *testing.F) {
	for _, v := range hostileValues {
		f.Add(math.Float64bits(v), int64(v*1000))
	}
	f.Fuzz(func(t *testing.T, bits uint64, n int64) {
		var samples []metric.Sample
		for i, v := range []float64{math.Float64frombits(bits), float64(n), float64(n) / 1e6, float64(n) / 100, float64(n%1e6) / 1e6, float64(n) * 1e6} {
			samples = append(samples, metric.Sample{Labels: []string{fmt.Sprint(i)}, Value: v})
		}
		w := world{"a": {metric.NewBatch(family("no_suffix"), samples)}}
		x, _ := show(w)
		for _, accept := range accepts[1:3] {
			_, want := scrape(t, reference{w, nil}.handler(), accept, "", "")
			if _, have := scrape(t, handler(x, nil), accept, "", ""); !bytes.Equal(have, want) {
				t.Fatalf("%q: %s", accept, difference(want, have))
			}
		}
	})
}
