// Package exporter runs the collectors of every configured account on their
// schedule and exposes their results to Prometheus.
package exporter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
)

// Options say what an Exporter is made of.
type Options struct {
	Logger    log.Logger
	Registry  Registry // takes the self-metrics, and is exposed beside the collectors' results
	UserAgent string
	Dial      Dialer // default: Dial
	// Redaction gets to know the secrets of the configuration; default: a new one.
	Redaction *Redaction
}

// A Registry takes metrics and gathers them, as prometheus.Registry does.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// An Exporter polls accounts and exposes their results. It has a configuration
// from its first Reload on.
type Exporter struct {
	Options
	metrics    *metrics
	exposition *exposition.Exposition
	current    atomic.Pointer[generation]

	replacing *semaphore.Weighted // held while one generation replaces another
	ctx       context.Context
}

// New makes an exporter and registers its self-metrics. It polls until the
// context ends; Wait waits for that.
func New(ctx context.Context, o Options) *Exporter {
	if o.Dial == nil {
		o.Dial = Dial
	}
	o.Redaction = cmp.Or(o.Redaction, new(Redaction))
	return &Exporter{
		Options: o, metrics: newMetrics(o.Registry), exposition: exposition.New(),
		replacing: semaphore.NewWeighted(1), ctx: ctx,
	}
}

// HandlerOptions bound how metrics are served.
type HandlerOptions struct {
	MaxRequestsInFlight int  // 0: no limit
	DisableCompression  bool // responses are not compressed, whatever the scraper accepts
}

// Handler serves the metrics. It must be called once only: it registers the
// metrics of the handler itself.
func (e *Exporter) Handler(o HandlerOptions) http.Handler {
	return e.exposition.Handler(exposition.HandlerOptions{
		SelfMetrics: e.Registry, Registry: e.Registry, ErrorLog: errorLog{e.Logger},
		MaxRequestsInFlight: o.MaxRequestsInFlight, DisableCompression: o.DisableCompression,
	})
}

// errorLog logs what promhttp could not expose.
type errorLog struct{ log.Logger }

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	level.Error(l.Logger).Log("msg", "some metrics could not be exposed", "err", fmt.Sprint(v...))
}

// Gatherer gathers the collectors' results. It takes memory and time for each
// sample; Handler does without it.
func (e *Exporter) Gatherer() prometheus.Gatherer { return e.exposition }

// Reload starts to work by a configuration. It is all or nothing: after an
// error everything goes on as before. An account of which the configuration says
// the same as before goes on undisturbed. One of which it says something else
// keeps its results until its next poll, which comes at once. It fails when the
// context of the exporter ends.
func (e *Exporter) Reload(cfg *config.Config) error {
	if err := e.replacing.Acquire(e.ctx, 1); err != nil {
		return errStopping
	}
	defer e.replacing.Release(1)
	old := e.current.Load()
	next, err := e.build(cfg, old)
	if err != nil {
		e.metrics.reloadSuccessful.Set(0)
		return err
	}
	replaced := old.without(next)
	if len(stop(e.ctx, replaced)) > 0 {
		return errStopping
	}
	e.Redaction.know(next.accounts)
	next.adopt(replaced)
	for _, a := range next.accounts {
		e.metrics.start(a.name, a.provider, a.collectors())
		a.showInfo()
	}
	e.current.Store(next)
	e.exposition.Replace(resultFamilies(cfg.Collectors()), next.sources())
	e.forget(old, next)
	next.start(e.ctx)
	ordinal, total := cfg.Sharding()
	e.metrics.shardOrdinal.Set(float64(ordinal))
	e.metrics.totalShards.Set(float64(total))
	e.metrics.reloadSuccessful.Set(1)
	e.metrics.reloadTimestamp.Set(float64(time.Now().Unix()))
	return nil
}

// ReloadFailed notes that there was no valid configuration to reload.
func (e *Exporter) ReloadFailed() { e.metrics.reloadSuccessful.Set(0) }

// forget drops the self-metrics of accounts and collectors that are gone.
func (e *Exporter) forget(old, next *generation) {
	if old == nil {
		return
	}
	kept := make(map[string]bool)
	for _, a := range next.accounts {
		kept[a.name] = true
	}
	for _, a := range old.accounts {
		if !kept[a.name] {
			e.metrics.accountInfo.forget(a.name)
			e.metrics.forget(prometheus.Labels{"account": a.name})
		}
	}
	running := make(map[[2]string]bool)
	for _, t := range next.tasks() {
		running[[2]string{t.account.name, t.name}] = true
	}
	for _, t := range old.tasks() {
		if account := t.account.name; kept[account] && !running[[2]string{account, t.name}] {
			e.metrics.forget(prometheus.Labels{"account": account, "collector": t.name})
		}
	}
}

var errStopping = errors.New("the exporter is stopping")

// stopTimeout is how long Wait waits for polls, all of which end with the context
// unless the operating system hangs.
const stopTimeout = 5 * time.Second

// Wait returns when the context has ended and no poll runs any more, or 5s after
// the context's end. It logs the polls that still run then.
func (e *Exporter) Wait() {
	<-e.ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if e.replacing.Acquire(ctx, 1) != nil {
		level.Error(e.Logger).Log("msg", "stopping without waiting any longer for a reload that hangs")
		return
	}
	defer e.replacing.Release(1)
	g := e.current.Load()
	if g == nil {
		return
	}
	for _, t := range stop(ctx, g.accounts) {
		level.Error(t.logger).Log("msg", "stopping without waiting any longer for a poll that hangs")
	}
}

// Ready reports whether every collector of every account has finished a poll,
// successful or not.
func (e *Exporter) Ready() bool {
	g := e.current.Load()
	if g == nil {
		return false
	}
	for _, t := range g.tasks() {
		if t.outcome.Load() == nil {
			return false
		}
	}
	return true
}

// A Status is how a collector of an account is doing.
type Status struct {
	Account, Provider, Collector string
	Interval                     time.Duration
	Outcome                      *Outcome // nil before the first poll has ended
}

// Status lists every collector of every account in the configuration's order.
func (e *Exporter) Status() []Status {
	g := e.current.Load()
	if g == nil {
		return nil
	}
	var all []Status
	for _, t := range g.tasks() {
		all = append(all, Status{t.account.name, string(t.account.provider), t.name, t.interval, t.outcome.Load()})
	}
	return all
}
