package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// tableOptions say what to measure.
type tableOptions struct {
	sims       []int
	silent     int
	rounds     int
	sample     time.Duration
	polls      int
	pollLength time.Duration
	pace       time.Duration
	restarts   int
	slowSIMs   int
	slowPage   time.Duration
	pageSize   int
	only       []string
	raw        string
	perf       string

	baseline float64 // heap of an exporter without SIMs
}

// table measures everything and prints it.
func (b *bench) table(ctx context.Context, t tableOptions, w io.Writer) error {
	began, err := readLoad()
	if err != nil {
		return err
	}
	if t.wantsAny(memoryRows()) {
		if t.baseline, err = b.emptyHeap(ctx, t); err != nil {
			return err
		}
	}
	var sheets []*sheet
	for i, sims := range t.sims {
		s := newSheet(sims)
		sheets = append(sheets, s)
		if err := b.size(ctx, t, s, i == 0); err != nil {
			return fmt.Errorf("at %d SIMs: %w", sims, err)
		}
	}
	if t.wantsAny(slowRows()) {
		s := newSheet(t.slowSIMs)
		sheets = append(sheets, s)
		if err := b.slow(ctx, t, s); err != nil {
			return fmt.Errorf("with a slow API: %w", err)
		}
	}
	ended, err := readLoad()
	if err != nil {
		return err
	}
	for _, s := range sheets {
		if err := s.print(w, t, sheets); err != nil {
			return err
		}
	}
	machine, err := describeMachine()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s\n%s\n", machine, ended.since(began))
	if t.raw != "" {
		return writeRaw(t.raw, machine, t, sheets)
	}
	return nil
}

// print writes the table of one size: the median of each figure, and how far a
// round was away from it at most.
func (s *sheet) print(w io.Writer, t tableOptions, all []*sheet) error {
	fmt.Fprintf(w, "\n%s SIMs, %s series\n\n", grouped(s.sims), grouped(s.series))
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "what\t%s\ttarget\treached\trow\n", strings.Join(columns(), "\t"))
	for _, r := range rows() {
		if !t.wants(r.name) || s.empty(r.name) {
			continue
		}
		fmt.Fprint(out, r.what)
		for _, column := range columns() {
			f := s.cells[cell{r.name, column}]
			shown := r.unit.show(f.median())
			if len(f) > 1 {
				shown += fmt.Sprintf(" ±%.0f%%", 100*f.spread())
			}
			fmt.Fprint(out, "\t", shown)
		}
		target, reached := none, none
		if r.target != nil {
			target, reached = r.target(s), verdict(r.reached(s, all))
		}
		fmt.Fprintf(out, "\t%s\t%s\t%s\n", target, reached, r.name)
	}
	return out.Flush()
}

// empty says whether a row has no figures at all.
func (s *sheet) empty(name string) bool {
	for _, column := range columns() {
		if !math.IsNaN(s.of(name, column)) {
			return false
		}
	}
	return true
}

func verdict(reached []bool) string {
	if len(reached) == 0 {
		return none
	}
	var words []string
	for _, yes := range reached {
		words = append(words, map[bool]string{true: "yes", false: "no"}[yes])
	}
	return strings.Join(words, "; ")
}

// grouped writes a number with commas.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
