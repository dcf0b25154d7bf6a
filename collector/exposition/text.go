package exposition

import (
	"bytes"
	"strconv"
)

// textRows appends rows in the text format or OpenMetrics.
type textRows struct {
	openMetrics bool
	labels      []textLabel // those that change from row to row
	end         string      // what stands before the value, or the whole rest of a row if all have the same
	values      []float64   // nil if all have the same
}

// textLabel is a label that changes from row to row.
type textLabel struct {
	before string // what stands before it
	texts  []string
	plain  bool
}

// newTextRows puts together whatever is the same in all rows.
func newTextRows(r *rows, openMetrics bool) *textRows {
	t := &textRows{openMetrics: openMetrics, values: r.values.Values()}
	same := append([]byte(r.family.name), '{')
	for i, c := range r.labels {
		if i > 0 {
			same = append(same, ',')
		}
		same = append(same, r.family.labels[i]...)
		same = append(same, `="`...)
		if texts := c.Values(); texts == nil {
			same = appendEscaped(same, c.At(0), true)
		} else {
			t.labels = append(t.labels, textLabel{string(same), texts, c.plain})
			same = same[:0]
		}
		same = append(same, '"')
	}
	same = append(same, "} "...)
	if t.values == nil {
		same = append(appendNumber(same, r.values.At(0), openMetrics), '\n')
	}
	t.end = string(same)
	return t
}

func (t *textRows) append(b []byte, from, to int) []byte {
	for i := from; i < to; i++ {
		for l := range t.labels {
			label := &t.labels[l]
			b = append(b, label.before...)
			if label.plain {
				b = append(b, label.texts[i]...)
			} else {
				b = appendEscaped(b, label.texts[i], true)
			}
		}
		b = append(b, t.end...)
		if t.values != nil {
			b = append(appendNumber(b, t.values[i], t.openMetrics), '\n')
		}
	}
	return b
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
