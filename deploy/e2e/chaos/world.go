package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A role says how an account's API lies. It decides which values are possible.
type role int

const (
	// exact: what it reports is true, or not to be taken.
	exact role = iota
	// revised: it also reports less than is true, or leaves things out.
	revised
	// arbitrary: it also reports numbers that are only plausible.
	arbitrary
)

func (r role) String() string { return [...]string{"exact", "revised", "arbitrary"}[r] }

// An account is simulated and knows what is true about itself.
type account struct {
	index     int
	name      string
	sid       string
	provider  twiliotest.Provider
	role      role
	simulator *simulator
	hourly    bool   // the hours since midnight are asked for one by one
	user      string // of basic auth, or the client's ID
	hasKey    bool
	secret    string // at the start
	fleets    []twiliotest.Fleet
	networks  []twiliotest.Network
	firstSIMs []twiliotest.SIM // at the start
	truth     *truth
}

// secretMark begins every secret, so that each is found, even if it is cut.
const secretMark = "cHaOs-sEcReT-"

// iccidPrefix begins every ICCID.
const iccidPrefix = "8988307"

// history is how long before the start usage begins: long enough for much of it still to be reported
// during the run.
const history = 30 * time.Hour

func newWorld(o options, now time.Time) []*account {
	random := rand.New(rand.NewPCG(o.seed, 1))
	var accounts []*account
	for i := range o.accounts {
		a := &account{index: i, sid: sid("AC", o.seed, i, 0), name: fmt.Sprintf("account-%03d", i), user: sid("AC", o.seed, i, 0)}
		a.secret = newSecret(random)
		switch i % 4 {
		case 3:
			a.provider, a.user = twiliotest.KORE, fmt.Sprintf("client-%03d", i)
		case 2:
			a.hasKey, a.user = true, sid("SK", o.seed, i, 0)
			fallthrough
		default:
			a.provider = twiliotest.Twilio
		}
		switch i % 16 {
		case 5, 11, 14:
			a.role = revised
		case 8:
			a.role = arbitrary
		}
		a.inventory(o, random)
		a.truth = newTruth(o, a, now)
		accounts = append(accounts, a)
	}
	return accounts
}

func (a *account) inventory(o options, random *rand.Rand) {
	for k := range 2 {
		a.fleets = append(a.fleets, twiliotest.Fleet{
			SID: sid("HF", o.seed, a.index, k), UniqueName: fmt.Sprintf("fleet-%03d-%d", a.index, k), DataLimitMB: int64(100*a.index + k + 10),
		})
	}
	for k, country := range []string{"DE", "PL", "SE", "US"} {
		a.networks = append(a.networks, twiliotest.Network{
			SID: sid("HW", o.seed, a.index, k), FriendlyName: fmt.Sprintf("Network %d of %q", k, a.name), ISOCountry: country, MCC: "262", MNC: fmt.Sprintf("%03d", k),
		})
	}
	for k := range 4 {
		a.firstSIMs = append(a.firstSIMs, a.newSIM(o, k))
	}
	random.Shuffle(len(a.firstSIMs), func(i, j int) { a.firstSIMs[i], a.firstSIMs[j] = a.firstSIMs[j], a.firstSIMs[i] })
}

// newSIM returns the account's k-th SIM. Every fourth is in no fleet.
func (a *account) newSIM(o options, k int) twiliotest.SIM {
	s := twiliotest.SIM{
		SID: sid("HS", o.seed, a.index, k), UniqueName: fmt.Sprintf("device-%03d-%d", a.index, k),
		ICCID: fmt.Sprintf("%s%013d", iccidPrefix, 1000*a.index+k), Status: "active",
	}
	if k%4 != 3 {
		s.FleetSID = a.fleets[k%2].SID
	}
	return s
}

// rareNetwork is the network that is used once, in the hour before the start. That is
// reported during the run.
func (a *account) rareNetwork() string { return a.networks[3].SID }

// usage returns what a SIM uses in the hour that begins at hour, as the simulator asks
// for it: a pure function. Bytes are reported up to a day after their hour and billed
// up to a day after that, so that values change all the time.
func (a *account) usage(o options, start time.Time) func(twiliotest.SIM, time.Time) []twiliotest.Segment {
	before := start.UTC().Truncate(time.Hour).Add(-time.Hour)
	return func(s twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		random := rand.New(rand.NewPCG(hash(o.seed, s.SID), uint64(hour.Unix())))
		var segments []twiliotest.Segment
		for k := range o.segments {
			bytes, bill := time.Duration(random.Int64N(int64(24*time.Hour))), time.Duration(random.Int64N(int64(20*time.Hour)))
			if k == 0 { // the simulated service has reported and billed part of each hour at once
				bytes, bill = 0, time.Minute
			}
			segments = append(segments, twiliotest.Segment{
				NetworkSID: a.networks[random.IntN(3)].SID, Upload: 1 + random.Int64N(100_000_000), Download: 1 + random.Int64N(900_000_000),
				MicroCost: 1 + random.Int64N(50_000_000), ByteDelay: bytes, BillDelay: bytes + bill,
			})
		}
		if hour.Equal(before) && s.SID == sid("HS", o.seed, a.index, 0) {
			at := start.Add(time.Duration(random.Int64N(int64(o.duration)))).Sub(hour.Add(time.Hour))
			segments = append(segments, twiliotest.Segment{
				NetworkSID: a.rareNetwork(), Upload: 1 + random.Int64N(1000), Download: 1 + random.Int64N(1000),
				MicroCost: 1 + random.Int64N(1000), ByteDelay: at, BillDelay: at,
			})
		}
		return segments
	}
}

