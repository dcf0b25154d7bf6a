package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// exporter is the real program, and the account that it watches.
type exporter struct {
	*process
	account    *account
	configFile string
	interval   time.Duration // from one poll to the next
	complaints *lineCounter
}

// onDemand is an interval that is not over before the benchmark is.
const onDemand = 24 * time.Hour

// startExporter starts the exporter and waits for its first polls.
func (b *bench) startExporter(ctx context.Context, a *account, interval time.Duration) (*exporter, error) {
	e := &exporter{
		account: a, configFile: filepath.Join(b.directory, "config.yml"), interval: interval,
		complaints: &lineCounter{to: b.log},
	}
	if err := e.configure(); err != nil {
		return nil, err
	}
	began := time.Now()
	var err error
	e.process, err = start(ctx, "the exporter", e.complaints, b.exporter, func(address string) []string {
		return []string{"--config.file=" + e.configFile, "--web.listen-address=" + address, "--log.level=warn"}
	})
	if err != nil {
		return nil, err
	}
	if err := e.polled(ctx, began); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

// configure writes the configuration.
func (e *exporter) configure() error {
	return os.WriteFile(e.configFile, fmt.Appendf(nil, `accounts:
  - name: bench
    account_sid: %[2]s
    basic_auth: {username: %[2]s, password: %[3]s}
    supersim_url: http://%[1]s
    api_url: http://%[1]s
collectors:
  supersim_usage: {interval: %[4]s}
  supersim_inventory: {interval: %[4]s}
  account_usage: {enabled: false}
  account_balance: {enabled: false}
max_age: 7d
`, e.account.address, accountSID, authToken, e.interval), 0o600)
}

// lineCounter counts the lines of the exporter's log, which are warnings and errors.
type lineCounter struct {
	to    io.Writer
	lines atomic.Int64
}

// Write implements io.Writer.
func (l *lineCounter) Write(b []byte) (int, error) {
	l.lines.Add(int64(bytes.Count(b, []byte("\n"))))
	return l.to.Write(b)
}

// polled waits until both collectors have polled successfully since the given time and
// ask the API for nothing more.
func (e *exporter) polled(ctx context.Context, since time.Time) error {
	const lastSuccess = "twilio_exporter_poll_last_success_timestamp_seconds"
	c := newClient(e.address, text(), lastSuccess)
	defer c.close()
	for requests := int64(-1); time.Since(since) < longest; {
		found, err := c.read(ctx)
		if err != nil {
			return err
		}
		last, now := found.families[lastSuccess], e.account.requests.Load()
		if last.n == 2 && last.min > float64(since.UnixMilli())/1000 && e.account.inFlight.Load() == 0 && now == requests {
			return nil
		}
		requests = now
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("the exporter's polls take longer than %s", longest)
}

// poll has the exporter poll everything, which it does when the configuration of an
// account has changed.
func (e *exporter) poll(ctx context.Context) error {
	began := time.Now()
	e.interval += time.Second
	if err := e.configure(); err != nil {
		return err
	}
	if _, err := request(ctx, http.MethodPost, e.address, "/-/reload"); err != nil {
		return err
	}
	return e.polled(ctx, began)
}

// check reads the exporter's series and returns an error unless they are complete and
// as the API has them.
func (e *exporter) check(ctx context.Context, sims int) (series int, err error) {
	c := newClient(e.address, openMetrics())
	defer c.close()
	found, err := c.read(ctx)
	if err != nil {
		return 0, err
	}
	if uploads := e.account.uploads(); found.series < seriesPerSIM*sims || found.uploads() != uploads {
		return 0, fmt.Errorf("the exporter has %d series and %d bytes uploaded by SIMs; it should have %d or more, and %d",
			found.series, found.uploads(), seriesPerSIM*sims, uploads)
	}
	return found.series, nil
}

// heap returns the bytes of the heap that are in use. Only work makes a process
// collect its garbage, so it is scraped until it has done so four times: what only a
// sync.Pool held is freed by the second. The smallest value after that is the one
// with the least garbage.
func (e *exporter) heap(ctx context.Context) (float64, error) {
	const inUse, collections = "go_memstats_heap_alloc_bytes", "go_gc_duration_seconds"
	c := newClient(e.address, text(), inUse, collections)
	defer c.close()
	least, first := math.Inf(1), math.Inf(1)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		found, err := c.read(ctx)
		if err != nil {
			return 0, err
		}
		done := found.families[collections+"_count"].sum
		first = min(first, done)
		if done >= first+2 {
			least = min(least, found.families[inUse].sum)
		}
		if done >= first+4 {
			break
		}
	}
	return least, nil
}
