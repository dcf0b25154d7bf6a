package exporter

import (
	"context"
	"fmt"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
)

// generation is the accounts of one configuration.
type generation struct{ accounts []*account }

// secretsTimeout bounds how long a reload reads files to know the secrets in them.
const secretsTimeout = 10 * time.Second

// build makes a generation without touching what runs. Accounts for which nothing
// changed are taken over as they are.
func (e *Exporter) build(cfg *config.Config, old *generation) (*generation, error) {
	g := new(generation)
	ctx, cancel := context.WithTimeout(e.ctx, secretsTimeout)
	defer cancel()
	known := make(map[string]*account)
	if old != nil {
		for _, a := range old.accounts {
			known[a.identity] = a
		}
	}
	for _, c := range cfg.Accounts() {
		settings := settings{c, cfg.Collectors(), cfg.API(), cfg.Rollover(), cfg.MaxAge()}
		before := known[c.Identity()]
		if before != nil && before.settings.equal(settings) {
			g.accounts = append(g.accounts, before)
			continue
		}
		built, err := e.buildAccount(ctx, settings, before)
		if err != nil {
			return nil, fmt.Errorf("account %q: %w", c.Name, err)
		}
		g.accounts = append(g.accounts, built)
	}
	return g, nil
}

// tasks lists the tasks of all accounts.
func (g *generation) tasks() []*task {
	var tasks []*task
	for _, a := range g.accounts {
		tasks = append(tasks, a.tasks...)
	}
	return tasks
}

// start runs the accounts that do not run yet, their tasks a little apart from
// each other.
func (g *generation) start(ctx context.Context) {
	var starting []*account
	tasks := 0
	for _, a := range g.accounts {
		if a.cancel == nil {
			starting = append(starting, a)
			tasks += len(a.tasks)
		}
	}
	// All have begun within a minute, however many they are.
	apart := min(100*time.Millisecond, time.Minute/time.Duration(max(tasks, 1)))
	var delay time.Duration
	for _, a := range starting {
		a.start(ctx, delay, apart)
		delay += time.Duration(len(a.tasks)) * apart
	}
}

// stop ends accounts and waits until none of their tasks runs any more, or until
// the context ends. It returns the tasks that still run.
func stop(ctx context.Context, accounts []*account) (running []*task) {
	for _, a := range accounts {
		a.cancel()
	}
	for _, a := range accounts {
		for _, t := range a.tasks {
			select {
			case <-t.done:
			case <-ctx.Done():
				if !t.ended() {
					running = append(running, t)
				}
			}
		}
		if c, ok := a.transport.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
	return running
}

// without lists the accounts that another generation does not have as they are.
func (g *generation) without(other *generation) []*account {
	var accounts []*account
	if g != nil {
		kept := make(map[*account]bool)
		for _, a := range other.accounts {
			kept[a] = true
		}
		for _, a := range g.accounts {
			if !kept[a] {
				accounts = append(accounts, a)
			}
		}
	}
	return accounts
}

// adopt lets each task go on where the old one ended that polled the same
// collector of the same account.
func (g *generation) adopt(old []*account) {
	before := make(map[string]*task)
	for _, a := range old {
		for _, t := range a.tasks {
			before[t.identity()] = t
		}
	}
	for _, t := range g.tasks() {
		if o := before[t.identity()]; o != nil {
			t.adopt(o)
		}
	}
}

// sources are where the exposition gets its samples from.
func (g *generation) sources() []exposition.SourceInit {
	var sources []exposition.SourceInit
	for _, t := range g.tasks() {
		sources = append(sources, exposition.SourceInit{Source: t.source, Predecessor: t.predecessor})
		t.predecessor = t.source // should this task outlive the generation
	}
	return sources
}
