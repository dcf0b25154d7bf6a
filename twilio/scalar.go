package twilio

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// Null is a value that the API may leave unreported: null, absent or "".
type Null[T any] struct {
	V     T
	Valid bool // whether it was reported
}

// scalar holds one JSON value until it is known which type its field has: the
// APIs send numbers as numbers or as strings, and null or "" for nothing. It is
// used for one record after the other, and keeps its last conversion, because
// consecutive records often repeat a value.
type scalar struct {
	raw   []byte // as received; empty if absent
	limit int    // bytes of raw; 0: maxValue

	last   []byte // the raw form of word or moment, whichever the field has
	word   string
	moment time.Time
	words  map[string]string // the first distinct values of the field
}

// maxValue is the length in bytes of the longest value that is taken.
const maxValue = 4 << 10

func (s *scalar) read(d *decoder) error {
	v, err := d.json.ReadValue()
	if err != nil {
		return err
	}
	if len(v) > cmp.Or(s.limit, maxValue) {
		return fmt.Errorf("%s: longer than %d bytes", d.json.StackPointer().LastToken(), cmp.Or(s.limit, maxValue))
	}
	if len(s.raw) == 0 {
		d.set = append(d.set, s)
	}
	s.raw = append(s.raw[:0], v...)
	return nil
}

func (s *scalar) clear() { s.raw = s.raw[:0] }

// content returns the value as text, empty if unreported. It may share memory
// with raw.
func (s *scalar) content() []byte {
	switch {
	case len(s.raw) == 0 || s.raw[0] == 'n':
		return nil
	case s.raw[0] == '"':
		return unquote(s.raw)
	}
	return s.raw
}

// isText reports whether the value is a string, a number or unreported, and not
// an object, array or boolean.
func (s *scalar) isText() bool {
	return len(s.raw) == 0 || s.raw[0] != '{' && s.raw[0] != '[' && s.raw[0] != 't' && s.raw[0] != 'f'
}

// text returns the text of a field that hardly any two records share.
func (s *scalar) text() string { return string(printable(s.content())) }

// printable replaces control characters, which are not fit for labels and pages,
// by U+FFFD.
func printable(text []byte) []byte {
	if !slices.ContainsFunc(text, func(c byte) bool { return c < ' ' || c >= 0x7F }) || !bytes.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	return bytes.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, text)
}

// maxWords bounds the number of words kept for a field, and the length of each.
const maxWords = 256

// shared returns the text of a field whose values repeat, such as a fleet's SID:
// one string for all records that have it.
func (s *scalar) shared() string {
	if bytes.Equal(s.raw, s.last) {
		return s.word
	}
	s.last = append(s.last[:0], s.raw...)
	content := s.content()
	text, ok := s.words[string(content)]
	if !ok {
		text = string(printable(content))
		if s.words == nil {
			s.words = make(map[string]string)
		}
		if len(s.words) < maxWords && len(text) < maxWords {
			s.words[string(content)] = text
		}
	}
	s.word = text
	return text
}

// invalid returns the error for a value that is not what its field should hold.
func (s *scalar) invalid(field, want string) error {
	value := string(s.content())
	if len(value) > 40 {
		value = strings.ToValidUTF8(value[:40], "") + "…"
	}
	return fmt.Errorf("%s: %q is not %s", field, value, want)
}

// named is a field that is kept as text, with the API's name for it.
type named struct {
	field string
	*scalar
}

// requireText rejects objects, arrays and booleans in fields that are kept as
// text.
func requireText(fields ...named) error {
	for _, f := range fields {
		if !f.isText() {
			return f.invalid(f.field, "text")
		}
	}
	return nil
}

// bytes parses a number of bytes: an integer from 0 to 2^63-1.
func (s *scalar) bytes(field string) (Null[int64], error) {
	if n, fraction, ok := s.plainNumber(); ok && n >= 0 && fraction == 0 {
		return Null[int64]{n, true}, nil
	}
	text := string(s.content())
	if text == "" {
		return Null[int64]{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && s.isText() && n >= 0 {
		return Null[int64]{n, true}, nil
	}
	d, err := s.decimal(field)
	if err != nil || d.V.IsNegative() || !d.V.IsInteger() || !d.V.BigInt().IsInt64() {
		return Null[int64]{}, s.invalid(field, "a whole number of bytes from 0 up")
	}
	return Null[int64]{d.V.IntPart(), true}, nil
}

// decimal parses an amount exactly. Spaces around it do not matter.
func (s *scalar) decimal(field string) (Null[decimal.Decimal], error) {
	if n, fraction, ok := s.plainNumber(); ok {
		return Null[decimal.Decimal]{decimal.New(n, -fraction), true}, nil
	}
	text := string(s.content())
	if text == "" {
		return Null[decimal.Decimal]{}, nil
	}
	text = strings.Trim(text, " ")
	const want = "a decimal number"
	// The library accepts more than decimal numbers, and a short text with a large
	// exponent would make it fill the memory.
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	if !s.isText() || len(mantissa) > 100 || strings.Trim(mantissa, "0123456789.+-") != "" {
		return Null[decimal.Decimal]{}, s.invalid(field, want)
	}
	if scientific {
		if n, err := strconv.Atoi(exponent); err != nil || n > 308 || n < -308 {
			return Null[decimal.Decimal]{}, s.invalid(field, want)
		}
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return Null[decimal.Decimal]{}, s.invalid(field, want)
	}
	if f := d.InexactFloat64(); math.IsInf(f, 0) || math.IsNaN(f) {
		return Null[decimal.Decimal]{}, s.invalid(field, "a decimal number that fits a float64")
	}
	return Null[decimal.Decimal]{d, true}, nil
}

// plainNumber parses the usual form of a number: at most 18 digits, which fit an
// int64, with or without a minus sign and a decimal point. Fraction is the number
// of digits after the point.
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

// time parses a time in a layout, in UTC.
func (s *scalar) time(field, want, layout string) (Null[time.Time], error) {
	if len(s.raw) > 0 && bytes.Equal(s.raw, s.last) {
		return Null[time.Time]{s.moment, true}, nil
	}
	text := string(s.content())
	if text == "" {
		return Null[time.Time]{}, nil
	}
	t, err := time.Parse(layout, text)
	if err != nil || !s.isText() {
		return Null[time.Time]{}, s.invalid(field, want)
	}
	s.last, s.moment = append(s.last[:0], s.raw...), t.UTC()
	return Null[time.Time]{s.moment, true}, nil
}

// currency returns an ISO 4217 code in upper case: the APIs send either case.
func (s *scalar) currency(field string) (string, error) {
	code := s.shared()
	if code != "" && (len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "") {
		return "", s.invalid(field, "a currency of three letters")
	}
	return strings.ToUpper(code), nil
}
