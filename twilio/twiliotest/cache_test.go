package twiliotest

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What the caches return is what adding everything up returns.
func TestCachesChangeNothing(t *testing.T) {
	t.Parallel()
	sid := "AC00000000000000000000000000000001"
	start := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	now := start
	build := func(custom bool) *Simulator {
		a := Account{SID: sid, Seed: 3, SIMs: 12}
		if custom {
			a.Usage = func(s SIM, hour time.Time) []Segment {
				h := hashString(uint64(hour.Unix()), s.SID)
				return []Segment{{Upload: int64(h % 1000), MicroCost: int64(h % 77), ByteDelay: time.Duration(h % uint64(48*time.Hour)), BillDelay: time.Duration(h >> 8 % uint64(48*time.Hour))}}
			}
		}
		return New(Options{Now: func() time.Time { return now }, Accounts: []Account{a}})
	}
	for _, custom := range []bool{false, true} {
		cached, plain := build(custom), build(custom)
		plain.world(sid).sums.off = true
		r := rand.New(rand.NewPCG(1, 2))
		for range 250 {
			now = now.Add(time.Duration(r.IntN(300)) * time.Minute)
			from := start.AddDate(0, r.IntN(2), 0)
			if r.IntN(3) == 0 {
				from = now.Add(-time.Duration(r.IntN(400)) * time.Hour)
			}
			to := now.Add(time.Duration(-r.IntN(50)) * time.Hour)
			at := now
			switch r.IntN(4) {
			case 0:
				at = now.Add(-time.Duration(r.IntN(100)) * time.Hour)
			case 1:
				at = now.Add(time.Duration(r.IntN(100)) * time.Hour)
			}
			if !from.Before(to) {
				continue
			}
			var f Filter
			switch r.IntN(4) {
			case 0:
				f.Sim = cached.SIMs(sid)[r.IntN(12)].SID
			case 1:
				f.IsoCountry = "DE"
			}
			if r.IntN(10) == 0 {
				plain.world(sid).hours = newHourCache()
			}
			have, want := cached.Reported(sid, f, from, to, at), plain.Reported(sid, f, from, to, at)
			if r.IntN(5) == 0 {
				have, want = cached.Final(sid, f, from, to), plain.Final(sid, f, from, to)
			}
			if have != want {
				t.Fatalf("custom %v, %+v from %s to %s at %s: have %+v, want %+v", custom, f, from, to, at, have, want)
			}
		}
		if n := len(cached.world(sid).sums.kept); n == 0 || n > maxKeptSums {
			t.Errorf("%d sums kept", n)
		}
	}
}

func TestHourCacheKeepsTheNewest(t *testing.T) {
	c := newHourCache()
	for h := range int64(2 * maxKeptHours) {
		c.keep(h, []segment{{upload: h}})
	}
	if _, ok := c.get(2*maxKeptHours - 1); !ok || len(c.hours) != maxKeptHours || c.segments != maxKeptHours {
		t.Errorf("%d hours with %d segments", len(c.hours), c.segments)
	}
	if c.keep(1, []segment{{}}); len(c.hours) != maxKeptHours {
		t.Error("an old hour pushed out a newer one")
	}
	if _, ok := c.get(1); ok {
		t.Error("an old hour was kept")
	}
}

func TestListingCacheIsBounded(t *testing.T) {
	c := newListingCache()
	for i := range 100 {
		c.keep(hex32(uint64(i)), listing{n: 300_000})
	}
	if len(c.kept) != len(c.order) || c.rows > maxKeptRows || len(c.kept) != 6 {
		t.Errorf("%d listings, %d rows", len(c.kept), c.rows)
	}
}

func TestMoney(t *testing.T) {
	for micro, want := range map[int64]string{0: "0", 30_000: "0.03", 1: "0.000001", -1_500_000: "-1.5", 1_234_567_890_000: "1234567.89"} {
		if have := formatMicro(micro); have != want {
			t.Errorf("%d: have %s, want %s", micro, have, want)
		}
	}
	for _, c := range [][3]string{{"0.1", "0.2", "0.3"}, {"1.50", "1.25", "2.75"}, {Null, "5", "5"}, {"5", "", "5"}, {"498.84515", "-498.84515", "0"}} {
		if have := addDecimals(c[0], c[1]); have != c[2] {
			t.Errorf("%s + %s: have %s", c[0], c[1], have)
		}
	}
	if have := scaleDecimal("0.03", 9, 10); have != "0.027" {
		t.Errorf("have %s", have)
	}
}

func BenchmarkListings(b *testing.B) {
	for name, sims := range map[string]int{"12": 12, "2500": 2500} {
		b.Run(name, func(b *testing.B) {
			sid := "AC00000000000000000000000000000001"
			now := time.Date(2024, 3, 31, 23, 5, 0, 0, time.UTC)
			s := New(Options{Now: func() time.Time { return now }, Accounts: []Account{{SID: sid, SIMs: sims}}})
			w := s.world(sid)
			span := span{from: monthOf(now), to: now.Truncate(time.Hour)}
			w.usageListing(Filter{}, bySIM, span, now)
			for b.Loop() {
				now = now.Add(time.Second)
				l := w.usageListing(Filter{}, bySIM, span, now)
				records := []any{}
				for i := range min(l.n, 1000) {
					records = append(records, l.record(i))
				}
				encode(records)
			}
		})
	}
}
