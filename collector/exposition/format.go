package exposition

import (
	"slices"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// format is one of the formats that are rendered from rows.
type format int

const (
	text format = iota
	openMetrics
	protobuf
	formats // how many there are
)

// formatOf says which format a negotiated content type is; false if it is none of
// them, such as protobuf's text forms, or names that want escaping.
func formatOf(f expfmt.Format) (format, bool) {
	// Every name here is a legacy name, which the other schemes leave alone.
	if f.ToEscapingScheme() == model.DotsEscaping {
		return 0, false
	}
	switch f.FormatType() {
	case expfmt.TypeTextPlain:
		return text, true
	case expfmt.TypeOpenMetrics:
		return openMetrics, true
	case expfmt.TypeProtoDelim:
		return protobuf, true
	}
	return 0, false
}

// renderer appends some of a lot of rows.
type renderer interface {
	append(b []byte, from, to int) []byte
}

func (f format) rows(r *rows) renderer {
	if f == protobuf {
		return newProtobufRows(r)
	}
	return newTextRows(r, f == openMetrics)
}

// appendHeader appends what stands before a family's rows.
func (f format) appendHeader(b []byte, s *shownFamily) []byte {
	if f == protobuf {
		metrics := 0
		for _, segment := range s.segments {
			metrics += segment.protobufSize()
		}
		return s.family.appendProtobufHeader(b, metrics)
	}
	return s.family.appendHeader(b, f == openMetrics)
}

// appendFooter appends what stands behind them.
func (f format) appendFooter(b []byte, s *shownFamily) []byte {
	if f == protobuf {
		return s.family.appendProtobufFooter(b)
	}
	return b
}

// batchRows is how many rows are rendered before they are passed on: some 64 KB.
const batchRows = 500

// render appends rows piece by piece, and passes the buffer on whenever it is
// full enough, if there is somebody to pass it to; what is left is returned.
func (f format) render(b []byte, s *segment, pass func([]byte) error) ([]byte, error) {
	if pass != nil {
		b = slices.Grow(b, bufferSize*3/2)
	}
	for _, r := range s.rows {
		renderer := f.rows(r)
		for from := 0; from < r.count; from += batchRows {
			b = renderer.append(b, from, min(from+batchRows, r.count))
			if pass != nil && len(b) >= bufferSize {
				if err := pass(b); err != nil {
					return b, err
				}
				b = b[:0]
			}
		}
	}
	return b, nil
}

const bufferSize = 128 << 10
