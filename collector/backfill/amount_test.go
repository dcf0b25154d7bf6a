package backfill

import (
	"math"
	"testing"

	"github.com/shopspring/decimal"
)

// FuzzAmount: a sum of amounts is the exact one, whatever their digits and exponents.
func FuzzAmount(f *testing.F) {
	for _, x := range [][3]string{
		// As the API writes them, and a credit.
		{"0.03", "0", "498.84515"}, {"0.000123", "3.520000", "-0.5"}, {"0.0000000000", "1.50", "0e-20"},
		// The last digit that is a billionth, one beyond it, and one that is nothing.
		{"1e-9", "0.1", "123456789.987654321"}, {"1e-10", "9e-10", "0.1"}, {"1.0000000000", "2.5000000001", "-3.5000000001"},
		// The largest amounts in billionths, the next ones, and sums that pass them and come back.
		{"9223372036.854775807", "0.000000001", "-1"}, {"-9223372036.854775808", "-0.000000001", "1"},
		{"9223372036.854775808", "-9223372036.854775808", "0.000000001"}, {"-9223372036.854775808", "-9223372036.854775808", "18446744073.709551616"},
		{"9223372036.854775807", "9223372036.854775807", "9223372036.854775807"},
		// Exponents at which the number of billionths no longer fits, whatever the digits.
		{"9e9", "1e9", "1e10"}, {"0e9", "0e10", "0e300"}, {"-9e9", "-1e10", "1e18"}, {"1e300", "-1e300", "7"},
		// Around 2^53 billionths, beyond which not each of them is a float64.
		{"9007199.254740992", "0.000000001", "0"}, {"9007199.254740993", "0", "0"}, {"-9007199.254740991", "-0.000000002", "0"},
		{"9007199.254740995", "-0.000000002", "1e-20"}, {"4503599.627370497", "4503599.627370498", "0"},
		// Halves between two float64s, and a little more.
		{"9007199254740992", "1", "1e-30"}, {"9007199254740992", "1", "0"}, {"0.1", "0.2", "1e-17"}, {"5e-324", "2e-324", "0"},
	} {
		f.Add(x[0], x[1], x[2])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var have amount
		var want decimal.Decimal
		for _, s := range []string{a, b, c} {
			d, err := decimal.NewFromString(s)
			if err != nil || d.Exponent() > 400 || d.Exponent() < -400 || len(s) > 400 {
				t.Skip()
			}
			want = want.Add(d)
			if nanos, ok := nanosOf(d); ok {
				if !decimal.New(nanos, -nanoDigits).Equal(d) {
					t.Errorf("%s is %d billionths", s, nanos)
				}
			}
			have = have.plus(d)
		}
		if have, want := have.float(), want.InexactFloat64(); have != want && !(have == 0 && want == 0) && !math.IsNaN(want) {
			t.Errorf("%s + %s + %s: want %v, have %v", a, b, c, want, have)
		}
	})
}
