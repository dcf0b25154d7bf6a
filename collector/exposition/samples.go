package exposition

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// samples are those of one family and account: valid, sorted by their labels, none
// twice. They do not change.
type samples struct {
	family  *family
	account string
	created time.Time // of counters; zero if unknown
	count   int
	own     []string                // names of the labels that the batch had
	labels  []metric.Column[string] // in the order of family.labels
	values  metric.Column[float64]
	version uint64 // samples of the same version are equal
}

// newSamples checks a batch. It drops each sample that cannot be exposed, with an
// error, and keeps the others.
func newSamples(f *family, account string, batch metric.Batch) (*samples, []error) {
	s := &samples{family: f, account: account, count: batch.Len, own: batch.Family.Labels, values: batch.Values}
	if f.isCounter() {
		s.created = batch.Created
	}
	if s.count == 0 {
		return s, nil
	}
	if len(batch.Labels) != len(s.own) {
		return nil, []error{fmt.Errorf("%s of account %q: samples have %d labels instead of %d", f.name, account, len(batch.Labels), len(s.own))}
	}
	for _, label := range s.own {
		if !slices.Contains(f.labels, label) {
			return nil, []error{fmt.Errorf("%s of account %q: samples have the label %s, which the family has not", f.name, account, label)}
		}
	}
	for _, label := range f.labels {
		switch column := slices.Index(s.own, label); {
		case label == "account":
			s.labels = append(s.labels, metric.Const(account))
		case column < 0: // only other accounts have it
			s.labels = append(s.labels, metric.Const(""))
		default:
			s.labels = append(s.labels, batch.Labels[column])
		}
	}
	if s.valid() && s.ascending() {
		return s, nil
	}
	return s.sanitized()
}

// withFamily is the samples with another family of the same name, nil if it lacks a
// label that is not empty for all of them.
func (s *samples) withFamily(f *family) *samples {
	next := *s
	next.family = f
	if s.count == 0 || slices.Equal(f.labels, s.family.labels) {
		return &next
	}
	next.labels = nil
	for _, label := range f.labels {
		column := metric.Const("")
		if i := slices.Index(s.family.labels, label); i >= 0 {
			column = s.labels[i]
		}
		next.labels = append(next.labels, column)
	}
	for i, label := range s.family.labels {
		if c := s.labels[i]; !slices.Contains(f.labels, label) && (c.Values() != nil || c.At(0) != "") {
			return nil
		}
	}
	return &next
}

// valid reports whether all label values are UTF-8.
func (s *samples) valid() bool {
	for _, c := range s.labels {
		if c.Values() == nil && !utf8.ValidString(c.At(0)) {
			return false
		}
		for _, v := range c.Values() {
			if !utf8.ValidString(v) {
				return false
			}
		}
	}
	return true
}

// ascending reports whether the samples are sorted and none comes twice.
func (s *samples) ascending() bool {
	for i := 1; i < s.count; i++ {
		if s.compare(i-1, i) >= 0 {
			return false
		}
	}
	return true
}

// compare orders two samples by their labels.
func (s *samples) compare(i, j int) int {
	for _, c := range s.labels {
		if values := c.Values(); values != nil {
			if n := strings.Compare(values[i], values[j]); n != 0 {
				return n
			}
		}
	}
	return 0
}

// sanitized is the samples sorted, without those that cannot be exposed. Of
// several with the same labels, the first stays.
func (s *samples) sanitized() (*samples, []error) {
	var errs []error
	indexes := make([]int, 0, s.count)
	for i := range s.count {
		valid := true
		for l, c := range s.labels {
			if v := c.At(i); !utf8.ValidString(v) {
				errs = append(errs, fmt.Errorf("%s of account %q: the value %q of label %s is not valid UTF-8", s.family.name, s.account, v, s.family.labels[l]))
				valid = false
			}
		}
		if valid {
			indexes = append(indexes, i)
		}
	}
	slices.SortStableFunc(indexes, s.compare)
	unique := slices.CompactFunc(indexes, func(kept, i int) bool {
		same := s.compare(kept, i) == 0
		if same {
			errs = append(errs, fmt.Errorf("%s of account %q: a series with the labels %q was collected before", s.family.name, s.account, s.labelValues(i)))
		}
		return same
	})
	next := *s
	next.count = len(unique)
	next.labels = make([]metric.Column[string], len(s.labels))
	for l, c := range s.labels {
		next.labels[l] = pick(c, unique)
	}
	next.values = pick(s.values, unique)
	return &next, errs
}

// pick is a column of some of another's values.
func pick[T any](c metric.Column[T], indexes []int) metric.Column[T] {
	if c.Values() == nil {
		return c
	}
	values := make([]T, len(indexes))
	for to, from := range indexes {
		values[to] = c.At(from)
	}
	return metric.Values(values)
}

func (s *samples) labelValues(i int) []string {
	values := make([]string, len(s.labels))
	for l, c := range s.labels {
		values[l] = c.At(i)
	}
	return values
}

// of is the samples as those of another account.
func (s *samples) of(account string, version uint64) *samples {
	next := *s
	next.account, next.version = account, version
	next.labels = slices.Clone(s.labels)
	for l, label := range s.family.labels {
		if label == "account" && l < len(next.labels) { // samples that are none have no labels
			next.labels[l] = metric.Const(account)
		}
	}
	return &next
}

// equal reports whether s and o are the same in every format, apart from the headers
// of their families.
func (s *samples) equal(o *samples) bool {
	if s.family.name != o.family.name || s.account != o.account || s.count != o.count ||
		!s.created.Equal(o.created) || len(s.labels) != len(o.labels) {
		return false
	}
	if s.count == 0 {
		return true
	}
	for l := range s.labels {
		if !equalColumns(s.labels[l], o.labels[l], s.count, func(a, b string) bool { return a == b }) {
			return false
		}
	}
	return equalColumns(s.values, o.values, s.count, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
}

func equalColumns[T any](a, b metric.Column[T], count int, equal func(a, b T) bool) bool {
	av, bv := a.Values(), b.Values()
	if av == nil && bv == nil {
		return equal(a.At(0), b.At(0))
	}
	if av != nil && bv != nil && &av[0] == &bv[0] {
		return true // batches share columns
	}
	for i := range count {
		if !equal(a.At(i), b.At(i)) {
			return false
		}
	}
	return true
}
