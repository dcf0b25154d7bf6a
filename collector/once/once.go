// Package once polls everything once and writes the exposition, for cron, CI and
// node_exporter's textfile collector.
package once

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/twilio-exporter/twilio_exporter/collector/atomicfile"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/lifecycle"
)

// Options configure a run.
type Options struct {
	Config   *config.Config    // its storage.path should be empty
	Exporter exporter.Options  // Logger, UserAgent, Dial and Redaction
	Format   expfmt.FormatType // expfmt.TypeTextPlain or expfmt.TypeOpenMetrics
	Timeout  time.Duration     // of all polls together
	Output   string            // the file to replace; empty: Stdout is written to
	Stdout   io.Writer
}

// ErrIncomplete is the error where a collector of an account has not polled well, or a
// metric could not be exposed. What was polled well has been written.
var ErrIncomplete = errors.New("not everything was polled well")

// Run polls every collector of every account once and writes what a scrape would get,
// without the exporter's own metrics. What fails is logged, once for each account and
// collector, and nothing of it is written. With any other error than ErrIncomplete the
// file is as it was; one of them is the end of the context.
func Run(ctx context.Context, o Options) error {
	w := o.Stdout
	var file *atomicfile.File
	if o.Output != "" {
		var err error
		if file, err = atomicfile.Create(o.Output); err != nil {
			return err
		}
		defer file.Discard()
		w = file
	}
	e, late, err := poll(ctx, o)
	if err != nil {
		return err
	}
	complete := report(o.Exporter.Logger, e, late)
	missing, err := e.Write(w, expfmt.NewFormat(o.Format))
	if err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	if file != nil {
		if err := file.Commit(); err != nil {
			return err
		}
	}
	if missing != nil {
		level.Error(o.Exporter.Logger).Log("msg", "some metrics could not be exposed", "err", missing)
	}
	if missing != nil || !complete {
		return ErrIncomplete
	}
	return nil
}

// poll polls everything once. late is why some polls have not ended.
func poll(ctx context.Context, o Options) (e *exporter.Exporter, late, err error) {
	polls, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("it has not ended within %s", o.Timeout))
	defer cancel()
	options := o.Exporter
	options.Registry, options.Once = registry{prometheus.NewRegistry()}, true
	e = exporter.New(polls, options)
	err = lifecycle.AwaitError(polls, func() error { return e.Reload(o.Config) })
	if err == nil {
		late = e.WaitPolled(polls)
	}
	cancel()
	e.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, nil, errors.New("stopped before everything was polled; nothing is written")
	case errors.Is(err, lifecycle.ErrInterrupted):
		return nil, nil, fmt.Errorf("the files of the accounts were not read within %s; nothing is written", o.Timeout)
	case err != nil:
		return nil, nil, err
	}
	return e, late, nil
}

// report logs the polls that have not ended; those that failed were logged. It reports
// whether all went well.
func report(logger log.Logger, e *exporter.Exporter, late error) (complete bool) {
	complete = true
	for _, s := range e.Status() {
		switch {
		case s.Outcome == nil:
			level.Error(logger).Log("account", s.Account, "collector", s.Collector, "msg", "poll failed; there are no results", "err", late)
			complete = false
		case s.Outcome.Reason != "":
			complete = false
		}
	}
	return complete
}

// registry leaves out the metrics about the exporter.
type registry struct{ *prometheus.Registry }

// Gather implements prometheus.Gatherer.
func (r registry) Gather() ([]*dto.MetricFamily, error) {
	families, err := r.Registry.Gather()
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool {
		return strings.HasPrefix(f.GetName(), "twilio_exporter_")
	}), err
}
