package exporter

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// task polls one collector of one account.
type task struct {
	account   *account
	name      string // of the collector
	families  func(config.Collectors) []metric.Family
	collector collector.Collector
	interval  time.Duration
	offset    func(interval time.Duration) time.Duration // of its polls in an interval
	metrics   *metrics
	logger    log.Logger

	exposition *exposition.Exposition
	source     *exposition.Source // of the collector's results

	requests   taskRequests                             // that its polls take; guarded by the account's plan
	every      atomic.Int64                             // time.Duration: the interval, or longer where the budget is short
	skipsHours atomic.Bool                              // nothing is read at whole hours, for want of budget
	leavesOut  atomic.Pointer[map[string]time.Duration] // for how long after they were read, for want of budget

	wake        chan struct{} // to reschedule it
	successors  []*task       // to reschedule after its successful polls
	predecessor *task         // of which it is a successor; or nil
	outcome     atomic.Pointer[Outcome]
	done        chan struct{} // closed when it runs no more

	// For the status page.
	polls          *pollLog
	next, underWay atomic.Int64 // when the next poll begins, and when the one under way began; Unix nanoseconds, 0: unknown, and none
	shown          atomic.Pointer[shown]
	history        atomic.Pointer[collector.History]
	historyTried   time.Time // when it was last asked for in vain

	states   *atomic.Pointer[stateFolder] // nil in it: no states are written
	saved    atomic.Pointer[savedState]   // to be written
	writing  atomic.Bool                  // a write that this task asked for has not ended
	restored *collector.Result            // not exposed yet
}

// ended reports whether the task runs no more.
func (t *task) ended() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// An Outcome is how a collector's last poll ended.
type Outcome struct {
	Ended       time.Time
	Duration    time.Duration
	Records     int           // of the last successful poll
	LastSuccess time.Time     // end of the last successful poll; zero if there was none
	Requests    int           // that it took, retries included
	Reason      twilio.Reason // why it failed; empty if it did not
	Err         string        // the error in one line, without secrets and ICCIDs
	Refusal     Refusal       // by the API, if it is what failed
}

// A Refusal is a response that refuses a request.
type Refusal struct {
	Status    int    // HTTP status; 0: there was no response
	Code      int    // of Twilio; 0: none
	RequestID string // without secrets; may be empty
}

// refusal is that in an error.
func (t *task) refusal(err error) Refusal {
	if e, ok := errors.AsType[*twilio.APIError](err); ok {
		return Refusal{e.Status, e.Code, t.account.redactor.Line(e.RequestID)}
	}
	if e, ok := errors.AsType[*twilio.ResponseError](err); ok {
		return Refusal{http.StatusOK, 0, t.account.redactor.Line(e.RequestID)}
	}
	return Refusal{}
}

// identity is the same for tasks that poll the same collector of the same account.
func (t *task) identity() string { return t.account.identity + "|" + t.name }

// run polls after the delay, then once in each interval and when the clock changes the
// collector's results, until the context ends.
func (t *task) run(ctx context.Context, delay time.Duration) {
	next := time.Now().Add(delay)
	var change time.Time // when the clock changes the results next; zero if that is not known
	overdue := false     // it should have changed them before the last poll
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		t.next.Store(next.UnixNano())
		hour := t.nextHour(time.Now())
		atHour := !hour.IsZero() && hour.Before(next)
		if atHour {
			timer.Reset(time.Until(hour))
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
			if due, ok := t.due(time.Now()); ok && t.outcome.Load() != nil && due.Before(next) {
				next, change = due, due
			}
		case <-timer.C:
			if atHour {
				t.atHour(ctx)
				continue
			}
			started := time.Now()
			t.leaveGroupsOut()
			due, ok := t.due(started)
			changed := ok && !due.After(started)
			polling := &polling{started: started, urgent: changed && !overdue || !change.IsZero() && !change.After(started)}
			if ok && !changed {
				polling.until = due
			}
			if wait := t.account.requests.room(t.expected()); wait > startEarly && !polling.urgent {
				next, change = started.Add(wait), polling.until
				if !change.IsZero() && change.Before(next) {
					next = change
				}
				continue
			}
			overdue = changed
			t.poll(ctx, polling)
			if ctx.Err() != nil {
				return
			}
			next, change = t.nextPoll(started, time.Now(), overdue)
			if t.outcome.Load().Reason == "" {
				t.readHistory(ctx)
			}
		}
	}
}

