package check

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// traffic is what requests of one account have shown. It is a twilio.Observer.
type traffic struct {
	mu       sync.Mutex
	first    map[twilio.Endpoint]time.Duration
	statuses map[twilio.Endpoint]int // of the last response; 0: there was none
	clock    time.Duration           // how far the API's clock is ahead of this machine's
	dated    bool
}

func newTraffic() *traffic {
	return &traffic{first: make(map[twilio.Endpoint]time.Duration), statuses: make(map[twilio.Endpoint]int)}
}

// Request implements twilio.Observer.
func (t *traffic) Request(endpoint twilio.Endpoint, code string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.first[endpoint]; !ok {
		t.first[endpoint] = took
	}
	t.statuses[endpoint], _ = strconv.Atoi(code) // or "error"
}

// Retry implements twilio.Observer.
func (t *traffic) Retry(twilio.Endpoint, twilio.Reason) {}

func (t *traffic) latency(endpoint twilio.Endpoint) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first[endpoint]
}

func (t *traffic) status(endpoint twilio.Endpoint) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.statuses[endpoint]
}

// offClock is how far the API's clock is ahead of this machine's, to the second.
func (t *traffic) offClock() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clock
}

// wrap reads the header Date of responses.
func (t *traffic) wrap(next http.RoundTripper) http.RoundTripper { return dates{next, t} }

type dates struct {
	next http.RoundTripper
	*traffic
}

// RoundTrip implements http.RoundTripper.
func (d dates) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		// It was written between the two moments, and is cut to the second.
		ahead := time.Duration(0)
		if received := time.Now(); date.After(received) {
			ahead = date.Sub(received)
		} else if date.Add(time.Second).Before(sent) {
			ahead = date.Add(time.Second).Sub(sent)
		}
		d.mu.Lock()
		if !d.dated {
			d.dated, d.clock = true, ahead
		}
		d.mu.Unlock()
	}
	return resp, nil
}
