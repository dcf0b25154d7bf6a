package exposition

import (
	"bufio"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// format is one of the formats that samples are rendered in.
type format int

const (
	text format = iota
	openMetrics
	protobuf
	formats // how many there are
)

// formatOf finds the format of a negotiated content type. It reports false for
// those that are left to expfmt: the text forms of protobuf, and the scheme that
// escapes underscores.
func formatOf(f expfmt.Format) (format, bool) {
	// Every name here is a legacy name, which the other schemes do not change.
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

// sampleEncoder appends a sample in a format.
type sampleEncoder interface {
	append(b []byte, i int) []byte
}

func (f format) encoder(s *samples) sampleEncoder {
	if f == protobuf {
		return newProtobufEncoder(s)
	}
	return newTextEncoder(s, f == openMetrics)
}

// render writes samples. Its error is the writer's.
func (f format) render(w *bufio.Writer, s *samples) error {
	encoder := f.encoder(s)
	for i := range s.count {
		if _, err := w.Write(encoder.append(w.AvailableBuffer(), i)); err != nil {
			return err
		}
	}
	return nil
}
