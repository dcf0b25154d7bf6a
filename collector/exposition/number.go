package exposition

import (
	"bytes"
	"math"
	"strconv"
)

// appendNumber appends a value as the text formats write it: the shortest
// decimal that reads back as the same float64, with an exponent from 1e+06 on and
// below 1e-04 (strconv's format g).
//
// Most values are whole bytes or money of a few decimals, for which the general
// way takes several times as long.
//
// OpenMetrics wants ".0" behind whole numbers that have no exponent.
func appendNumber(b []byte, v float64, openMetrics bool) []byte {
	switch {
	case v == 0: // -0, too
		return appendWhole(append(b, '0'), openMetrics)
	case v == 1:
		return appendWhole(append(b, '1'), openMetrics)
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, +1):
		return append(b, "+Inf"...)
	case math.IsInf(v, -1):
		return append(b, "-Inf"...)
	}
	if u := math.Abs(v); u < 1e15 {
		if whole := int64(u); float64(whole) == u {
			return appendDecimal(b, v < 0, whole, 0, openMetrics)
		}
		// Decimals of at most 15 digits are told apart by float64, so one that
		// reads back as the value is the shortest that does.
		if scaled := math.Round(u * 1e6); scaled < 1e15 && u >= 1e-4 && scaled/1e6 == u {
			return appendDecimal(b, v < 0, int64(scaled), 6, openMetrics)
		}
	}
	from := len(b)
	b = strconv.AppendFloat(b, v, 'g', -1, 64)
	return appendWhole(b, openMetrics && !bytes.ContainsAny(b[from:], ".e"))
}

// appendWhole appends what OpenMetrics wants behind a whole number.
func appendWhole(b []byte, openMetrics bool) []byte {
	if openMetrics {
		b = append(b, ".0"...)
	}
	return b
}

// appendDecimal appends digits/10^scale, not 0, as strconv's 'g' does with the
// shortest precision: with an exponent from 1e+06 on.
func appendDecimal(b []byte, negative bool, digits int64, scale int, openMetrics bool) []byte {
	if negative {
		b = append(b, '-')
	}
	var buffer [16]byte
	from := len(buffer)
	for ; digits >= 100; digits /= 100 {
		from -= 2
		pair := digits % 100 * 2
		buffer[from], buffer[from+1] = pairs[pair], pairs[pair+1]
	}
	from -= 2
	buffer[from], buffer[from+1] = pairs[digits*2], pairs[digits*2+1]
	if digits < 10 {
		from++
	}
	d := buffer[from:]
	for d[len(d)-1] == '0' {
		d = d[:len(d)-1]
		scale--
	}
	point := len(d) - scale // digits before the decimal point
	switch {
	case point > 6:
		b = append(b, d[0])
		if len(d) > 1 {
			b = append(b, '.')
			b = append(b, d[1:]...)
		}
		exponent := point - 1
		return append(b, 'e', '+', byte('0'+exponent/10), byte('0'+exponent%10))
	case point <= 0:
		b = append(b, "0."...)
		for range -point {
			b = append(b, '0')
		}
		return append(b, d...)
	case point < len(d):
		b = append(b, d[:point]...)
		b = append(b, '.')
		return append(b, d[point:]...)
	}
	b = append(b, d...)
	for range point - len(d) {
		b = append(b, '0')
	}
	return appendWhole(b, openMetrics)
}

// pairs are the numbers of two digits.
const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748" +
	"4950515253545556575859606162636465666768697071727374757677787980818283848586878889909192939495969798" + "99"
