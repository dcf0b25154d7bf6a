package budget_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/budget"
)

// TestPlan: work is done less often in its order, no less often than necessary, and not
// beyond its longest interval.
func TestPlan(t *testing.T) {
	const quarter, hour = 15 * time.Minute, time.Hour
	// 1, 3, 2 and 4 × 11 requests an hour.
	all := []budget.Work{
		{hour, 1, 4 * hour}, {hour, 3, 4 * hour}, {hour, 2, 4 * hour}, {quarter, 11, 4 * hour},
	}
	optional := []budget.Work{{hour, 1, 0}, {hour, 3, 4 * hour}, {quarter, 11, 90 * time.Minute}}
	for _, x := range []struct {
		name            string
		limit           int
		work            []budget.Work
		want            []int
		demand, planned float64
	}{
		{"no limit", 0, all, []int{1, 1, 1, 1}, 50, 50},
		{"exactly the limit", 50, all, []int{1, 1, 1, 1}, 50, 50},
		{"a little less", 49, all, []int{4, 2, 1, 1}, 50, .25 + 1.5 + 2 + 44},
		{"the first is not enough", 48, all, []int{4, 2, 1, 1}, 50, .25 + 1.5 + 2 + 44},
		{"the last one, too", 30, all, []int{4, 4, 4, 2}, 50, 1.5 + 22},
		{"as little as possible", 5, all, []int{4, 4, 4, 13}, 50, 1.5 + 44./13},
		{"too little", 1, all, []int{4, 4, 4, 16}, 50, 1.5 + 2.75},
		{"left out", 47, optional, []int{0, 1, 1}, 48, 47},
		{"left out, and the longest interval", 5, optional, []int{0, 4, 6}, 48, .75 + 44./6},
		{"nothing to do", 1, nil, nil, 0, 0},
	} {
		p := budget.New(x.limit, x.work)
		if !slices.Equal(p.Multiples, x.want) || p.Demand != x.demand || math.Abs(p.Planned-x.planned) > 1e-9 {
			t.Errorf("%s: want %v, %v and %v, have %v, %v and %v", x.name, x.want, x.demand, x.planned, p.Multiples, p.Demand, p.Planned)
		}
	}
}

// TestPlans: whatever the work, a plan keeps within the limit or does all of it as seldom
// as it may be done, and no work waits while an earlier one could.
func TestPlans(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var work []budget.Work
		for range 1 + random.IntN(6) {
			interval := time.Duration(1+random.IntN(120)) * time.Minute
			work = append(work, budget.Work{
				Interval: interval, Requests: random.Float64() * 1000,
				Longest: time.Duration(random.IntN(3)) * time.Duration(random.IntN(1500)) * time.Minute,
			})
		}
		limit := 1 + random.IntN(5000)
		p := budget.New(limit, work)
		sum := 0.
		last := len(work) // the last work that waits
		for i, n := range p.Multiples {
			if n > 1 && time.Duration(n)*work[i].Interval > work[i].Longest || n == 0 && work[i].Longest > 0 || n < 0 {
				t.Fatalf("%+v for %d: multiples %v", work, limit, p.Multiples)
			}
			if n > 0 {
				sum += work[i].Requests * 60 / work[i].Interval.Minutes() / float64(n)
			}
		}
		for last > 0 && p.Multiples[last-1] == 1 {
			last--
		}
		last--
		seldom := func(i int) bool {
			return p.Multiples[i] == 0 || time.Duration(p.Multiples[i]+1)*work[i].Interval > work[i].Longest
		}
		for i := range last {
			if !seldom(i) {
				t.Fatalf("%+v for %d: work %d waits more than %d: %v", work, limit, last, i, p.Multiples)
			}
		}
		if d := sum - p.Planned; d > 1e-6 || d < -1e-6 {
			t.Fatalf("want %v planned, have %v", sum, p.Planned)
		}
		if p.Planned > float64(limit)+1e-6 {
			for i := range work {
				if !seldom(i) {
					t.Fatalf("%+v: %v planned for %d, although work %d could wait: %v", work, p.Planned, limit, i, p.Multiples)
				}
			}
		}
	}
}

// TestWindow compares with a list of all requests.
func TestWindow(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	w := new(budget.Window)
	now := time.Date(2004, 3, 15, 12, 2, 3, 4, time.UTC)
	var sent []time.Time
	count := func() (n int) {
		for _, at := range sent {
			if now.Sub(at) < time.Hour {
				n++
			}
		}
		return n
	}
	for range 3000 {
		step := time.Duration(random.Int64N(int64(time.Minute)))
		if random.IntN(200) == 0 {
			step = time.Duration(random.Int64N(int64(2 * time.Hour)))
		}
		now = now.Add(step)
		if want, have := count(), w.Count(now); have != want {
			t.Fatalf("want %d, have %d", want, have)
		}
		for range random.IntN(3) {
			w.Add(now, 1)
			sent = append(sent, now)
		}
		if random.IntN(5) == 0 && count() > 0 {
			w.Add(now, -1)
			sent = sent[:len(sent)-1]
		}
		limit := random.IntN(60)
		wait, have := w.Wait(now, limit), w.Count(now)
		if wait == 0 != (have <= limit) || wait < 0 || wait > time.Hour {
			t.Fatalf("wait of %s until %d of %d are left", wait, limit, have)
		}
	}
}

// TestWindowWait: after the wait, there is room, and not before.
func TestWindowWait(t *testing.T) {
	w := new(budget.Window)
	start := time.Date(2004, 3, 15, 12, 2, 3, 4, time.UTC)
	for i := range 6 {
		w.Add(start.Add(time.Duration(i)*10*time.Minute), 2)
	}
	now := start.Add(55 * time.Minute)
	wait := w.Wait(now, 7)
	if after := now.Add(wait); w.Count(after.Add(-1)) != 8 || w.Count(after) != 6 {
		t.Errorf("after %s, %d are left", wait, w.Count(after))
	}
}

// TestWindowRestore: another window goes on with the requests of the last hour.
func TestWindowRestore(t *testing.T) {
	w, next := new(budget.Window), new(budget.Window)
	now := time.Date(2004, 3, 15, 12, 0, 0, 0, time.UTC)
	for _, minutes := range []int{-70, -50, -10, 0} {
		w.Add(now.Add(time.Duration(minutes)*time.Minute), 1)
	}
	next.Add(now, 1)
	// The clock was set back by five minutes: what was sent then is of now.
	back := now.Add(-5 * time.Minute)
	next.Restore(back, w.Sent(now))
	if have := next.Sent(back); len(have) != 4 || !have[0].Equal(now.Add(-50*time.Minute)) || !have[2].Equal(back) {
		t.Errorf("have %v", have)
	}
	if have := next.Count(back.Add(50 * time.Minute)); have != 3 {
		t.Errorf("want 3 requests an hour after the first, have %d", have)
	}
}
