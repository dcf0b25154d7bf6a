// Package twiliotest is a simulated Twilio: the Super SIM API of Twilio and of KORE
// and Twilio's account usage API, on one host, as an http.Handler.
//
// It is as strict as the real services are known to be, and stricter where a client's
// mistake would otherwise go unnoticed. Its world is a function of a seed and the
// clock, so a test can ask it for the truth (Simulator.Final). Where the documentation
// leaves open how the services behave, it knows several ways (Readings). It can be told
// to misbehave (Simulator.Inject), and it counts what it was asked.
//
// It needs no sockets: Simulator.Transport calls it in memory, also inside a
// testing/synctest bubble.
package twiliotest

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Simulator is a simulated service. It is safe for concurrent use.
type Simulator struct {
	options Options
	worlds  map[string]*world // by account SID, never changed
	order   []*world

	mu  sync.Mutex
	seq uint64
	traffic
	faults  []*armedFault
	chances uint64 // decisions about faults that have a Chance
	tokens  tokens
}

// New makes a service. It panics on options that make no sense.
func New(o Options) *Simulator {
	o = o.defaults()
	s := &Simulator{
		options: o,
		worlds:  make(map[string]*world, len(o.Accounts)),
		traffic: newTraffic(),
		tokens:  tokens{valid: make(map[string]token)},
	}
	for _, a := range o.Accounts {
		w := newWorld(a, o.Readings, s.now)
		s.worlds[a.SID] = w
		s.order = append(s.order, w)
	}
	return s
}

func (s *Simulator) now() time.Time { return s.options.Now().UTC() }

func (s *Simulator) world(accountSID string) *world {
	w := s.worlds[accountSID]
	if w == nil {
		panic(fmt.Sprintf("twiliotest: no account %q", accountSID))
	}
	return w
}

// Endpoint names a kind of request, for counts and faults.
type Endpoint string

// The endpoints that exist.
const (
	UsageRecords   Endpoint = "usage_records"
	Sims           Endpoint = "sims"
	Fleets         Endpoint = "fleets"
	Networks       Endpoint = "networks"
	BillingPeriods Endpoint = "billing_periods"
	Monthly        Endpoint = "monthly"
	Balance        Endpoint = "balance"
	Accounts       Endpoint = "accounts"
	Token          Endpoint = "token"
)

// request is what a handler needs of a request.
type request struct {
	http     *http.Request
	ctx      context.Context
	world    *world // of the credentials
	byKey    bool   // they are an API key
	path     string // SID in a 2010-04-01 path
	endpoint Endpoint
	xml      bool
	now      time.Time
	number   uint64
	record   *Request
	moved    bool // after a redirect
	shift    int  // of the records on pages after the first, by a fault
}

// ServeHTTP serves all paths of all hosts of both providers.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{http: withoutEndlessToken(r), ctx: r.Context(), now: s.now()}
	_, q.moved = strings.CutPrefix(r.URL.Path, moved)
	q.endpoint, q.path, q.xml = route(r.URL.Path)
	id := s.begin(q)

	a := s.respond(q)
	a.header("Twilio-Request-Id", id)
	if q.world != nil {
		a.header("Twilio-Concurrent-Requests", strconv.Itoa(s.leave(q.world.account.SID)))
	} else {
		a.header("Twilio-Concurrent-Requests", "0")
	}
	// The request counts as over before its response is read: a client that takes
	// turns must never be seen with two at a time.
	s.end(q, a)
	a.write(w, r)
}

// withoutEndlessToken asks for the first page again where a request follows a link of
// EndlessPages.
func withoutEndlessToken(r *http.Request) *http.Request {
	query := r.URL.Query()
	if !strings.HasPrefix(query.Get("PageToken"), endlessToken) {
		return r
	}
	query.Del("PageToken")
	query.Del("Page")
	r = r.Clone(r.Context())
	r.URL.RawQuery = query.Encode()
	return r
}

// respond decides about a request, in the order in which a service would.
func (s *Simulator) respond(q *request) *response {
	if agent := q.http.UserAgent(); agent == "" || strings.HasPrefix(agent, "Go-http-client/") {
		return failure(http.StatusBadRequest, 20001, "Say who you are: the request has no User-Agent of its own")
	}
	if q.endpoint == "" {
		return failure(http.StatusNotFound, 20404, "There is nothing at "+q.http.URL.Path)
	}
	method := http.MethodGet
	if q.endpoint == Token {
		method = http.MethodPost
	}
	if q.http.Method != method {
		a := failure(http.StatusMethodNotAllowed, 20004, q.http.Method+" cannot be used here")
		a.header("Allow", method)
		return a
	}
	if q.endpoint == Token {
		return s.issueToken(q)
	}

	world, refusal := s.authenticate(q)
	if refusal != nil {
		return refusal
	}
	q.world = world
	q.record.Account = world.account.SID
	if !s.enter(world.account.SID) {
		return tooManyRequests("")
	}
	if !wait(q.ctx, s.options.Latency) {
		return &response{abort: true}
	}
	active := s.active(world.account.SID, q)
	if a := s.misbehave(q, active); a != nil {
		return a
	}
	return distort(s.serve(q), active, q)
}

func (s *Simulator) serve(q *request) *response {
	q.world.mu.Lock()
	q.world.served = true
	q.world.mu.Unlock()
	switch q.endpoint {
	case UsageRecords:
		return s.usageRecords(q)
	case Sims:
		return s.sims(q)
	case Fleets:
		return s.fleets(q)
	case Networks:
		return s.networks(q)
	case BillingPeriods:
		return s.billingPeriods(q)
	}
	if q.world.account.Provider == KORE {
		return gateway(http.StatusNotFound, "not_found", "KORE serves no such path")
	}
	if q.endpoint == Accounts {
		return s.accounts(q)
	}
	target, refusal := s.target(q)
	if refusal != nil {
		return refusal
	}
	if q.endpoint == Balance {
		return s.balance(q, target)
	}
	return s.monthly(q, target)
}

// route finds the endpoint of a path; none is "".
func route(path string) (e Endpoint, accountSID string, xml bool) {
	path = strings.ReplaceAll(path, moved, "")
	switch path {
	case "/v1/UsageRecords":
		return UsageRecords, "", false
	case "/v1/Sims":
		return Sims, "", false
	case "/v1/Fleets":
		return Fleets, "", false
	case "/v1/Networks":
		return Networks, "", false
	case "/2010-04-01/Accounts.json":
		return Accounts, "", false
	case "/api-services/v1/auth/token":
		return Token, "", false
	}
	if sim, ok := strings.CutPrefix(path, simsPath); ok {
		if sim, ok = strings.CutSuffix(sim, billingPeriodsOf); ok && isSID("HS", sim) {
			return BillingPeriods, "", false
		}
	}
	rest, ok := strings.CutPrefix(path, "/2010-04-01/Accounts/")
	if !ok {
		return "", "", false
	}
	sid, rest, _ := strings.Cut(rest, "/")
	switch rest {
	case "Usage/Records/Monthly.json":
		return Monthly, sid, false
	case "Usage/Records/Monthly":
		return Monthly, sid, true
	case "Balance.json":
		return Balance, sid, false
	}
	return "", "", false
}

// wait lets time pass; false if the client went away meanwhile.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
