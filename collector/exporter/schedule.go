package exporter

import (
	"context"
	"hash/fnv"
	"slices"
	"time"
)

// offsetOf says where in the interval the polls of a task lie: a hash of the account
// and the collector. So the polls of many accounts are spread over the interval, and
// a restart does not move them.
func offsetOf(identity string, interval time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(identity))
	return time.Duration(h.Sum64() % uint64(interval)) //nolint:gosec // intervals are positive
}

// tickAfter returns the first moment after a time that is offset after a multiple of
// the interval since the epoch.
func tickAfter(after time.Time, interval, offset time.Duration) time.Time {
	since := (time.Duration(after.UnixNano()) - offset) % interval
	if since < 0 { // before 1970
		since += interval
	}
	return after.Add(interval - since)
}

// starting is a task whose first poll begins after the delay.
type starting struct {
	*task
	delay time.Duration
}

// startWithin is the time in which all first polls begin, however many they are, and
// startApart the time between two of them if they are few.
const (
	startWithin = time.Minute
	startApart  = 100 * time.Millisecond
)

// startOrder puts tasks in the order in which they first poll: those without results,
// then those with the oldest ones.
func startOrder(tasks []*task) []starting {
	lastSuccess := func(t *task) time.Time {
		if o := t.outcome.Load(); o != nil {
			return o.LastSuccess
		}
		return time.Time{}
	}
	tasks = slices.Clone(tasks)
	slices.SortStableFunc(tasks, func(a, b *task) int { return lastSuccess(a).Compare(lastSuccess(b)) })
	apart := min(startApart, startWithin/time.Duration(max(len(tasks), 1)))
	var order []starting
	for i, t := range tasks {
		order = append(order, starting{t, time.Duration(i) * apart})
	}
	return order
}

// start runs the accounts that do not run yet.
func (g generation) start(ctx context.Context, m *metrics) {
	var tasks []*task
	for _, a := range g {
		if a.cancel == nil {
			a.replan(m)
			a.ctx, a.cancel = context.WithCancel(ctx) //nolint:fatcontext // one for each account
			tasks = append(tasks, a.tasks...)
		}
	}
	for _, s := range startOrder(tasks) {
		go func() {
			defer close(s.done)
			if s.account.once {
				s.runOnce(s.account.ctx)
			} else {
				s.run(s.account.ctx, s.delay)
			}
		}()
	}
}