// categories of the account usage; the index is part of the values.
func categories() []string { return []string{"sms", "calls", "Trunking-CPS", "lookups", "mms"} }

// minute counts the steps in which account usage grows.
func minute(t time.Time) int64 { return t.Unix() / 30 }

// monthlyUsage returns what has been used of a category by a time, in hundredths. It
// grows during the month.
func (a *account) monthlyUsage(category int, month, at time.Time) int64 {
	next := month.AddDate(0, 1, 0)
	if at.After(next) {
		at = next
	}
	steps := max(0, minute(at)-minute(month))
	return int64(a.index*10+category+1) * (steps + 7)
}

func (a *account) monthly(month, at time.Time) []twiliotest.MonthlyRecord {
	var records []twiliotest.MonthlyRecord
	var total int64
	decimal := func(hundredths int64) string { return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100) }
	for i, category := range categories() {
		used := a.monthlyUsage(i, month, at)
		total += 3 * used
		records = append(records, twiliotest.MonthlyRecord{
			Category: category, Usage: decimal(used), UsageUnit: "units", Count: decimal(100 * used), CountUnit: "events",
			Price: decimal(3 * used), PriceUnit: "usd",
		})
	}
	return append(records, twiliotest.MonthlyRecord{
		Category: "totalprice", Count: twiliotest.Null, Usage: decimal(total), UsageUnit: "usd", Price: decimal(total), PriceUnit: "usd",
	})
}

// balance is in hundredths.
func (a *account) balance() int64 { return 100_000 + 101*int64(a.index) }

// simulated describes the account to the simulator.
func (a *account) simulated(o options, start time.Time) twiliotest.Account {
	s := twiliotest.Account{
		SID: a.sid, Provider: a.provider, Seed: o.seed + uint64(a.index), Currency: "USD",
		Balance: fmt.Sprintf("%d.%02d", a.balance()/100, a.balance()%100), Start: start.UTC().Truncate(time.Hour).Add(-history),
		SIMList: a.firstSIMs, FleetList: a.fleets, NetworkList: a.networks, Usage: a.usage(o, start), Monthly: a.monthly,
	}
	switch {
	case a.provider == twiliotest.KORE:
		s.ClientID, s.ClientSecret = a.user, a.secret
	case a.hasKey:
		s.KeySID, s.KeySecret = a.user, a.secret
	default:
		s.AuthToken = a.secret
	}
	return s
}

// A simVariant is how a SIM is listed from a time on.
type simVariant struct {
	since        time.Time
	name, status string
}

// inventoryOf are the SIMs of an account and how they are listed.
type inventoryOf struct {
	mu       sync.Mutex
	list     []twiliotest.SIM
	variants map[string][]simVariant // by SID, oldest first
}

func (i *inventoryOf) set(list []twiliotest.SIM, since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.list = list
	if i.variants == nil {
		i.variants = make(map[string][]simVariant)
	}
	for _, s := range list {
		v := simVariant{since, s.UniqueName, s.Status}
		known := i.variants[s.SID]
		if n := len(known); n == 0 || known[n-1].name != v.name || known[n-1].status != v.status {
			i.variants[s.SID] = append(known, v)
		}
	}
}

func (i *inventoryOf) current() []twiliotest.SIM {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.list)
}

// possible reports whether the SIM could be listed so at a time from lo to hi. A
// status of "" is any.
func (i *inventoryOf) possible(sid, name, status string, lo, hi time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	variants := i.variants[sid]
	for k, v := range variants {
		ended := k+1 < len(variants) && variants[k+1].since.Add(time.Second).Before(lo)
		if v.name == name && (status == "" || v.status == status) && !v.since.After(hi) && !ended {
			return true
		}
	}
	return false
}

func newSecret(random *rand.Rand) string {
	return fmt.Sprintf("%s%016x+/&=%%", secretMark, random.Uint64())
}

func hash(seed uint64, text string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", seed, text)
	return h.Sum64()
}

// sid returns the SID of an account's k-th resource of a kind.
func sid(prefix string, seed uint64, index, k int) string {
	return fmt.Sprintf("%s%016x%08x%08x", prefix, hash(seed, prefix), index, k)
}

// roles counts the accounts by role.
func roles(accounts []*account) string {
	counts := make(map[role]int)
	for _, a := range accounts {
		counts[a.role]++
	}
	return fmt.Sprintf("%d %s, %d %s, %d %s", counts[exact], exact, counts[revised], revised, counts[arbitrary], arbitrary)
}
