package backfill

import (
	"cmp"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// usage is that of some keys by hour or day, as the API lists it in any order. Each
// key has a row, and each hour or day a column. Its memory is used again and again.
type usage struct {
	start time.Time
	step  time.Duration
	steps int

	// By row, then by step. An element of upload is absent where there is no record.
	upload, download []int64
	nanos            []int64 // what was billed in currency

	currency string
	odd      map[oddCell]decimal.Decimal // amounts in other currencies, or that are no billionths
	// The records of cells that have several, because the API cuts periods in another way
	// than was asked for: by cell, then by the start of the period.
	parts map[int]map[int64]twilio.UsageRecord

	currencies   map[string]bool           // that a record names
	currenciesBy map[int64]map[string]bool // the same by month, in seconds since the epoch
	noCurrency   bool                      // an amount came without one
}

const absent = -1

type oddCell struct {
	cell     int
	currency string
}

// reset makes room for rows, without usage.
func (u *usage) reset(start time.Time, step time.Duration, steps, rows int) {
	u.start, u.step, u.steps = start, step, steps
	u.upload, u.download, u.nanos = u.upload[:0], u.download[:0], u.nanos[:0]
	u.odd, u.parts = make(map[oddCell]decimal.Decimal), make(map[int]map[int64]twilio.UsageRecord)
	u.currency, u.currencies, u.noCurrency = "", make(map[string]bool), false
	u.currenciesBy = make(map[int64]map[string]bool)
	if n := rows * steps; cap(u.upload) < n {
		u.upload, u.download, u.nanos = make([]int64, 0, n), make([]int64, 0, n), make([]int64, 0, n)
	}
	u.grow(rows)
}

// grow adds rows up to a number of them.
func (u *usage) grow(rows int) {
	for n := rows * u.steps; len(u.upload) < n; {
		u.upload, u.download, u.nanos = append(u.upload, absent), append(u.download, 0), append(u.nanos, 0)
	}
}

func (u *usage) rows() int { return len(u.upload) / u.steps }

// set takes a record of a row. A record that comes twice counts once; where its two
// versions differ, it is an error, or, if it is read again on purpose, the later one
// counts.
func (u *usage) set(row int, r twilio.UsageRecord, again bool) error {
	offset := r.Period.Start.Sub(u.start) // in the range: the client rejects others
	cell := row*u.steps + int(offset/u.step)
	if offset%u.step != 0 || u.parts[cell] != nil {
		return u.setPart(cell, r, again)
	}
	if u.upload[cell] != absent {
		if !again && !sameUsage(u.record(cell), r) {
			return contradiction(r)
		}
		u.clear(cell)
	}
	return u.add(cell, r)
}

// setPart takes a record of a cell that has several.
func (u *usage) setPart(cell int, r twilio.UsageRecord, again bool) error {
	parts := u.parts[cell]
	if parts == nil {
		parts = make(map[int64]twilio.UsageRecord)
		if u.upload[cell] != absent {
			whole := u.record(cell)
			parts[whole.Period.Start.Unix()] = whole
		}
		u.parts[cell] = parts
	}
	start := r.Period.Start.Unix()
	if known, ok := parts[start]; ok && !again && !sameUsage(known, r) {
		return contradiction(r)
	}
	parts[start] = r
	u.clear(cell)
	for _, part := range parts {
		if err := u.add(cell, part); err != nil {
			return err
		}
	}
	return nil
}

// record is what a cell has of one record.
func (u *usage) record(i int) twilio.UsageRecord {
	r := twilio.UsageRecord{Period: twilio.Period{Start: u.start.Add(time.Duration(i%u.steps) * u.step)}}
	r.Upload.V, r.Download.V = u.upload[i], u.download[i]
	if u.nanos[i] != 0 {
		r.Billed, r.BilledUnit = twilio.Null[decimal.Decimal]{V: decimal.New(u.nanos[i], -nanoDigits), Valid: true}, u.currency
	}
	for currency := range u.currencies {
		if d, ok := u.odd[oddCell{i, currency}]; ok {
			r.Billed, r.BilledUnit = twilio.Null[decimal.Decimal]{V: d, Valid: true}, currency
		}
	}
	return r
}

func contradiction(r twilio.UsageRecord) error {
	key := cmp.Or(r.SimSID, r.FleetSID, r.NetworkSID, r.IsoCountry, r.AccountSID)
	return fmt.Errorf("%q from %s on is listed twice with different values", key, r.Period.Start.Format(time.RFC3339))
}

// sameUsage reports whether two records add the same.
func sameUsage(a, b twilio.UsageRecord) bool {
	return a.Upload.V == b.Upload.V && a.Download.V == b.Download.V &&
		a.Billed.V.Equal(b.Billed.V) && (a.BilledUnit == b.BilledUnit || a.Billed.V.IsZero())
}

func (u *usage) clear(i int) {
	u.upload[i], u.download[i], u.nanos[i] = absent, 0, 0
	for currency := range u.currencies {
		delete(u.odd, oddCell{i, currency})
	}
}

// add adds a record to a cell. What it does not report adds nothing.
func (u *usage) add(i int, r twilio.UsageRecord) error {
	upload, ok1 := addBytes(max(u.upload[i], 0), r.Upload.V)
	download, ok2 := addBytes(u.download[i], r.Download.V)
	if !ok1 || !ok2 {
		return fmt.Errorf("the sum of bytes from %s on is too large", r.Period.Start.Format(time.RFC3339))
	}
	u.upload[i], u.download[i] = upload, download
	if r.BilledUnit == "" {
		u.noCurrency = u.noCurrency || r.Billed.Valid && !r.Billed.V.IsZero()
		return nil
	}
	u.names(r.BilledUnit, u.start.Add(time.Duration(i%u.steps)*u.step))
	if !r.Billed.Valid || r.Billed.V.IsZero() {
		return nil
	}
	u.currency = cmp.Or(u.currency, r.BilledUnit)
	if r.BilledUnit == u.currency {
		if nanos, ok := nanosOf(r.Billed.V); ok {
			if sum := (amount{nanos: u.nanos[i]}).add(nanos); sum.rest == nil {
				u.nanos[i] = sum.nanos
				return nil
			}
		}
	}
	name := oddCell{i, r.BilledUnit}
	u.odd[name] = u.odd[name].Add(r.Billed.V)
	return nil
}

// names takes note of a currency that is named in the month of a time.
func (u *usage) names(currency string, at time.Time) {
	month := monthly.Start(at).Unix()
	if u.currenciesBy[month] == nil {
		u.currenciesBy[month] = make(map[string]bool)
	}
	u.currencies[currency], u.currenciesBy[month][currency] = true, true
}

// bytes is what a row used in a step.
func (u *usage) bytes(row, step int) (upload, download int64) {
	i := row*u.steps + step
	return max(u.upload[i], 0), u.download[i]
}

// used reports whether a row has a record in steps [from, to).
func (u *usage) used(row, from, to int) bool {
	for i := row*u.steps + from; i < row*u.steps+to; i++ {
		if u.upload[i] != absent {
			return true
		}
	}
	return false
}

// bill adds to an amount what a row was billed in a currency in a step.
func (u *usage) bill(a amount, row, step int, currency string) amount {
	i := row*u.steps + step
	if currency == u.currency {
		a = a.add(u.nanos[i])
	}
	if len(u.odd) > 0 {
		if d, ok := u.odd[oddCell{i, currency}]; ok {
			a = a.addDecimal(d)
		}
	}
	return a
}
