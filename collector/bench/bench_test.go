package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary serve as a peer, as the benchmark's does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "peer" {
		main()
	}
	os.Exit(m.Run())
}

// The benchmark measures everything at a tiny size. How fast anything is does not
// matter here.
func TestTable(t *testing.T) {
	t.Parallel()
	out := execute(t, "table", "--sims=60", "--rounds=1", "--sample=1ms", "--polls=1")
	rows := []string{rowDuring, rowWall, rowLongest, rowChanged, rowUnchanged, rowResident, rowPeak, rowHeap}
	for _, f := range formats() {
		rows = append(rows, rowScrape(f))
	}
	for _, row := range rows {
		_, line, found := strings.Cut(out, "\n"+row)
		if line, _, _ = strings.Cut(line, "\n"); !found || strings.HasPrefix(strings.TrimSpace(line), "–") {
			t.Errorf("the table has no figure of the exporter for %s", row)
		}
		if strings.HasPrefix(row, "CPU of a scrape:") && strings.Contains(line, "–") {
			t.Errorf("the table lacks a server in %s", row)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	s := &sheet{series: targetsFrom, cells: make(map[cell][]float64)}
	row := rowScrape(openMetrics())
	s.add(row, ours, 5e6, 5e6, 100e6)
	s.add(row, consts, 1.6e9)
	s.add(row, floor, 1e6)
	s.add(row, self, 2e6)
	var out strings.Builder
	if err := s.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"5ms +1900%", "1/300 of const metrics = 5.33ms: reached", "2 floors + self-metrics = 4ms: missed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &out)
		}
	}
}

func TestSoak(t *testing.T) {
	t.Parallel()
	out := execute(t, "soak", "--sims=60", "--duration=4s", "--interval=1s", "--scrape-interval=200ms")
	if !strings.Contains(out, " 0 failed") || !strings.Contains(out, "last quarter") {
		t.Errorf("there is no verdict:\n%s", out)
	}
}

// execute runs a command line and returns what it writes.
func execute(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "output")
	out, err := os.Create(file) // several processes write to it
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	failure := command(t.Context(), args, out, out)
	written, err := os.ReadFile(file)
	if failure != nil || err != nil {
		t.Fatalf("%v %v\n%s", failure, err, written)
	}
	return string(written)
}
