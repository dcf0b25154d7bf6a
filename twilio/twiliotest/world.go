package twiliotest

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"
)

// table numbers the SIDs of one dimension, so that sums are slices and not maps.
// Number 0 is "", which responses show as null.
type table struct {
	ids   []string
	index map[string]int32
	order []int32
}

func newTable() *table {
	return &table{ids: []string{""}, index: map[string]int32{"": 0}}
}

func (t *table) number(id string) int32 {
	n, ok := t.index[id]
	if !ok {
		n = int32(len(t.ids))
		t.ids = append(t.ids, id)
		t.index[id] = n
	}
	return n
}

// shuffled is the order in which responses list this dimension: always the same, and
// not that of the SIDs, since the real service promises none.
func (t *table) shuffled() []int32 {
	if len(t.order) != len(t.ids) {
		type position struct {
			hash   uint64
			number int32
		}
		positions := make([]position, len(t.ids))
		for i, id := range t.ids {
			positions[i] = position{hashString('o', id), int32(i)}
		}
		slices.SortFunc(positions, func(a, b position) int { return cmp.Compare(a.hash, b.hash) })
		t.order = make([]int32, len(positions))
		for i, p := range positions {
			t.order[i] = p.number
		}
	}
	return t.order
}

// simsSince is the list of SIMs in force from a time on.
type simsSince struct {
	from time.Time
	sims []SIM
}

// world is what one account owns and uses.
type world struct {
	account    Account
	standing   standing
	readings   Readings
	now        func() time.Time
	billedFrom time.Time // nothing costs anything before
	maxDelay   time.Duration

	mu        sync.Mutex
	served    bool // a response has shown this world
	history   []simsSince
	fleets    []Fleet
	networks  []Network
	generator *generator
	indices   map[string]int // of the generated SIMs

	simIDs, fleetIDs, networkIDs, countryIDs *table

	countryOf   map[string]string // by network SID
	simNames    map[string]string // unique name to SID
	fleetNames  map[string]string
	traits      []traits  // by SIM number
	networkNums []int32   // by index in networks
	countryNums []int32   // by index in networks
	portions    []portion // scratch

	hours    hourCache
	cuts     cutOffs
	sums     sumCache
	listings listingCache
	listed   map[uint64]uint64 // how often each listing's second page was asked for
}

func newWorld(a Account, r Readings, now func() time.Time) *world {
	w := &world{
		account:    a,
		standing:   standing{a.FriendlyName, a.Status},
		readings:   r,
		now:        now,
		maxDelay:   generatedDelay,
		indices:    make(map[string]int),
		simIDs:     newTable(),
		fleetIDs:   newTable(),
		networkIDs: newTable(),
		countryIDs: newTable(),
		countryOf:  make(map[string]string),
		simNames:   make(map[string]string),
		fleetNames: make(map[string]string),
		listed:     make(map[uint64]uint64),
	}
	// A synctest bubble starts in 2000; its costs shall be there nevertheless.
	if firstBill := time.Date(2022, 2, 1, 0, 0, 0, 0, time.UTC); !now().Before(firstBill) {
		w.billedFrom = firstBill
	}
	if a.Usage != nil || r.Bills == BillsByDay {
		w.maxDelay = customDelay
	}

	w.fleets = slices.Clone(a.FleetList)
	if a.FleetList == nil {
		w.fleets = generatedFleets(a.Seed, a.Fleets)
	}
	for _, f := range w.fleets {
		w.fleetIDs.number(f.SID)
		if f.UniqueName != "" {
			w.fleetNames[f.UniqueName] = f.SID
		}
	}

	w.networks = slices.Clone(a.NetworkList)
	if a.NetworkList == nil {
		w.networks = generatedNetworks()
	}
	for _, n := range w.networks {
		w.countryOf[n.SID] = n.ISOCountry
		w.networkNums = append(w.networkNums, w.networkIDs.number(n.SID))
		w.countryNums = append(w.countryNums, w.countryIDs.number(n.ISOCountry))
	}
	w.generator = newGenerator(w.networks)

	sims := a.SIMList
	if sims == nil {
		sims = generatedSIMs(a.Seed, a.SIMs, w.fleets)
	}
	for i, s := range sims {
		w.indices[s.SID] = i
	}
	w.history = []simsSince{{sims: w.register(sims)}}
	w.spread()
	w.forget()
	return w
}

