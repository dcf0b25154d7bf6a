package metric

import (
	"iter"
	"time"
)

// A Batch is samples of one family for one account, column by column: a million
// samples must be cheap to hold, to compare and to render. Batches may share
// columns, so nobody changes a column once it is in a batch.
type Batch struct {
	Family  Family
	Created time.Time        // of counters: when they were last reset; zero if unknown
	Len     int              // how many samples there are
	Labels  []Column[string] // in the order of Family.Labels
	Values  Column[float64]
}

// A Column holds one value for each sample of a batch. A const column holds the
// same value for all of them.
type Column[T any] struct {
	values []T
	same   T
}

// Values is a column with a value for each sample.
func Values[T any](values []T) Column[T] { return Column[T]{values: values} }

// Const is a column with the same value for every sample.
func Const[T any](v T) Column[T] { return Column[T]{same: v} }

// At is the value of sample i.
func (c Column[T]) At(i int) T {
	if c.values != nil {
		return c.values[i]
	}
	return c.same
}

// Values are those of the samples, in their order; nil for a const column.
func (c Column[T]) Values() []T { return c.values }

// A Sample is one row of a batch: label values in the order of Family.Labels,
// and the value.
type Sample struct {
	Labels []string
	Value  float64
}

// NewBatch makes a batch of gauges.
func NewBatch(family Family, samples []Sample) Batch {
	return NewCounters(family, time.Time{}, samples)
}

// NewCounters makes a batch of counters that count anew from the time created.
func NewCounters(family Family, created time.Time, samples []Sample) Batch {
	b := Batch{Family: family, Created: created, Len: len(samples)}
	if len(samples) == 0 {
		return b
	}
	b.Labels = make([]Column[string], len(samples[0].Labels))
	for l := range b.Labels {
		values := make([]string, len(samples))
		for i, s := range samples {
			values[i] = s.Labels[l]
		}
		b.Labels[l] = Values(values)
	}
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = s.Value
	}
	b.Values = Values(values)
	return b
}

// All yields the samples.
func (b Batch) All() iter.Seq[Sample] {
	return func(yield func(Sample) bool) {
		for i := range b.Len {
			s := Sample{Labels: make([]string, len(b.Labels)), Value: b.Values.At(i)}
			for l, column := range b.Labels {
				s.Labels[l] = column.At(i)
			}
			if !yield(s) {
				return
			}
		}
	}
}
