package collector

import (
	"fmt"
	"iter"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// sequence is what a listing of the client yields.
type sequence[T any] = iter.Seq2[T, error]

// collect reads a whole listing by key. A key that comes twice must say the
// same both times. A listing whose page token is refused is read anew, once.
func collect[K comparable, T any](endpoint twilio.Endpoint, list func() sequence[T], key func(T) K, same func(a, b T) bool) (map[K]T, error) {
	for restarted := false; ; restarted = true {
		records, err := collectOnce(endpoint, list(), key, same)
		if !restarted && twilio.IsInvalidPageToken(err) {
			continue
		}
		return records, err
	}
}

func collectOnce[K comparable, T any](endpoint twilio.Endpoint, list sequence[T], key func(T) K, same func(a, b T) bool) (map[K]T, error) {
	records := make(map[K]T)
	for record, err := range list {
		if err != nil {
			return nil, err
		}
		k := key(record)
		if other, twice := records[k]; twice && !same(record, other) {
			return nil, &twilio.AnswerError{Endpoint: endpoint, Err: fmt.Errorf("%v comes twice and does not say the same", k)}
		}
		records[k] = record
	}
	return records, nil
}
