package twiliotest

import "time"

// group is the dimension that usage is listed by.
type group int

const (
	byNothing group = iota
	bySIM
	byFleet
	byNetwork
	byCountry
)

// any number of a filter is no filter, nothing one that no usage passes.
const (
	anyNumber = -1
	nothing   = -2
)

// query says which usage is summed and by what.
type query struct {
	sim, fleet, network, country int32
	by                           group
}

// sum is usage so far. Bytes and bills arrive apart.
type sum struct {
	upload, download, micro int64
	first, end              int64 // hours of the usage, the end exclusive
	reported, billed        bool
	pending                 bool // something of it is reported and not billed
}

// covers notes that there is usage in an hour.
func (s *sum) covers(hour int64) {
	if s.end == 0 {
		s.first = hour
	}
	s.first, s.end = min(s.first, hour), max(s.end, hour+1)
}

// shown reports whether the service would list this at all.
func (s *sum) shown() bool { return s.reported || s.billed }

func (q *query) passes(s *segment) bool {
	return (q.sim == anyNumber || q.sim == s.sim) &&
		(q.fleet == anyNumber || q.fleet == s.fleet) &&
		(q.network == anyNumber || q.network == s.network) &&
		(q.country == anyNumber || q.country == s.country)
}

func (q *query) key(s *segment) int32 {
	switch q.by {
	case bySIM:
		return s.sim
	case byFleet:
		return s.fleet
	case byNetwork:
		return s.network
	case byCountry:
		return s.country
	default:
		return 0
	}
}

// add adds to sums, by number, what of an hour's segments is known at a time
// (nanoseconds since 1970).
func (q *query) add(sums []sum, hour int64, segments []segment, at int64) []sum {
	for i := range segments {
		s := &segments[i]
		if s.bytesAt > at && s.billAt > at || !q.passes(s) {
			continue
		}
		k := q.key(s)
		for int(k) >= len(sums) {
			sums = append(sums, sum{})
		}
		t := &sums[k]
		t.covers(hour)
		if s.bytesAt <= at {
			t.upload += s.upload
			t.download += s.download
			t.reported = t.reported || s.upload != 0 || s.download != 0
		}
		if s.billAt <= at {
			t.micro += s.micro
			t.billed = true
		} else {
			t.pending = true
		}
	}
	return sums
}

// sumKey names a progressive sum: those of one query that begin at one hour.
type sumKey struct {
	query
	from int64
}

// progress is a sum over hours that can no longer change.
type progress struct {
	upto int64 // hour, exclusive
	sums []sum
	used uint64
}

// sumCache keeps progressive sums: a month that is asked for every few minutes is
// added up once.
type sumCache struct {
	kept map[sumKey]*progress
	tick uint64
	off  bool // for the test that compares with and without
}

const (
	maxKeptSums  = 64
	worthKeeping = 48 // hours
)

func newSumCache() sumCache { return sumCache{kept: make(map[sumKey]*progress)} }

func (c *sumCache) of(key sumKey) *progress {
	c.tick++
	p := c.kept[key]
	if p == nil {
		if len(c.kept) >= maxKeptSums {
			var oldest sumKey
			least := c.tick
			for k, p := range c.kept {
				if p.used < least {
					oldest, least = k, p.used
				}
			}
			delete(c.kept, oldest)
		}
		p = &progress{upto: key.from}
		c.kept[key] = p
	}
	p.used = c.tick
	return p
}

// sum adds up the hours [from, to) as known at a time (nanoseconds since 1970),
// into dst, by number in the table of the query's dimension. The caller holds w.mu.
func (w *world) sum(dst []sum, q query, from, to, at int64) []sum {
	dst = dst[:0]
	if w.account.Totals != nil {
		return w.totals(dst, q, from, to, at)
	}
	// Not by at alone: the truth is asked for ahead of the clock, and a sum that ran
	// ahead would be of no use to the requests.
	past := min(at, w.now().UnixNano())
	settled := min(to, floorDiv(past-int64(w.maxDelay), hourNanos))
	next := from
	if !w.sums.off && settled-from >= worthKeeping {
		if p := w.sums.of(sumKey{q, from}); p.upto <= settled {
			for ; p.upto < settled; p.upto++ {
				p.sums = q.add(p.sums, p.upto, w.hour(p.upto), forever)
			}
			dst = append(dst, p.sums...)
			next = settled
		}
	}
	for ; next < to; next++ {
		dst = q.add(dst, next, w.hour(next), at)
	}
	return dst
}

// totals is sum for an account with Totals.
func (w *world) totals(dst []sum, q query, from, to, at int64) []sum {
	begin, end := time.Unix(0, from*hourNanos).UTC(), time.Unix(0, to*hourNanos).UTC()
	known := time.Unix(0, at).UTC()
	for _, s := range w.simsAt(end) {
		sim := w.simIDs.index[s.SID]
		for _, u := range w.account.Totals(s, begin, end, known) {
			part := w.custom(u, s, sim, 0)
			part.bytesAt, part.billAt = at, at
			dst = q.add(dst, from, []segment{part}, at)
		}
	}
	for i := range dst {
		dst[i].first, dst[i].end = from, to
	}
	return dst
}

// filter turns names into numbers. SIMs and fleets go by SID or unique name.
func (w *world) filter(f Filter) query {
	find := func(t *table, id string) int32 {
		if id == "" {
			return anyNumber
		}
		if w.account.Usage != nil {
			return t.number(id) // it may come up in an hour that was not asked for yet
		}
		if n, ok := t.index[id]; ok {
			return n
		}
		return nothing
	}
	return query{
		sim:     find(w.simIDs, named(f.Sim, w.simNames)),
		fleet:   find(w.fleetIDs, named(f.Fleet, w.fleetNames)),
		network: find(w.networkIDs, f.Network),
		country: find(w.countryIDs, f.IsoCountry),
	}
}

func named(id string, names map[string]string) string {
	if sid, ok := names[id]; ok {
		return sid
	}
	return id
}

func (w *world) table(by group) *table {
	switch by {
	case bySIM:
		return w.simIDs
	case byFleet:
		return w.fleetIDs
	case byNetwork:
		return w.networkIDs
	case byCountry:
		return w.countryIDs
	default:
		return nil
	}
}
