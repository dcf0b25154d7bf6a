package twiliotest

import (
	"math/big"
	"strconv"
	"strings"
)

// million is how many micro units make one of a currency, and how many bytes a
// megabyte of the price list.
const million = 1_000_000

// formatMicro writes millionths as a decimal without exponent and without
// trailing zeros: 30000 is "0.03".
func formatMicro(n int64) string {
	sign := ""
	u := uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	whole, part := u/million, u%million
	s := sign + strconv.FormatUint(whole, 10)
	if part == 0 {
		return s
	}
	digits := strconv.FormatUint(million+part, 10)[1:]
	return s + "." + strings.TrimRight(digits, "0")
}

// rat reads a plain decimal; false for anything else.
func rat(s string) (*big.Rat, bool) {
	if s == "" || strings.Trim(s, "-0123456789.") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// formatRat writes r with at most the given number of decimal places, without
// trailing zeros.
func formatRat(r *big.Rat, places int) string {
	s := r.FloatString(places)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func decimals(s string) int {
	_, frac, _ := strings.Cut(s, ".")
	return len(frac)
}

// addDecimals adds two decimals exactly. What is not a number gives way to what is.
func addDecimals(a, b string) string {
	x, okX := rat(a)
	y, okY := rat(b)
	switch {
	case !okY:
		return a
	case !okX:
		return b
	}
	return formatRat(x.Add(x, y), max(decimals(a), decimals(b)))
}

// scaleDecimal multiplies a decimal by num/den, cut to six places or as many as
// the decimal has.
func scaleDecimal(s string, num, den int64) string {
	x, ok := rat(s)
	if !ok {
		return s
	}
	places := max(decimals(s), 6)
	return formatRat(x.Mul(x, big.NewRat(num, den)), places)
}
