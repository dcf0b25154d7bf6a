package report

import (
	"encoding/json"
	"strconv"

	"github.com/shopspring/decimal"
)

// Amount is a decimal number with the digits that it came with.
type Amount struct {
	V     decimal.Decimal
	Valid bool // whether there is one
}

func amount(d decimal.Decimal) Amount { return Amount{d, true} }

// String returns all digits, trailing zeros included and without an exponent; "" if there
// is no number.
func (a Amount) String() string {
	if !a.Valid {
		return ""
	}
	return a.V.StringFixed(max(0, -a.V.Exponent()))
}

// MarshalJSON writes a string, which no reader rounds, or null.
func (a Amount) MarshalJSON() ([]byte, error) {
	if !a.Valid {
		return []byte("null"), nil
	}
	return json.Marshal(a.String())
}

// Bytes is a number of bytes.
type Bytes struct {
	V     int64
	Valid bool // whether it was reported
}

// String returns the digits, or "" if there are none.
func (b Bytes) String() string {
	if !b.Valid {
		return ""
	}
	return strconv.FormatInt(b.V, 10)
}

// MarshalJSON writes a number or null.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if !b.Valid {
		return []byte("null"), nil
	}
	return []byte(b.String()), nil
}

// shareDigits is how many digits a share has after the point.
const shareDigits = 6

// ratio is a/b, if there is one.
func ratio(a, b Amount) Amount {
	if !a.Valid || !b.Valid || b.V.IsZero() {
		return Amount{}
	}
	return amount(a.V.DivRound(b.V, shareDigits))
}
