package collector

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
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
	key        string
	start, end int64                      // of the first record's period, in seconds since the epoch; end 0: unknown
	upload     int64                      // bytes, or notReported
	download   int64                      // bytes, or notReported
	cost       decimal.Decimal            // in currency
	currency   string                     // "" if none was named
	others     map[string]decimal.Decimal // what was billed in further currencies

	unbilledHour int64 // start of the first hour with usage and without an amount; 0: none
	unbilled     bool  // a record longer than an hour has no amount
	billed       bool  // a record has an amount
	noCurrency   bool  // an amount came without one
	unpriced     bool  // what is billed could not be found out

	noUpload, noDownload bool // a record leaves them out, so they are not part of the sum

	hour int64 // start of the hour that it is of, where totals are split; 0: none
}

// notReported stands for a number of bytes that the API left out.
const notReported = -1

// newUsageTotal is the usage of one record.
func newUsageTotal(key string, r twilio.UsageRecord) usageTotal {
	t := usageTotal{key: key, start: r.Period.Start.Unix(), upload: notReported, download: notReported}
	if !r.Period.End.IsZero() {
		t.end = r.Period.End.Unix()
	}
	if r.Upload.Valid {
		t.upload = r.Upload.V
	}
	if r.Download.Valid {
		t.download = r.Download.V
	}
	t.noUpload, t.noDownload = !r.Upload.Valid, !r.Download.Valid
	t.currency = r.BilledUnit
	switch hour := t.end != 0 && t.end-t.start <= 3600; {
	case r.Billed.Valid && r.BilledUnit != "":
		t.cost, t.billed = r.Billed.V, true
	case r.Billed.Valid && !r.Billed.V.IsZero():
		t.noCurrency = true
	case !hour: // null, or 0 of no currency
		t.unbilled = true
	case t.upload != 0 || t.download != 0:
		t.unbilledHour = t.start
	}
	return t
}

// add adds more usage of the same key. What a record does not report adds nothing.
// A sum that its metric cannot hold is an error.
func (t *usageTotal) add(o usageTotal) (err error) {
	if t.upload, err = addBytes(t.upload, o.upload); err != nil {
		return err
	}
	if t.download, err = addBytes(t.download, o.download); err != nil {
		return err
	}
	t.unbilled = t.unbilled || o.unbilled
	t.noUpload, t.noDownload = t.noUpload || o.noUpload, t.noDownload || o.noDownload
	return t.addBilled(o)
}

// addBilled adds what more usage of the same key was billed.
func (t *usageTotal) addBilled(o usageTotal) error {
	t.billed = t.billed || o.billed
	t.noCurrency = t.noCurrency || o.noCurrency
	if o.unbilledHour != 0 && (t.unbilledHour == 0 || o.unbilledHour < t.unbilledHour) {
		t.unbilledHour = o.unbilledHour
	}
	for currency, amount := range o.amounts() {
		if err := t.bill(currency, amount); err != nil {
			return err
		}
	}
	return nil
}

// bill adds an amount in a currency.
func (t *usageTotal) bill(currency string, amount decimal.Decimal) error {
	if currency == t.currency {
		t.cost = t.cost.Add(amount)
		return finite(t.cost)
	}
	if t.currency == "" {
		t.currency, t.cost = currency, amount
		return nil
	}
	if t.others == nil {
		t.others = make(map[string]decimal.Decimal, 1)
	}
	t.others[currency] = t.others[currency].Add(amount)
	return finite(t.others[currency])
}

func addBytes(a, b int64) (int64, error) {
	switch {
	case b == notReported:
		return a, nil
	case a == notReported:
		return b, nil
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

// amounts are what was billed, by currency.
func (t *usageTotal) amounts() iter.Seq2[string, decimal.Decimal] {
	return func(yield func(string, decimal.Decimal) bool) {
		if t.currency == "" || !yield(t.currency, t.cost) {
			return
		}
		for currency, amount := range t.others {
			if !yield(currency, amount) {
				return
			}
		}
	}
}

// amount is what was billed in a currency, if one was named.
func (t *usageTotal) amount(currency string) (decimal.Decimal, bool) {
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
				a.billed == b.billed && a.noCurrency == b.noCurrency && a.cost.Equal(b.cost)
		},
		size: usageTotal.size,
		name: func(t usageTotal) string {
			return fmt.Sprintf("%q from %s on", t.key, time.Unix(t.start, 0).UTC().Format(time.RFC3339))
		},
	}
}

// sumUp adds up sorted records that are of the same usage by one key.
func sumUp(records []usageTotal, same func(a, b *usageTotal) bool) ([]usageTotal, error) {
	several := func() bool {
		for i := 1; i < len(records); i++ {
			if same(&records[i-1], &records[i]) {
				return true
			}
		}
		return false
	}
	if !several() {
		return records, nil
	}
	var totals []usageTotal
	for i := range records {
		if n := len(totals); n > 0 && same(&totals[n-1], &records[i]) {
			if err := totals[n-1].add(records[i]); err != nil {
				return nil, &twilio.ResponseError{Endpoint: twilio.EndpointUsageRecords, Err: fmt.Errorf("%q: %w", records[i].key, err)}
			}
		} else {
			totals = append(totals, records[i])
		}
	}
	return totals, nil
}

func sameKey(a, b *usageTotal) bool { return a.key == b.key }

func sameKeyAndHour(a, b *usageTotal) bool { return a.key == b.key && a.hour == b.hour }

// doubts are warnings of what cannot be counted: amounts without a currency, and
// bytes that a part of a sum leaves out.
func doubts(totals usageTotals) []string {
	var unpriced, missing []string
	for q, keyed := range totals {
		for i := range keyed {
			t := &keyed[i]
			if q.hour {
				continue
			}
			if t.noCurrency {
				unpriced = append(unpriced, fmt.Sprintf("%q", t.key))
			}
			if t.noUpload && t.upload != notReported || t.noDownload && t.download != notReported {
				missing = append(missing, fmt.Sprintf("%q", t.key))
			}
		}
	}
	var warnings []string
	for _, w := range []struct {
		keys []string
		text string
	}{
		{unpriced, "the API reports %d amounts without a currency, so they are not counted: %s"},
		{missing, "the API leaves out bytes of an hour or more in %d sums, so these are not counted yet: %s"},
	} {
		if len(w.keys) > 0 {
			slices.Sort(w.keys)
			keys := slices.Compact(w.keys)
			warnings = append(warnings, fmt.Sprintf(w.text, len(keys), strings.Join(keys[:min(3, len(keys))], ", ")))
		}
	}
	return warnings
}
