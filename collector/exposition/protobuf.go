package exposition

import (
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// fieldMetric is the number of the field metric of
// io.prometheus.client.MetricFamily (prometheus/client_model, metrics.proto).
const fieldMetric = 4

// protobufEncoder encodes samples as metrics of a MetricFamily. An encoded message
// is the concatenation of its fields, so a family need not be in one piece.
type protobufEncoder struct {
	*samples
	metric *dto.Metric // filled anew for each sample
}

func newProtobufEncoder(s *samples) *protobufEncoder { return &protobufEncoder{s, s.newMetric()} }

func (e *protobufEncoder) append(b []byte, i int) []byte {
	e.fill(e.metric, i)
	b = protowire.AppendTag(b, fieldMetric, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(proto.Size(e.metric)))
	b, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, e.metric)
	if err != nil {
		panic(err) // there are no required fields
	}
	return b
}

// size is how many bytes the encoded samples have.
func (e *protobufEncoder) size() int {
	size := 0
	for i := range e.count {
		e.fill(e.metric, i)
		size += protowire.SizeTag(fieldMetric) + protowire.SizeBytes(proto.Size(e.metric))
	}
	return size
}
