package collector

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"runtime"
	"slices"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// sequence is what a listing of the client yields.
type sequence[T any] = iter.Seq2[T, error]

// order sorts the records of a listing by key, and compares those of one key.
type order[T any] struct {
	text    func(T) string // by which they are ordered first
	compare func(a, b T) int
	same    func(a, b T) bool
	name    func(T) string // of the key, for errors
}

// collect reads a whole listing, sorted by key. A key that comes twice must say
// the same both times, and counts once. A listing whose page token is refused is
// read anew, once. Some expected records may be foreseen.
func collect[T any](endpoint twilio.Endpoint, list func() sequence[T], by order[T], foreseen int) ([]T, error) {
	for restarted := false; ; restarted = true {
		records, err := collectOnce(endpoint, list(), by, foreseen)
		if !restarted && twilio.IsInvalidPageToken(err) {
			continue
		}
		return records, err
	}
}

func collectOnce[T any](endpoint twilio.Endpoint, list sequence[T], by order[T], foreseen int) ([]T, error) {
	records := make([]T, 0, foreseen)
	for record, err := range list {
		if err != nil {
			return nil, err
		}
		records = append(records, record)
		makeWay(len(records))
	}
	by.sort(records)
	unique := records[:0]
	for i, record := range records {
		makeWay(i)
		if n := len(unique); n == 0 || by.compare(unique[n-1], record) != 0 {
			unique = append(unique, record)
		} else if !by.same(unique[n-1], record) {
			return nil, &twilio.ResponseError{Endpoint: endpoint, Err: fmt.Errorf("%s comes twice and does not say the same", by.name(record))}
		}
	}
	return unique, nil
}

// makeWay lets scrapes go first, every few hundred steps of something long. They
// are short, and would wait for the scheduler's patience to end otherwise.
func makeWay(step int) {
	if step%256 == 0 {
		runtime.Gosched()
	}
}

// sort sorts records. They are large and come in any order, so it is places that
// are moved about, and mostly a few bytes that are compared.
func (o order[T]) sort(records []T) {
	if slices.IsSortedFunc(records, o.compare) {
		return
	}
	type place struct {
		start uint64 // of the text
		at    int
	}
	places := make([]place, len(records))
	for i := range records {
		makeWay(i)
		var start [8]byte
		copy(start[:], o.text(records[i]))
		places[i] = place{binary.BigEndian.Uint64(start[:]), i}
	}
	steps := 0
	slices.SortFunc(places, func(a, b place) int {
		if steps++; steps%16 == 0 {
			makeWay(steps / 16)
		}
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return o.compare(records[a.at], records[b.at])
	})
	// Each cycle of places moves by one.
	steps = 0
	for i := range places {
		if places[i].at == i {
			continue
		}
		first, to := records[i], i
		for {
			steps++
			makeWay(steps)
			from := places[to].at
			places[to].at = to
			if from == i {
				records[to] = first
				break
			}
			records[to] = records[from]
			to = from
		}
	}
}
