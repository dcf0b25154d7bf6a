package main

import (
	"math"
	"strconv"
)

// unit is how figures of a row are shown. Times are in nanoseconds.
type unit int

const (
	cpu unit = iota
	wall
	size
	count
	ratio
)

// none is shown where nothing was measured.
const none = "–"

func (u unit) show(v float64) string {
	second := []step{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}}
	bytes := []step{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}}
	switch {
	case math.IsNaN(v):
		return none
	case u == cpu || u == wall:
		return scaled(v, second)
	case u == size:
		return scaled(v, bytes)
	case u == ratio:
		return strconv.FormatFloat(v, 'f', 2, 64) + " ×"
	default:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
}

// step is a larger unit.
type step struct {
	by   float64
	name string
}

// scaled shows as many digits as a measurement is worth, in the largest unit of
// which there is at least one.
func scaled(v float64, steps []step) string {
	use := steps[len(steps)-1]
	for _, s := range steps {
		if math.Abs(v) >= s.by {
			use = s
			break
		}
	}
	v /= use.by
	digits := 2
	for limit := 10.0; digits > 0 && math.Abs(v) >= limit; limit *= 10 {
		digits--
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + use.name
}
