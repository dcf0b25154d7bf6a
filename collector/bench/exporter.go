package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/simulator"
)

// exporter is the one that is measured.
type exporter struct {
	*process.Process
	api  *api
	calm time.Duration
}

// collectors are those that the benchmark leaves on. They make all series but a
// handful.
func collectors() []string { return []string{"supersim_inventory", "supersim_usage"} }

// config is the exporter's configuration. With the given interval it polls by
// itself.
func config(apiAddress string, interval time.Duration) string {
	return fmt.Sprintf(`accounts:
  - name: bench
    account_sid: %[2]s
    basic_auth: {username: %[2]s, password: bench}
    supersim_url: http://%[1]s
    api_url: http://%[1]s
collectors:
  supersim_usage: {interval: %[3]s}
  supersim_inventory: {interval: %[3]s}
  account_usage: {enabled: false}
  account_balance: {enabled: false}
max_age: 7d
api: {max_concurrency: %[4]d}
`, apiAddress, simulator.AccountSID, interval, maxConcurrency)
}

const (
	// maxConcurrency is how many requests the exporter may have under way.
	maxConcurrency = 2
	// onDemand is an interval that is not over before the benchmark is.
	onDemand = 24 * time.Hour
)

// startExporter starts the exporter against an API. It polls at once.
func (b *bench) startExporter(ctx context.Context, a *api, interval time.Duration) (*exporter, error) {
	file := filepath.Join(b.directory, "config.yml")
	if err := os.WriteFile(file, []byte(config(a.Address, interval)), 0o600); err != nil {
		return nil, fmt.Errorf("write the exporter's configuration: %w", err)
	}
	p, err := process.Start(ctx, process.Command{
		Name: "the exporter", Path: b.exporter, Address: address(),
		// At this level it says when a poll has ended.
		Args: []string{"--config.file=" + file, "--web.listen-address=127.0.0.1:0", "--log.level=debug"},
	})
	if err != nil {
		return nil, err
	}
	return &exporter{p, a, b.calm}, nil
}

// prime has an API make its pages, so that the next exporter need not wait for
// that.
func (b *bench) prime(ctx context.Context, a *api) error {
	e, err := b.startExporter(ctx, a, onDemand)
	if err != nil {
		return err
	}
	defer e.Stop()
	return e.begin(ctx)
}

// ready waits until the exporter says that it is, and tells when that was.
func (e *exporter) ready(ctx context.Context) (time.Time, error) {
	deadline := time.Now().Add(longest)
	for time.Now().Before(deadline) {
		if _, err := get(ctx, e.Address, "/-/ready"); err == nil {
			return time.Now(), nil
		}
		if err := e.Alive(); err != nil {
			return time.Time{}, err
		}
		if err := process.Sleep(ctx, 50*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, fmt.Errorf("the exporter is not ready within %s", longest)
}

// A pollEnd is what the exporter logs of a poll.
type pollEnd struct {
	at        time.Time
	collector string
	took      time.Duration
}

// pollEnds reads the log from the given line on. A poll that failed is an error.
func (e *exporter) pollEnds(from int) ([]pollEnd, error) {
	succeeded := regexp.MustCompile(`collector=(\w+) .*msg="poll succeeded".* duration=(\S+)`)
	var ends []pollEnd
	for _, line := range e.Lines(from) {
		if strings.Contains(line.Text, "level=error") {
			return nil, fmt.Errorf("the exporter complains: %s", line.Text)
		}
		if found := succeeded.FindStringSubmatch(line.Text); found != nil {
			took, err := time.ParseDuration(found[2])
			if err != nil {
				return nil, fmt.Errorf("read the exporter's log: %w", err)
			}
			ends = append(ends, pollEnd{line.At, found[1], took})
		}
	}
	return ends, nil
}

// polled waits until each collector has ended a poll since the given line of the
// log, and none has begun another.
func (e *exporter) polled(ctx context.Context, from int) ([]pollEnd, error) {
	deadline := time.Now().Add(longest)
	for time.Now().Before(deadline) {
		ends, err := e.pollEnds(from)
		if err != nil {
			return nil, err
		}
		report, err := e.api.look(ctx)
		if err != nil {
			return nil, err
		}
		missing := slices.ContainsFunc(collectors(), func(name string) bool {
			return !slices.ContainsFunc(ends, func(end pollEnd) bool { return end.collector == name })
		})
		if !missing && report.UnderWay == 0 && time.Since(report.Last) > 3*e.calm {
			return ends, nil
		}
		if err := e.Alive(); err != nil {
			return nil, err
		}
		if err := process.Sleep(ctx, e.calm/2); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the exporter does not end its polls within %s", longest)
}

// rest waits until the exporter does nothing any more, in the background either.
func (e *exporter) rest(ctx context.Context) error {
	return e.Quiet(ctx, e.calm, 0.04, time.Minute)
}

// longest is how long anything of the exporter may take before it counts as
// stuck.
const longest = 15 * time.Minute

// begin waits for the first polls of an exporter that was just started, and for
// those that they bring about.
func (e *exporter) begin(ctx context.Context) error {
	if _, err := e.ready(ctx); err != nil {
		return err
	}
	if _, err := e.polled(ctx, 0); err != nil {
		return err
	}
	return e.rest(ctx)
}

// warm scrapes until the exporter has had the time to prepare for a format that
// is asked for again and again.
func (e *exporter) warm(ctx context.Context, f scrape.Format) error {
	client := scrape.NewClient(e.Address, f)
	defer client.Close()
	for range 3 {
		if _, _, err := client.Scrape(ctx); err != nil {
			return err
		}
		if err := process.Sleep(ctx, e.calm); err != nil {
			return err
		}
		if err := e.rest(ctx); err != nil {
			return err
		}
	}
	return nil
}
