package exporter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
)

// generation is everything that runs by one configuration.
type generation struct {
	accounts []*account
	tasks    []*task // account by account

	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// build makes a generation without touching what runs.
func (e *Exporter) build(cfg *config.Config, old *generation) (*generation, error) {
	g := new(generation)
	for _, a := range cfg.Accounts() {
		built, err := e.buildAccount(cfg, a, old)
		if err != nil {
			return nil, fmt.Errorf("account %q: %w", a.Name, err)
		}
		g.accounts = append(g.accounts, built)
		g.tasks = append(g.tasks, e.buildTasks(cfg, built)...)
	}
	return g, nil
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

// stop ends the tasks and waits until none runs any more.
func (g *generation) stop() {
	g.cancel()
	g.wait.Wait()
	for _, a := range g.accounts {
		if c, ok := a.transport.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
}

// adopt lets each task go on where the old one of the same identity ended.
func (g *generation) adopt(old *generation) {
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

// sources are where the exposition gets its samples from.
func (g *generation) sources() []exposition.Place {
	var sources []exposition.Place
	for _, t := range g.tasks {
		sources = append(sources, exposition.Place{Source: t.source, Before: t.predecessor})
		t.predecessor = nil
	}
	return sources
}

func (g *generation) collectorsOf(account string) []string {
	var names []string
	for _, t := range g.tasks {
		if t.account.name == account {
			names = append(names, t.name)
		}
	}
	return names
}
