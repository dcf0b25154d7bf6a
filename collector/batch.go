package collector

import (
	"iter"
	"strings"
	"time"
)

// A Batch is rows of one family for one account, column by column: a million
// rows must be cheap to hold, to compare and to render. Columns may be shared
// between batches, so nobody changes them any more.
type Batch struct {
	Family  string
	Created time.Time        // of counters: the start of their month
	Rows    int              // how many there are
	Labels  []Column[string] // in the order of the family's labels, without the account
	Values  Column[float64]
}

// A Column holds one thing for each row, or one thing for all of them.
type Column[T any] struct {
	each []T
	all  T
}

// Each is a column with a thing for each row.
func Each[T any](each []T) Column[T] { return Column[T]{each: each} }

// All is a column with the same thing in every row.
func All[T any](v T) Column[T] { return Column[T]{all: v} }

// At is the thing in row i.
func (c Column[T]) At(i int) T {
	if c.each != nil {
		return c.each[i]
	}
	return c.all
}

// Each is what the rows hold, one after the other; nil if all hold the same.
func (c Column[T]) Each() []T { return c.each }

// A Series is one row: label values in the order of the family's labels,
// without the account, and the value.
type Series struct {
	Labels []string
	Value  float64
}

// NewBatch makes a batch of rows.
func NewBatch(family string, created time.Time, rows []Series) Batch {
	b := Batch{Family: family, Created: created, Rows: len(rows)}
	if len(rows) == 0 {
		return b
	}
	b.Labels = make([]Column[string], len(rows[0].Labels))
	for l := range b.Labels {
		each := make([]string, len(rows))
		for i, row := range rows {
			each[i] = row.Labels[l]
		}
		b.Labels[l] = Each(each)
	}
	values := make([]float64, len(rows))
	for i, row := range rows {
		values[i] = row.Value
	}
	b.Values = Each(values)
	return b
}

// All yields the rows.
func (b Batch) All() iter.Seq[Series] {
	return func(yield func(Series) bool) {
		for i := range b.Rows {
			row := Series{Labels: make([]string, len(b.Labels)), Value: b.Values.At(i)}
			for l, column := range b.Labels {
				row.Labels[l] = column.At(i)
			}
			if !yield(row) {
				return
			}
		}
	}
}

// packed copies texts into one piece of memory, which holds them without the
// allocator's padding and outlives none of the answers they came with.
func packed(texts []string) []string {
	size := 0
	for _, s := range texts {
		size += len(s)
	}
	var b strings.Builder
	b.Grow(size)
	for i, s := range texts {
		makeWay(i)
		b.WriteString(s)
	}
	all := b.String()
	tight := make([]string, len(texts))
	for i, s := range texts {
		makeWay(i)
		tight[i], all = all[:len(s)], all[len(s):]
	}
	return tight
}
