package twilio

import (
	"bytes"
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

// scalar keeps one JSON value until its field is known: the APIs send numbers as
// numbers or strings, and null or "" for nothing. It is read into for each record
// anew, and remembers what it was last taken for, so that what the next record
// repeats is not made again.
type scalar struct {
	raw []byte // as received; empty if it was not

	last   []byte // the raw form of word or moment, whichever the field is
	word   string
	moment time.Time
	common map[string]string // the first words of the field
}

func (s *scalar) read(d *decoder) error {
	v, err := d.json.ReadValue()
	if err != nil {
		return err
	}
	if len(s.raw) == 0 {
		d.given = append(d.given, s)
	}
	s.raw = append(s.raw[:0], v...)
	return nil
}

func (s *scalar) clear() { s.raw = s.raw[:0] }

// UnmarshalJSON lets encoding/json read the few answers that are no listing.
func (s *scalar) UnmarshalJSON(v []byte) error {
	s.raw = append(s.raw[:0], v...)
	return nil
}

// content is the text, empty for nothing. It may share the value's memory.
func (s *scalar) content() []byte {
	switch {
	case len(s.raw) == 0 || s.raw[0] == 'n':
		return nil
	case s.raw[0] == '"':
		return unquote(s.raw)
	}
	return s.raw
}

// other tells an object, array or boolean.
func (s *scalar) other() bool {
	return len(s.raw) > 0 && (s.raw[0] == '{' || s.raw[0] == '[' || s.raw[0] == 't' || s.raw[0] == 'f')
}

// unique is the text of a field that hardly any two records share.
func (s *scalar) unique() string { return string(s.content()) }

// maxCommon bounds the words that are remembered of one field, and the length of
// each.
const maxCommon = 256

// text is the text of a field that records share.
func (s *scalar) text() string {
	if bytes.Equal(s.raw, s.last) {
		return s.word
	}
	s.last = append(s.last[:0], s.raw...)
	content := s.content()
	text, ok := s.common[string(content)]
	if !ok {
		text = string(content)
		if s.common == nil {
			s.common = make(map[string]string)
		}
		if len(s.common) < maxCommon && len(text) < maxCommon {
			s.common[text] = text
		}
	}
	s.word = text
	return text
}

func (s *scalar) fail(field, want string) error {
	value := string(s.content())
	if len(value) > 40 {
		value = strings.ToValidUTF8(value[:40], "") + "…"
	}
	return &DecodeError{Field: field, Value: value, Want: want}
}

// named is a field that is kept as text.
type named struct {
	field string
	*scalar
}

// texts refuses fields that are neither text, number nor null.
func texts(fields ...named) error {
	for _, f := range fields {
		if f.other() {
			return f.fail(f.field, "text")
		}
	}
	return nil
}

// bytes reads a count of bytes: whole, from 0 to 2^63-1.
func (s *scalar) bytes(field string) (Null[int64], error) {
	if n, fraction, ok := s.plainNumber(); ok && n >= 0 && fraction == 0 {
		return Null[int64]{n, true}, nil
	}
	text := string(s.content())
	if text == "" {
		return Null[int64]{}, nil
	}
	const want = "a whole number of bytes from 0 up"
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && !s.other() && n >= 0 {
		return Null[int64]{n, true}, nil
	}
	d, err := s.decimal(field)
	if err != nil || d.V.IsNegative() || !d.V.IsInteger() || !d.V.BigInt().IsInt64() {
		return Null[int64]{}, s.fail(field, want)
	}
	return Null[int64]{d.V.IntPart(), true}, nil
}

// decimal reads an amount exactly.
func (s *scalar) decimal(field string) (Null[decimal.Decimal], error) {
	if n, fraction, ok := s.plainNumber(); ok {
		return Null[decimal.Decimal]{decimal.New(n, -fraction), true}, nil
	}
	text := string(s.content())
	if text == "" {
		return Null[decimal.Decimal]{}, nil
	}
	const want = "a decimal number"
	// The library takes more than decimals, and an exponent of a few bytes
	// could make it fill the memory.
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	if s.other() || len(mantissa) > 100 || strings.Trim(mantissa, "0123456789.+-") != "" {
		return Null[decimal.Decimal]{}, s.fail(field, want)
	}
	if scientific {
		if n, err := strconv.Atoi(exponent); err != nil || n > 308 || n < -308 {
			return Null[decimal.Decimal]{}, s.fail(field, want)
		}
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return Null[decimal.Decimal]{}, s.fail(field, want)
	}
	if f := d.InexactFloat64(); math.IsInf(f, 0) || math.IsNaN(f) {
		return Null[decimal.Decimal]{}, s.fail(field, "a decimal number that fits a float64")
	}
	return Null[decimal.Decimal]{d, true}, nil
}

// plainNumber reads what numbers look like as a rule: at most 18 digits, which
// fit an int64, perhaps after a minus or with a point among them. Fraction is how
// many digits follow the point.
func (s *scalar) plainNumber() (n int64, fraction int32, ok bool) {
	text := s.raw
	if len(text) > 0 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	if len(text) > 19 {
		return 0, 0, false
	}
	digits, point := 0, -1
	for i, c := range text {
		switch {
		case '0' <= c && c <= '9':
			n = 10*n + int64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = i
		default:
			return 0, 0, false
		}
	}
	if digits == 0 || digits > 18 {
		return 0, 0, false
	}
	if point >= 0 {
		fraction = int32(len(text) - 1 - point) //nolint:gosec // at most 18
	}
	if negative {
		n = -n
	}
	return n, fraction, true
}

// time reads a timestamp in one of the layouts, in UTC.
func (s *scalar) time(field, want string, layouts ...string) (Null[time.Time], error) {
	if len(s.raw) > 0 && bytes.Equal(s.raw, s.last) {
		return Null[time.Time]{s.moment, true}, nil
	}
	text := string(s.content())
	if text == "" {
		return Null[time.Time]{}, nil
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil && !s.other() {
			s.last, s.moment = append(s.last[:0], s.raw...), t.UTC()
			return Null[time.Time]{s.moment, true}, nil
		}
	}
	return Null[time.Time]{}, s.fail(field, want)
}

// currency reads an ISO 4217 code, which the APIs send in either case.
func (s *scalar) currency() string { return strings.ToUpper(s.text()) }
