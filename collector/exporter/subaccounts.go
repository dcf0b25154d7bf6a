package exporter

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// settingsOf are the settings of an account in the configuration. It reports whether
// this shard needs the account: to poll it, or to find the subaccounts that it polls.
func settingsOf(cfg *config.Config, c config.Account) (settings, bool) {
	s := settings{account: c, api: cfg.API(), rollover: cfg.Rollover(), maxAge: cfg.MaxAge()}
	if cfg.Serves(c.Name) {
		return s, true
	}
	s.elsewhere, s.account.Collectors = true, config.Collectors{AccountUsage: c.Collectors.AccountUsage}
	s.account.Collectors.AccountUsage.Enabled = false
	return s, c.Subaccounts.Enabled
}

// identity is the same for settings of the same account. That of a subaccount does not
// depend on its name.
func (s settings) identity() string {
	if s.parent != "" {
		return s.parent + "|" + s.account.AccountSID
	}
	return s.account.Identity()
}

// isFound reports whether the account is a subaccount that was found.
func (a *account) isFound() bool { return a.settings.parent != "" }

// showOutcomes shows those that the tasks have adopted: the account may have had another
// name.
func (a *account) showOutcomes(m *metrics) {
	for _, t := range a.tasks {
		if o := t.outcome.Load(); o != nil {
			m.show(a.name, t.name, o)
		}
	}
}

// endpoints are those that the account's collectors may request.
func (a *account) endpoints() []twilio.Endpoint {
	switch {
	case a.isFound():
		return []twilio.Endpoint{twilio.EndpointMonthlyUsage}
	case a.settings.elsewhere:
		return []twilio.Endpoint{twilio.EndpointAccounts}
	}
	return slices.DeleteFunc(a.provider.Endpoints(), func(e twilio.Endpoint) bool {
		return e == twilio.EndpointAccounts && a.discovery == nil
	})
}

// subaccounts makes the accounts of the subaccounts that were found and that this shard
// polls. It takes over those whose settings have not changed.
func (e *Exporter) subaccounts(ctx context.Context, cfg *config.Config, c config.Account, parent *account, known map[string]*account) (generation, error) {
	var g generation
	for _, s := range parent.found(cfg, c) {
		if !cfg.ServesSubaccount(c.Name, s.account.AccountSID) {
			continue
		}
		a, err := e.takeOver(ctx, s, known)
		if err != nil {
			return nil, fmt.Errorf("account %q: %w", s.account.Name, err)
		}
		if known[a.identity] == nil {
			// Found after the start: the exporter does not cease to be ready.
			a.late = parent.discovery.finished()
		}
		g = append(g, a)
	}
	return g, nil
}

// found are the settings of the subaccounts that were found, in all shards, by the
// parent's own configuration.
func (a *account) found(cfg *config.Config, c config.Account) []settings {
	var all []settings
	subaccounts, _ := collector.SelectSubaccounts(cfg, c, a.discovery.accounts(), a.redactor.Redact)
	for _, s := range subaccounts {
		all = append(all, settings{account: s, api: cfg.API(), rollover: cfg.Rollover(), maxAge: cfg.MaxAge(), parent: a.identity})
	}
	return all
}

// elsewhere are the settings of the accounts that other shards poll, as far as this one
// knows of them.
func (e *Exporter) elsewhere(g generation) []settings {
	var others []settings
	for _, c := range e.cfg.AllAccounts() {
		if s, needed := settingsOf(e.cfg, c); !needed {
			others = append(others, s)
		}
	}
	for _, a := range g {
		if a.discovery == nil {
			continue
		}
		for _, s := range a.found(e.cfg, a.settings.account) {
			if !e.cfg.ServesSubaccount(a.name, s.account.AccountSID) {
				others = append(others, s)
			}
		}
	}
	return others
}

// takeOver returns the known account of the same settings, or else a new one that
// continues the known one of the same identity, if there is any.
func (e *Exporter) takeOver(ctx context.Context, s settings, known map[string]*account) (*account, error) {
	before := known[s.identity()]
	if before != nil && before.settings.equal(s) {
		return before, nil
	}
	a, err := e.buildAccount(ctx, s, before)
	if err == nil && before != nil {
		a.late = before.late
	}
	return a, err
}

// applyDiscovery makes accounts of what has been found, until the context of the
// discovery ends.
func (e *Exporter) applyDiscovery(ctx context.Context) error {
	if err := e.replacing.Acquire(ctx, 1); err != nil {
		return err
	}
	defer e.replacing.Release(1)
	if ctx.Err() != nil { // by a reload that has replaced the parent
		return ctx.Err()
	}
	old := e.accounts()
	next, err := e.build(e.cfg, old)
	if err != nil || slices.Equal(old, next) {
		return err
	}
	return e.replace(old, next, e.states.Load())
}

// reportSubaccounts says what a generation that replaces another has found, renamed and
// lost.
func (e *Exporter) reportSubaccounts(old, next generation) {
	before, after := old.byIdentity(), next.byIdentity()
	for _, a := range next {
		was := before[a.identity]
		switch {
		case !a.isFound():
		case was == nil:
			level.Info(a.logger).Log("msg", "subaccount found; it is polled with the credentials of its parent, which do not open its Super SIM data: "+
				"for that, add an entry to accounts with its account_sid and credentials of its own", "account_sid", a.settings.account.AccountSID)
		case was.name != a.name:
			level.Info(a.logger).Log("msg", "subaccount renamed; its series go on under the new name", "before", was.name)
		}
	}
	for _, a := range old {
		parent := after[a.settings.parent]
		if a.isFound() && after[a.identity] == nil && parent != nil && parent.discovery != nil {
			level.Info(a.logger).Log("msg", "subaccount is no longer watched", "account_sid", a.settings.account.AccountSID,
				"status", parent.discovery.statusOf(a.settings.account.AccountSID))
		}
	}
}

// forgetReused drops the self-metrics of a name that another account takes over, if one
// of the two was found.
func (e *Exporter) forgetReused(old, next generation) {
	owners := make(map[string]*account)
	for _, a := range old {
		owners[a.name] = a
	}
	for _, a := range next {
		if was := owners[a.name]; was != nil && was.identity != a.identity && (was.isFound() || a.isFound()) {
			e.metrics.forget(prometheus.Labels{"account": a.name})
		}
	}
}

func (g generation) byIdentity() map[string]*account {
	m := make(map[string]*account)
	for _, a := range g {
		m[a.identity] = a
	}
	return m
}

const (
	// discoveryName is the value of the label collector for the discovery of
	// subaccounts, and its key in an account's configuration.
	discoveryName = "subaccounts"
	// discoveryInterval is the time between two lists of subaccounts.
	discoveryInterval = time.Hour
	// discoveryRetry is how long after a failure the next list is asked for.
	discoveryRetry = 5 * time.Minute
)
