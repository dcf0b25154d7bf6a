// Package exporter runs the collectors of every configured account on their
// schedule and shows their results to Prometheus.
package exporter

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
)

// Options say what an Exporter is made of.
type Options struct {
	Logger    log.Logger
	Registry  prometheus.Registerer
	UserAgent string
	Dial      Dialer // default: Dial
}

// An Exporter polls accounts and shows what they answered. It has a
// configuration from its first Reload on.
type Exporter struct {
	Options
	metrics    *metrics
	exposition *exposition.Exposition
	current    atomic.Pointer[generation]

	mu  sync.Mutex // held while a generation takes the place of another
	ctx context.Context
}

// New makes an exporter and registers its metrics. It polls until the context
// ends; Wait waits for that.
func New(ctx context.Context, o Options) *Exporter {
	if o.Dial == nil {
		o.Dial = Dial
	}
	return &Exporter{Options: o, metrics: newMetrics(o.Registry), exposition: exposition.New(), ctx: ctx}
}

// Exposition shows the collectors' results.
func (e *Exporter) Exposition() *exposition.Exposition { return e.exposition }

// Reload starts to work by a configuration. It is all or nothing: after an
// error everything goes on as before. Accounts that stay the same keep their
// results until their next poll, which comes at once.
func (e *Exporter) Reload(cfg *config.Config) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.current.Load()
	next, err := e.build(cfg, old)
	if err != nil {
		e.metrics.reloadSuccessful.Set(0)
		return err
	}
	if old != nil {
		old.stop()
	}
	next.takeOver(old)
	for _, account := range next.accounts {
		e.metrics.start(account.name, account.provider, next.collectorsOf(account.name))
	}
	e.current.Store(next)
	e.exposition.Replace(next.families, next.places())
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

// forget drops the metrics of what is gone.
func (e *Exporter) forget(old, next *generation) {
	if old == nil {
		return
	}
	kept := make(map[string]bool)
	for _, account := range next.accounts {
		kept[account.name] = true
	}
	for _, account := range old.accounts {
		if !kept[account.name] {
			e.metrics.forget(prometheus.Labels{"account": account.name})
		}
	}
	running := make(map[[2]string]bool)
	for _, t := range next.tasks {
		running[[2]string{t.account, t.name}] = true
	}
	for _, t := range old.tasks {
		if kept[t.account] && !running[[2]string{t.account, t.name}] {
			e.metrics.forget(prometheus.Labels{"account": t.account, "collector": t.name})
		}
	}
}

// Wait returns when the context has ended and no poll runs any more.
func (e *Exporter) Wait() {
	<-e.ctx.Done()
	e.mu.Lock()
	defer e.mu.Unlock()
	if g := e.current.Load(); g != nil {
		g.stop()
	}
}

// Ready says whether every collector of every account has finished a poll, well
// or badly.
func (e *Exporter) Ready() bool {
	g := e.current.Load()
	if g == nil {
		return false
	}
	for _, t := range g.tasks {
		if t.outcome.Load() == nil {
			return false
		}
	}
	return true
}

// A Status tells how a collector of an account is doing.
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
	for _, t := range g.tasks {
		all = append(all, Status{t.account, t.provider, t.name, t.interval, t.outcome.Load()})
	}
	return all
}

// generation is everything that runs by one configuration.
type generation struct {
	accounts []*account
	tasks    []*task
	families []collector.Family

	cancel context.CancelFunc
	wait   sync.WaitGroup
}

type account struct {
	name, identity string
	provider       provider
	shared         *collector.Account
	transport      http.RoundTripper
	info           *exposition.Source // of account_info
}

// about is what is known of the account itself.
func (a *account) about() []collector.Batch {
	return []collector.Batch{collector.NewBatch(collector.AccountInfo, time.Time{}, []collector.Series{
		{Labels: []string{a.shared.SID(), string(a.provider)}, Value: 1},
	})}
}

// places are where the results of everything in the generation begin.
func (g *generation) places() []exposition.Place {
	var places []exposition.Place
	for _, a := range g.accounts {
		places = append(places, exposition.Place{Source: a.info, Batches: a.about()})
	}
	for _, t := range g.tasks {
		places = append(places, exposition.Place{Source: t.source, Before: t.adopted})
		t.adopted = nil
	}
	return places
}

// start runs the tasks, a little apart from each other.
func (g *generation) start(ctx context.Context) {
	ctx, g.cancel = context.WithCancel(ctx)
	// All have begun within a minute, however many they are.
	apart := min(100*time.Millisecond, time.Minute/time.Duration(max(len(g.tasks), 1)))
	for i, t := range g.tasks {
		g.wait.Go(func() { t.run(ctx, time.Duration(i)*apart) })
	}
}

func (g *generation) stop() {
	g.cancel()
	g.wait.Wait()
	for _, a := range g.accounts {
		if c, ok := a.transport.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
}

// takeOver lets what stays the same go on.
func (g *generation) takeOver(old *generation) {
	if old == nil {
		return
	}
	before := make(map[string]*task)
	for _, t := range old.tasks {
		before[t.identity] = t
	}
	for _, t := range g.tasks {
		if o := before[t.identity]; o != nil {
			t.adopt(o)
		}
	}
}

func (g *generation) collectorsOf(account string) []string {
	var names []string
	for _, t := range g.tasks {
		if t.account == account {
			names = append(names, t.name)
		}
	}
	return names
}

// build makes a generation without touching what runs.
func (e *Exporter) build(cfg *config.Config, old *generation) (*generation, error) {
	g := &generation{families: collector.Families(cfg.Collectors().SuperSIMInventory.ICCID)}
	for _, a := range cfg.Accounts() {
		built, tasks, err := e.buildAccount(cfg, a, old)
		if err != nil {
			return nil, fmt.Errorf("account %q: %w", a.Name, err)
		}
		g.accounts = append(g.accounts, built)
		g.tasks = append(g.tasks, tasks...)
	}
	e.warn(cfg)
	return g, nil
}

// warn names settings that are valid and yet surely not meant.
func (e *Exporter) warn(cfg *config.Config) {
	c := cfg.Collectors()
	for _, x := range []struct {
		name     string
		enabled  bool
		interval time.Duration
	}{
		{collector.NameSuperSIMUsage, c.SuperSIMUsage.Enabled, c.SuperSIMUsage.Interval},
		{collector.NameSuperSIMInventory, c.SuperSIMInventory.Enabled, c.SuperSIMInventory.Interval},
		{collector.NameAccountUsage, c.AccountUsage.Enabled, c.AccountUsage.Interval},
		{collector.NameAccountBalance, c.AccountBalance.Enabled, c.AccountBalance.Interval},
	} {
		if x.enabled && x.interval >= cfg.MaxAge() {
			level.Warn(e.Logger).Log("msg", "results vanish between polls: max_age is not longer than the interval",
				"collector", x.name, "interval", x.interval, "max_age", cfg.MaxAge())
		}
	}
}
