package exposition

import (
	"bytes"
	"strconv"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// textEncoder encodes samples as lines of the text format or of OpenMetrics.
type textEncoder struct {
	openMetrics bool
	labels      []textLabel // those that differ between samples
	end         []byte      // between the last of them and the value
	values      metric.Column[float64]
}

type textLabel struct {
	before []byte // between the label before and this one's value
	values []string
}

// newTextEncoder renders all that is the same in every sample.
func newTextEncoder(s *samples, openMetrics bool) *textEncoder {
	e := &textEncoder{openMetrics: openMetrics, values: s.values}
	b := append([]byte(s.family.name), '{')
	for l, c := range s.labels {
		if l > 0 {
			b = append(b, ',')
		}
		b = append(b, s.family.labels[l]...)
		b = append(b, `="`...)
		if values := c.Values(); values != nil {
			e.labels = append(e.labels, textLabel{b, values})
			b = nil
		} else {
			b = appendEscaped(b, c.At(0))
		}
		b = append(b, '"')
	}
	e.end = append(b, "} "...)
	return e
}

func (e *textEncoder) append(b []byte, i int) []byte {
	for l := range e.labels {
		b = append(b, e.labels[l].before...)
		b = appendEscaped(b, e.labels[l].values[i])
	}
	b = append(b, e.end...)
	b = appendNumber(b, e.values.At(i), e.openMetrics)
	return append(b, '\n')
}

// appendEscaped appends a label value.
func appendEscaped(b []byte, s string) []byte {
	from := 0
	for i := range len(s) {
		c := s[i]
		switch c {
		case '\\', '"':
		case '\n':
			c = 'n'
		default:
			continue
		}
		b = append(append(b, s[from:i]...), '\\', c)
		from = i + 1
	}
	return append(b, s[from:]...)
}

// appendNumber appends a value as expfmt writes it.
func appendNumber(b []byte, v float64, openMetrics bool) []byte {
	if v == 0 {
		v = 0 // -0 is written like 0
	}
	from := len(b)
	b = strconv.AppendFloat(b, v, 'g', -1, 64)
	// In OpenMetrics, whole numbers have a decimal point or an exponent.
	if openMetrics && !bytes.ContainsAny(b[from:], ".eIN") {
		b = append(b, ".0"...)
	}
	return b
}
