package twiliotest

import (
	"slices"
	"time"
)

// Request is one entry of the log.
type Request struct {
	Method   string
	URI      string // path and query as sent; credentials are never part of it
	Account  string // SID, "" where the credentials were not accepted
	Endpoint Endpoint
	Status   int       // 0 while it runs, and where the connection was broken off
	Start    time.Time // on the service's clock
	End      time.Time // zero while it runs
}

// maxLog bounds the log: a demo runs for weeks.
const maxLog = 10_000

// traffic is what the service knows about its requests.
type traffic struct {
	total    int
	counts   map[Endpoint]int
	log      []*Request // a ring once it is full
	oldest   int
	inFlight map[string]int // by account SID
	highest  map[string]int
}

func newTraffic() traffic {
	return traffic{
		counts:   make(map[Endpoint]int),
		inFlight: make(map[string]int),
		highest:  make(map[string]int),
	}
}

// begin records the arrival and gives the request its id.
func (s *Simulator) begin(q *request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	q.number = s.seq
	s.total++
	s.counts[q.endpoint]++
	q.record = &Request{
		Method:   q.http.Method,
		URI:      q.http.URL.RequestURI(),
		Endpoint: q.endpoint,
		Start:    q.now,
	}
	if len(s.log) < maxLog {
		s.log = append(s.log, q.record)
	} else {
		s.log[s.oldest] = q.record
		s.oldest = (s.oldest + 1) % maxLog
	}
	return "RQ" + hex32(hash('R', s.seq))
}

func (s *Simulator) end(q *request, a *response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.record.End = s.now()
	if !a.abort {
		q.record.Status = a.status
	}
}

// enter takes a request of an account in; false if there are too many already. Either
// way leave has to follow.
func (s *Simulator) enter(accountSID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight[accountSID]++
	n := s.inFlight[accountSID]
	s.highest[accountSID] = max(s.highest[accountSID], n)
	return s.options.MaxConcurrent == 0 || n <= s.options.MaxConcurrent
}

// leave returns how many requests there were, this one included.
func (s *Simulator) leave(accountSID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.inFlight[accountSID]
	s.inFlight[accountSID]--
	return n
}

// Requests is how many requests an endpoint got, refused and failed ones included.
func (s *Simulator) Requests(e Endpoint) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[e]
}

// TotalRequests is how many requests came in, those to unknown paths included.
func (s *Simulator) TotalRequests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// MaxConcurrency is the highest number of requests at one time that any one account
// had; those refused for it are counted, token requests are not.
func (s *Simulator) MaxConcurrency() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	highest := 0
	for _, n := range s.highest {
		highest = max(highest, n)
	}
	return highest
}

// MaxConcurrencyOf is the same for one account.
func (s *Simulator) MaxConcurrencyOf(accountSID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.highest[accountSID]
}

// ResetCounts sets all counts and highest numbers to 0 and empties the log. Tokens
// stay valid, faults stay injected.
func (s *Simulator) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
	clear(s.highest)
	s.total, s.log, s.oldest = 0, nil, 0
	s.tokens.given, s.tokens.highest = 0, 0
}

// Log returns the last 10,000 requests, oldest first.
func (s *Simulator) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, 0, len(s.log))
	for _, r := range slices.Concat(s.log[s.oldest:], s.log[:s.oldest]) {
		out = append(out, *r)
	}
	return out
}

// RequestURIs returns the URIs of Log.
func (s *Simulator) RequestURIs() []string {
	requests := s.Log()
	out := make([]string, len(requests))
	for i, r := range requests {
		out[i] = r.URI
	}
	return out
}
