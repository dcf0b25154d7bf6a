package web

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// maxConnections is how many connections are kept at most, if the operating system
// allows the process many more files. Each scraper needs one.
const maxConnections = 512

// connections limits the number of connections: beyond the limit it closes those
// that wait for a request, the one that has waited longest first.
type connections struct {
	limit int

	mu      sync.Mutex
	open    map[net.Conn]bool
	waiting []net.Conn // in the order in which they began to wait
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, open: make(map[net.Conn]bool)}
}

// changed is called when the state of a connection changes (http.Server.ConnState).
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.waiting, conn); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
	switch state {
	case http.StateNew:
		c.open[conn] = true
		c.waiting = append(c.waiting, conn)
	case http.StateIdle:
		c.waiting = append(c.waiting, conn)
	case http.StateHijacked, http.StateClosed:
		delete(c.open, conn)
	}
	// The one that began to wait last stays.
	for len(c.open) > c.limit && len(c.waiting) > 1 {
		first := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1)
		delete(c.open, first)
		go first.Close() // with TLS, Close waits until a last message is sent
	}
}
