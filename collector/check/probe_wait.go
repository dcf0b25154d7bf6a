package check

import (
	"context"
	"time"
)

// ask asks what is asked once, waits, and asks a second time what changes. All accounts
// wait at the same time.
func ask(ctx context.Context, o Options, probes []*probe) error {
	err := concurrently(ctx, len(probes), func(ctx context.Context, i int) error { return probes[i].ask(ctx) })
	if err != nil {
		return err
	}
	var last time.Time // listing of hours
	for _, p := range probes {
		if p.firstAt.After(last) {
			last = p.firstAt
		}
	}
	if rest := time.Until(last.Add(o.ProbeWait)); rest > 0 {
		if o.Waiting != nil {
			o.Waiting(rest)
		}
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return concurrently(ctx, len(probes), func(ctx context.Context, i int) error { return probes[i].askLater(ctx) })
}
