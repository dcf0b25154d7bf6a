package exposition

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// rows are those of one family and account, sorted and fit to be exposed. They
// do not change.
type rows struct {
	family  *family
	account string
	created time.Time
	count   int
	labels  []column // as the family's labels
	values  metric.Column[float64]
	version uint64 // rows of the same version look the same
	ends    bool   // a segment may end behind these
}

// column is what a label is in every row.
type column struct {
	metric.Column[string]
	traits
}

// traits are what has to be known of a column. Columns are long and mostly the
// same ones as before, so it is found out once.
type traits struct {
	plain   bool // nothing in it needs a backslash
	valid   bool // it is UTF-8
	ascends bool // it is sorted, and nothing comes twice
}

// inspected are the traits of columns.
type inspected map[place]traits

// place is where a column lies in memory.
type place struct {
	first *string
	rows  int
}

// of finds the traits of a column, in what is known from before if it is there.
func (k inspected) of(c metric.Column[string], before inspected) traits {
	each := c.Values()
	if len(each) == 0 {
		return inspect([]string{c.At(0)})
	}
	at := place{&each[0], len(each)}
	t, known := k[at]
	if !known {
		if t, known = before[at]; !known {
			t = inspect(each)
		}
		k[at] = t
	}
	return t
}

func inspect(texts []string) traits {
	t := traits{plain: true, valid: true, ascends: true}
	for i, s := range texts {
		if i%1024 == 0 {
			runtime.Gosched() // scrapes go first
		}
		t.ascends = t.ascends && (i == 0 || texts[i-1] < s)
		for j := range len(s) {
			switch b := s[j]; {
			case b == '\\', b == '\n', b == '"':
				t.plain = false
			case b >= utf8.RuneSelf:
				t.valid = t.valid && utf8.ValidString(s)
			}
		}
	}
	return t
}

// newRows makes rows of a batch. What cannot be exposed is left out, with an
// error that says so, and takes no other row with it.
func newRows(f *family, account string, batch metric.Batch, now, before inspected) (*rows, []error) {
	r := &rows{family: f, account: account, created: batch.Created, count: batch.Len, values: batch.Values, ends: endsSegment(account)}
	if f.kind != dto.MetricType_COUNTER {
		r.created = time.Time{}
	}
	if batch.Len == 0 {
		return r, nil
	}
	if len(batch.Labels) != len(f.labels)-1 {
		return nil, []error{fmt.Errorf("%s of account %q: rows have %d labels instead of %d", f.name, account, len(batch.Labels), len(f.labels)-1)}
	}
	valid, ascending := true, false
	for _, place := range f.columns {
		c := column{Column: metric.Const(account)}
		if place >= 0 {
			c.Column = batch.Labels[place]
		}
		c.traits = now.of(c.Column, before)
		valid = valid && c.valid
		ascending = ascending || c.ascends && c.Values() != nil && r.same()
		r.labels = append(r.labels, c)
	}
	if valid && (ascending || r.ascends()) {
		return r, nil
	}
	return r.mended()
}

// same says whether all rows have the same labels.
func (r *rows) same() bool {
	for _, c := range r.labels {
		if c.Values() != nil {
			return false
		}
	}
	return true
}

// compare orders two rows by their labels.
func (r *rows) compare(i, j int) int {
	for _, c := range r.labels {
		if each := c.Values(); each != nil {
			if n := strings.Compare(each[i], each[j]); n != 0 {
				return n
			}
		}
	}
	return 0
}

// ascends says whether the rows are sorted and none comes twice.
func (r *rows) ascends() bool {
	for i := 1; i < r.count; i++ {
		if r.compare(i-1, i) >= 0 {
			return false
		}
	}
	return true
}

// mended is the rows sorted, without those that cannot be exposed.
func (r *rows) mended() (*rows, []error) {
	var errs []error
	places := make([]int, 0, r.count)
	for i := range r.count {
		fit := true
		for l, c := range r.labels {
			if s := c.At(i); !utf8.ValidString(s) {
				errs = append(errs, fmt.Errorf("%s of account %q: the value %q of label %s is not valid UTF-8", r.family.name, r.account, s, r.family.labels[l]))
				fit = false
			}
		}
		if fit {
			places = append(places, i)
		}
	}
	slices.SortStableFunc(places, r.compare)
	unique := places[:0]
	for _, place := range places {
		if n := len(unique); n > 0 && r.compare(unique[n-1], place) == 0 {
			errs = append(errs, fmt.Errorf("%s of account %q: a series with the labels %q was collected before", r.family.name, r.account, r.texts(place)))
			continue
		}
		unique = append(unique, place)
	}
	next := *r
	next.count = len(unique)
	next.labels = slices.Clone(r.labels)
	for l, c := range r.labels {
		if c.Values() == nil {
			continue
		}
		texts := make([]string, len(unique))
		for i, place := range unique {
			texts[i] = c.At(place)
		}
		next.labels[l].Column = metric.Values(texts)
	}
	if r.values.Values() != nil {
		values := make([]float64, len(unique))
		for i, place := range unique {
			values[i] = r.values.At(place)
		}
		next.values = metric.Values(values)
	}
	return &next, errs
}

func (r *rows) texts(i int) []string {
	var all []string
	for _, c := range r.labels {
		all = append(all, c.At(i))
	}
	return all
}

// equal says whether two lots of rows look the same in every format.
func (r *rows) equal(o *rows) bool {
	if r.family.name != o.family.name || r.account != o.account || r.count != o.count ||
		!r.created.Equal(o.created) || len(r.labels) != len(o.labels) {
		return false
	}
	if r.count == 0 {
		return true
	}
	for l := range r.labels {
		if !sameColumn(r.labels[l].Column, o.labels[l].Column, r.count, func(a, b string) bool { return a == b }) {
			return false
		}
	}
	return sameColumn(r.values, o.values, r.count, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
}

func sameColumn[T any](a, b metric.Column[T], rows int, same func(a, b T) bool) bool {
	each, other := a.Values(), b.Values()
	if each == nil && other == nil {
		return same(a.At(0), b.At(0))
	}
	if each != nil && other != nil && &each[0] == &other[0] {
		return true
	}
	for i := range rows {
		if !same(a.At(i), b.At(i)) {
			return false
		}
	}
	return true
}
