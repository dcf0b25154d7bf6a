package twilio

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Null is a value that the API may leave unreported: null, absent or "".
type Null[T any] struct {
	V     T
	Valid bool
}

// A DecodeError says which field of an answer could not be read.
type DecodeError struct {
	Field string // the API's name for it
	Value string // as received, cut to 40 characters
	Want  string // what would have been read
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("%s: %q is not %s", e.Field, e.Value, e.Want)
}

// scalar keeps one JSON value as text until its field is known: the APIs send
// numbers as numbers or strings, and null or "" for nothing.
type scalar struct {
	text  string
	other bool // an object, array or boolean
}

func (s *scalar) UnmarshalJSON(b []byte) error {
	*s = scalar{}
	switch {
	case string(b) == "null":
	case b[0] == '"':
		return json.Unmarshal(b, &s.text)
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		s.text = string(b)
	default:
		s.text, s.other = string(b), true
	}
	return nil
}

func (s scalar) fail(field, want string) error {
	value := s.text
	if len(value) > 40 {
		value = strings.ToValidUTF8(value[:40], "") + "…"
	}
	return &DecodeError{Field: field, Value: value, Want: want}
}

// named is a field that is kept as text.
type named struct {
	field string
	scalar
}

// texts refuses fields that are neither text, number nor null.
func texts(fields ...named) error {
	for _, f := range fields {
		if f.other {
			return f.fail(f.field, "text")
		}
	}
	return nil
}

// bytes reads a count of bytes: whole, from 0 to 2^63-1.
func (s scalar) bytes(field string) (Null[int64], error) {
	if s.text == "" {
		return Null[int64]{}, nil
	}
	const want = "a whole number of bytes from 0 up"
	if n, err := strconv.ParseInt(s.text, 10, 64); err == nil && !s.other && n >= 0 {
		return Null[int64]{n, true}, nil
	}
	d, err := s.decimal(field)
	if err != nil || d.V.IsNegative() || !d.V.IsInteger() || !d.V.BigInt().IsInt64() {
		return Null[int64]{}, s.fail(field, want)
	}
	return Null[int64]{d.V.IntPart(), true}, nil
}

// decimal reads an amount exactly.
func (s scalar) decimal(field string) (Null[decimal.Decimal], error) {
	if s.text == "" {
		return Null[decimal.Decimal]{}, nil
	}
	const want = "a decimal number"
	// The library takes more than decimals, and an exponent of a few bytes
	// could make it fill the memory.
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(s.text), "e")
	if s.other || len(mantissa) > 100 || strings.Trim(mantissa, "0123456789.+-") != "" {
		return Null[decimal.Decimal]{}, s.fail(field, want)
	}
	if scientific {
		if n, err := strconv.Atoi(exponent); err != nil || n > 308 || n < -308 {
			return Null[decimal.Decimal]{}, s.fail(field, want)
		}
	}
	d, err := decimal.NewFromString(s.text)
	if err != nil {
		return Null[decimal.Decimal]{}, s.fail(field, want)
	}
	if f := d.InexactFloat64(); math.IsInf(f, 0) || math.IsNaN(f) {
		return Null[decimal.Decimal]{}, s.fail(field, "a decimal number that fits a float64")
	}
	return Null[decimal.Decimal]{d, true}, nil
}

// time reads a timestamp in one of the layouts, in UTC.
func (s scalar) time(field, want string, layouts ...string) (Null[time.Time], error) {
	if s.text == "" {
		return Null[time.Time]{}, nil
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s.text); err == nil && !s.other {
			return Null[time.Time]{t.UTC(), true}, nil
		}
	}
	return Null[time.Time]{}, s.fail(field, want)
}

// currency reads an ISO 4217 code, which the APIs send in either case.
func (s scalar) currency() string { return strings.ToUpper(s.text) }
