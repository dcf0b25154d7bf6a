package twiliotest

import (
	"net/http"
	"strings"
)

// authenticate finds the account of a request, or says why there is none.
func (s *Simulator) authenticate(q *request) (*world, *response) {
	header := q.http.Header.Values("Authorization")
	if len(header) != 1 {
		return nil, unauthenticated(s.anonymous())
	}
	if scheme, value, _ := strings.Cut(header[0], " "); strings.EqualFold(scheme, "Bearer") {
		return s.bearer(q, value)
	}
	user, password, ok := q.http.BasicAuth()
	if !ok || password == "" {
		return nil, unauthenticated(s.anonymous())
	}
	s.mu.Lock() // for Rotate
	defer s.mu.Unlock()
	for _, w := range s.order {
		a := &w.account
		if a.Provider != Twilio || !w.exists(q.now) {
			continue
		}
		q.byKey = user == a.KeySID && password == a.KeySecret
		if !q.byKey && (user != a.SID || password != a.AuthToken) {
			continue
		}
		if !s.isOpen(w) {
			return nil, s.inactive()
		}
		return w, nil
	}
	return nil, unauthenticated(s.anonymous())
}

// anonymous is whose words a caller without a known account gets: on KORE's host, which
// is one without an account of Twilio's, KORE's.
func (s *Simulator) anonymous() Provider {
	for _, w := range s.order {
		if w.account.Provider == Twilio {
			return Twilio
		}
	}
	return KORE
}

// target is the account that a 2010-04-01 path names: the caller's own or a
// subaccount of it, whatever its status.
func (s *Simulator) target(q *request) (*world, *response) {
	w := s.worlds[q.path]
	switch {
	case w == nil || w.account.Provider != Twilio || !w.exists(q.now):
		return nil, failure(http.StatusNotFound, 20404, "There is no account "+q.path)
	case w != q.world && (w.account.Parent != q.world.account.SID || q.byKey && s.options.KeysStayHome):
		return nil, unauthenticated(Twilio)
	}
	return w, nil
}
