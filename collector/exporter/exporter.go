// Package exporter runs the collectors of every configured account on their
// schedule and exposes their results to Prometheus.
package exporter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/collector/storage"
)

// Options configure an Exporter.
type Options struct {
	Logger    log.Logger
	Registry  Registry // takes the self-metrics, and is exposed beside the collectors' results
	UserAgent string
	Dial      Dialer // default: Dial
	// Redaction gets to know the secrets of the configuration; default: a new one.
	Redaction *Redaction
	// DiscoveryInterval is the time between two lists of an account's subaccounts;
	// default: 1h.
	DiscoveryInterval time.Duration
	// Offset says when a collector of an account polls: so long after the multiples of
	// its interval since the epoch. Default: a hash of the identity, which names both.
	Offset func(identity string, interval time.Duration) time.Duration
	FS     storage.FS // for the states of accounts; default: that of the operating system
	// Once makes every collector poll once, without a schedule, and its results not
	// become too old. See WaitPolled.
	Once bool
}

// An Exporter polls accounts and exposes their results. It has a configuration
// from its first Reload on.
type Exporter struct {
	options    Options
	metrics    *metrics
	exposition *exposition.Exposition
	current    atomic.Pointer[generation]
	queue      *requestQueue               // of the requests of all accounts
	states     atomic.Pointer[stateFolder] // nil: none are written

	replacing *semaphore.Weighted // held while one generation replaces another
	cfg       *config.Config      // of the current generation; for the holder of replacing
	ctx       context.Context
	started   time.Time
}

// New makes an exporter and registers its self-metrics. It polls until the
// context ends; Wait waits for that.
func New(ctx context.Context, o Options) *Exporter {
	if o.Dial == nil {
		o.Dial = Dial
	}
	if o.Offset == nil {
		o.Offset = offsetOf
	}
	if o.FS == nil {
		o.FS = storage.OS{}
	}
	o.Redaction = cmp.Or(o.Redaction, new(Redaction))
	o.DiscoveryInterval = cmp.Or(o.DiscoveryInterval, discoveryInterval)
	e := &Exporter{
		options: o, metrics: newMetrics(o.Registry), exposition: exposition.New(), queue: new(requestQueue),
		replacing: semaphore.NewWeighted(1), ctx: ctx, started: time.Now(),
	}
	o.Registry.MustRegister(newAccountInfoCollector(e.accounts), newSuperSIMAvailableCollector(e.accounts))
	return e
}

// HandlerOptions configure a handler.
type HandlerOptions struct {
	MaxRequestsInFlight int  // 0: no limit
	DisableCompression  bool // responses are not compressed, whatever the scraper accepts
}

// Handler serves the metrics. It must be called once only: it registers the
// metrics of the handler itself.
func (e *Exporter) Handler(o HandlerOptions) http.Handler {
	return e.exposition.Handler(exposition.HandlerOptions{
		SelfMetrics: e.options.Registry, Registry: e.options.Registry, ErrorLog: errorLog{e.options.Logger},
		MaxRequestsInFlight: o.MaxRequestsInFlight, DisableCompression: o.DisableCompression,
	})
}

// errorLog logs what promhttp could not expose.
type errorLog struct{ log.Logger }

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	level.Error(l.Logger).Log("msg", "some metrics could not be exposed", "err", fmt.Sprint(v...))
}

// Gatherer gathers the collectors' results. It takes memory and time for each sample,
// which Handler does not.
func (e *Exporter) Gatherer() prometheus.Gatherer { return e.exposition }

