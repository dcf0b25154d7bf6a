package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The columns of a table.
const (
	ours   = "exporter"
	consts = "const metrics"
	cached = "cached families"
	kept   = "rendered text"
	floor  = "floor"
	self   = "self-metrics alone"
)

func columns() []string { return []string{ours, consts, cached, kept, floor, self} }

// The rows that are not named by a format.
const (
	rowDuring    = "CPU of a scrape during a poll"
	rowWall      = "duration of a scrape during a poll, median"
	rowLongest   = "duration of a scrape during a poll, longest"
	rowChanged   = "CPU of a poll that changes every value"
	rowUnchanged = "CPU of a poll that changes nothing"
	rowResident  = "resident memory after a poll"
	rowPeak      = "resident memory, peak"
	rowHeap      = "heap for each series"
)

// rowScrape names the row of a format.
func rowScrape(f format) string { return "CPU of a scrape: " + f.name }

// A sheet is what was measured at one size: times in nanoseconds, memory in bytes.
type sheet struct {
	sims, series int
	cells        map[cell][]float64
}

type cell struct{ row, column string }

func (s *sheet) add(row, column string, values ...float64) {
	at := cell{row, column}
	s.cells[at] = append(s.cells[at], values...)
}

func (s *sheet) median(row, column string) float64 { return median(s.cells[cell{row, column}]) }

// median of no values is not a number.
func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	if len(values) == 0 {
		return math.NaN()
	}
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// A target is the most that the exporter may need, and how that is derived.
type target struct {
	limit float64
	basis string
}

// targetsFrom is the number of series from which on there are targets: with fewer,
// what an exporter takes for itself outweighs them.
const targetsFrom = 300_000

// targets of a row.
func (s *sheet) targets(row string) []target {
	if s.series < targetsFrom {
		return nil
	}
	series := float64(s.series)
	switch row {
	case rowScrape(formats()[0]), rowScrape(formats()[1]):
		return []target{
			{s.median(row, consts) / 300, "1/300 of const metrics"},
			{2*s.median(row, floor) + s.median(row, self), "2 floors + self-metrics"},
		}
	case rowChanged:
		return []target{{3000 * series, "3 µs a series"}}
	case rowResident:
		return []target{{25e6 + 60*series, "25 MB + 60 B a series"}}
	case rowPeak:
		return []target{{25e6 + 240*series, "25 MB + 240 B a series"}}
	case rowHeap:
		return []target{{60 + 5e6/series, "60 B, and 5 MB in all"}}
	}
	return nil
}

// print writes the table: the median of each cell and, where it was measured more
// than once, how far it was exceeded at most.
func (s *sheet) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%d SIMs, %d series\n\n", s.sims, s.series)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\t%s\ttargets\n", strings.Join(columns(), "\t"))
	rows := []string{rowDuring, rowWall, rowLongest, rowChanged, rowUnchanged, rowResident, rowPeak, rowHeap}
	for _, f := range slices.Backward(formats()) {
		rows = slices.Insert(rows, 0, rowScrape(f))
	}
	for _, row := range rows {
		fmt.Fprint(out, row)
		for _, column := range columns() {
			fmt.Fprint(out, "\t", s.show(row, column))
		}
		var judged []string
		for _, t := range s.targets(row) {
			verdict := "missed"
			if s.median(row, ours) <= t.limit {
				verdict = "reached"
			}
			judged = append(judged, fmt.Sprintf("%s = %s: %s", t.basis, show(row, t.limit), verdict))
		}
		fmt.Fprintf(out, "\t%s\n", strings.Join(judged, "; "))
	}
	return out.Flush()
}

func (s *sheet) show(row, column string) string {
	values := s.cells[cell{row, column}]
	if len(values) == 0 {
		return "–"
	}
	median := s.median(row, column)
	shown := show(row, median)
	if len(values) > 1 {
		shown += fmt.Sprintf(" +%.0f%%", 100*(slices.Max(values)/median-1))
	}
	return shown
}

// show writes a figure of a row in its unit, with three digits.
func show(row string, v float64) string {
	switch row {
	case rowHeap:
		return fmt.Sprintf("%.1f B", v)
	case rowResident, rowPeak:
		return fmt.Sprintf("%.0f MB", v/1e6)
	}
	return duration(time.Duration(v)).String()
}

// duration rounds to three digits.
func duration(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
