package exposition

import (
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

// appendLive appends a family of plain counters or gauges in the text format or
// OpenMetrics. It returns false, and b as it was, for one that has more to it:
// those are the library's, which takes three times as long for the many plain
// ones.
func appendLive(b []byte, f *dto.MetricFamily, openMetrics bool) ([]byte, bool) {
	counter := f.GetType() == dto.MetricType_COUNTER
	if !counter && f.GetType() != dto.MetricType_GAUGE || f.Help == nil || len(f.Metric) == 0 ||
		counter && !strings.HasSuffix(f.GetName(), "_total") || !model.LegacyValidation.IsValidMetricName(f.GetName()) {
		return b, false
	}
	start := len(b)
	head := family{name: f.GetName(), help: f.GetHelp(), unit: f.GetUnit(), counter: counter}
	b = head.appendHeader(b, openMetrics)
	for _, m := range f.Metric {
		if m.TimestampMs != nil || m.Counter.GetExemplar() != nil || counter && m.Counter == nil || !counter && m.Gauge == nil {
			return b[:start], false
		}
		b = append(b, head.name...)
		separator := byte('{')
		for _, l := range m.Label {
			if !model.LegacyValidation.IsValidLabelName(l.GetName()) {
				return b[:start], false
			}
			b = append(b, separator)
			b = append(b, l.GetName()...)
			b = append(b, `="`...)
			b = appendEscaped(b, l.GetValue(), true)
			b = append(b, '"')
			separator = ','
		}
		if len(m.Label) > 0 {
			b = append(b, '}')
		}
		b = append(b, ' ')
		if counter {
			b = appendNumber(b, m.Counter.GetValue(), openMetrics)
		} else {
			b = appendNumber(b, m.Gauge.GetValue(), openMetrics)
		}
		b = append(b, '\n')
	}
	return b, true
}
