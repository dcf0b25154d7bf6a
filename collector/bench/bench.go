package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
)

// bench is what every run needs.
type bench struct {
	self      string    // its own binary, which is also that of the peers
	exporter  string    // the binary that is measured
	directory string    // for files; it is removed at the end
	log       io.Writer // for a person to see how far it is
	// calm is how long a process must do next to nothing before it is believed
	// to have done everything.
	calm time.Duration
}

// say tells how far it is.
func (b *bench) say(format string, values ...any) {
	fmt.Fprintf(b.log, time.Now().Format("15:04:05 ")+format+"\n", values...)
}

// remove removes a directory and says if it cannot.
func (b *bench) remove(directory string) {
	if err := os.RemoveAll(directory); err != nil {
		b.say("not removed: %v", err)
	}
}

// buildOptions say which exporter to measure.
type buildOptions struct{ exporter string }

// binary is the exporter's; it is built where none is given.
func (o buildOptions) binary(ctx context.Context, directory string) (string, error) {
	if o.exporter != "" {
		return filepath.Abs(o.exporter)
	}
	path := filepath.Join(directory, "twilio_exporter")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "github.com/twilio-exporter/twilio_exporter")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the exporter: %w\n%s", err, out)
	}
	return path, nil
}

// startPeer starts a peer with what it is to show.
func (b *bench) startPeer(ctx context.Context, kind, path string) (*process.Process, error) {
	return process.Start(ctx, process.Command{
		Name: kind, Path: b.self, Args: []string{"peer", kind, path}, Address: address(),
	})
}

// startAPI starts the simulated API.
func (b *bench) startAPI(ctx context.Context, sims, silent, pageSize int) (*api, error) {
	p, err := process.Start(ctx, process.Command{
		Name: "the simulated API", Path: b.self, Address: address(),
		Args: []string{
			"simulator", "--sims=" + strconv.Itoa(sims), "--silent=" + strconv.Itoa(silent),
			"--page-size=" + strconv.Itoa(pageSize),
		},
	})
	if err != nil {
		return nil, err
	}
	return &api{p}, nil
}
