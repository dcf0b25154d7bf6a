package collector

import (
	"fmt"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// A Stateful collector can continue in another process where it ended in this one.
type Stateful interface {
	// State returns what Restore continues with, without rows if there is nothing yet.
	// It contains no secrets, and no ICCIDs unless they are exposed. It is not called
	// during a poll; what it returned may be read during one.
	State() State
	// Restore continues a state that decode reads into the pointers of another one, if
	// it is of the same usage. It must come before the first poll. Its results were
	// exposed until since. They are returned as they are at now; nil if nothing of the
	// state is taken. An error changes nothing.
	Restore(decode func(State) error, since, now time.Time) (*Result, error)
}

// State is the state of a collector: plain data for encoding/gob.
type State struct {
	// Rows are as many as the account has series. If nothing changed between two polls,
	// they are encoded as the same bytes, so they have no maps and no times of polls.
	Rows any
	// Head is small, and may be different after each poll; nil: there is none.
	Head any
}

// stringLists are lists of label values. Most columns of samples and counters share
// theirs, and a state has each once.
type stringLists struct {
	Lists []stringList

	known map[listIdentity]int
	read  [][]string
}

// stringList is a list of strings. Where they repeat themselves, each is there once.
type stringList struct {
	Words   []string
	Indexes []uint32 // into Words; empty: the list is Words
}

// listIdentity is the same for slices that share their memory.
type listIdentity struct {
	first  *string
	length int
}

// add returns the number of a list; 0 is the empty one.
func (l *stringLists) add(list []string) int {
	if len(list) == 0 {
		return 0
	}
	if l.known == nil {
		l.known = make(map[listIdentity]int)
	}
	identity := listIdentity{&list[0], len(list)}
	number, known := l.known[identity]
	if !known {
		l.Lists = append(l.Lists, newStringList(list))
		number = len(l.Lists)
		l.known[identity] = number
	}
	return number
}

func newStringList(list []string) stringList {
	indexes, numbers := make([]uint32, len(list)), make(map[string]uint32)
	var words []string
	for i, s := range list {
		number, known := numbers[s]
		if !known {
			if len(words) >= len(list)/4 {
				return stringList{Words: list}
			}
			number = uint32(len(words)) //nolint:gosec // a million SIMs at most
			numbers[s], words = number, append(words, s)
		}
		indexes[i] = number
	}
	return stringList{words, indexes}
}

// get returns a list by its number. Lists of the same number share their memory.
func (l *stringLists) get(number int) ([]string, error) {
	if number < 0 || number > len(l.Lists) {
		return nil, fmt.Errorf("there is no list %d", number)
	}
	if number == 0 {
		return nil, nil
	}
	if l.read == nil {
		l.read = make([][]string, len(l.Lists))
	}
	if i := number - 1; l.read[i] == nil {
		list := l.Lists[i]
		l.read[i] = packed(list.Words, nil)
		if len(list.Indexes) > 0 {
			values := make([]string, len(list.Indexes))
			for k, index := range list.Indexes {
				if int(index) >= len(list.Words) {
					return nil, fmt.Errorf("list %d has no string %d", number, index)
				}
				values[k] = list.Words[index]
			}
			l.read[i] = values
		}
	}
	return l.read[number-1], nil
}

// batchState is a batch of samples. Its family is known by name: what the program says
// of it may have changed.
type batchState struct {
	Family  string
	Created time.Time
	Len     int
	Labels  []labelState
	Values  []float64 // empty: Same
	Same    float64
}

// labelState is a column of label values.
type labelState struct {
	List int    // its number; 0: Same
	Same string // the value of all samples
}

func newBatchStates(batches []metric.Batch, lists *stringLists) []batchState {
	var states []batchState
	for _, b := range batches {
		if b.Len == 0 {
			continue
		}
		s := batchState{Family: b.Family.Name, Created: b.Created, Len: b.Len}
		if s.Values = b.Values.Values(); s.Values == nil {
			s.Same = b.Values.At(0)
		}
		for _, column := range b.Labels {
			label := labelState{List: lists.add(column.Values())}
			if label.List == 0 {
				label.Same = column.At(0)
			}
			s.Labels = append(s.Labels, label)
		}
		states = append(states, s)
	}
	return states
}

// batchesOf are the batches of states whose families are still there with the same
// labels.
func batchesOf(states []batchState, lists *stringLists, families []metric.Family) ([]metric.Batch, error) {
	var batches []metric.Batch
	for _, s := range states {
		i := slices.IndexFunc(families, func(f metric.Family) bool { return f.Name == s.Family })
		if i < 0 || len(families[i].Labels) != len(s.Labels) {
			continue
		}
		b := metric.Batch{Family: families[i], Created: s.Created, Len: s.Len, Values: metric.Const(s.Same)}
		if s.Len <= 0 || len(s.Values) != 0 && len(s.Values) != s.Len {
			return nil, fmt.Errorf("%s: %d values for %d samples", s.Family, len(s.Values), s.Len)
		}
		if len(s.Values) > 0 {
			b.Values = metric.Values(s.Values)
		}
		for _, label := range s.Labels {
			values, err := lists.get(label.List)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", s.Family, err)
			case values == nil:
				b.Labels = append(b.Labels, metric.Const(label.Same))
			case len(values) != s.Len:
				return nil, fmt.Errorf("%s: %d label values for %d samples", s.Family, len(values), s.Len)
			default:
				b.Labels = append(b.Labels, metric.Values(values))
			}
		}
		batches = append(batches, b)
	}
	return batches, nil
}

