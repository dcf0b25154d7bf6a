package exporter

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/budget"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// settings are everything in the configuration that an account depends on.
type settings struct {
	account  config.Account
	api      config.API
	rollover time.Duration
	maxAge   time.Duration

	parent    string // identity of the account that a subaccount was found for; else empty
	elsewhere bool   // another shard polls the account, and this one polls subaccounts of it
}

// equal reports whether an account works the same with other settings.
func (s settings) equal(o settings) bool { return reflect.DeepEqual(s, o) }

// account is what the tasks of one account share. It runs until a configuration
// has other settings for it.
type account struct {
	name     string
	identity string // an account of the same identity has the same results
	provider twilio.Provider
	settings settings
	shared   *collector.Account
	tasks    []*task

	discovery *discovery // of its subaccounts; nil if they are not watched
	late      bool       // found after the start: the exporter is ready without it
	once      bool       // each collector polls once

	requests  *accountRequests
	plan      requestPlan
	transport http.RoundTripper
	secrets   []string         // of the configuration and its files
	redactor  *twilio.Redactor // knows them, and what the client has seen since
	logger    log.Logger

	ctx    context.Context    // of its polls
	cancel context.CancelFunc // nil before it has started

	write    func() error // writes its state, if states are written; safe for concurrent use
	rowsSize int          // bytes of the last one's rows
}

// buildAccount makes the client of one account and the tasks of its collectors.
// before is the same account by an older configuration, or nil. Until the context
// ends, it reads the files of secrets.
func (e *Exporter) buildAccount(ctx context.Context, s settings, before *account) (*account, error) {
	name := s.account.Name
	secrets := s.account.Secrets(ctx, new(config.Files))
	redactor := twilio.NewRedactor(secrets...)
	requests := &accountRequests{queue: e.queue, most: s.api.MaxConcurrency, perHour: s.api.MaxRequestsPerHour, sent: new(budget.Window)}
	if before != nil {
		requests.adopt(before.requests)
	}
	client, transport, err := NewClient(s.account, s.api, ClientOptions{
		Dial: e.options.Dial, UserAgent: e.options.UserAgent, Redactor: redactor, Observer: observer{e.metrics, name, requests}, Limiter: requests,
	})
	if err != nil {
		return nil, err
	}
	a := &account{
		name: name, identity: s.identity(), provider: client.Provider(), settings: s,
		shared: &collector.Account{
			Client: client, Inventory: new(collector.Inventory),
			Rollover: s.rollover, MaxAge: s.maxAge, Started: time.Now().UTC(),
			MaxConcurrency: s.api.MaxConcurrency,
		},
		requests: requests, transport: transport, secrets: secrets, redactor: redactor, logger: log.With(e.options.Logger, "account", name),
		once: e.options.Once,
	}
	// An inventory that nothing keeps up to date any more is dropped.
	if before != nil && s.account.Collectors.SuperSIMInventory.Enabled {
		a.shared.Inventory = before.shared.Inventory
	}
	if s.account.Subaccounts.Enabled {
		a.discovery = &discovery{account: a.shared, apply: e.applyDiscovery}
		if before != nil && before.discovery != nil {
			a.discovery.continues(before.discovery)
		}
	}
	a.write = Coalesce(func() error {
		if states := e.states.Load(); states != nil {
			states.write(a)
		}
		return nil
	})
	a.tasks = e.buildTasks(a)
	return a, nil
}

// buildTasks makes the tasks of an account's enabled collectors.
func (e *Exporter) buildTasks(a *account) []*task {
	var tasks []*task
	options := a.settings.account.Collectors
	byName := make(map[string]*task)
	if a.discovery != nil {
		tasks = append(tasks, e.newTask(a, discoveryName, a.discovery, e.options.DiscoveryInterval))
	}
	for _, c := range collectorTypes() {
		schedule := c.schedule(options)
		if !schedule.Enabled {
			continue
		}
		if c.providerHas != nil && !c.providerHas(a.provider) {
			level.Info(a.logger).Log("msg", "collector is off for this account: its provider has no account API",
				"collector", c.name, "provider", string(a.provider))
			continue
		}
		t := e.newTask(a, c.name, c.new(a.shared, options), schedule.Interval)
		t.families = c.families
		t.requests = newTaskRequests(options.LeastRequests(c.name))
		if before := byName[c.after]; before != nil {
			before.successors = append(before.successors, t)
			t.predecessor = before
		}
		tasks, byName[c.name] = append(tasks, t), t
	}
	return tasks
}

// newTask makes the task of one collector, without samples.
func (e *Exporter) newTask(a *account, name string, c collector.Collector, interval time.Duration) *task {
	maxAge := a.settings.maxAge
	if a.once {
		maxAge = 0
	}
	t := &task{
		account: a, name: name, families: func(config.Collectors) []metric.Family { return nil }, collector: c, interval: interval,
		exposition: e.exposition, source: exposition.NewSource(a.name, maxAge),
		metrics: e.metrics, logger: log.With(a.logger, "collector", name),
		wake: make(chan struct{}, 1), done: make(chan struct{}), requests: newTaskRequests(map[string]int{"": 1}), states: &e.states,
		polls: newPollLog(time.Now()),
	}
	t.offset = func(interval time.Duration) time.Duration { return e.options.Offset(t.identity(), interval) }
	t.every.Store(int64(t.interval))
	return t
}

// collectors names those that the account is polled for.
func (a *account) collectors() []string {
	var names []string
	for _, t := range a.tasks {
		names = append(names, t.name)
	}
	return names
}
