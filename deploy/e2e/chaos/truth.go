package main

import (
	"cmp"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// quantity is what is counted of usage.
type quantity int

const (
	upload quantity = iota
	download
	cost
)

// A key names a counter of an account: a dimension as in metric names, the SID or
// country in it, and what is counted.
type key struct {
	dimension, id string
	quantity      quantity
}

// A step is when usage is reported or billed.
type step struct {
	hour   int64 // end of the hour it belongs to, in seconds since the epoch
	at     int64 // in nanoseconds since the epoch
	amount int64 // bytes or millionths of the currency
}

// A series is everything that a counter will ever count, by the time of its report.
type series struct {
	steps []step
	sums  []int64 // up to and including the step
	named int64   // when a listing first names the key, in nanoseconds since the epoch
}

// A truth is what the account's API reports at any time of the run. It is made of the
// same usage as the simulator's, without its code.
type truth struct {
	inventoryOf
	usage func(twiliotest.SIM, time.Time) []twiliotest.Segment
	last  time.Time // the run is over by then

	country map[string]string // of networks

	lock    sync.Mutex
	events  map[key][]step
	indexes map[[2]time.Time]map[key]*series
}

func newTruth(o options, a *account, now time.Time) *truth {
	t := &truth{
		usage: a.usage(o, now), last: now.Add(o.duration + 3*time.Hour), country: map[string]string{"": ""},
		events: make(map[key][]step),
	}
	for _, n := range a.networks {
		t.country[n.SID] = n.ISOCountry
	}
	for _, s := range a.firstSIMs {
		t.add(a.sid, s, now.UTC().Truncate(time.Hour).Add(-history))
	}
	t.set(a.firstSIMs, time.Time{})
	return t
}

// add adds the usage of a SIM in the hours that begin at from or later.
func (t *truth) add(account string, s twiliotest.SIM, from time.Time) {
	t.lock.Lock()
	defer t.lock.Unlock()
	for hour := from; hour.Before(t.last); hour = hour.Add(time.Hour) {
		end := hour.Add(time.Hour)
		for _, u := range t.usage(s, hour) {
			for dimension, id := range map[string]string{
				"account": account, "sim": s.SID, "fleet": s.FleetSID, "network": u.NetworkSID, "country": t.country[u.NetworkSID],
			} {
				add := func(q quantity, amount int64, delay time.Duration) {
					k := key{dimension, id, q}
					t.events[k] = append(t.events[k], step{end.Unix(), end.Add(delay).UnixNano(), amount})
				}
				add(upload, u.Upload, u.ByteDelay)
				add(download, u.Download, u.ByteDelay)
				add(cost, u.MicroCost, u.BillDelay)
			}
		}
	}
	t.indexes = make(map[[2]time.Time]map[key]*series)
}

// between returns the counters of the hours that begin in [from, to).
func (t *truth) between(from, to time.Time) map[key]*series {
	t.lock.Lock()
	defer t.lock.Unlock()
	hours := [2]time.Time{from, to}
	if t.indexes[hours] == nil {
		t.indexes[hours] = t.index(from, to)
	}
	return t.indexes[hours]
}

// index makes the series of usage in hours that begin in [from, to).
func (t *truth) index(from, to time.Time) map[key]*series {
	all := make(map[key]*series)
	for k, events := range t.events {
		s := new(series)
		for _, e := range events {
			if e.hour > from.Unix() && e.hour <= to.Unix() {
				s.steps = append(s.steps, e)
			}
		}
		if len(s.steps) == 0 {
			continue
		}
		slices.SortFunc(s.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
		var sum int64
		for _, e := range s.steps {
			sum += e.amount
			s.sums = append(s.sums, sum)
		}
		all[k] = s
	}
	for k, s := range all { // bytes are reported no later than they are billed
		s.named = all[key{k.dimension, k.id, upload}].steps[0].at
	}
	return all
}

// sum returns what was reported by a time.
func (s *series) sum(at int64) int64 {
	n := sort.Search(len(s.steps), func(i int) bool { return s.steps[i].at > at })
	if n == 0 {
		return 0
	}
	return s.sums[n-1]
}

// visit calls a function with every value that a poll can have found that asked from lo
// to hi, in nanoseconds since the epoch, until the function returns true. A poll that
// began in one hour and asks in the next one asks for usage up to the end of the one
// before; it takes slack at most. A negative slack says that the hours do not depend on
// when it began.
func (s *series) visit(lo, hi int64, slack time.Duration, found func(int64) bool) bool {
	first := sort.Search(len(s.steps), func(i int) bool { return s.steps[i].at > lo })
	last := sort.Search(len(s.steps), func(i int) bool { return s.steps[i].at > hi })
	hour := int64(time.Hour)
	for i := first - 1; i < last; i++ {
		var sum int64
		at := lo
		if i >= 0 {
			sum, at = s.sums[i], max(lo, s.steps[i].at)
		}
		if found(sum) {
			return true
		}
		if slack < 0 {
			continue
		}
		until := hi // at which the same would be found
		if i+1 < last {
			until = s.steps[i+1].at
		}
		boundary := until / hour * hour
		if boundary < at-int64(slack) {
			continue
		}
		newest := int64(0)
		for j := i; j >= 0 && s.steps[j].at >= boundary; j-- {
			if s.steps[j].hour*int64(time.Second) >= boundary {
				newest += s.steps[j].amount
			}
		}
		if newest > 0 && found(sum-newest) {
			return true
		}
	}
	return false
}
