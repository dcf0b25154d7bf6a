package exporter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// discovery lists the subaccounts of an account. It is a collector without samples.
type discovery struct {
	account *collector.Account
	apply   func(context.Context) error // makes accounts of what is listed

	retry time.Time // when to list again after a failure; zero after a success

	mu     sync.Mutex
	listed map[string]listedAccount // by SID
	polled bool                     // a poll has ended, well or badly
}

// listedAccount is a subaccount as it was listed last.
type listedAccount struct {
	twilio.Account
	missing bool // from the last list
}

// Poll implements collector.Collector.
func (d *discovery) Poll(ctx context.Context) (collector.Result, error) {
	d.retry = time.Now().Add(discoveryRetry)
	defer d.finish()
	subaccounts, records, err := collector.Subaccounts(ctx, d.account)
	if err != nil {
		return collector.Result{}, err
	}
	d.replace(subaccounts)
	if err := d.apply(ctx); err != nil {
		return collector.Result{}, fmt.Errorf("subaccounts were found and cannot be polled: %w", err)
	}
	d.retry = time.Time{}
	return collector.Result{Records: records}, nil
}

// replace takes over a list. What it lacks stays for one list more: a list that changes
// while its pages are read can miss an account.
func (d *discovery) replace(subaccounts []twilio.Account) {
	listed := make(map[string]listedAccount)
	for _, a := range subaccounts {
		listed[a.SID] = listedAccount{Account: a}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for sid, a := range d.listed {
		if _, ok := listed[sid]; !ok && !a.missing {
			a.missing = true
			listed[sid] = a
		}
	}
	d.listed = listed
}

// accounts are the subaccounts of the last list, sorted by SID.
func (d *discovery) accounts() []twilio.Account {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []twilio.Account
	for _, sid := range slices.Sorted(maps.Keys(d.listed)) {
		all = append(all, d.listed[sid].Account)
	}
	return all
}

// statusOf is the status of a subaccount in words.
func (d *discovery) statusOf(sid string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.listed[sid]
	if !ok {
		return "not listed"
	}
	return string(a.Status)
}

// finished reports whether a poll has ended, well or badly.
func (d *discovery) finished() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.polled
}

func (d *discovery) finish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.polled = true
}

// continues takes over what another discovery of the same account has listed.
func (d *discovery) continues(o *discovery) {
	o.mu.Lock()
	listed, polled := maps.Clone(o.listed), o.polled
	o.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listed, d.polled = listed, polled
}

// discoveryState is the state of a discovery: what it has listed, sorted by SID.
type discoveryState struct{ Listed []twilio.Account }

// State implements collector.Stateful.
func (d *discovery) State() collector.State {
	return collector.State{Rows: &discoveryState{d.accounts()}}
}

// Restore implements collector.Stateful: subaccounts are watched at once, even while they
// cannot be listed.
func (d *discovery) Restore(decode func(collector.State) error, _, _ time.Time) (*collector.Result, error) {
	var s discoveryState
	if err := decode(collector.State{Rows: &s}); err != nil {
		return nil, err
	}
	d.replace(s.Listed)
	return new(collector.Result), nil
}

// Advance implements collector.Clocked: there are no samples.
func (d *discovery) Advance(time.Time) (collector.Result, bool) { return collector.Result{}, false }

// NextChange implements collector.Clocked: after a failure, a list comes sooner.
func (d *discovery) NextChange(now time.Time) time.Time {
	if d.retry.After(now) {
		return d.retry
	}
	return time.Time{}
}
