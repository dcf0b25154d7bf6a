package exposition

import (
	"bytes"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// family is a metric.Family prepared for exposition.
type family struct {
	name      string
	prototype *dto.MetricFamily // without metrics
	labels    []string          // sorted, as client_golang has them, with account

	// What surrounds the family's samples. In protobuf, the length of the message
	// comes before it.
	header, footer [formats][]byte
}

func newFamilies(table []metric.Family) map[string]*family {
	families := make(map[string]*family, len(table))
	for _, f := range table {
		families[f.Name] = newFamily(f)
	}
	return families
}

func newFamily(of metric.Family) *family {
	f := &family{name: of.Name, prototype: &dto.MetricFamily{Name: &of.Name, Help: &of.Help, Type: dto.MetricType_GAUGE.Enum()}}
	if of.Type == metric.TypeCounter {
		f.prototype.Type = dto.MetricType_COUNTER.Enum()
	}
	if unit := of.Unit(); unit != "" {
		f.prototype.Unit = &unit
	}
	f.labels = append([]string{"account"}, of.Labels...)
	slices.Sort(f.labels)
	f.header[text] = f.textHeader(expfmt.TypeTextPlain)
	f.header[openMetrics] = f.textHeader(expfmt.TypeOpenMetrics)
	// The unit's field comes after the metrics.
	f.header[protobuf] = marshal(&dto.MetricFamily{Name: f.prototype.Name, Help: f.prototype.Help, Type: f.prototype.Type})
	f.footer[protobuf] = marshal(&dto.MetricFamily{Unit: f.prototype.Unit})
	return f
}

// textHeader is what expfmt writes before the line of a sample.
func (f *family) textHeader(t expfmt.FormatType) []byte {
	var b bytes.Buffer
	encoder := expfmt.NewEncoder(&b, expfmt.NewFormat(t))
	family := &dto.MetricFamily{Name: f.prototype.Name, Help: f.prototype.Help, Type: f.prototype.Type, Unit: f.prototype.Unit, Metric: []*dto.Metric{f.newMetric()}}
	if err := encoder.Encode(family); err != nil {
		panic(err) // the table of families is not valid
	}
	lines := bytes.SplitAfter(b.Bytes(), []byte("\n"))
	return bytes.Join(lines[:len(lines)-2], nil) // without the sample and what follows its line
}

// newMetric is a metric of the family's type.
func (f *family) newMetric() *dto.Metric {
	if f.isCounter() {
		return &dto.Metric{Counter: &dto.Counter{Value: new(float64)}}
	}
	return &dto.Metric{Gauge: &dto.Gauge{Value: new(float64)}}
}

func (f *family) isCounter() bool { return f.prototype.GetType() == dto.MetricType_COUNTER }

// marshal encodes a message that has no required fields, which cannot fail.
func marshal(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}
