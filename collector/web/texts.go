package web

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// relative is a moment that the script counts from now: it is of a class "past" or "next".
func relative(class string, t status.Time) template.HTML {
	if t.IsZero() {
		return dash
	}
	return template.HTML(`<time class="` + class + `" datetime="` + t.UTC().Format(time.RFC3339) + `">` + clock(t) + `</time>`) //nolint:gosec // digits and letters
}

// bytesOf is a number of bytes, with its exact value.
func bytesOf(v float64) template.HTML { return data(v, bytesText(v)) }

// money is an amount, with its exact value.
func money(v float64) template.HTML { return data(v, moneyText(v)) }

func data(exact float64, text string) template.HTML {
	return template.HTML(`<data value="` + strconv.FormatFloat(exact, 'f', -1, 64) + `">` + text + `</data>`) //nolint:gosec // digits
}

// change is by how much a number differs from another one, which is greater than 0.
func change(now, before float64) template.HTML {
	text := "±0"
	switch percent := math.Round(100 * (now/before - 1)); {
	case percent > 999:
		text = "more than +999"
	case percent > 0:
		text = fmt.Sprintf("+%.0f", percent)
	case percent < 0:
		text = fmt.Sprintf("−%.0f", -percent)
	}
	return template.HTML(`<span class="change">` + text + "\u202f%</span>") //nolint:gosec // a number
}

// clock is a moment in UTC, without its year.
func clock(t status.Time) string {
	if t.IsZero() {
		return dash
	}
	return t.UTC().Format("2 Jan 15:04")
}

// monthName is November 2026 for 2026-11.
func monthName(month string) string {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return month
	}
	return t.Format("January 2006")
}

// bytesText is a number of bytes with at least three digits: 1.23 GB is 1.23e9 bytes, as
// Twilio counts.
func bytesText(v float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for ; math.Abs(v) >= 999.5 && i < len(units)-1; i++ {
		v /= 1000
	}
	if i == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " B"
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(max(math.Abs(v), 1)))))
	return strconv.FormatFloat(v, 'f', decimals, 64) + " " + units[i]
}

// moneyText is an amount with two decimals, or four if it is small.
func moneyText(v float64) string {
	decimals := 2
	if v != 0 && math.Abs(v) < 1 {
		decimals = 4
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u202f" + whole[i:] // a narrow space
	}
	return sign + whole + "." + cmp.Or(fraction, "00")
}
