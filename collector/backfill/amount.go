package backfill

import (
	"math"
	"math/big"

	"github.com/shopspring/decimal"
)

// nano is the unit in which most amounts are held: a billionth of the currency's unit.
const nanoDigits = 9

// nanosOf is an amount in billionths, if it is a whole number of them that fits.
func nanosOf(d decimal.Decimal) (int64, bool) {
	shift := int64(d.Exponent()) + nanoDigits
	if shift < 0 || shift > 18 {
		return 0, false
	}
	n := new(big.Int).Mul(d.Coefficient(), new(big.Int).Exp(big.NewInt(10), big.NewInt(shift), nil))
	return n.Int64(), n.IsInt64()
}

// An amount is an exact sum of money. Most are whole billionths and take no memory
// beside the two words.
type amount struct {
	nanos int64
	rest  *decimal.Decimal // what does not fit; nil: nothing
}

func (a amount) add(nanos int64) amount {
	if sum := a.nanos + nanos; (sum > a.nanos) == (nanos > 0) {
		a.nanos = sum
		return a
	}
	return a.addDecimal(decimal.New(nanos, -nanoDigits))
}

// plus is the sum of both.
func (a amount) plus(d decimal.Decimal) amount {
	if nanos, ok := nanosOf(d); ok {
		return a.add(nanos)
	}
	return a.addDecimal(d)
}

func (a amount) addDecimal(d decimal.Decimal) amount {
	if a.rest != nil {
		d = d.Add(*a.rest)
	}
	a.rest = &d
	return a
}

// float is the nearest number that a sample can hold.
func (a amount) float() float64 {
	// Both are exact up to 2^53, so that the quotient is the nearest.
	if a.rest == nil && a.nanos < 1<<53 && a.nanos > -1<<53 {
		return float64(a.nanos) / 1e9
	}
	return a.decimal().InexactFloat64()
}

func (a amount) decimal() decimal.Decimal {
	d := decimal.New(a.nanos, -nanoDigits)
	if a.rest != nil {
		d = d.Add(*a.rest)
	}
	return d
}

// addBytes adds two numbers of bytes, and reports whether the sum can be held.
func addBytes(a, b int64) (int64, bool) {
	if a > math.MaxInt64-b {
		return 0, false
	}
	return a + b, true
}
