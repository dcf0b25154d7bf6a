package collector

import (
	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// usageTotal is the usage of one key over one range, summed exactly. Most are a
// single record; where the API wants whole days the hours since midnight are
// records of their own.
type usageTotal struct {
	upload, download twilio.Null[int64]
	cost             map[string]decimal.Decimal // by currency
	costReported     bool                       // by every record
	noCurrency       bool                       // an amount came without one
}

func newUsageTotal() *usageTotal {
	return &usageTotal{
		upload:       twilio.Null[int64]{Valid: true},
		download:     twilio.Null[int64]{Valid: true},
		costReported: true,
	}
}

// add counts a record. A sum of which a part is not reported is not reported.
func (t *usageTotal) add(r twilio.UsageRecord) {
	t.upload = plus(t.upload, r.Upload)
	t.download = plus(t.download, r.Download)
	switch {
	case r.BilledUnit != "":
		// The currency is named even where the amount is missing.
		if t.cost == nil {
			t.cost = make(map[string]decimal.Decimal, 1)
		}
		t.cost[r.BilledUnit] = t.cost[r.BilledUnit].Add(r.Billed.V)
		t.costReported = t.costReported && r.Billed.Valid
	case !r.Billed.Valid:
		t.costReported = false
	case !r.Billed.V.IsZero():
		t.costReported, t.noCurrency = false, true
	}
}

func plus(a, b twilio.Null[int64]) twilio.Null[int64] {
	return twilio.Null[int64]{V: a.V + b.V, Valid: a.Valid && b.Valid}
}

// sameUsage says whether two records of one key and period agree.
func sameUsage(a, b twilio.UsageRecord) bool {
	return a.Upload == b.Upload && a.Download == b.Download && a.BilledUnit == b.BilledUnit && sameAmount(a.Billed, b.Billed)
}

func sameAmount(a, b twilio.Null[decimal.Decimal]) bool {
	return a.Valid == b.Valid && a.V.Equal(b.V)
}