// startEarly is how long a poll may begin before there is room for all its requests in
// the account's budget. So one that follows another after an hour is not held up until
// the last request of that is an hour old.
const startEarly = time.Minute

// nextHour is the next whole hour if there is something to read then; zero if not. An
// API whose last poll failed is left alone.
func (t *task) nextHour(now time.Time) time.Time {
	last := t.outcome.Load()
	if _, ok := t.collector.(collector.Hourly); !ok || last == nil || last.Reason != "" || t.skipsHours.Load() {
		return time.Time{}
	}
	return now.Truncate(time.Hour).Add(time.Hour)
}

// atHourTimeout bounds what is read at a whole hour: later it is of no use, and the
// next poll waits for it.
const atHourTimeout = time.Minute

// atHour reads what the collector has to know as of this whole hour.
func (t *task) atHour(ctx context.Context) {
	if t.account.requests.room(1) > 0 {
		return
	}
	polling := &polling{started: time.Now()}
	ctx, cancel := context.WithTimeout(polling.in(ctx), atHourTimeout)
	defer cancel()
	if err := t.collector.(collector.Hourly).AtHour(ctx); err != nil {
		level.Debug(t.logger).Log("msg", "reading at the whole hour failed; the next poll does for it",
			"reason", string(twilio.ReasonOf(err)), "err", t.account.redactor.Line(err.Error()))
		return
	}
	if last := t.outcome.Load(); !last.LastSuccess.IsZero() {
		t.writeState(ctx, last.LastSuccess, last.Records, t.shown.Load().hoursOf())
	}
}

// nextPoll is when to poll after a poll: at the next tick of the interval, or when
// the clock changes the results. If two of these are within a tenth of the interval,
// one poll does for both. A change that was overdue before the poll and still is
// waits for the interval: failing polls must not follow each other at once.
func (t *task) nextPoll(started, now time.Time, overdue bool) (next, change time.Time) {
	interval := time.Duration(t.every.Load())
	near := interval / 10
	from := started.Add(near)
	if now.After(from) {
		from = now
	}
	next = tickAfter(from, interval, t.offset(interval))
	if due, ok := t.due(now); ok && (due.After(now) || !overdue) {
		if change = due; due.Before(next.Add(near)) {
			next = due
		}
	}
	return next, change
}

// due is when the clock changes the results next, if it does.
func (t *task) due(now time.Time) (time.Time, bool) {
	if c, ok := t.collector.(collector.Clocked); ok {
		due := c.NextChange(now.UTC())
		return due, !due.IsZero()
	}
	return time.Time{}, false
}

