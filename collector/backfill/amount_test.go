package backfill

import (
	"math"
	"testing"

	"github.com/shopspring/decimal"
)

// FuzzAmount: a sum of amounts is the exact one, whatever their digits and exponents.
func FuzzAmount(f *testing.F) {
	for _, x := range [][3]string{
		{"0.03", "1e-9", "-0.5"}, {"1e-12", "0.1", "123456789.987654321"}, {"9223372036.854775807", "0.000000001", "1"},
		{"1e300", "-1e300", "7"}, {"9007199.254740993", "0", "0"}, {"-9223372036.854775808", "-9223372036.854775808", "0"},
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
				have = have.add(nanos)
			} else {
				have = have.addDecimal(d)
			}
		}
		if have, want := have.float(), want.InexactFloat64(); have != want && !(have == 0 && want == 0) && !math.IsNaN(want) {
			t.Errorf("%s + %s + %s: want %v, have %v", a, b, c, want, have)
		}
	})
}
