package exporter

import (
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

type provider = twilio.Provider

// buildAccount makes the client of one account and the tasks of its collectors.
func (e *Exporter) buildAccount(cfg *config.Config, a config.Account, old *generation) (*account, []*task, error) {
	observer := observer{e.metrics, a.Name}
	api := cfg.API()
	transport, err := e.Dial(a, api.Timeout, e.UserAgent, observer)
	if err != nil {
		return nil, nil, err
	}
	client, err := twilio.New(twilio.Options{
		Provider:       a.Provider,
		AccountSID:     a.AccountSID,
		SuperSIMURL:    a.SuperSIMURL,
		APIURL:         a.APIURL,
		Transport:      transport,
		UserAgent:      e.UserAgent,
		NoRedirects:    !a.HTTPClient.FollowRedirects,
		Timeout:        api.Timeout,
		MaxRetries:     api.MaxRetries,
		MaxConcurrency: api.MaxConcurrency,
		MaxRecords:     api.MaxRecords,
		Observer:       observer,
	})
	if err != nil {
		return nil, nil, err
	}
	built := &account{
		name: a.Name, identity: a.Identity(), provider: client.Provider(), transport: transport,
		info: exposition.NewSource(a.Name, 0),
		shared: &collector.Account{
			Client:    client,
			Inventory: old.inventoryOf(a.Identity(), cfg.Collectors().SuperSIMInventory.Enabled),
			Rollover:  cfg.Rollover(),
			MaxAge:    cfg.MaxAge(),
			Started:   time.Now().UTC(),
		},
	}
	return built, e.buildTasks(cfg, built), nil
}

// inventoryOf finds what is known of an account that stays the same, as long as
// it is kept up to date.
func (g *generation) inventoryOf(identity string, enabled bool) *collector.Inventory {
	if g != nil && enabled {
		for _, a := range g.accounts {
			if a.identity == identity {
				return a.shared.Inventory
			}
		}
	}
	return new(collector.Inventory)
}

// buildTasks makes the tasks of an account's enabled collectors. The inventory
// comes first: the usage collector shows silent SIMs once it has answered.
func (e *Exporter) buildTasks(cfg *config.Config, a *account) []*task {
	var tasks []*task
	logger := log.With(e.Logger, "account", a.name)
	add := func(name string, interval time.Duration, c collector.Collector) *task {
		t := &task{
			account: a.name, provider: string(a.provider), name: name,
			identity:  a.identity + "|" + name,
			collector: c, interval: interval,
			exposition: e.exposition, source: exposition.NewSource(a.name, cfg.MaxAge()),
			metrics: e.metrics, logger: log.With(logger, "collector", name),
			wake: make(chan struct{}, 1),
		}
		tasks = append(tasks, t)
		return t
	}
	all := cfg.Collectors()
	var inventory *task
	if c := all.SuperSIMInventory; c.Enabled {
		inventory = add(collector.NameSuperSIMInventory, c.Interval, collector.NewSuperSIMInventory(a.shared, c))
	}
	if c := all.SuperSIMUsage; c.Enabled {
		usage := add(collector.NameSuperSIMUsage, c.Interval, collector.NewSuperSIMUsage(a.shared, c))
		if inventory != nil {
			inventory.polled = func() {
				// Now the account's SID may be known.
				e.exposition.Show(a.info, a.about(), time.Now())
				usage.look()
			}
		}
	}
	if c := all.AccountUsage; c.Enabled && e.served(a, collector.NameAccountUsage) {
		add(collector.NameAccountUsage, c.Interval, collector.NewAccountUsage(a.shared, c))
	}
	if c := all.AccountBalance; c.Enabled && e.served(a, collector.NameAccountBalance) {
		add(collector.NameAccountBalance, c.Interval, collector.NewAccountBalance(a.shared))
	}
	return tasks
}

// served says whether the provider has what a collector needs.
func (e *Exporter) served(a *account, name string) bool {
	if a.provider.HasAccountAPI() {
		return true
	}
	level.Info(e.Logger).Log("msg", "collector is off for this account: its provider has no account API",
		"account", a.name, "collector", name, "provider", string(a.provider))
	return false
}
