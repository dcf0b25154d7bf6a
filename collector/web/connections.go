package web

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// maxConnections is up to how many connections are kept, if the operating system
// allows the process many more files: scrapers need one each.
const maxConnections = 512

// connections bounds how many connections there are: past the bound it closes
// those that wait for a request, the one that has waited longest first.
type connections struct {
	most int

	mu      sync.Mutex
	open    map[net.Conn]bool
	waiting []net.Conn // in the order in which they began to wait
}

func newConnections(most int) *connections {
	return &connections{most: most, open: make(map[net.Conn]bool)}
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
	// The one that has come to wait last stays.
	for len(c.open) > c.most && len(c.waiting) > 1 {
		first := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1)
		delete(c.open, first)
		go first.Close() // TLS waits for its last message to be sent
	}
}
