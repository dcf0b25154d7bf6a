package backfill

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shopspring/decimal"
)

// carried is what the counters of a group stand at where a chunk ends within a month. A run
// that goes on there begins with it: a total that was asked for anew could be less, if
// the API rounds amounts of hours, and the counters would fall.
type carried struct {
	Currencies []string              `json:"currencies"`
	Keys       map[string]carriedKey `json:"keys"` // those with usage in the month
}

type carriedKey struct {
	Upload   int64                    `json:"upload"`
	Download int64                    `json:"download"`
	Cost     map[string]carriedAmount `json:"cost,omitempty"` // by currency
}

type carriedAmount struct {
	Sum  string  `json:"sum"`
	Held float64 `json:"held"`
}

// carry is what the counters stand at.
func (c *counters) carry() *carried {
	all := &carried{Currencies: slices.Sorted(maps.Keys(c.priced)), Keys: make(map[string]carriedKey)}
	for row, key := range c.keys {
		if !c.used[row] {
			continue
		}
		k := carriedKey{Upload: c.upload[row], Download: c.download[row]}
		for _, currency := range all.Currencies {
			if m := c.amounts(currency)[row]; m != (money{}) {
				if k.Cost == nil {
					k.Cost = make(map[string]carriedAmount, 1)
				}
				k.Cost[currency] = carriedAmount{m.sum.decimal().String(), m.held}
			}
		}
		all.Keys[key] = k
	}
	return all
}

// goOn makes counters that have no usage yet go on with what they stood at.
func (c *counters) goOn(from *carried) error {
	for _, key := range slices.Sorted(maps.Keys(from.Keys)) {
		k, row := from.Keys[key], c.row(key)
		c.upload[row], c.download[row], c.used[row], c.shown[row] = k.Upload, k.Download, true, true
	}
	for _, currency := range from.Currencies {
		c.priced[currency] = true
		amounts := c.amounts(currency)
		for key, k := range from.Keys {
			if a, ok := k.Cost[currency]; ok {
				sum, err := decimal.NewFromString(a.Sum)
				if err != nil {
					return fmt.Errorf("%s cannot be read: the amount %q", stateFile, a.Sum)
				}
				amounts[c.rows[key]] = money{sum: amount{}.plus(sum), held: a.Held}
			}
		}
	}
	return nil
}
