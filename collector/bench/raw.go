package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// writeRaw writes every figure in the format of Go's benchmarks, one line for
// each round, so that benchstat can compare two runs.
func writeRaw(path string, m machine, t tableOptions, sheets []*sheet) error {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/twilio-exporter/twilio_exporter/collector/bench\ncpu: %s\n",
		runtime.GOOS, runtime.GOARCH, m.cpu)
	for _, s := range sheets {
		for _, r := range rows() {
			for _, column := range columns() {
				if !t.wants(r.name) {
					continue
				}
				name, keys, _ := strings.Cut(r.raw, "/")
				name += "/server=" + strings.ReplaceAll(column, " ", "-") + fmt.Sprintf("/sims=%d", s.sims)
				if keys != "" {
					name += "/" + keys
				}
				for _, v := range s.cells[cell{r.name, column}] {
					fmt.Fprintf(&b, "Benchmark%s 1 %g %s\n", name, v, r.metric)
				}
			}
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the raw figures: %w", err)
	}
	return nil
}
