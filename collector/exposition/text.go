package exposition

// textRows appends rows in the text format or OpenMetrics.
type textRows struct {
	rows        *rows
	openMetrics bool
	between     []string // what stands before each label that changes from row to row
	labels      []column // those
	end         string   // what stands before the value
}

// newTextRows puts together whatever is the same in all rows.
func newTextRows(r *rows, openMetrics bool) *textRows {
	t := &textRows{rows: r, openMetrics: openMetrics}
	same := append([]byte(r.family.name), '{')
	for i, c := range r.labels {
		if i > 0 {
			same = append(same, ',')
		}
		same = append(same, r.family.labels[i]...)
		same = append(same, `="`...)
		if c.Each() == nil {
			same = appendEscaped(same, c.At(0), true)
		} else {
			t.between, t.labels = append(t.between, string(same)), append(t.labels, c)
			same = same[:0]
		}
		same = append(same, '"')
	}
	t.end = string(append(same, "} "...))
	return t
}

func (t *textRows) append(b []byte, from, to int) []byte {
	for i := from; i < to; i++ {
		for l, c := range t.labels {
			b = append(b, t.between[l]...)
			if s := c.At(i); c.plain {
				b = append(b, s...)
			} else {
				b = appendEscaped(b, s, true)
			}
		}
		b = append(b, t.end...)
		if v := t.rows.values.At(i); t.openMetrics {
			b = appendOpenMetricsNumber(b, v)
		} else {
			b = appendNumber(b, v)
		}
		b = append(b, '\n')
	}
	return b
}
