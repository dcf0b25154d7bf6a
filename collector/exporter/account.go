package exporter

import (
	"net/http"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// account is what the tasks of one account share.
type account struct {
	name     string
	identity string // accounts of the same identity have the same results
	provider twilio.Provider
	shared   *collector.Account

	transport http.RoundTripper
	metrics   *metrics
	logger    log.Logger
}

// buildAccount makes the client of one account.
func (e *Exporter) buildAccount(cfg *config.Config, a config.Account, old *generation) (*account, error) {
	observer, api := observer{e.metrics, a.Name}, cfg.API()
	transport, err := e.Dial(a, api.Timeout, e.UserAgent, observer)
	if err != nil {
		return nil, err
	}
	client, err := twilio.New(twilio.Options{
		Provider:       twilio.Provider(a.Provider),
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
		return nil, err
	}
	return &account{
		name: a.Name, identity: a.Identity(), provider: client.Provider(),
		shared: &collector.Account{
			Client:    client,
			Inventory: old.inventoryOf(a.Identity(), cfg.Collectors().SuperSIMInventory.Enabled),
			Rollover:  cfg.Rollover(),
			MaxAge:    cfg.MaxAge(),
			Started:   time.Now().UTC(),
		},
		transport: transport, metrics: e.metrics, logger: log.With(e.Logger, "account", a.Name),
	}, nil
}

// showInfo exposes what is known of the account itself.
func (a *account) showInfo() { a.metrics.accountInfo.set(a.name, a.shared.SID(), a.provider) }

// inventoryOf finds the inventory of an account that stays the same, as long as
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

// buildTasks makes the tasks of an account's enabled collectors.
func (e *Exporter) buildTasks(cfg *config.Config, a *account) []*task {
	var tasks []*task
	byName := make(map[string]*task)
	for _, c := range collectorTypes() {
		enabled, interval := c.schedule(cfg.Collectors())
		if !enabled {
			continue
		}
		if c.providerHas != nil && !c.providerHas(a.provider) {
			level.Info(a.logger).Log("msg", "collector is off for this account: its provider has no account API",
				"collector", c.name, "provider", string(a.provider))
			continue
		}
		t := &task{
			account: a, name: c.name, identity: a.identity + "|" + c.name,
			collector: c.new(a.shared, cfg.Collectors()), interval: interval,
			exposition: e.exposition, source: exposition.NewSource(a.name, cfg.MaxAge()),
			metrics: e.metrics, logger: log.With(a.logger, "collector", c.name),
			wake: make(chan struct{}, 1),
		}
		if before := byName[c.after]; before != nil {
			before.successors = append(before.successors, t)
		}
		tasks, byName[c.name] = append(tasks, t), t
	}
	return tasks
}
