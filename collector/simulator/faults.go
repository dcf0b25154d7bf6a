package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// fault is a twiliotest.Fault in JSON.
type fault struct {
	Kind       twiliotest.FaultKind `json:"kind"`
	Endpoint   twiliotest.Endpoint  `json:"endpoint,omitempty"`    // "": any
	Query      string               `json:"query,omitempty"`       // what the query of the request contains
	Times      int                  `json:"times,omitempty"`       // 0: until it is cleared
	After      int                  `json:"after,omitempty"`       // how many requests are spared first
	Chance     float64              `json:"chance,omitempty"`      // from 0 to 1; 0: certain
	RetryAfter string               `json:"retry_after,omitempty"` // the header
	Delay      model.Duration       `json:"delay,omitempty"`       // of slow and slow_body
	Status     int                  `json:"status,omitempty"`
	Code       int                  `json:"code,omitempty"`
	Body       string               `json:"body,omitempty"`
}

// state is what there is to inject and what is injected.
type state struct {
	Injected  []fault                      `json:"injected"`
	Occurred  map[twiliotest.FaultKind]int `json:"occurred"` // since the start, of those that are injected
	Kinds     []twiliotest.FaultKind       `json:"kinds"`
	Endpoints []twiliotest.Endpoint        `json:"endpoints"`
}

// maxFault is how long the JSON of a fault may be.
const maxFault = 1 << 20

// kinds are the faults that occur over sockets.
func kinds() []twiliotest.FaultKind {
	return slices.DeleteFunc(twiliotest.FaultKinds(), twiliotest.FaultKind.InMemoryOnly)
}

// faultsHandler lists faults (GET), injects one (POST) and clears all (DELETE). Pages of
// other sites that a browser shows cannot do that.
func faultsHandler(s *twiliotest.Simulator) http.Handler {
	mux := http.NewServeMux()
	show := func(w http.ResponseWriter, status int) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(stateOf(s)) // the client has gone
	}
	mux.HandleFunc("GET /-/faults", func(w http.ResponseWriter, _ *http.Request) { show(w, http.StatusOK) })
	mux.HandleFunc("POST /-/faults", func(w http.ResponseWriter, r *http.Request) {
		f, err := parseFault(http.MaxBytesReader(w, r.Body, maxFault))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Inject(f)
		show(w, http.StatusCreated)
	})
	mux.HandleFunc("DELETE /-/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

func stateOf(s *twiliotest.Simulator) state {
	all := state{Injected: []fault{}, Occurred: s.Fired(), Kinds: kinds(), Endpoints: twiliotest.Endpoints()}
	for _, f := range s.Injected() {
		all.Injected = append(all.Injected, fault{
			f.Kind, f.Endpoint, f.Query, f.Times, f.After, f.Chance, f.RetryAfter, model.Duration(f.Delay), f.Status, f.Code, f.Body,
		})
	}
	return all
}

// parseFault reads a fault. An error says what is wrong with it.
func parseFault(r io.Reader) (twiliotest.Fault, error) {
	var f fault
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return twiliotest.Fault{}, fmt.Errorf("not the JSON of a fault, such as {\"kind\": \"rate_limit\"}: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return twiliotest.Fault{}, errors.New("there is something after the fault; inject one at a time")
	}
	needsDelay := f.Kind == twiliotest.Slow || f.Kind == twiliotest.SlowBody
	switch {
	case !slices.Contains(kinds(), f.Kind):
		return twiliotest.Fault{}, fmt.Errorf("kind %q is not one of %q", f.Kind, kinds())
	case f.Endpoint != "" && !slices.Contains(twiliotest.Endpoints(), f.Endpoint):
		return twiliotest.Fault{}, fmt.Errorf("endpoint %q is not one of %q", f.Endpoint, twiliotest.Endpoints())
	case f.Times < 0 || f.After < 0 || f.Code < 0:
		return twiliotest.Fault{}, errors.New("times, after and code must not be negative")
	case !(f.Chance >= 0 && f.Chance <= 1):
		return twiliotest.Fault{}, errors.New("chance must be from 0 to 1")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return twiliotest.Fault{}, errors.New("status must be from 200 to 599")
	case needsDelay && f.Delay == 0:
		return twiliotest.Fault{}, fmt.Errorf("%s needs a delay, such as \"5s\"", f.Kind)
	}
	return twiliotest.Fault{
		Kind: f.Kind, Endpoint: f.Endpoint, Query: f.Query, Times: f.Times, After: f.After, Chance: f.Chance,
		RetryAfter: f.RetryAfter, Delay: time.Duration(f.Delay), Status: f.Status, Code: f.Code, Body: f.Body,
	}, nil
}
