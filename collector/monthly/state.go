package monthly

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// State is what a Ledger has to know to continue in another process, as plain data.
// It shares memory with the ledger, which does not change it: State may be read while
// the ledger goes on.
type State[K comparable] struct {
	Month     time.Time // over which the counters run
	Created   time.Time // when the counters were last reset
	End       time.Time // up to when they count
	ZeroUntil time.Time // all show 0 until then
	Reported  time.Time // when the last report came
	Latest    time.Time // the latest moment of a report or an advance
	Columns   []ColumnState[K]
}

// ColumnState is a column of counters. A list is empty where it holds nothing for any
// counter; otherwise it has an element for each of IDs.
type ColumnState[K comparable] struct {
	Key       K
	IDs       []string  // sorted
	Held      []float64 // the highest value that was reported in the month
	Last      []float64 // the value that was reported last; empty: the same as Held
	ZeroUntil []int64   // the counter shows 0 until then, in nanoseconds since the epoch; 0: not
	Carried   []bool    // the counter is of the month before, only to show 0

	Incomplete bool     // no report was complete yet
	Hidden     []string // sorted: ids without a counter that may have had one before
}

// State returns what Restore continues with, in no order of columns. It has no month
// before the first report.
func (l *Ledger[K]) State() State[K] {
	s := State[K]{
		Month: l.month, Created: l.created, End: l.end, ZeroUntil: l.zeroUntil,
		Reported: l.reported, Latest: l.latest,
	}
	for k, c := range l.columns {
		column := ColumnState[K]{
			Key: k, IDs: c.ids, Held: c.held, Last: c.last, Carried: c.carried,
			Incomplete: c.incomplete, Hidden: c.hidden,
		}
		for _, t := range c.zeroUntil {
			column.ZeroUntil = append(column.ZeroUntil, int64(t))
		}
		s.Columns = append(s.Columns, column)
	}
	return s
}

// ErrTooOld is the error of a state whose month ended more than a month ago. What was
// used since then would be counted now, although it is no usage of today.
var ErrTooOld = errors.New("the state is of a month that ended too long ago")

// Restore continues the counters of a state with this ledger's options, which may
// differ from those of the ledger that the state is of. The counters were exposed until
// since, and will be again from now on. The ledger must be new. An error changes
// nothing.
//
// Nobody may have seen what was exposed last. So counters that showed 0 at since do it
// once more, for rollover, and a month is not left before it has been read to its end
// again.
func (l *Ledger[K]) Restore(s State[K], since, now time.Time) error {
	if err := s.check(); err != nil {
		return err
	}
	if s.Month.Before(l.calendar.At(now).Previous()) {
		return ErrTooOld
	}
	l.month, l.created, l.end, l.zeroUntil = s.Month.UTC(), s.Created.UTC(), s.End.UTC(), s.ZeroUntil.UTC()
	l.reported, l.latest = s.Reported.UTC(), s.Latest.UTC()
	for _, stored := range s.Columns {
		c := &column{ids: stored.IDs, held: stored.Held, incomplete: stored.Incomplete, hidden: stored.Hidden}
		if len(stored.Last) > 0 {
			c.last = stored.Last
		}
		if len(stored.Carried) > 0 {
			c.carried = stored.Carried
		}
		for _, t := range stored.ZeroUntil {
			c.zeroUntil = append(c.zeroUntil, unixNano(t))
		}
		l.columns[stored.Key] = c
	}
	l.shown = l.forward(now)
	l.repeatUnseen(since, l.shown)
	l.nextShown = l.showsNext(l.shown)
	return nil
}

// check reports what a ledger could not continue with.
func (s State[K]) check() error {
	if s.Month.IsZero() || !s.Month.Equal(Start(s.Month)) {
		return fmt.Errorf("%s is not the start of a month", s.Month)
	}
	known := make(map[K]bool)
	for _, c := range s.Columns {
		fits := func(n int) bool { return n == 0 || n == len(c.IDs) }
		switch {
		case known[c.Key]:
			return fmt.Errorf("column %v is there twice", c.Key)
		case len(c.Held) != len(c.IDs) || !fits(len(c.Last)) || !fits(len(c.ZeroUntil)) || !fits(len(c.Carried)):
			return fmt.Errorf("column %v has lists of different lengths", c.Key)
		case !ascending(c.IDs) || !ascending(c.Hidden):
			return fmt.Errorf("column %v is not sorted", c.Key)
		case slices.ContainsFunc(c.Held, invalidCounter):
			return fmt.Errorf("column %v has a value that no counter has", c.Key)
		}
		known[c.Key] = true
	}
	return nil
}

func invalidCounter(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) || v < 0 }

// ascending reports whether ids are sorted and all different.
func ascending(ids []string) bool {
	for i := 1; i < len(ids); i++ {
		if ids[i-1] >= ids[i] {
			return false
		}
	}
	return true
}
