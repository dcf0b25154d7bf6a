package collector

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// usageTotal is the usage of one key over one range, summed exactly. Most are a
// single record; where the API wants whole days the hours since midnight are
// records of their own.
type usageTotal struct {
	key      string
	start    int64 // of the first record's period, in seconds since the epoch
	upload   int64 // bytes, or notReported
	download int64
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

// add counts more usage of the same key. A sum of which a part is not reported
// is not reported.
func (t *usageTotal) add(o usageTotal) {
	t.upload, t.download = plus(t.upload, o.upload), plus(t.download, o.download)
	t.costReported = t.costReported && o.costReported
	t.noCurrency = t.noCurrency || o.noCurrency
	switch {
	case o.currency == "":
	case t.currency == "":
		t.currency, t.cost = o.currency, o.cost
	case t.currency == o.currency:
		t.cost = t.cost.Add(o.cost)
	default:
		if t.others == nil {
			t.others = make(map[string]decimal.Decimal, 1)
		}
		t.others[o.currency] = t.others[o.currency].Add(o.cost)
	}
}

func plus(a, b int64) int64 {
	if a == notReported || b == notReported {
		return notReported
	}
	return a + b
}

// billed is the amount in a currency, if one was named.
func (t *usageTotal) billed(currency string) (decimal.Decimal, bool) {
	if currency == t.currency {
		return t.cost, true
	}
	amount, named := t.others[currency]
	return amount, named
}

// byPart orders the records of a listing: there is one of a key and period.
func byPart() order[usageTotal] {
	return order[usageTotal]{
		text: func(t usageTotal) string { return t.key },
		compare: func(a, b usageTotal) int {
			if n := strings.Compare(a.key, b.key); n != 0 {
				return n
			}
			switch {
			case a.start < b.start:
				return -1
			case a.start > b.start:
				return 1
			}
			return 0
		},
		same: func(a, b usageTotal) bool {
			return a.upload == b.upload && a.download == b.download && a.currency == b.currency &&
				a.costReported == b.costReported && a.cost.Equal(b.cost)
		},
		name: func(t usageTotal) string {
			return fmt.Sprintf("%q from %s on", t.key, time.Unix(t.start, 0).UTC().Format(time.RFC3339))
		},
	}
}

// sumUp adds up the sorted records of a listing by key.
func sumUp(parts []usageTotal) []usageTotal {
	totals := parts[:0]
	for _, part := range parts {
		if n := len(totals); n > 0 && totals[n-1].key == part.key {
			totals[n-1].add(part)
		} else {
			totals = append(totals, part)
		}
	}
	return totals
}

func sameAmount(a, b twilio.Null[decimal.Decimal]) bool {
	return a.Valid == b.Valid && a.V.Equal(b.V)
}
