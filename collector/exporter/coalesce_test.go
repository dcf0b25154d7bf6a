package exporter_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
)

// TestCoalesce: a hundred calls while one runs are one more, which begins after
// it; each caller gets the error of its own run.
func TestCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, atOnce := 0, 0
		failure := errors.New("the second run failed")
		f := exporter.Coalesce(func() error {
			runs++
			if atOnce++; atOnce > 1 {
				t.Error("two run at once")
			}
			defer func() { atOnce-- }()
			run := runs
			time.Sleep(time.Second)
			if run == 2 {
				return failure
			}
			return nil
		})
		var all sync.WaitGroup
		all.Go(func() {
			if err := f(); err != nil {
				t.Errorf("the first run: %v", err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		for range 100 {
			all.Go(func() {
				if err := f(); !errors.Is(err, failure) {
					t.Errorf("the second run: %v", err)
				}
			})
		}
		all.Wait()
		if runs != 2 {
			t.Errorf("want 2 runs, have %d", runs)
		}
		if err := f(); err != nil || runs != 3 {
			t.Errorf("want a third run without an error, have %d and %v", runs, err)
		}
	})
}
