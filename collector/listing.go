package collector

import (
	"fmt"
	"iter"
	"slices"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// order tells the records of a listing apart.
type order[T any] struct {
	compare func(a, b T) int  // by key
	same    func(a, b T) bool // reports whether two records of one key agree
	name    func(T) string    // of the key, for errors
}

// readListing reads a whole listing, sorted by key. A key that is listed twice
// counts once if its records agree, and is an error otherwise. A listing whose
// page token is refused is read from the start again, once. sizeHint is about how
// many records there will be.
func readListing[T any](endpoint twilio.Endpoint, list func() iter.Seq2[T, error], by order[T], sizeHint int) ([]T, error) {
	records, err := readRecords(list(), sizeHint)
	if twilio.IsInvalidPageToken(err) {
		records, err = readRecords(list(), sizeHint)
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
	return unique, nil
}

func readRecords[T any](list iter.Seq2[T, error], sizeHint int) ([]T, error) {
	records := make([]T, 0, sizeHint)
	for record, err := range list {
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}
