package exporter

import (
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
// whole hours yields before all of them: without it, lateness is less exact.
func yieldOrder() []string {
	return []string{"account_balance", "supersim_inventory", "account_usage", "supersim_data_limits", "supersim_usage"}
}

// requestPlan is what is known about the requests of an account's polls.
type requestPlan struct {
	mu           sync.Mutex // guards the requests of tasks, too
	stretched    bool       // it was logged that collectors poll less often
	insufficient bool       // it was logged that this is not enough
}

// learnedPolls is over how many polls their requests are averaged: some take a few more.
const learnedPolls = 4

// learn takes how many requests a poll took. One that failed may have ended early, and
// the first one lists what the next ones need not list again.
func (t *task) learn(requests float64, succeeded bool) {
	t.account.plan.mu.Lock()
	switch {
	case !succeeded && requests <= t.requests:
	case succeeded && !t.polled:
		t.polled = true
	default:
		t.learned = append(t.learned, requests)
		t.learned = t.learned[max(0, len(t.learned)-learnedPolls):]
		var sum float64
		for _, n := range t.learned {
			sum += n
		}
		t.requests = sum / float64(len(t.learned))
	}
	t.account.plan.mu.Unlock()
	t.account.replan(t.metrics)
}

// adoptRequests continues with what another task has learned.
func (t *task) adoptRequests(old *task) {
	t.requests, t.learned, t.polled = old.requests, old.learned, old.polled
}

// replan fits the polls of the account into the requests that it may send.
func (a *account) replan(m *metrics) {
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
	for _, t := range tasks {
		work = append(work, budget.Work{
			Interval: t.interval, Requests: t.requests,
			Longest: config.LongestInterval(t.interval, a.settings.maxAge),
		})
	}
	limit := a.requests.perHour
	plan := budget.New(limit, work)
	for i, t := range hourly {
		t.skipsHours.Store(plan.Multiples[i] == 0)
	}
	var intervals []string
	for i, t := range tasks {
		n := plan.Multiples[len(hourly)+i]
		every := time.Duration(n) * t.interval
		t.every.Store(int64(every))
		if n > 1 {
			intervals = append(intervals, t.name+" "+model.Duration(every).String())
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
