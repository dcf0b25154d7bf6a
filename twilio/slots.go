package twilio

import (
	"context"
	"slices"
	"sync"
	"time"
)

// slots bound the requests that are under way. A listing of SIMs goes first, and
// keeps its slot from page to page: it is the longest of all, and its pages can
// only come one after the other. Waiting in line with others it would end long
// after them, alone.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting []*ticket
}

// ticket is what a listing takes a slot with, for one request after the other.
type ticket struct {
	slots *slots
	first bool
	kept  bool          // it has a slot between two requests
	over  *time.Timer   // after which it has not any more
	turn  chan struct{} // closed when it gets the slot that it waits for
}

func newSlots(n int) *slots { return &slots{free: n} }

func (s *slots) ticket(endpoint Endpoint) *ticket {
	return &ticket{slots: s, first: endpoint == EndpointSims}
}

// enter waits for a slot.
func (t *ticket) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := t.slots
	s.mu.Lock()
	switch {
	case t.kept:
		t.kept = false
		t.over.Stop()
	case s.free > 0:
		s.free--
	default:
		turn := make(chan struct{})
		t.turn = turn
		place := len(s.waiting)
		if t.first {
			place = 0
		}
		s.waiting = slices.Insert(s.waiting, place, t)
		s.mu.Unlock()
		select {
		case <-turn:
			return nil
		case <-ctx.Done():
			t.forgo()
			return ctx.Err()
		}
	}
	s.mu.Unlock()
	return nil
}

// forgo leaves the line, or gives the slot on that came at the last moment.
func (t *ticket) forgo() {
	t.slots.mu.Lock()
	defer t.slots.mu.Unlock()
	if i := slices.Index(t.slots.waiting, t); i >= 0 {
		t.slots.waiting = slices.Delete(t.slots.waiting, i, i+1)
		return
	}
	t.slots.pass()
}

// patience is for how long a slot is kept for the next request, while the page is
// consumed: that takes a few milliseconds, or waits for something else.
const patience = 50 * time.Millisecond

// leave gives the slot on, unless the ticket goes first and its request went
// well: then it is kept for a moment.
func (t *ticket) leave(well bool) {
	t.slots.mu.Lock()
	defer t.slots.mu.Unlock()
	if t.kept = t.first && well; !t.kept {
		t.slots.pass()
		return
	}
	if t.over == nil {
		t.over = time.AfterFunc(patience, t.end)
	} else {
		t.over.Reset(patience)
	}
}

// end gives on a slot that was kept.
func (t *ticket) end() {
	t.slots.mu.Lock()
	defer t.slots.mu.Unlock()
	if t.over != nil {
		t.over.Stop()
	}
	if t.kept {
		t.kept = false
		t.slots.pass()
	}
}

// pass gives a slot to whoever is next.
func (s *slots) pass() {
	if len(s.waiting) == 0 {
		s.free++
		return
	}
	close(s.waiting[0].turn)
	s.waiting = slices.Delete(s.waiting, 0, 1)
}
