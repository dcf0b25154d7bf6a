package twilio

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// fitKey rejects a record of a SIM, fleet, network or country other than the one
// that was asked for. A filter by a unique name cannot be compared.
func (r *UsageRecord) fitKey(p UsageRecordsParams) error {
	if p.Sim == "" && p.Fleet == "" && p.Network == "" && p.IsoCountry == "" {
		return nil
	}
	for _, key := range []struct {
		field, want, have string
		comparable        bool
	}{
		{"sim_sid", p.Sim, r.SimSID, isSID("HS", p.Sim)},
		{"fleet_sid", p.Fleet, r.FleetSID, isSID("HF", p.Fleet)},
		{"network_sid", p.Network, r.NetworkSID, true},
		{"iso_country", p.IsoCountry, r.IsoCountry, true},
	} {
		if key.comparable && key.want != "" && key.have != "" && !strings.EqualFold(key.want, key.have) {
			return fmt.Errorf("%s: %.40q, although %q was asked for", key.field, key.have, key.want)
		}
	}
	return nil
}

// ErrNoPeriod is the cause of a ResponseError where a record has no period although
// it is one of several.
var ErrNoPeriod = errors.New("no period")

// fitPeriod gives a record without a period the requested one, if that is only
// one. It rejects a period that does not overlap the requested range or is longer
// than it, and an hour or a day that does not start in it. It reports whether the
// period is cut in another way than was asked for, which changes no sum.
func (r *UsageRecord) fitPeriod(p UsageRecordsParams) (cut bool, err error) {
	start, end := r.Period.Start, r.Period.End
	if !start.IsZero() && !end.IsZero() && !start.Before(end) {
		return false, errors.New("its period ends before it starts")
	}
	if p.StartTime.IsZero() || p.EndTime.IsZero() {
		return false, nil
	}
	length := p.EndTime.Sub(p.StartTime)
	step := length
	switch p.Granularity {
	case GranularityHour:
		step = time.Hour
	case GranularityDay:
		step = 24 * time.Hour
	}
	switch {
	case !end.IsZero() && !p.StartTime.Before(end), !start.IsZero() && !start.Before(p.EndTime),
		p.Granularity != GranularityAll && !start.IsZero() && start.Before(p.StartTime):
		return false, fmt.Errorf("its period from %s to %s is outside the requested range", moment(start), moment(end))
	case start.IsZero() && length > step:
		return false, fmt.Errorf("%w, in a listing of more than one %s", ErrNoPeriod, p.Granularity)
	case start.IsZero():
		r.Period = Period{p.StartTime, p.EndTime}
		return false, nil
	case !end.IsZero() && end.Sub(start) > length:
		return false, fmt.Errorf("its period from %s to %s is longer than the requested range", moment(start), moment(end))
	}
	// The end may be the last second.
	whole := end.IsZero() || end.Sub(start) == step || end.Sub(start) == step-time.Second
	return !whole || start.Sub(p.StartTime)%step != 0, nil
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.Format(time.RFC3339)
}

// fitMonth rejects a record of another category or of a month that was not asked
// for. The API's dates are inclusive.
func (u *MonthlyUsage) fitMonth(p MonthlyUsageParams) error {
	first, last := u.StartDate, u.EndDate
	if last.IsZero() {
		last = first
	}
	switch {
	case p.Category != "" && !strings.EqualFold(u.Category, p.Category):
		return fmt.Errorf("category: %.40q, although %q was asked for", u.Category, p.Category)
	case first.IsZero():
		return nil
	case !p.EndDate.IsZero() && first.After(p.EndDate), !p.StartDate.IsZero() && last.Before(p.StartDate.UTC().Truncate(24*time.Hour)):
		return fmt.Errorf("its dates from %s to %s are outside the requested range", first.Format(time.DateOnly), last.Format(time.DateOnly))
	}
	return nil
}

// fitAccount rejects the SID of an account other than the one that was asked for.
func (s *scalar) fitAccount(want string) error {
	have := s.content()
	if want == "" || string(have) == want || !isSID("AC", string(have)) || strings.EqualFold(string(have), want) {
		return nil
	}
	return fmt.Errorf("account_sid: %q, although %q was asked for", have, want)
}

// warnings are what an operator should know of, once for each endpoint.
type warnings struct {
	mu      sync.Mutex
	said    map[Endpoint]bool
	pending map[Endpoint]string
}

func (w *warnings) add(endpoint Endpoint, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.said[endpoint] {
		if w.said == nil {
			w.said, w.pending = make(map[Endpoint]bool), make(map[Endpoint]string)
		}
		w.said[endpoint], w.pending[endpoint] = true, text
	}
}

// Warnings returns what an operator should know of the responses of an endpoint,
// as lines for a log. Each is returned once.
func (c *Client) Warnings(endpoint Endpoint) []string {
	w := &c.warnings
	w.mu.Lock()
	defer w.mu.Unlock()
	text, ok := w.pending[endpoint]
	if !ok {
		return nil
	}
	delete(w.pending, endpoint)
	return []string{c.redactor.Line(text)}
}
