package main

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A simulator is a simulated service on a port of 127.0.0.1.
type simulator struct {
	*twiliotest.Simulator
	url      string
	listener *listener
	server   *http.Server
}

// simulators serve the accounts: one in small pages, one that wants midnights, and one
// without peculiarities for half of the accounts.
func simulators(ctx context.Context, o options, accounts []*account, start time.Time) ([]*simulator, error) {
	kinds := []twiliotest.Options{
		{TokenLifetime: 90 * time.Second},
		{TokenLifetime: 90 * time.Second, MaxPageSize: 3, Readings: twiliotest.Readings{Amounts: twiliotest.AmountsAsNumbers}},
		{TokenLifetime: 90 * time.Second, MaxConcurrent: 3, Readings: twiliotest.Readings{AllNeedsMidnight: true}},
	}
	all := make([]*simulator, len(kinds))
	for i := range all {
		all[i] = new(simulator)
	}
	for _, a := range accounts {
		kind := [...]int{0, 0, 0, 0, 1, 1, 1, 0, 2, 0, 2, 1, 2, 2, 0, 0}[a.index%16]
		a.simulator, a.hourly = all[kind], kind == 2
		kinds[kind].Accounts = append(kinds[kind].Accounts, a.simulated(o, start))
	}
	for i, s := range all {
		s.Simulator = twiliotest.New(kinds[i])
		inner, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			closeAll(all)
			return nil, err
		}
		s.listener = &listener{Listener: inner}
		s.url = "http://" + inner.Addr().String()
		s.server = &http.Server{Handler: s.Simulator, ReadHeaderTimeout: time.Minute}
		go func() { _ = s.server.Serve(s.listener) }() // until it is closed
	}
	return all, nil
}

// closeAll ends the service.
func closeAll(all []*simulator) {
	for _, s := range all {
		if s.server != nil {
			s.server.Close()
		}
	}
}

// A listener resets some of the connections as soon as they are there.
type listener struct {
	net.Listener
	chance atomic.Uint64 // of a connection, as the bits of a float64
	resets atomic.Int64
}

func (l *listener) resetSome(chance float64) { l.chance.Store(math.Float64bits(chance)) }

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || rand.Float64() >= math.Float64frombits(l.chance.Load()) {
			return c, err
		}
		if c, ok := c.(*net.TCPConn); ok {
			_ = c.SetLinger(0) // closing resets it
		}
		_ = c.Close()
		l.resets.Add(1)
	}
}
