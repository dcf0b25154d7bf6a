// Package collector turns the usage that Twilio and KORE report into rows of
// metric families: what each number means is decided here. Nothing in it knows
// how rows become /metrics, or when a collector is asked.
package collector

import (
	"context"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A Collector asks the API for one kind of data of one account.
type Collector interface {
	// Poll asks the API. It returns rows only if every page was read and
	// understood; after an error, what it returned before still stands. It is
	// never called twice at once.
	Poll(ctx context.Context) (Result, error)
}

// A Clocked collector has results that change at moments which the clock alone
// decides. Its methods are not called while it polls.
type Clocked interface {
	// Turn moves the results on to now without asking the API; it returns false
	// if they stay as they are.
	Turn(now time.Time) (Result, bool)
	// Next is the first moment after now at which a poll must not wait for the
	// interval; zero if none is known.
	Next(now time.Time) time.Time
}

// An Adopter carries on where the collector it replaces ended, so that a
// reload of the configuration loses nothing.
type Adopter interface {
	Adopt(previous Collector)
}

// Result is what a poll found.
type Result struct {
	Batches   []Batch
	Records   int      // read from the API
	Decreases int      // counters that the API reported lower than before
	Warnings  []string // what an operator should know of, one a line
}

// Account is what the collectors of one account share.
type Account struct {
	Client    *twilio.Client
	Inventory *Inventory
	Rollover  time.Duration // how long counters show 0 between two months
	MaxAge    time.Duration // after which results are no longer shown
	Started   time.Time     // since when the account is polled without a break
}

// SID is the account's SID, found in the inventory where the configuration does
// not give it, and empty as long as nobody knows it.
func (a *Account) SID() string {
	if sid := a.Client.AccountSID(); sid != "" {
		return sid
	}
	return a.Inventory.get().accountSID
}

// An Inventory holds an account's SIMs, fleets and networks as last listed. The
// inventory collector fills it, the usage collector reads it.
type Inventory struct {
	mu   sync.Mutex
	last listed
}

// listed is what one poll of the inventory found; it is not changed any more.
type listed struct {
	answered   bool
	accountSID string // "" if nothing names it
	sims       *simList
	fleets     []twilio.Fleet // sorted by SID, as are the networks
	networks   []twilio.Network
}

func (i *Inventory) set(l listed) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = l
}

func (i *Inventory) get() listed {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}

// Answered says whether the inventory has been listed at least once.
func (i *Inventory) Answered() bool { return i.get().answered }
