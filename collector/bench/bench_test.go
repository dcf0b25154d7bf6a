package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
)

// TestBench runs everything at a tiny size, so that the benchmark cannot rot. How
// fast anything is does not matter here.
func TestBench(t *testing.T) {
	program := build(t)
	t.Run("table", func(t *testing.T) { testTable(t, program) })
	t.Run("soak", func(t *testing.T) { testSoak(t, program) })
}

func testTable(t *testing.T, program string) {
	t.Parallel()
	raw := filepath.Join(t.TempDir(), "raw.txt")
	out := execute(t, program, "table", "--calm=5ms", "--sims=60", "--rounds=1", "--sample=5ms", "--polls=1",
		"--poll-length=200ms", "--restarts=2", "--slow-sims=60", "--slow-page=20ms", "--page-size=20", "--raw="+raw)
	figures, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows() {
		if !strings.Contains(out, r.name+"\n") {
			t.Errorf("the table has no row %s", r.name)
		}
		if name, _, _ := strings.Cut(r.raw, "/"); !bytes.Contains(figures, []byte("Benchmark"+name+"/")) {
			t.Errorf("the raw figures have no %s", name)
		}
	}
	for _, column := range columns() {
		if !strings.Contains(out, column) {
			t.Errorf("the table has no column %s", column)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func testSoak(t *testing.T, program string) {
	t.Parallel()
	out := execute(t, program, "soak", "--calm=10ms", "--sims=60", "--duration=2s", "--interval=1s", "--scrape-interval=200ms", "--log-every=1s")
	if !strings.Contains(out, "0 failed") || !strings.Contains(out, "an hour") {
		t.Errorf("there is no verdict:\n%s", out)
	}
}

// build builds the benchmark, which starts itself in several parts.
func build(t *testing.T) string {
	t.Helper()
	if err := process.Supported(); err != nil {
		t.Skip("THE BENCHMARK IS NOT TESTED HERE: ", err)
	}
	program := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func execute(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
