package report

import (
	"errors"
	"math"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// usage is what one key used. The zero value is none.
type usage struct {
	upload, download Bytes
	costs            []money // one for each currency that was named
	unbilled         bool    // a part of it has no amount
	noCurrency       bool    // an amount came without a currency
}

// money is an amount in a currency; it is not valid where a currency was named and
// nothing is billed.
type money struct {
	currency string
	Amount
}

// add adds a record. What is not reported adds nothing.
func (u *usage) add(r twilio.UsageRecord) error {
	if err := errors.Join(addBytes(&u.upload, r.Upload), addBytes(&u.download, r.Download)); err != nil {
		return err
	}
	switch {
	case r.Billed.Valid && r.BilledUnit != "":
		u.bill(r.BilledUnit, amount(r.Billed.V))
	case r.Billed.Valid && !r.Billed.V.IsZero():
		u.noCurrency = true
	case r.Upload.V != 0 || r.Download.V != 0 || r.Total.V != 0: // null, or 0 of no currency
		u.unbilled = true
		if r.BilledUnit != "" {
			u.bill(r.BilledUnit, Amount{})
		}
	}
	return nil
}

func (u *usage) bill(currency string, a Amount) {
	i := slices.IndexFunc(u.costs, func(m money) bool { return m.currency == currency })
	if i < 0 {
		u.costs = append(u.costs, money{currency, a})
		return
	}
	if m := &u.costs[i]; a.Valid {
		m.Amount = amount(m.V.Add(a.V))
	}
}

// cost is the amount in a currency.
func (u *usage) cost(currency string) Amount {
	for _, m := range u.costs {
		if m.currency == currency && m.Valid {
			return m.Amount
		}
	}
	if u.unbilled || u.noCurrency {
		return Amount{}
	}
	return amount(decimal.Zero)
}

func addBytes(sum *Bytes, n twilio.Null[int64]) error {
	if !n.Valid {
		return nil
	}
	if n.V > math.MaxInt64-sum.V {
		return errors.New("the sum of its bytes is too large")
	}
	*sum = Bytes{sum.V + n.V, true}
	return nil
}

// usages are those of a listing by key.
type usages map[string]*usage

// sum adds up all keys. Bytes stay at the largest number.
func (l usages) sum() usage {
	var s usage
	for _, u := range l {
		s.upload, s.download = sumBytes(s.upload, u.upload), sumBytes(s.download, u.download)
		s.unbilled, s.noCurrency = s.unbilled || u.unbilled, s.noCurrency || u.noCurrency
		for _, m := range u.costs {
			s.bill(m.currency, m.Amount)
		}
	}
	return s
}

// noUsage is the usage of a key that a listing has no record of: it used nothing.
func noUsage() *usage { return &usage{upload: Bytes{0, true}, download: Bytes{0, true}} }

// of returns the usage of a key.
func (l usages) of(key string) *usage {
	if u := l[key]; u != nil {
		return u
	}
	return noUsage()
}
