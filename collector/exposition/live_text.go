package exposition

import (
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// liveEncoder encodes the metrics that are gathered for each scrape.
type liveEncoder struct {
	expfmt.Encoder
	text        *buffer // to which the encoder appends
	plain       bool    // it is a text format, and names need no escaping
	openMetrics bool
}

func newLiveEncoder(text *buffer, contentType expfmt.Format) liveEncoder {
	f, known := formatOf(contentType)
	return liveEncoder{expfmt.NewEncoder(text, contentType), text, known && f != protobuf, f == openMetrics}
}

// Encode implements expfmt.Encoder.
func (e liveEncoder) Encode(f *dto.MetricFamily) error {
	if e.plain {
		var done bool
		if *e.text, done = appendLive(*e.text, f, e.openMetrics); done {
			return nil
		}
	}
	return e.Encoder.Encode(f)
}

// Close implements expfmt.Closer.
func (e liveEncoder) Close() error { return e.Encoder.(expfmt.Closer).Close() }

// appendLive appends a family of plain counters, gauges or classic histograms in
// the text format or OpenMetrics. It returns false, and b as it was, for one that
// has more to it: those are the library's, which takes three times as long for the
// many plain ones.
func appendLive(b []byte, f *dto.MetricFamily, openMetrics bool) ([]byte, bool) {
	head := family{name: f.GetName(), help: f.GetHelp(), unit: f.GetUnit(), kind: f.GetType()}
	switch head.kind {
	case dto.MetricType_GAUGE, dto.MetricType_HISTOGRAM:
	case dto.MetricType_COUNTER:
		if !strings.HasSuffix(head.name, "_total") {
			return b, false
		}
	default:
		return b, false
	}
	if f.Help == nil || len(f.Metric) == 0 || !model.LegacyValidation.IsValidMetricName(head.name) {
		return b, false
	}
	whole := b
	b = head.appendHeader(b, openMetrics)
	for _, m := range f.Metric {
		if m.TimestampMs != nil {
			return whole, false
		}
		for _, l := range m.Label {
			if !model.LegacyValidation.IsValidLabelName(l.GetName()) {
				return whole, false
			}
		}
		switch {
		case head.kind == dto.MetricType_COUNTER && m.Counter != nil && m.Counter.Exemplar == nil:
			b = appendSample(b, head.name, "", m.Label, "")
			b = append(appendNumber(b, m.Counter.GetValue(), openMetrics), '\n')
		case head.kind == dto.MetricType_GAUGE && m.Gauge != nil:
			b = appendSample(b, head.name, "", m.Label, "")
			b = append(appendNumber(b, m.Gauge.GetValue(), openMetrics), '\n')
		case head.kind == dto.MetricType_HISTOGRAM && classic(m.Histogram):
			b = appendHistogram(b, head.name, m, openMetrics)
		default:
			return whole, false
		}
	}
	return b, true
}

// appendSample appends a sample up to its value. Its last label is bound, le, if
// that is not "".
func appendSample(b []byte, name, suffix string, labels []*dto.LabelPair, bound string) []byte {
	b = append(b, name...)
	b = append(b, suffix...)
	separator := byte('{')
	for _, l := range labels {
		b = append(b, separator)
		b = append(b, l.GetName()...)
		b = append(b, `="`...)
		b = appendEscaped(b, l.GetValue(), true)
		b = append(b, '"')
		separator = ','
	}
	if bound != "" {
		b = append(b, separator)
		b = append(b, `le="`...)
		b = append(b, bound...)
		b = append(b, `"} `...)
		return b
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	return append(b, ' ')
}

// classic says whether a histogram has buckets of whole counts and no exemplars.
func classic(h *dto.Histogram) bool {
	if h == nil || h.SampleCountFloat != nil || h.Schema != nil {
		return false
	}
	for _, bucket := range h.Bucket {
		if bucket.CumulativeCountFloat != nil || bucket.Exemplar != nil || math.IsInf(bucket.GetUpperBound(), +1) {
			return false
		}
	}
	return true
}

// appendHistogram appends the samples of a classic histogram whose last bucket
// goes without saying.
func appendHistogram(b []byte, name string, m *dto.Metric, openMetrics bool) []byte {
	h := m.Histogram
	number := func(n uint64) {
		if openMetrics {
			b = strconv.AppendUint(b, n, 10)
		} else {
			b = appendNumber(b, float64(n), false)
		}
		b = append(b, '\n')
	}
	var bound [32]byte
	for _, bucket := range h.Bucket {
		b = appendSample(b, name, "_bucket", m.Label, string(appendNumber(bound[:0], bucket.GetUpperBound(), openMetrics)))
		number(bucket.GetCumulativeCount())
	}
	b = appendSample(b, name, "_bucket", m.Label, "+Inf")
	number(h.GetSampleCount())
	b = appendSample(b, name, "_sum", m.Label, "")
	b = append(appendNumber(b, h.GetSampleSum(), openMetrics), '\n')
	b = appendSample(b, name, "_count", m.Label, "")
	number(h.GetSampleCount())
	return b
}
