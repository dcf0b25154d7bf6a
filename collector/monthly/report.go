package monthly

import (
	"math"
	"slices"
)

// A Report is what one poll found out about a ledger's month.
type Report[K comparable] struct {
	window  Window
	columns map[K]*ColumnReport
	kept    func(K) bool // nil: none
}

// NewReport makes an empty report on a month.
func NewReport[K comparable](w Window) *Report[K] {
	return &Report[K]{window: w, columns: make(map[K]*ColumnReport)}
}

// Keep says which columns the poll did not ask for: their counters stay as they are. A
// report that reads the end of the month must have all.
func (r *Report[K]) Keep(kept func(K) bool) { r.kept = kept }

// Column is the report on a column of counters.
func (r *Report[K]) Column(k K) *ColumnReport {
	c := r.columns[k]
	if c == nil {
		c = new(ColumnReport)
		r.columns[k] = c
	}
	return c
}

// A ColumnReport is what a poll reported on a column of counters.
type ColumnReport struct {
	ids        []string  // sorted
	values     []float64 // NaN: none, so the counter is at 0 or at what is held
	previous   []string  // sorted: those that had a counter in the month before
	unknown    []string  // sorted: those whose values could not be found out
	incomplete bool      // ids may be missing
	missed     bool      // the column itself may have been missing
}

// Grow makes room for n more ids.
func (r *ColumnReport) Grow(n int) {
	r.ids, r.values = slices.Grow(r.ids, n), slices.Grow(r.values, n)
}

// Add reports the value of an id: the sum since the start of the month. The id
// must sort after all that were added or expected before.
func (r *ColumnReport) Add(id string, value float64) {
	r.ids, r.values = append(r.ids, id), append(r.values, value)
}

// Expect reports that an id has a counter, if only at 0. The id must sort after
// all that were added or expected before.
func (r *ColumnReport) Expect(id string) { r.Add(id, math.NaN()) }

// Unknown reports that the value of an id could not be found out. A counter keeps
// what it shows. An id without one gets none for it: before a restart it may have
// had a value, so it shows neither 0 now nor 0 before its value later. The ids must
// come sorted, and are neither added nor expected.
func (r *ColumnReport) Unknown(id string) { r.unknown = append(r.unknown, id) }

// Incomplete reports that ids may be missing although they have a value. Until a
// complete report has come, an id that is new shows its value at once: before a
// restart it may have had a counter. Expected ones wait for it.
func (r *ColumnReport) Incomplete() { r.incomplete = true }

// Missed reports that earlier reports may have left out the column although it had
// values, as Incomplete does of ids: if the column is new, all of its ids show their
// values at once.
func (r *ColumnReport) Missed() { r.missed = true }

// AddPrevious reports that an id had a counter in the month before, which shows
// 0 during the rollover even after a restart. The ids must come sorted.
func (r *ColumnReport) AddPrevious(id string) { r.previous = append(r.previous, id) }

// ShareIDs lets reports that name the same ids hold them once.
func ShareIDs(reports ...*ColumnReport) {
	for i, r := range reports {
		for _, other := range reports[:i] {
			if slices.Equal(r.ids, other.ids) {
				r.ids = other.ids
				break
			}
		}
	}
}
