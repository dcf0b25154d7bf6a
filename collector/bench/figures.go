package main

import (
	"math"
	"slices"
)

// The columns of a table.
const (
	ours   = "ours"
	consts = "const metrics"
	cached = "cached families"
	text   = "rendered text"
	floor  = "floor"
)

func columns() []string { return []string{ours, consts, cached, text, floor} }

// figures are what was measured, in one unit: what one round gave, or several.
type figures []float64

func (f figures) median() float64 {
	if len(f) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(f))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// spread is how far a figure lies from the median at most, as a part of it.
func (f figures) spread() float64 {
	median, most := f.median(), 0.0
	for _, v := range f {
		most = max(most, math.Abs(v-median))
	}
	return most / median
}

func (f figures) most() float64 {
	if len(f) == 0 {
		return math.NaN()
	}
	return slices.Max(f)
}

// quantile is the value below which the given part lies.
func (f figures) quantile(part float64) float64 {
	if len(f) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(f))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// sheet is what was measured at one size.
type sheet struct {
	sims, series int
	cells        map[cell]figures
}

// cell is a place in a table.
type cell struct{ row, column string }

func newSheet(sims int) *sheet { return &sheet{sims: sims, cells: make(map[cell]figures)} }

func (s *sheet) add(row, column string, values ...float64) {
	place := cell{row, column}
	s.cells[place] = append(s.cells[place], values...)
}

// of is the median of a cell; it is not a number where nothing was measured.
func (s *sheet) of(row, column string) float64 { return s.cells[cell{row, column}].median() }
