package lifecycle_test

import (
	"context"
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/lifecycle"
)

// TestReturnMemory: what a peak has left free goes back within a minute.
func TestReturnMemory(t *testing.T) {
	free := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go lifecycle.ReturnMemory(ctx)
		synctest.Wait()
		peak := make([][]byte, 1<<10)
		for i := range peak {
			peak[i] = make([]byte, 1<<18)
			peak[i][0] = 1
		}
		runtime.KeepAlive(peak) // and no longer
		runtime.GC()
		if free() < 100<<20 {
			t.Fatalf("only %d MB are free after the peak", free()>>20)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if have := free(); have > 64<<20 {
			t.Errorf("%d MB are free and were not returned", have>>20)
		}
		cancel()
	})
}
