package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A Server is the API and, under /control/, what the benchmark asks of it.
type Server struct {
	world *world
	most  int // records a page

	mu       sync.Mutex
	turn     int
	delay    time.Duration
	listings map[string]*kept
	uploads  int64 // what all SIMs have sent in the month
	report   Report
	asked    map[string]int // pages by listing, since the report began
}

// kept is a listing of this turn and of the one before it, whose pages may
// still be asked for by a poll that began in it.
type kept struct {
	query       query
	origin      string
	now, before *listing
}

// A Report tells what was asked since the last one began.
type Report struct {
	Turn       int       `json:"turn"`
	Requests   int       `json:"requests"`
	Refused    int       `json:"refused"`
	UnderWay   int       `json:"under_way"`
	MostAtOnce int       `json:"most_at_once"`
	First      time.Time `json:"first"`    // when the first request came
	Last       time.Time `json:"last"`     // when the last answer was out
	Listings   []Listing `json:"listings"` // each a chain of pages, one after the other
	Uploads    int64     `json:"uploads"`  // what all SIMs have sent in the month
}

// A Listing tells how many of its pages were asked for.
type Listing struct {
	Query string `json:"query"`
	Pages int    `json:"pages"`
}

// New makes the API of an account.
func New(o Options) *Server {
	w := newWorld(o)
	return &Server{
		world: w, most: o.PageSize, uploads: w.uploads(0),
		listings: make(map[string]*kept), asked: make(map[string]int),
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case usagePath, simsPath, fleetsPath, networksPath:
		s.page(w, r)
	case "/control/turn":
		s.advance()
	case "/control/delay":
		s.setDelay(w, r)
	case "/control/report":
		s.tell(w, r)
	default:
		s.refuse(w, http.StatusNotFound, "there is no such resource")
	}
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	defer s.count()()
	if _, _, ok := r.BasicAuth(); !ok {
		s.refuse(w, http.StatusUnauthorized, "these credentials open nothing")
		return
	}
	q, err := readQuery(r, s.most)
	if r.Method != http.MethodGet || err != nil {
		s.refuse(w, http.StatusBadRequest, fmt.Sprint(err))
		return
	}
	page, delay := s.find(q, "http://"+r.Host)
	if page == nil {
		s.refuse(w, http.StatusBadRequest, "no listing of this query gave this PageToken")
		return
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	_, _ = w.Write(page)
}

// count counts a request as long as it is under way.
func (s *Server) count() (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.report.Requests++; s.report.First.IsZero() {
		s.report.First = time.Now()
	}
	s.report.UnderWay++
	s.report.MostAtOnce = max(s.report.MostAtOnce, s.report.UnderWay)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.report.UnderWay--
		s.report.Last = time.Now()
	}
}

// find is the page that a query asks for; it is nil where its token was never
// given.
func (s *Server) find(q query, origin string) ([]byte, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.listings[q.name]
	if k == nil {
		k = &kept{query: q, origin: origin, now: s.world.build(q, s.turn, origin)}
		s.listings[q.name] = k
	}
	for _, l := range []*listing{k.now, k.before} {
		if l == nil || q.page >= len(l.pages) || q.page > 0 && q.token != token(q.name, l.turn, q.page) {
			continue
		}
		s.asked[q.name]++
		return l.pages[q.page], s.delay
	}
	return nil, 0
}

// advance begins the next turn, in which every SIM that is not silent has used
// more. The listings known are made before it returns, so that no poll has to
// wait for them.
func (s *Server) advance() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	s.uploads = s.world.uploads(s.turn)
	for name, k := range s.listings {
		switch {
		case !k.query.recent(time.Now()):
			delete(s.listings, name)
		case k.query.turns():
			k.before, k.now = k.now, s.world.build(k.query, s.turn, k.origin)
		}
	}
}

func (s *Server) setDelay(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.FormValue("d"))
	if err != nil {
		s.refuse(w, http.StatusBadRequest, "d is no duration")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// tell shows the report; a POST begins a new one.
func (s *Server) tell(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	report := s.report
	report.Turn, report.Uploads = s.turn, s.uploads
	for name, pages := range s.asked {
		report.Listings = append(report.Listings, Listing{name, pages})
	}
	if r.Method == http.MethodPost {
		s.report = Report{UnderWay: s.report.UnderWay}
		clear(s.asked)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(report) // nobody is left to tell
}

func (s *Server) refuse(w http.ResponseWriter, status int, why string) {
	s.mu.Lock()
	s.report.Refused++
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"code": 20001, "message": why, "more_info": "https://www.twilio.com/docs/errors/20001", "status": status,
	})
}
