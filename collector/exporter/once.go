package exporter

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/prometheus/common/expfmt"
)

// runOnce polls once, after the collector whose results this one needs.
func (t *task) runOnce(ctx context.Context) {
	if t.predecessor != nil {
		select {
		case <-t.predecessor.done:
		case <-ctx.Done():
			return
		}
	}
	t.poll(ctx, &polling{started: time.Now()})
}

// WaitPolled waits until every collector has polled once (Options.Once), those of the
// subaccounts that were found included. Its error is the cause of the context's end.
func (e *Exporter) WaitPolled(ctx context.Context) error {
	for {
		tasks := e.accounts().tasks()
		for _, t := range tasks {
			select {
			case <-t.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if slices.Equal(tasks, e.accounts().tasks()) {
			return nil
		}
	}
}

// Write writes what a scrape in this format gets. missing is why some metrics are not
// among it; err is the writer's error.
func (e *Exporter) Write(w io.Writer, format expfmt.Format) (missing, err error) {
	return e.exposition.Write(w, format, e.options.Registry)
}
