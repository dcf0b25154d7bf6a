package exporter

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/budget"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

const (
	// maxRequests is how many requests all accounts together may have under way.
	maxRequests = 100
	// maxUnresponsive is how many of them may be of accounts that do not respond:
	// while these wait for timeouts, the others must get their results.
	maxUnresponsive = 20
	// keptFree of them are for accounts that have none under way.
	keptFree = 20
	// slowFailure is from when on a request that failed shows that the account does
	// not respond. A failure that comes faster takes nothing from the others.
	slowFailure = 5 * time.Second
)

// requestQueue bounds the requests that are under way, of all accounts together and of
// each one. An account without any comes before one that has some; after that, the poll
// that began first.
type requestQueue struct {
	mu           sync.Mutex
	underWay     int
	unresponsive int // of these, those of accounts that do not respond
	waiting      []*queuedRequest
}

// queuedRequest is one that waits or is under way.
type queuedRequest struct {
	account      *accountRequests
	poll         *polling
	granted      chan struct{} // closed when it may be sent
	unresponsive bool          // how it counts while it is under way
	counted      int           // requests that were counted for it when it was granted
}

// accountRequests is a twilio.Limiter: the part of one account in the queue.
type accountRequests struct {
	queue   *requestQueue
	most    int            // requests of the account at a time
	perHour int            // requests of the account in any hour; 0: no limit
	sent    *budget.Window // its requests
	hops    atomic.Int64   // requests that the last one became by redirects, beyond itself

	// guarded by the queue's mutex
	underWay     int
	unresponsive bool // the last request failed slowly
}

// adopt continues the account as an older configuration knew it.
func (a *accountRequests) adopt(before *accountRequests) {
	a.queue.mu.Lock()
	defer a.queue.mu.Unlock()
	a.unresponsive, a.sent = before.unresponsive, before.sent
}

// room returns how long it takes until the account may send n requests, 0 if it may do
// so now. For more than half of what it may send in an hour, that half is enough: there
// may never be room for more.
func (a *accountRequests) room(n int) time.Duration {
	if a.perHour == 0 {
		return 0
	}
	return a.sent.Wait(time.Now(), a.perHour-min(n, (a.perHour+1)/2))
}

// count counts n more requests.
func (a *accountRequests) count(n int) {
	if a.perHour > 0 {
		a.sent.Add(time.Now(), n)
	}
}

// Acquire implements twilio.Limiter.
func (a *accountRequests) Acquire(ctx context.Context) (func(int, error), error) {
	r := &queuedRequest{account: a, poll: pollingOf(ctx), granted: make(chan struct{})}
	if err := a.queue.wait(ctx, r); err != nil {
		return nil, err
	}
	started := time.Now()
	return func(requests int, err error) {
		a.count(requests - r.counted)
		a.hops.Store(int64(max(requests-1, 0)))
		r.poll.count(collector.GroupOf(ctx), requests)
		slow := err != nil && (twilio.ReasonOf(err) == twilio.ReasonTimeout || time.Since(started) >= slowFailure)
		a.queue.end(r, slow)
	}, nil
}

// wait waits until the request may be sent.
func (q *requestQueue) wait(ctx context.Context, r *queuedRequest) error {
	q.mu.Lock()
	q.waiting = append(q.waiting, r)
	q.admit()
	q.mu.Unlock()
	for {
		select {
		case <-r.granted:
			return nil
		default:
		}
		var room <-chan time.Time
		if r.account.perHour > 0 && !r.poll.urgent {
			wait := r.room()
			if until := r.poll.until; wait > 0 && !until.IsZero() && time.Now().Add(wait).After(until) {
				q.forget(r)
				return &twilio.BudgetError{Text: fmt.Sprintf("the account has sent %d requests within an hour (max_requests_per_hour)", r.account.perHour)}
			}
			room = time.After(max(wait, time.Second))
		}
		select {
		case <-r.granted:
			return nil
		case <-ctx.Done():
			q.forget(r)
			return context.Cause(ctx)
		case <-room:
			q.mu.Lock()
			q.admit()
			q.mu.Unlock()
		}
	}
}

// room returns how long it takes until the account may send the request.
func (r *queuedRequest) room() time.Duration {
	if r.poll.urgent {
		return 0
	}
	return r.account.room(1 + int(r.account.hops.Load()))
}

// forget gives up a request that waits, or was granted in the same moment.
func (q *requestQueue) forget(r *queuedRequest) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, r); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return
	}
	r.account.count(-r.counted)
	q.leave(r)
}

// end takes back what was granted to a request. slow reports whether it has shown that
// its account does not respond.
func (q *requestQueue) end(r *queuedRequest, slow bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r.account.unresponsive = slow
	q.leave(r)
}

func (q *requestQueue) leave(r *queuedRequest) {
	q.underWay--
	r.account.underWay--
	if r.unresponsive {
		q.unresponsive--
	}
	q.admit()
}

// admit grants what can be granted.
func (q *requestQueue) admit() {
	for {
		var next *queuedRequest
		for _, r := range q.waiting {
			if q.allows(r.account) && r.room() == 0 && (next == nil || r.compare(next) < 0) {
				next = r
			}
		}
		if next == nil {
			return
		}
		i := slices.Index(q.waiting, next)
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.underWay++
		next.account.underWay++
		next.counted = 1 + int(next.account.hops.Load())
		next.account.count(next.counted)
		if next.unresponsive = next.account.unresponsive; next.unresponsive {
			q.unresponsive++
		}
		close(next.granted)
	}
}

// allows reports whether the account may have one more request under way.
func (q *requestQueue) allows(a *accountRequests) bool {
	free := maxRequests - q.underWay
	return free > 0 && a.underWay < a.most &&
		(a.underWay == 0 || free > keptFree) &&
		(!a.unresponsive || q.unresponsive < maxUnresponsive)
}

// compare orders requests: the one that is to be sent first is the least.
func (r *queuedRequest) compare(o *queuedRequest) int {
	return cmp.Or(cmp.Compare(min(r.account.underWay, 1), min(o.account.underWay, 1)), r.poll.started.Compare(o.poll.started))
}

// polling is a poll under way, as its requests see it.
type polling struct {
	started time.Time
	// urgent reports whether the requests are not held up by the account's budget.
	urgent bool
	// until is when the next poll must not be held up; zero if that is not known.
	until time.Time

	mu       sync.Mutex
	requests map[string]int // so far, by group
}

// count counts requests for a group, "" for none.
func (p *polling) count(group string, requests int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.requests == nil {
		p.requests = make(map[string]int)
	}
	p.requests[group] += requests
}

// counts are the requests by group.
func (p *polling) counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.requests)
}

// total is how many requests there were.
func (p *polling) total() (n int) {
	for _, requests := range p.counts() {
		n += requests
	}
	return n
}

type pollingKey struct{}

func (p *polling) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, pollingKey{}, p)
}

// pollingOf returns the poll that a request belongs to. One that belongs to none comes
// first.
func pollingOf(ctx context.Context) *polling {
	if p, ok := ctx.Value(pollingKey{}).(*polling); ok {
		return p
	}
	return new(polling)
}
