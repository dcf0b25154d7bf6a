package collector

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// usageTotal is the usage of one key over one range, summed exactly. Most are a
// single record; where the API wants whole days, the hours since midnight are
// records of their own.
type usageTotal struct {
	key      string
	start    int64                      // of the first record's period, in seconds since the epoch
	upload   int64                      // bytes, or notReported
	download int64                      // bytes, or notReported
	cost     decimal.Decimal            // in currency
	currency string                     // "" if none was named
	others   map[string]decimal.Decimal // what was billed in further currencies

	costReported bool // by every record
	noCurrency   bool // an amount came without one
}

// notReported stands for a number of bytes that the API left out.
const notReported = -1

// newUsageTotal is the usage of one record.
func newUsageTotal(key string, r twilio.UsageRecord) usageTotal {
	t := usageTotal{
		key: key, start: r.Period.Start.Unix(), upload: notReported, download: notReported,
		cost: r.Billed.V, currency: r.BilledUnit, costReported: r.Billed.Valid,
	}
	if r.Upload.Valid {
		t.upload = r.Upload.V
	}
	if r.Download.Valid {
		t.download = r.Download.V
	}
	if t.currency == "" && !t.cost.IsZero() {
		t.costReported, t.noCurrency = false, true
	}
	return t
}

// add adds more usage of the same key. A sum of which a part is not reported is
// not reported. A sum that its metric cannot hold is an error.
func (t *usageTotal) add(o usageTotal) (err error) {
	if t.upload, err = addBytes(t.upload, o.upload); err != nil {
		return err
	}
	if t.download, err = addBytes(t.download, o.download); err != nil {
		return err
	}
	t.costReported = t.costReported && o.costReported
	t.noCurrency = t.noCurrency || o.noCurrency
	switch {
	case o.currency == "":
	case t.currency == "":
		t.currency, t.cost = o.currency, o.cost
	case t.currency == o.currency:
		t.cost = t.cost.Add(o.cost)
		return finite(t.cost)
	default:
		if t.others == nil {
			t.others = make(map[string]decimal.Decimal, 1)
		}
		t.others[o.currency] = t.others[o.currency].Add(o.cost)
		return finite(t.others[o.currency])
	}
	return nil
}

func addBytes(a, b int64) (int64, error) {
	switch {
	case a == notReported || b == notReported:
		return notReported, nil
	case a > math.MaxInt64-b:
		return 0, fmt.Errorf("the sum of %d and %d bytes is too large", a, b)
	}
	return a + b, nil
}

func finite(amount decimal.Decimal) error {
	if math.IsInf(amount.InexactFloat64(), 0) {
		return errors.New("the sum of its amounts is too large")
	}
	return nil
}

// billed is the amount in a currency, if one was named.
func (t *usageTotal) billed(currency string) (decimal.Decimal, bool) {
	if currency == t.currency {
		return t.cost, true
	}
	amount, named := t.others[currency]
	return amount, named
}

// byKeyAndPeriod orders the records of a listing, which has one for each key and
// period.
func byKeyAndPeriod() order[usageTotal] {
	return order[usageTotal]{
		compare: func(a, b usageTotal) int {
			if n := strings.Compare(a.key, b.key); n != 0 {
				return n
			}
			return cmp.Compare(a.start, b.start)
		},
		same: func(a, b usageTotal) bool {
			return a.upload == b.upload && a.download == b.download && a.currency == b.currency &&
				a.costReported == b.costReported && a.cost.Equal(b.cost)
		},
		size: usageTotal.size,
		name: func(t usageTotal) string {
			return fmt.Sprintf("%q from %s on", t.key, time.Unix(t.start, 0).UTC().Format(time.RFC3339))
		},
	}
}

// sumUp adds up the sorted records of a listing by key.
func sumUp(records []usageTotal) ([]usageTotal, error) {
	totals := records[:0]
	for _, record := range records {
		if n := len(totals); n > 0 && totals[n-1].key == record.key {
			if err := totals[n-1].add(record); err != nil {
				return nil, &twilio.ResponseError{Endpoint: twilio.EndpointUsageRecords, Err: fmt.Errorf("%q: %w", record.key, err)}
			}
		} else {
			totals = append(totals, record)
		}
	}
	return totals, nil
}

// unpriced warns of amounts that cannot be counted because they have no currency.
func unpriced(totals usageTotals) []string {
	var keys []string
	for q, keyed := range totals {
		for _, t := range keyed {
			if t.noCurrency && !q.hour {
				keys = append(keys, fmt.Sprintf("%q", t.key))
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return []string{fmt.Sprintf("the API reports %d amounts without a currency, so they are not counted: %s",
		len(keys), strings.Join(keys[:min(3, len(keys))], ", "))}
}
