// Package collector turns the usage that Twilio and KORE report into samples of
// metric families: what each number means is decided here. Nothing in it knows
// how samples become /metrics, or when a collector polls.
package collector

import (
	"context"
	"fmt"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A Collector asks the API for one kind of data of one account.
type Collector interface {
	// Poll asks the API. It returns samples only if every page was read and
	// understood; after an error, what it returned before stays valid. Calls
	// never overlap.
	Poll(ctx context.Context) (Result, error)
}

// A Clocked collector has results that change at moments which the clock alone
// decides. Its methods are not called during a poll.
type Clocked interface {
	// Advance moves the results on to now without asking the API. It reports
	// whether that changed them.
	Advance(now time.Time) (Result, bool)
	// NextChange is the first moment after now at which a poll must not wait for
	// the interval; zero if none is known.
	NextChange(now time.Time) time.Time
}

// An Hourly collector reads a little more at every whole hour, between its polls: what
// has to be known as of that moment.
type Hourly interface {
	// AtHour asks the API. Its results show from the next poll on; an error changes
	// nothing. It is not called during a poll.
	AtHour(ctx context.Context) error
}

// A Grouped collector can leave groups out of a poll, which takes fewer requests then.
// Its methods are not called during a poll.
type Grouped interface {
	// Groups are those that can be left out, in the order in which to do so.
	Groups() []string
	// LeaveOut says for how long after a poll that listed a group the next ones leave it
	// out. The edges of a month go before it.
	LeaveOut(within map[string]time.Duration)
	// GroupsDue are the groups that a poll at now lists.
	GroupsDue(now time.Time) []string
}

type groupKey struct{}

// inGroup marks the requests of a context as those for a group.
func inGroup(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, groupKey{}, name)
}

// GroupOf returns the group of a Grouped collector for which a request asks; "" if it
// asks for none.
func GroupOf(ctx context.Context) string {
	name, _ := ctx.Value(groupKey{}).(string)
	return name
}

// An Adopter continues where the collector that it replaces ended, so that a reload
// of the configuration loses nothing.
type Adopter interface {
	Adopt(previous Collector)
}

// Result is what a poll found.
type Result struct {
	Batches   []metric.Batch
	Reset     bool     // counters of a Clocked collector have been reset by its last Advance
	Records   int      // read from the API
	Decreases int      // counters that the API reported lower than before
	Unseen    int      // counters whose last value in a month was not shown
	Warnings  []string // what an operator should know, a sentence each
}

// unseen warns of counters that left a month before their last value was shown.
func unseen(n int) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d counters left the month before their last value was shown, which is lost; "+
		"rollover is shorter than a poll takes, or usage kept appearing: raise rollover or settle", n)}
}

// Account is what the collectors of one account share.
type Account struct {
	Client    *twilio.Client
	Inventory *Inventory
	Rollover  time.Duration // how long counters show 0 between two months
	MaxAge    time.Duration // after which results are no longer exposed
	Started   time.Time     // since when the account is polled without a break
	// MaxConcurrency is how many requests it may have in flight; 0: not known.
	MaxConcurrency int

	held held
}

// SID is the account's SID, found in the inventory where the configuration does
// not give it, and empty as long as it is unknown.
func (a *Account) SID() string {
	if sid := a.Client.AccountSID(); sid != "" {
		return sid
	}
	return a.Inventory.get().accountSID
}

// ledgerOptions are those of counters whose months stay open for settle.
func (a *Account) ledgerOptions(settle time.Duration) monthly.Options {
	return monthly.Options{Settle: settle, Rollover: a.Rollover, MaxAge: a.MaxAge, Started: a.Started}
}

// seconds is a time as the value of a timestamp metric: whole seconds since the
// epoch.
func seconds(t time.Time) float64 { return float64(t.Unix()) }
