package report

import (
	"strings"

	"github.com/shopspring/decimal"
)

const (
	minus   = "−" // as wide as a plus sign
	missing = "–" // there is no number
)

// grouped3 puts a comma between groups of three digits before the point.
func grouped3(digits string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	whole, fraction, point := strings.Cut(digits, ".")
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if point {
		b.WriteByte('.')
		b.WriteString(fraction)
	}
	return sign + b.String()
}

// unit is what bytes are shown in: a decimal multiple, as the API's price list and data
// limits have it.
type unit struct {
	name  string
	power int32 // of ten
}

// unitFor is the largest unit in which the largest of some rows is 10 or more, so that
// the numbers of a table can be compared.
func unitFor(rows []Row) unit {
	var most int64
	for i := range rows {
		most = max(most, rows[i].traffic().V, rows[i].before().V)
	}
	for _, u := range []unit{{"TB", 12}, {"GB", 9}, {"MB", 6}} {
		if decimal.NewFromInt(most).GreaterThanOrEqual(decimal.New(10, u.power)) {
			return u
		}
	}
	return unit{"kB", 3}
}

// format writes bytes with two digits after the point; what would be 0 and is not, as
// less than that.
func (u unit) format(b Bytes) string {
	if !b.Valid {
		return missing
	}
	d := decimal.New(b.V, -u.power).Round(2)
	if d.IsZero() && b.V > 0 {
		return "<0.01"
	}
	return grouped3(d.StringFixed(2))
}

// money writes an amount with all its digits.
func moneyText(a Amount) string {
	if !a.Valid {
		return missing
	}
	return grouped3(a.String())
}

// change is by how much a number differs from the one before.
func change(now, before Amount) string {
	switch {
	case !now.Valid || !before.Valid:
		return ""
	case now.V.Equal(before.V):
		return "0.0 %"
	case before.V.IsZero():
		return "new"
	}
	percent := now.V.Sub(before.V).Mul(decimal.NewFromInt(100)).DivRound(before.V.Abs(), 1)
	text := grouped3(percent.Abs().StringFixed(1)) + " %"
	switch percent.Sign() {
	case 1:
		return "+" + text
	case -1:
		return minus + text
	}
	return text
}

// changeOfBytes is by how much traffic differs from that before.
func changeOfBytes(now, before Bytes) string {
	return change(Amount{decimal.NewFromInt(now.V), now.Valid}, Amount{decimal.NewFromInt(before.V), before.Valid})
}

// percent writes a share.
func percentText(share Amount) string {
	if !share.Valid {
		return ""
	}
	return share.V.Shift(2).StringFixed(1) + " %"
}
