package twiliotest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is one misbehaviour and when it occurs.
//
// Faults are gone through in the order of their injection, and only for requests with
// good credentials (token requests: with a known client, or any if Account is ""). One
// that takes the place of the response ends this: those after it neither occur nor count
// the request. Those that change a response add up.
//
// Faults of the connection come before all others, whatever the credentials.
type Fault struct {
	Kind     FaultKind
	Account  string   // SID of the credentials' account; "": any
	Endpoint Endpoint // "": any
	Query    string   // what the request's query contains, such as "Group=sim" or "PageToken"; "": any
	Times    int      // how often; 0: until ClearFaults
	After    int      // how many matching requests are spared first
	Chance   float64  // of a matching request, from 0 to 1; 0: certain

	RetryAfter string        // header of RateLimit, ServerError, HTMLError and Refusal, if not ""
	Delay      time.Duration // of Slow and SlowBody
	Status     int           // of ServerError, HTMLError, Refusal and redirects, if not 0
	Code       int           // of Refusal
	Body       string        // of OtherBody and TrailingData
}

type armedFault struct {
	Fault
	seen, fired int
}

// Inject adds a fault to those there are. It panics on a kind that there is not.
func (s *Simulator) Inject(f Fault) {
	if !slices.Contains(FaultKinds(), f.Kind) {
		panic(fmt.Sprintf("twiliotest: no fault %q", f.Kind))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armedFault{Fault: f})
}

// Injected lists the faults that there are, in the order of their injection. Those that
// have occurred as often as they should are among them.
func (s *Simulator) Injected() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		all[i] = f.Fault
	}
	return all
}

// ClearFaults ends all faults.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// active counts a request for the faults of the response that it matches and returns
// those that occur.
func (s *Simulator) active(accountSID string, q *request) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Fault
	for _, f := range s.faults {
		switch {
		case f.Kind.breaksConnection(), !f.matches(accountSID, q.endpoint, q.http),
			f.Kind.ofLaterPages() && !q.http.URL.Query().Has("PageToken"),
			q.moved && (f.Kind == Redirect || f.Kind == RedirectWithoutQuery):
			continue
		}
		if !s.occurs(f) {
			continue
		}
		out = append(out, f.Fault)
		if f.Kind.replaces() {
			break
		}
	}
	return out
}

func (f *Fault) matches(accountSID string, e Endpoint, r *http.Request) bool {
	return (f.Account == "" || f.Account == accountSID) && (f.Endpoint == "" || f.Endpoint == e) &&
		strings.Contains(r.URL.RawQuery, f.Query)
}

// occurs counts a request that a fault matches and reports whether the fault occurs.
// The caller holds the lock.
func (s *Simulator) occurs(f *armedFault) bool {
	f.seen++
	if f.seen <= f.After || f.Times > 0 && f.fired >= f.Times {
		return false
	}
	if f.Chance > 0 {
		s.chances++
		if float64(hash('c', s.chances)>>11)/(1<<53) >= f.Chance {
			return false
		}
	}
	f.fired++
	return true
}
