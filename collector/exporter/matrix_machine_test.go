package exporter_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func machine() section {
	return section{
		title: "Memory and disk",
		faults: []fault{
			{name: "memory limit near: `GOMEMLIMIT` is what is in use", run: nearMemoryLimit, effects: every(effect{})},
			{name: "disk full", effects: every(effect{notApplicable: "nothing is written"})},
		},
	}
}

// nearMemoryLimit is a fault without a fault of the API: the garbage collector has to
// run all the time, and the polls have to end nevertheless.
func nearMemoryLimit(t *testing.T, c column, want effect) (out outcomeAt) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := debug.SetMemoryLimit(int64(m.HeapAlloc))
	defer debug.SetMemoryLimit(before)
	synctest.Test(t, func(t *testing.T) {
		out = fault{Fault: twiliotest.Fault{Kind: twiliotest.UnknownFields}}.meet(t, c, want)
	})
	return out
}