// spread gives the SIMs that send in every hour evenly spaced phases, so that no few
// seconds pass without a report of one of them.
func (w *world) spread() {
	var senders []*traits
	for _, s := range w.history[0].sims {
		t := &w.traits[w.simIDs.index[s.SID]]
		if t.steady() && (s.Status == "active" || s.Status == "scheduled") {
			senders = append(senders, t)
		}
	}
	if len(senders) == 0 {
		return
	}
	distance := math.MaxUint64 / uint64(len(senders))
	for i, t := range senders {
		t.phase = distance * uint64(i)
	}
	w.generator.half = distance / 2
}

// forget drops what was computed.
func (w *world) forget() {
	w.hours = newHourCache()
	w.cuts = cutOffs{}
	w.sums = newSumCache()
	w.listings = newListingCache()
}

// register numbers the SIMs of a list and gives them their traits.
func (w *world) register(list []SIM) []SIM {
	sims := completeSIMs(list)
	for _, s := range sims {
		if s.UniqueName != "" {
			w.simNames[s.UniqueName] = s.SID
		}
		n := w.simIDs.number(s.SID)
		if int(n) < len(w.traits) {
			continue // not new: a SIM stays as it is
		}
		for int(n) >= len(w.traits) {
			w.traits = append(w.traits, traits{})
		}
		index, ok := w.indices[s.SID]
		if !ok {
			index = -1
		}
		w.traits[n] = makeTraits(w.account.Seed, s.SID, index)
	}
	return sims
}

// setSIMs puts another list in force. History keeps the old one: usage that has
// occurred does not vanish with the SIM.
func (w *world) setSIMs(list []SIM) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := simsSince{from: w.now(), sims: w.register(list)}
	if w.served {
		w.history = append(w.history, next)
	} else {
		w.history = []simsSince{{sims: next.sims}}
	}
	w.forget()
}

// simsAt is the list in force at t.
func (w *world) simsAt(t time.Time) []SIM {
	for _, h := range slices.Backward(w.history) {
		if !h.from.After(t) {
			return h.sims
		}
	}
	return w.history[0].sims
}

// segment is a Segment of a known SIM and hour, as numbers.
type segment struct {
	sim, fleet, network, country int32
	upload, download, micro      int64
	bytesAt, billAt              int64 // nanoseconds since 1970
}

const hourNanos = int64(time.Hour)

// hour is all usage of the hour that begins hour hours after 1970. The slice is
// valid until the next call. The caller holds w.mu.
func (w *world) hour(hour int64) []segment {
	if kept, ok := w.hours.get(hour); ok {
		return kept
	}
	begin := time.Unix(0, hour*hourNanos).UTC()
	a := &w.account
	if !a.Start.IsZero() && begin.Before(a.Start) || !a.End.IsZero() && !begin.Before(a.End) {
		return nil
	}
	free := begin.Before(w.billedFrom)
	end := (hour + 1) * hourNanos
	out := w.hours.scratch[:0]
	for _, s := range w.simsAt(begin) {
		if w.cutOffIn(s, hour) {
			continue
		}
		sim := w.simIDs.index[s.SID]
		if a.Usage != nil {
			for _, u := range a.Usage(s, begin) {
				out = append(out, w.custom(u, s, sim, end))
			}
			continue
		}
		w.portions = w.generator.hour(w.portions[:0], &w.traits[sim], s.Status, hour)
		fleet := w.fleetIDs.number(s.FleetSID)
		for _, p := range w.portions {
			g := segment{
				sim: sim, fleet: fleet,
				upload: p.upload, download: p.download, micro: p.micro,
				bytesAt: end + p.byteSeconds*int64(time.Second),
				billAt:  w.readings.Bills.billAt(end, end+p.billSeconds*int64(time.Second)),
			}
			if p.network >= 0 {
				g.network, g.country = w.networkNums[p.network], w.countryNums[p.network]
			}
			out = append(out, g)
		}
	}
	if free {
		for i := range out {
			out[i].micro = 0
		}
	}
	w.hours.scratch = out
	if end > w.now().UnixNano() {
		return out // the future must not push out what requests ask for
	}
	return w.hours.keep(hour, out)
}

func (w *world) custom(u Segment, s SIM, sim int32, end int64) segment {
	fleet := u.FleetSID
	if fleet == "" {
		fleet = s.FleetSID
	}
	delay := func(d time.Duration) int64 { return int64(min(max(d, 0), customDelay)) }
	return segment{
		sim:      sim,
		fleet:    w.fleetIDs.number(fleet),
		network:  w.networkIDs.number(u.NetworkSID),
		country:  w.countryIDs.number(w.countryOf[u.NetworkSID]),
		upload:   u.Upload,
		download: u.Download,
		micro:    u.MicroCost,
		bytesAt:  end + delay(u.ByteDelay),
		billAt:   end + delay(u.BillDelay),
	}
}
