package exporter

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/budget"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
)

// yieldOrder names the collectors in the order in which they poll less often where the
// polls of an account take more requests than max_requests_per_hour. What is read at
// whole hours yields before all of them: without it, lateness is less exact. The groups
// of a collector yield before the rest of it.
func yieldOrder() []string {
	return []string{"account_balance", "supersim_inventory", "account_usage", "supersim_data_limits", "supersim_usage"}
}

// requestPlan is what is known about the requests of an account's polls.
type requestPlan struct {
	mu           sync.Mutex // guards the requests of tasks, too
	stretched    bool       // it was logged that collectors poll less often
	insufficient bool       // it was logged that this is not enough
}

// taskRequests is how many requests the polls of a task take.
type taskRequests struct {
	others average            // for what every poll asks for
	groups map[string]average // for groups that can be left out
	polled bool               // a poll has succeeded
}

// newTaskRequests are those that are expected before any poll, by group.
func newTaskRequests(requests map[string]int) taskRequests {
	r := taskRequests{groups: make(map[string]average)}
	for group, n := range requests {
		if group == "" {
			r.others.mean = float64(n)
		} else {
			r.groups[group] = average{mean: float64(n)}
		}
	}
	return r
}

// average is over the last polls: some take a few more requests.
type average struct {
	last []float64
	mean float64
}

// averagedPolls is over how many polls their requests are averaged.
const averagedPolls = 4

func (a *average) add(n int) {
	last := append(slices.Clone(a.last), float64(n))
	a.last = last[max(0, len(last)-averagedPolls):]
	a.mean = 0
	for _, n := range a.last {
		a.mean += n / float64(len(a.last))
	}
}

// total is what a poll takes that leaves nothing out.
func (r *taskRequests) total() float64 {
	total := r.others.mean
	for _, a := range r.groups {
		total += a.mean
	}
	return total
}

// learn takes how many requests a poll took by group. One that failed may have ended
// early, and the first one lists what the next ones need not list again.
func (t *task) learn(requests map[string]int, succeeded bool) {
	t.account.plan.mu.Lock()
	r := &t.requests
	all := 0
	for _, n := range requests {
		all += n
	}
	switch {
	case !succeeded && float64(all) <= r.total():
	case succeeded && !r.polled:
		r.polled = true
	default:
		groups := maps.Clone(r.groups) // which another task may have
		for _, name := range t.groups() {
			if n := requests[name]; n > 0 {
				a := groups[name]
				a.add(n)
				groups[name], all = a, all-n
			}
		}
		r.groups = groups
		r.others.add(all)
	}
	t.account.plan.mu.Unlock()
	t.account.replan(t.metrics)
}

// groups are those that the task's polls can leave out, the first one first.
func (t *task) groups() []string {
	if c, ok := t.collector.(collector.Grouped); ok {
		return c.Groups()
	}
	return nil
}

// leaveGroupsOut tells the collector which groups to leave out. It must come before a
// poll.
func (t *task) leaveGroupsOut() {
	if c, ok := t.collector.(collector.Grouped); ok {
		if within := t.leavesOut.Load(); within != nil {
			c.LeaveOut(*within)
		}
	}
}

// expected is how many requests the next poll is expected to take. It must not be called
// during a poll.
func (t *task) expected() int {
	t.account.plan.mu.Lock()
	defer t.account.plan.mu.Unlock()
	c, ok := t.collector.(collector.Grouped)
	if !ok {
		return int(t.requests.total())
	}
	expected := t.requests.others.mean
	for _, name := range c.GroupsDue(time.Now()) {
		expected += t.requests.groups[name].mean
	}
	return int(expected)
}

// replan fits the polls of the account into the requests that it may send.
func (a *account) replan(m *metrics) {
	if a.once {
		return // there is no interval to fit
	}
	a.plan.mu.Lock()
	defer a.plan.mu.Unlock()
	tasks := slices.Clone(a.tasks)
	slices.SortFunc(tasks, func(x, y *task) int {
		return slices.Index(yieldOrder(), x.name) - slices.Index(yieldOrder(), y.name)
	})
	var hourly []*task
	var work []budget.Work
	for _, t := range tasks {
		if _, ok := t.collector.(collector.Hourly); ok {
			hourly = append(hourly, t)
			work = append(work, budget.Work{Interval: time.Hour, Requests: 1})
		}
	}
	type part struct {
		*task
		group string // "": what every poll asks for
	}
	var parts []part
	for _, t := range tasks {
		add := func(group string, requests float64) {
			parts = append(parts, part{t, group})
			work = append(work, budget.Work{
				Interval: t.interval, Requests: requests,
				Longest: config.LongestInterval(t.interval, a.settings.maxAge),
			})
		}
		for _, group := range t.groups() {
			if requests := t.requests.groups[group]; requests.mean > 0 {
				add(group, requests.mean)
			}
		}
		add("", t.requests.others.mean)
	}
	limit := a.requests.perHour
	plan := budget.New(limit, work)
	for i, t := range hourly {
		t.skipsHours.Store(plan.Multiples[i] == 0)
	}
	var intervals []string
	groups := make(map[string]time.Duration) // of the task that follows
	for i, p := range parts {
		n := plan.Multiples[len(hourly)+i]
		every, name := time.Duration(n)*p.interval, p.name
		if p.group != "" {
			groups[p.group], name = every, p.name+" by "+p.group
		} else {
			p.setIntervals(every, groups)
			groups = make(map[string]time.Duration)
		}
		if n > 1 {
			intervals = append(intervals, name+" "+model.Duration(every).String())
		}
	}
	m.requestsPlanned.WithLabelValues(a.name).Set(plan.Demand)
	if limit == 0 {
		m.requestsBudget.DeleteLabelValues(a.name)
		return
	}
	m.requestsBudget.WithLabelValues(a.name).Set(float64(limit))
	switch insufficient := plan.Planned > float64(limit); {
	case insufficient && !a.plan.insufficient:
		a.plan.insufficient, a.plan.stretched = true, true
		level.Warn(a.logger).Log("msg", "polls take more requests than max_requests_per_hour, even if they come as seldom as max_age allows; they will be late or fail",
			"planned_per_hour", plan.Demand, "least_per_hour", plan.Planned, "max_requests_per_hour", limit)
	case len(intervals) > 0 && !a.plan.stretched:
		a.plan.stretched = true
		level.Warn(a.logger).Log("msg", "polls take more requests than max_requests_per_hour; collectors poll less often",
			"planned_per_hour", plan.Demand, "max_requests_per_hour", limit, "intervals", strings.Join(intervals, ", "))
	}
}

// setIntervals sets how often the task polls, and how often its polls list a group. A
// group whose time comes before the next poll is listed now.
func (t *task) setIntervals(every time.Duration, groups map[string]time.Duration) {
	t.every.Store(int64(every))
	within := make(map[string]time.Duration)
	for name, d := range groups {
		if d > every {
			within[name] = d - every/2
		}
	}
	t.leavesOut.Store(&within)
}
