package lifecycle_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/lifecycle"
)

// TestHangingActor: what hangs is named, and does not hide why the rest ended.
func TestHangingActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var g lifecycle.Group
		failure := errors.New("it failed")
		g.Add("fails", func() error { time.Sleep(time.Minute); return failure }, func(error) {})
		g.Add("hangs", func() error { <-release; return nil }, func(error) {})
		interrupted := make(chan struct{})
		g.Add("ends", func() error { <-interrupted; return errors.New("too late") }, func(error) { close(interrupted) })
		start := time.Now()
		hanging, err := g.Run(5 * time.Second)
		if len(hanging) != 1 || hanging[0] != "hangs" || err != failure {
			t.Errorf("have %q and %v", hanging, err)
		}
		if have := time.Since(start); have != time.Minute+5*time.Second {
			t.Errorf("it took %s", have)
		}
	})
}
