package exposition

import (
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Gather implements prometheus.Gatherer. It takes time and memory for every
// series; Handler does without it.
func (x *Exposition) Gather() ([]*dto.MetricFamily, error) {
	s := x.snapshot(time.Now())
	families := make([]*dto.MetricFamily, len(s.families))
	for i, shown := range s.families {
		families[i] = shown.gather()
	}
	return families, s.err
}

// gather is the family in client_golang's form.
func (s *shownFamily) gather() *dto.MetricFamily {
	like := s.family.like
	family := &dto.MetricFamily{Name: like.Name, Help: like.Help, Type: like.Type, Unit: like.Unit}
	for _, segment := range s.segments {
		for _, samples := range segment.samples {
			for i := range samples.count {
				m := samples.newMetric()
				samples.fill(m, i)
				family.Metric = append(family.Metric, m)
			}
		}
	}
	return family
}

// newMetric is a metric with all that is the same in every sample.
func (s *samples) newMetric() *dto.Metric {
	m := s.family.newMetric()
	for l, c := range s.labels {
		label := &dto.LabelPair{Name: &s.family.labels[l]}
		if c.Values() == nil {
			label.Value = proto.String(c.At(0))
		}
		m.Label = append(m.Label, label)
	}
	if !s.created.IsZero() {
		m.Counter.CreatedTimestamp = timestamppb.New(s.created)
	}
	return m
}

// fill completes a metric that newMetric made with what is of sample i.
func (s *samples) fill(m *dto.Metric, i int) {
	for l, c := range s.labels {
		if values := c.Values(); values != nil {
			m.Label[l].Value = &values[i]
		}
	}
	if m.Counter != nil {
		*m.Counter.Value = s.values.At(i)
	} else {
		*m.Gauge.Value = s.values.At(i)
	}
}
