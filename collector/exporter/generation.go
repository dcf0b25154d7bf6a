package exporter

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
)

// generation is the accounts of one configuration, and the subaccounts that were found.
type generation []*account

// secretsTimeout bounds how long a reload reads files to know the secrets in them.
const secretsTimeout = 10 * time.Second

// build makes a generation without touching what runs: the accounts of a configuration,
// each with the subaccounts that were found. It takes over the accounts whose settings
// have not changed.
func (e *Exporter) build(cfg *config.Config, old generation) (generation, error) {
	var g generation
	ctx, cancel := context.WithTimeout(e.ctx, secretsTimeout)
	defer cancel()
	known := old.byIdentity()
	for _, c := range cfg.AllAccounts() {
		settings, needed := settingsOf(cfg, c)
		if !needed {
			continue
		}
		a, err := e.takeOver(ctx, settings, known)
		if err != nil {
			return nil, fmt.Errorf("account %q: %w", c.Name, err)
		}
		g = append(g, a)
		if a.discovery == nil {
			continue
		}
		found, err := e.subaccounts(ctx, cfg, c, a, known)
		if err != nil {
			return nil, err
		}
		g = append(g, found...)
	}
	return g, nil
}

// tasks lists the tasks of all accounts.
func (g generation) tasks() []*task {
	var tasks []*task
	for _, a := range g {
		tasks = append(tasks, a.tasks...)
	}
	return tasks
}

// stop ends the accounts and waits until none of their tasks runs any more, or
// until the context ends. It returns the tasks that still run.
func (g generation) stop(ctx context.Context) (running []*task) {
	for _, a := range g {
		a.cancel()
	}
	for _, a := range g {
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

// without lists the accounts that another generation has not taken over.
func (g generation) without(other generation) generation {
	return slices.DeleteFunc(slices.Clone(g), func(a *account) bool { return slices.Contains(other, a) })
}

// adopt lets each task continue where the one ended that polled the same collector
// of the same account.
func (g generation) adopt(old generation) {
	before := make(map[string]*task)
	for _, t := range old.tasks() {
		before[t.identity()] = t
	}
	for _, t := range g.tasks() {
		if o := before[t.identity()]; o != nil {
			t.adopt(o)
		}
	}
}

// sources are those of all tasks.
func (g generation) sources() []*exposition.Source {
	var sources []*exposition.Source
	for _, t := range g.tasks() {
		sources = append(sources, t.source)
	}
	return sources
}
