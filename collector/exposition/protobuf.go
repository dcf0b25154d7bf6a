package exposition

import (
	"math"
	"math/bits"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
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
	rows   *rows
	pairs  []pair
	same   int // bytes of a metric that are the same in every row
	before []byte
	behind []byte // what stands behind the value
}

// pair is a label, ready but for what changes from row to row.
type pair struct {
	texts []string // nil if all rows have the same
	whole []byte   // the whole of one that is the same in all rows
	name  []byte   // the name's field
}

func newProtobufRows(r *rows) *protobufRows {
	p := &protobufRows{rows: r}
	for i, c := range r.labels {
		name := protowire.AppendString(protowire.AppendTag(nil, pairName, protowire.BytesType), r.family.labels[i])
		q := pair{texts: c.Each(), name: name}
		if q.texts == nil {
			q.whole = q.append(nil, c.At(0))
			p.same += len(q.whole)
		}
		p.pairs = append(p.pairs, q)
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
	p.before = protowire.AppendTag(nil, number, protowire.BytesType)
	p.before = protowire.AppendVarint(p.before, uint64(1+8+len(p.behind)))
	p.before = protowire.AppendTag(p.before, gaugeValue, protowire.Fixed64Type)
	p.same += len(p.before) + 8 + len(p.behind)
	return p
}

// size is that of a whole label whose value has n bytes, and of what is in it.
func (q *pair) size(n int) (whole, inside int) {
	inside = len(q.name) + 1 + varint(n) + n
	return 1 + varint(inside) + inside, inside
}

func (q *pair) append(b []byte, value string) []byte {
	_, inside := q.size(len(value))
	b = protowire.AppendTag(b, metricLabel, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(inside))
	b = append(b, q.name...)
	b = protowire.AppendTag(b, pairValue, protowire.BytesType)
	return protowire.AppendString(b, value)
}

// varint is the size of a number.
func varint(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// metric is the size of a row's metric without its tag and length.
func (p *protobufRows) metric(i int) int {
	size := p.same
	for l := range p.pairs {
		if q := &p.pairs[l]; q.texts != nil {
			n, _ := q.size(len(q.texts[i]))
			size += n
		}
	}
	return size
}

// size is that of all rows.
func (p *protobufRows) size() int {
	size := 0
	for i := range p.rows.count {
		n := p.metric(i)
		size += 1 + varint(n) + n
	}
	return size
}

func (p *protobufRows) append(b []byte, from, to int) []byte {
	for i := from; i < to; i++ {
		b = protowire.AppendTag(b, familyMetric, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(p.metric(i)))
		for l := range p.pairs {
			if q := &p.pairs[l]; q.texts != nil {
				b = q.append(b, q.texts[i])
			} else {
				b = append(b, q.whole...)
			}
		}
		b = append(b, p.before...)
		b = protowire.AppendFixed64(b, math.Float64bits(p.rows.values.At(i)))
		b = append(b, p.behind...)
	}
	return b
}
