package exposition

import (
	"math"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// Field numbers of io.prometheus.client.MetricFamily and what is in it
// (prometheus/client_model, metrics.proto).
const (
	familyName   = 1
	familyHelp   = 2
	familyType   = 3
	familyMetric = 4
	familyUnit   = 5

	metricLabel   = 1
	metricGauge   = 2
	metricCounter = 3

	pairName  = 1
	pairValue = 2

	gaugeValue = 1 // and a counter's

	counterCreated   = 3
	timestampSeconds = 1
)

// appendProtobufHeader appends the length of a family's message, given that of
// its metrics, and what stands before them.
func (f *family) appendProtobufHeader(b []byte, metrics int) []byte {
	var fields []byte
	fields = protowire.AppendTag(fields, familyName, protowire.BytesType)
	fields = protowire.AppendString(fields, f.name)
	fields = protowire.AppendTag(fields, familyHelp, protowire.BytesType)
	fields = protowire.AppendString(fields, f.help)
	fields = protowire.AppendTag(fields, familyType, protowire.VarintType)
	fields = protowire.AppendVarint(fields, uint64(f.kind))
	b = protowire.AppendVarint(b, uint64(len(fields)+metrics+len(f.appendProtobufFooter(nil))))
	return append(b, fields...)
}

// appendProtobufFooter appends what stands behind the metrics.
func (f *family) appendProtobufFooter(b []byte) []byte {
	if f.unit == "" {
		return b
	}
	b = protowire.AppendTag(b, familyUnit, protowire.BytesType)
	return protowire.AppendString(b, f.unit)
}

// protobufRows appends rows as metrics of a MetricFamily.
type protobufRows struct {
	labels []protobufLabel // those that change from row to row
	same   int             // bytes of a metric that are the same in every row
	before []byte          // what stands before the value
	behind []byte          // and behind it
	count  int
	values metric.Column[float64]
}

// protobufLabel is a label that changes from row to row.
type protobufLabel struct {
	before []byte // what stands before it
	name   []byte // the name's field
	texts  []string

	// Texts are mostly as long as the one before.
	length int    // of a text
	size   int    // of the whole label for a text of that length
	head   []byte // what stands before such a text
}

// newProtobufRows puts together whatever is the same in all rows.
func newProtobufRows(r *rows) *protobufRows {
	p := &protobufRows{count: r.count, values: r.values}
	var same []byte
	for i, c := range r.labels {
		l := protobufLabel{
			name:   protowire.AppendString(protowire.AppendTag(nil, pairName, protowire.BytesType), r.family.labels[i]),
			texts:  c.Values(),
			length: -1,
		}
		if l.texts == nil {
			l.measure(len(c.At(0)))
			same = append(append(same, l.head...), c.At(0)...)
			continue
		}
		p.same += len(same)
		l.before, same = same, nil
		p.labels = append(p.labels, l)
	}
	if r.family.kind == dto.MetricType_COUNTER && !r.created.IsZero() {
		var created []byte
		if s := r.created.Unix(); s != 0 {
			created = protowire.AppendVarint(protowire.AppendTag(nil, timestampSeconds, protowire.VarintType), uint64(s))
		}
		p.behind = protowire.AppendBytes(protowire.AppendTag(nil, counterCreated, protowire.BytesType), created)
	}
	number := protowire.Number(metricGauge)
	if r.family.kind == dto.MetricType_COUNTER {
		number = metricCounter
	}
	same = protowire.AppendTag(same, number, protowire.BytesType)
	same = protowire.AppendVarint(same, uint64(1+8+len(p.behind)))
	p.before = protowire.AppendTag(same, gaugeValue, protowire.Fixed64Type)
	p.same += len(p.before) + 8 + len(p.behind)
	return p
}

// measure makes ready for a text of n bytes.
func (l *protobufLabel) measure(n int) {
	if n == l.length {
		return
	}
	inside := len(l.name) + 1 + protowire.SizeBytes(n)
	l.head = append(l.head[:0], l.before...)
	l.head = protowire.AppendTag(l.head, metricLabel, protowire.BytesType)
	l.head = protowire.AppendVarint(l.head, uint64(inside))
	l.head = append(l.head, l.name...)
	l.head = protowire.AppendTag(l.head, pairValue, protowire.BytesType)
	l.head = protowire.AppendVarint(l.head, uint64(n))
	l.length, l.size = n, 1+protowire.SizeBytes(inside)
}

// metric is the size of a row's metric without its tag and length.
func (p *protobufRows) metric(i int) int {
	size := p.same
	for l := range p.labels {
		label := &p.labels[l]
		label.measure(len(label.texts[i]))
		size += label.size
	}
	return size
}

// size is that of all rows.
func (p *protobufRows) size() int {
	size := 0
	for i := range p.count {
		size += 1 + protowire.SizeBytes(p.metric(i))
	}
	return size
}

func (p *protobufRows) append(b []byte, from, to int) []byte {
	for i := from; i < to; i++ {
		b = protowire.AppendTag(b, familyMetric, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(p.metric(i)))
		for l := range p.labels {
			label := &p.labels[l]
			b = append(b, label.head...)
			b = append(b, label.texts[i]...)
		}
		b = append(b, p.before...)
		b = protowire.AppendFixed64(b, math.Float64bits(p.values.At(i)))
		b = append(b, p.behind...)
	}
	return b
}
