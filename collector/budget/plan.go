// Package budget fits the polls of an account into the requests that it may send in an
// hour. It knows neither collectors nor the API.
package budget

import (
	"math"
	"time"
)

// Work is what is done again and again.
type Work struct {
	Interval time.Duration // more than 0
	Requests float64       // that it takes each time
	// Longest is the interval that must not be exceeded; 0: the work may be left out.
	Longest time.Duration
}

// perHour is how many requests the work takes in an hour, if it is done at every n-th
// interval.
func (w Work) perHour(n int) float64 {
	if n == 0 {
		return 0
	}
	return w.Requests * float64(time.Hour) / (float64(w.Interval) * float64(n))
}

// most is the largest multiple of the interval that is allowed.
func (w Work) most() int { return max(1, int(w.Longest/w.Interval)) }

// A Plan says how often work is done.
type Plan struct {
	Multiples []int   // of the interval of each work; 0: not at all
	Demand    float64 // requests an hour, if every work is done at its interval
	Planned   float64 // requests an hour by the multiples
}

// New plans work for a number of requests an hour; 0 is no limit. Where the demand
// exceeds that, the first work is done less often, as much as necessary and allowed,
// then the second, and so on. The plan may exceed the limit all the same: then all work
// is done as seldom as it may be.
func New(limit int, work []Work) Plan {
	p := Plan{Multiples: make([]int, len(work))}
	for i, w := range work {
		p.Multiples[i] = 1
		p.Demand += w.perHour(1)
	}
	p.Planned = p.Demand
	if limit == 0 {
		return p
	}
	for i, w := range work {
		if p.Planned <= float64(limit) {
			break
		}
		others := p.Planned - w.perHour(1)
		n := 0
		if w.Longest > 0 {
			n = w.most()
			if left := float64(limit) - others; left > 0 {
				n = min(n, int(math.Ceil(min(w.perHour(1)/left, math.MaxInt32))))
			}
		}
		p.Multiples[i] = n
		p.Planned = others + w.perHour(n)
	}
	return p
}
