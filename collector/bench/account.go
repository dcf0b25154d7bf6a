package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const (
	accountSID = "AC00000000000000000000000000000be7"
	authToken  = "bench"
	// seriesPerSIM is how many a SIM has: three counters, two gauges, its info.
	seriesPerSIM = 6
	// pageLatency is what the API takes for a page at least. It spreads a poll over
	// some seconds, for the scrapes that are measured meanwhile.
	pageLatency = 20 * time.Millisecond
)

// An account is the simulated API of one large account.
type account struct {
	simulator *twiliotest.Simulator
	server    *http.Server
	address   string
	silent    uint64 // percentage of the SIMs
	networks  []twiliotest.Network

	mu      sync.RWMutex
	changes []time.Time // when the usage of all SIMs changed

	requests, inFlight atomic.Int64
}

// newAccount serves an account until the context ends.
func newAccount(ctx context.Context, sims int, silent uint64) (*account, error) {
	a := &account{silent: silent}
	a.simulator = twiliotest.New(twiliotest.Options{
		Latency: pageLatency,
		Accounts: []twiliotest.Account{{
			SID: accountSID, AuthToken: authToken, Fleets: 20, SIMList: []twiliotest.SIM{}, Totals: a.usage,
		}},
	})
	a.networks = a.simulator.Networks(accountSID)
	fleets := a.simulator.Fleets(accountSID)
	list := make([]twiliotest.SIM, sims)
	for i := range list {
		random := rand.NewPCG(uint64(i), 0)
		list[i] = twiliotest.SIM{
			SID:        fmt.Sprintf("HS%016x%016x", random.Uint64(), random.Uint64()),
			UniqueName: fmt.Sprintf("meter-%06d", i),
			FleetSID:   fleets[i%len(fleets)].SID,
		}
	}
	a.simulator.SetSIMs(accountSID, list)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a.address = listener.Addr().String()
	a.server = &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { a.server.Close() })
	go func() { _ = a.server.Serve(listener) }() // it always ends by Close
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests.Add(1)
	a.inFlight.Add(1)
	defer a.inFlight.Add(-1)
	a.simulator.ServeHTTP(w, r)
}

// change makes every SIM that is not silent use more.
func (a *account) change() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes = append(a.changes, time.Now())
}

// usage is what a SIM used in [from, to), as reported at at. An hour's is as it may
// be; that of a longer range grows with every change, for counters must not fall.
func (a *account) usage(sim twiliotest.SIM, from, to, at time.Time) []twiliotest.Segment {
	a.mu.RLock()
	n, _ := slices.BinarySearchFunc(a.changes, at, time.Time.Compare)
	a.mu.RUnlock()
	id, err := strconv.ParseUint(sim.SID[2:18], 16, 64)
	if err != nil {
		panic(err) // of our own making
	}
	var random rand.PCG
	random.Seed(id, 1)
	if random.Uint64()%100 < a.silent {
		return nil
	}
	s := twiliotest.Segment{NetworkSID: a.networks[random.Uint64()%uint64(len(a.networks))].SID}
	if to.Sub(from) == time.Hour {
		random.Seed(id^uint64(from.Unix()), uint64(n))
		s.Upload, s.Download = powerOfTen(&random, 3, 7), powerOfTen(&random, 3, 7)
	} else {
		more := func() int64 { return int64(n) * int64(1+random.Uint64()%1_000_000) }
		s.Upload, s.Download = powerOfTen(&random, 5, 10)+more(), powerOfTen(&random, 5, 10)+more()
	}
	s.MicroCost = (s.Upload + s.Download) / 10
	return []twiliotest.Segment{s}
}

// powerOfTen returns a number of at least low and at most high digits.
func powerOfTen(random *rand.PCG, low, high float64) int64 {
	return int64(math.Pow(10, low+rand.New(random).Float64()*(high-low)))
}

// uploads is what all SIMs have sent in the month, as reported now.
func (a *account) uploads() int64 {
	now := time.Now().UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	return a.simulator.Reported(accountSID, twiliotest.Filter{}, month, month.Add(2*time.Hour), now).Upload
}