// poll polls once. It does nothing with the result if the context has ended.
func (t *task) poll(ctx context.Context, polling *polling) {
	started := polling.started
	last := t.outcome.Load()
	if last == nil {
		last = &Outcome{}
	}
	if c, ok := t.collector.(collector.Clocked); ok && !last.LastSuccess.IsZero() {
		if result, changed := c.Advance(started.UTC()); changed {
			if result.Reset && t.states.Load() != nil {
				// From the reset on, no sample from before it may be exposed.
				t.show(nil, newShown(nil, last.LastSuccess, t.shown.Load()))
			}
			shown := newShown(result.Batches, last.LastSuccess, t.shown.Load())
			t.writeState(ctx, last.LastSuccess, last.Records, shown.hoursOf())
			t.show(result.Batches, shown)
		}
	}
	t.underWay.Store(started.UnixNano())
	defer t.underWay.Store(0)
	result, err := t.collector.Poll(polling.in(ctx))
	if ctx.Err() != nil {
		return // stopped, which is no failure
	}
	now := time.Now()
	outcome := &Outcome{
		Ended: now, Duration: now.Sub(started), Requests: polling.total(),
		Records: last.Records, LastSuccess: last.LastSuccess,
	}
	if err != nil {
		outcome.Reason, outcome.Err, outcome.Refusal = twilio.ReasonOf(err), hideICCIDs(t.account.redactor.Line(err.Error())), t.refusal(err)
	} else {
		outcome.Records, outcome.LastSuccess = result.Records, now
		shown := newShown(result.Batches, now, t.shown.Load())
		t.writeState(ctx, now, result.Records, shown.hoursOf())
		t.show(result.Batches, shown)
	}
	t.learn(polling.counts(), err == nil)
	t.metrics.pollEnded(t.account.name, t.name, outcome, result)
	t.log(outcome, result.Warnings)
	t.outcome.Store(outcome)
	t.polls.add(outcome)
	if err != nil {
		return
	}
	for _, successor := range t.successors {
		successor.reschedule()
	}
	if result.Records >= manyRecords {
		debug.FreeOSMemory()
	}
}

// show exposes samples, and keeps what the status page says of them.
func (t *task) show(batches []metric.Batch, s *shown) {
	t.exposition.Show(t.source, batches, s.asOf)
	t.shown.Store(s)
}

// historyRoom is for how many requests there must be room in the account's budget before
// one is spent on the status page.
const historyRoom = 10

// readHistory reads what the status page compares the month with. It costs one request
// once in a while, and nothing depends on it.
func (t *task) readHistory(ctx context.Context) {
	h, ok := t.collector.(collector.Historian)
	if !ok || time.Since(t.historyTried) < time.Hour || t.account.requests.room(historyRoom) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout((&polling{started: time.Now()}).in(ctx), atHourTimeout)
	defer cancel()
	history, err := h.ReadHistory(ctx, t.history.Load())
	if err != nil {
		t.historyTried = time.Now()
		level.Debug(t.logger).Log("msg", "reading the month before failed; the status page has nothing to compare this one with",
			"reason", string(twilio.ReasonOf(err)), "err", t.account.redactor.Line(err.Error()))
		return
	}
	t.history.Store(history)
}

// log logs how a poll ended.
func (t *task) log(o *Outcome, warnings []string) {
	if o.Reason != "" {
		message := "poll failed; earlier results stay exposed"
		if o.LastSuccess.IsZero() {
			message = "poll failed; there are no results yet"
		}
		level.Error(t.logger).Log("msg", message, "reason", string(o.Reason),
			"err", o.Err, "advice", o.Reason.Advice(), "duration", o.Duration)
		return
	}
	for _, warning := range warnings {
		level.Warn(t.logger).Log("msg", "poll succeeded with a warning", "warning", warning)
	}
	level.Debug(t.logger).Log("msg", "poll succeeded", "records", o.Records, "duration", o.Duration)
}

// manyRecords is from how many records on a poll leaves so much garbage that its
// memory is returned to the operating system at once: nothing needs it until the
// next poll.
const manyRecords = 10_000

// reschedule makes the task ask its collector again when the next poll is due.
func (t *task) reschedule() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// adopt exposes what another task of the same identity exposed, until the first
// poll of its own.
func (t *task) adopt(old *task) {
	t.outcome.Store(old.outcome.Load())
	t.requests = old.requests
	t.polls = old.polls
	t.adoptShown(old)
	t.saved.Store(old.saved.Load())
	t.source.Adopt(old.source, t.families(t.account.settings.account.Collectors))
	if a, ok := t.collector.(collector.Adopter); ok {
		a.Adopt(old.collector)
	}
}
