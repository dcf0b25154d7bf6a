// Package simulator serves the simulated API alone, for people who build dashboards or
// test tools of their own.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// Options describe the simulated service. A world is a function of Seed, SIMs, Fleets and
// the clock, so two runs of equal options have the same usage.
type Options struct {
	ListenAddress string // a port of 0 is any free one
	SIMs, Fleets  uint   // from 1 to MaxSize
	Seed          uint64
	Provider      twiliotest.Provider
	Latency       time.Duration // of each response
	// RemoteFaults serves /-/faults also where the service does not listen on a loopback
	// address.
	RemoteFaults bool
}

// MaxSize is how many SIMs and fleets there may be: more would not fit into memory.
const MaxSize = 100_000

// secret is the password of all simulated accounts. It protects nothing: what is behind
// it is invented.
const secret = "simulated"

// maxConcurrent is how many requests are processed at a time before others get 429.
const maxConcurrent = 4

// Check reports the first option that makes no sense, as its flag.
func (o Options) Check() error {
	switch {
	case o.SIMs < 1 || o.SIMs > MaxSize:
		return fmt.Errorf("--sims must be from 1 to %d", MaxSize)
	case o.Fleets < 1 || o.Fleets > MaxSize:
		return fmt.Errorf("--fleets must be from 1 to %d", MaxSize)
	case o.Latency < 0:
		return errors.New("--latency must not be negative")
	}
	return nil
}

// Run serves until the context ends. Once it listens, it writes to stdout the
// configuration that talks to it.
func Run(ctx context.Context, o Options, stdout io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.ListenAddress)
	if err != nil {
		return fmt.Errorf("the simulated API cannot listen: %w", err)
	}
	service := twiliotest.New(twiliotest.Options{
		MaxConcurrent: maxConcurrent, Latency: o.Latency,
		Accounts: []twiliotest.Account{{
			SID: o.accountSID(), Provider: o.Provider, Seed: o.Seed, SIMs: int(o.SIMs), Fleets: int(o.Fleets),
			AuthToken: secret, ClientID: o.clientID(), ClientSecret: secret,
		}},
	})
	hasFaults := o.hasFaults(listener.Addr())
	server := &http.Server{Handler: handler(service, hasFaults), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	defer server.Close()
	if _, err := fmt.Fprint(stdout, o.configuration(listener.Addr(), hasFaults)); err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the simulated API: %w", err)
	}
	return nil
}

// hasFaults reports whether /-/faults is served at an address.
func (o Options) hasFaults(address net.Addr) bool { return o.RemoteFaults || isLoopback(address) }

// handler serves the API and, if it has them, its faults.
func handler(service *twiliotest.Simulator, hasFaults bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", service)
	if hasFaults {
		mux.Handle("/-/faults", faultsHandler(service))
	} else {
		mux.HandleFunc("/-/faults", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "not served, because --listen-address is not a loopback address: --remote-faults serves it", http.StatusForbidden)
		})
	}
	return mux
}

// isLoopback reports whether only processes of this machine can connect to an address.
func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
