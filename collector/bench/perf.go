package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
)

// profile records where the exporter spends its time while something is done. It
// is done once more for that, so that the recording is in no figure. Look at the
// file with perf report, or go tool pprof by way of perf_to_profile.
func (r *run) profile(ctx context.Context, name string, do func() error) error {
	if r.perf == "" {
		return nil
	}
	if err := os.MkdirAll(r.perf, 0o750); err != nil {
		return fmt.Errorf("make a directory for perf: %w", err)
	}
	file := filepath.Join(r.perf, fmt.Sprintf("%s-%d.data", name, r.sheet.sims))
	var said bytes.Buffer
	record := exec.CommandContext(ctx, "perf", "record", "--freq=499", "--call-graph=fp", "--output="+file, "--pid="+strconv.Itoa(r.exporter.PID()))
	record.Stderr = &said
	if err := record.Start(); err != nil {
		return fmt.Errorf("start perf: %w", err)
	}
	err := process.Sleep(ctx, 500*time.Millisecond) // until it records
	if err == nil {
		err = do()
	}
	_ = record.Process.Signal(os.Interrupt) // it ends with what it has
	if ended := record.Wait(); ended != nil && err == nil && said.Len() == 0 {
		err = fmt.Errorf("perf: %w", ended)
	}
	r.say("perf: %s", file)
	return err
}
