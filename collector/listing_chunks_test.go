package collector

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// TestLongListings: listings about as long as a multiple of a chunk are whole, each record
// once, whether or not their length was expected.
func TestLongListings(t *testing.T) {
	client, err := twilio.New(twilio.Options{Provider: twilio.ProviderTwilio, AccountSID: "AC0", SuperSIMURL: "http://simulator", APIURL: "http://simulator"})
	if err != nil {
		t.Fatal(err)
	}
	account := &Account{Client: client}
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 1} {
		for _, sizeHint := range []int{0, 1, chunk, n, 2 * n} {
			order := rand.New(rand.NewPCG(uint64(n), 1)).Perm(n)
			held := account.hold()
			records, err := readListing(held, twilio.EndpointSims, func() iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for i, record := range order {
						if !yield(record, nil) || i%1000 == 0 && !yield(record, nil) { // some come twice
							return
						}
					}
				}
			}, orderOfNumbers(), sizeHint)
			if err != nil || len(records) != n || held.count() != n || !slices.IsSortedFunc(records, cmp.Compare) || n > 0 && (records[0] != 0 || records[n-1] != n-1) {
				t.Errorf("%d records, %d expected: have %d, %v", n, sizeHint, len(records), err)
			}
			held.release()
		}
	}
}

func orderOfNumbers() order[int] {
	return order[int]{
		compare: cmp.Compare[int], same: func(a, b int) bool { return a == b },
		name: strconv.Itoa, size: func(int) int64 { return 8 },
	}
}