// ledgerTimes are the moments of a ledger's state.
type ledgerTimes struct {
	Month, Created, End, ZeroUntil, Reported, Latest time.Time
}

// ledgerColumn is a column of a ledger, as monthly.ColumnState says.
type ledgerColumn struct {
	Key        columnKey
	IDs        int // number of the list
	Held, Last []float64
	ZeroUntil  []int64
	Carried    []bool
	Incomplete bool
	Hidden     []string
}

// columnKey names a column: each collector says how.
type columnKey [3]string

// newLedgerState is the state of a ledger, its columns in the order of their keys.
func newLedgerState[K comparable](l *monthly.Ledger[K], keyOf func(K) columnKey, lists *stringLists) (ledgerTimes, []ledgerColumn) {
	s := l.State()
	slices.SortFunc(s.Columns, func(a, b monthly.ColumnState[K]) int {
		one, other := keyOf(a.Key), keyOf(b.Key)
		return slices.Compare(one[:], other[:])
	})
	columns := make([]ledgerColumn, 0, len(s.Columns))
	for _, c := range s.Columns {
		columns = append(columns, ledgerColumn{
			Key: keyOf(c.Key), IDs: lists.add(c.IDs), Held: c.Held, Last: c.Last,
			ZeroUntil: c.ZeroUntil, Carried: c.Carried, Incomplete: c.Incomplete, Hidden: c.Hidden,
		})
	}
	return ledgerTimes{s.Month, s.Created, s.End, s.ZeroUntil, s.Reported, s.Latest}, columns
}

// restoreLedger continues a ledger's state in a new ledger.
func restoreLedger[K comparable](l *monthly.Ledger[K], times ledgerTimes, columns []ledgerColumn, of func(columnKey) K, lists *stringLists, since, now time.Time) error {
	s := monthly.State[K]{
		Month: times.Month, Created: times.Created, End: times.End, ZeroUntil: times.ZeroUntil,
		Reported: times.Reported, Latest: times.Latest,
	}
	for _, c := range columns {
		ids, err := lists.get(c.IDs)
		if err != nil {
			return err
		}
		s.Columns = append(s.Columns, monthly.ColumnState[K]{
			Key: of(c.Key), IDs: ids, Held: c.Held, Last: c.Last,
			ZeroUntil: c.ZeroUntil, Carried: c.Carried, Incomplete: c.Incomplete, Hidden: c.Hidden,
		})
	}
	return l.Restore(s, since, now)
}
