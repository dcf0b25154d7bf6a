package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// TestChaos is a short run, with and without storage. Every value is checked. How fast
// anything is, and whether memory grows, says nothing on a busy machine in so short a time.
func TestChaos(t *testing.T) {
	exporter, err := programs.BuildExporter(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, storage := range []bool{false, true} {
		t.Run(fmt.Sprintf("storage=%t", storage), func(t *testing.T) {
			err := try(t.Context(), options{
				seed: uint64(time.Now().UnixNano()), duration: 25 * time.Second, accounts: 32, segments: 20, storage: storage,
				interval: 3 * time.Second, scrapes: time.Second, pace: time.Second, restarts: 1, stopLimit: time.Minute, exporter: exporter,
			}, t.TempDir(), t.Logf)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
