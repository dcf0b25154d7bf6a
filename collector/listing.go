package collector

import (
	"fmt"
	"iter"
	"slices"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// order tells the records of a listing apart, and how much memory each takes.
type order[T any] struct {
	compare func(a, b T) int  // by key
	same    func(a, b T) bool // reports whether two records of one key agree
	name    func(T) string    // of the key, for errors
	size    func(T) int64     // bytes
}

// readListing reads a whole listing, sorted by key. A key that is listed twice
// counts once if its records agree, and is an error otherwise. A listing whose
// page token is refused is read from the start again, once. sizeHint is about how
// many records there will be.
func readListing[T any](held *holding, endpoint twilio.Endpoint, list func() iter.Seq2[T, error], by order[T], sizeHint int) ([]T, error) {
	records, err := readRecords(held, endpoint, list(), by, sizeHint)
	if twilio.IsInvalidPageToken(err) {
		records, err = readRecords(held, endpoint, list(), by, sizeHint)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(records, by.compare)
	unique := records[:0]
	for _, record := range records {
		if n := len(unique); n == 0 || by.compare(unique[n-1], record) != 0 {
			unique = append(unique, record)
		} else if !by.same(unique[n-1], record) {
			return nil, &twilio.ResponseError{Endpoint: endpoint, Err: fmt.Errorf("%s is listed twice with different values", by.name(record))}
		}
	}
	held.records.Add(int64(len(unique)))
	return unique, nil
}

// chunk is for how many more records a long listing has room at a time. One slice that
// grows would be copied, with all that it held beside all that it has.
const chunk = 1 << 14

func readRecords[T any](held *holding, endpoint twilio.Endpoint, list iter.Seq2[T, error], by order[T], sizeHint int) ([]T, error) {
	records := make([]T, 0, sizeHint)
	var full [][]T
	var size int64 // of records that held does not know of yet
	for record, err := range list {
		if err != nil {
			return nil, err
		}
		if len(records) >= chunk && len(records) == cap(records) {
			full, records = append(full, records), make([]T, 0, chunk)
		}
		records = append(records, record)
		if size += by.size(record); size > 1<<20 {
			if err := held.add(endpoint, size); err != nil {
				return nil, err
			}
			size = 0
		}
	}
	if len(full) > 0 {
		records = slices.Concat(append(full, records)...)
	}
	return records, held.add(endpoint, size)
}