// Reload applies a configuration. It is all or nothing: an error changes nothing.
// An account whose settings stay the same is not interrupted. One whose settings
// change keeps its results until its next poll, which starts at once. Reload fails
// when the context of the exporter ends.
func (e *Exporter) Reload(cfg *config.Config) error {
	if err := e.replacing.Acquire(e.ctx, 1); err != nil {
		return errStopping
	}
	defer e.replacing.Release(1)
	old := e.accounts()
	next, err := e.build(cfg, old)
	if err != nil {
		e.metrics.reloadSuccessful.Set(0)
		return err
	}
	states, err := e.statesIn(string(cfg.Storage().Path))
	if err != nil {
		e.metrics.reloadSuccessful.Set(0)
		return err
	}
	e.cfg = cfg
	if err := e.replace(old, next, states); err != nil {
		return err
	}
	// The states may know of subaccounts.
	if found, err := e.build(cfg, next); err != nil {
		level.Error(e.options.Logger).Log("msg", "subaccounts are not polled before they are listed again", "err", err)
	} else if !slices.Equal(next, found) {
		if err := e.replace(next, found, states); err != nil {
			return err
		}
	}
	ordinal, total := cfg.Sharding()
	e.metrics.shardOrdinal.Set(float64(ordinal))
	e.metrics.totalShards.Set(float64(total))
	e.metrics.reloadSuccessful.Set(1)
	e.metrics.reloadTimestamp.Set(float64(time.Now().Unix()))
	return nil
}

// replace runs a generation instead of another, which e.cfg is the configuration of,
// with the folder of its states.
func (e *Exporter) replace(old, next generation, states *stateFolder) error {
	replaced := old.without(next)
	if len(replaced.stop(e.ctx)) > 0 {
		if states != e.states.Load() {
			states.close()
		}
		return errStopping
	}
	e.options.Redaction.know(next)
	next.adopt(replaced)
	e.forgetReused(old, next)
	for _, a := range next {
		e.metrics.initialize(a.name, a.endpoints(), a.collectors())
		if a.cancel == nil {
			a.showOutcomes(e.metrics)
		}
	}
	before := e.states.Swap(states)
	e.restore(old, next, states != before)
	e.current.Store(&next)
	e.exposition.Replace(resultFamilies(widest(e.cfg.Accounts())), next.sources())
	for _, t := range next.tasks() {
		t.showRestored()
	}
	if states != before {
		before.retire(old)
		states.writeAll(e.ctx, next)
	}
	e.forget(old, next)
	e.reportSubaccounts(old, next)
	next.start(e.ctx, e.metrics)
	return nil
}

// ReloadFailed reports that there was no valid configuration to reload.
func (e *Exporter) ReloadFailed() { e.metrics.reloadSuccessful.Set(0) }

// accounts are those of the current configuration; none before the first Reload.
func (e *Exporter) accounts() generation {
	if g := e.current.Load(); g != nil {
		return *g
	}
	return nil
}

// forget drops the self-metrics of accounts and collectors that are gone.
func (e *Exporter) forget(old, next generation) {
	kept := make(map[string]bool)
	running := make(map[[2]string]bool)
	for _, a := range next {
		kept[a.name] = true
		for _, t := range a.tasks {
			running[[2]string{a.name, t.name}] = true
		}
	}
	for _, a := range old {
		if !kept[a.name] {
			e.metrics.forget(prometheus.Labels{"account": a.name})
			continue
		}
		for _, t := range a.tasks {
			if !running[[2]string{a.name, t.name}] {
				e.metrics.forget(prometheus.Labels{"account": a.name, "collector": t.name})
			}
		}
	}
}

var errStopping = errors.New("the exporter is stopping")

// stopTimeout is how long Wait waits for polls, all of which end with the context
// unless the operating system hangs.
const stopTimeout = 5 * time.Second

// Wait waits until the context has ended and no poll runs any more, or until 5s
// after the context's end. It logs the polls that still run then.
func (e *Exporter) Wait() {
	<-e.ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if e.replacing.Acquire(ctx, 1) != nil {
		level.Error(e.options.Logger).Log("msg", "stopping without waiting any longer for a reload that hangs")
		return
	}
	defer e.replacing.Release(1)
	for _, t := range e.accounts().stop(ctx) {
		level.Error(t.logger).Log("msg", "stopping without waiting any longer for a poll that hangs")
	}
	states := e.states.Load()
	states.writeAll(ctx, e.accounts())
	states.close()
}

// Ready reports whether every collector of every account has finished a poll,
// successful or not, the first list of subaccounts and those on it included. It is
// false before the first Reload.
func (e *Exporter) Ready() bool {
	unfinished := func(t *task) bool { return t.outcome.Load() == nil && !t.account.late }
	return e.current.Load() != nil && !slices.ContainsFunc(e.accounts().tasks(), unfinished)
}
