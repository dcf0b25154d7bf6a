// Package simulator answers like the Super SIM API of one large account, as fast
// as it can: every page is made once and kept as bytes. It is lean where
// twiliotest is exact, so that a poll's time is the exporter's.
package simulator

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// AccountSID is the only account there is.
const AccountSID = "AC00000000000000000000000000000be7"

// Options say how large the account is.
type Options struct {
	SIMs     int
	Silent   int // how many SIMs of a hundred have no usage
	PageSize int // the most records a page has, 1000 at most
}

const (
	fleets   = 20
	currency = "USD"
)

// sim is a SIM, and what is known of it without asking the clock.
type sim struct {
	sid, name, iccid, status string
	created                  time.Time
	fleet, network           int
	silent                   bool
	seed                     uint64
}

// carrier is a mobile network. The carriers are invented.
type carrier struct{ sid, name, country, mcc, mnc string }

// world is everything that the API knows.
type world struct {
	sims      []sim
	fleets    []string // SIDs
	networks  []carrier
	countries []string
	// Listings have an order of their own that no client could rely on.
	orders map[string][]int
}

func newWorld(o Options) *world {
	w := &world{networks: carriers(), orders: make(map[string][]int)}
	for i := range fleets {
		w.fleets = append(w.fleets, makeSID("HF", hash(1, uint64(i))))
	}
	for _, n := range w.networks {
		if len(w.countries) == 0 || w.countries[len(w.countries)-1] != n.country {
			w.countries = append(w.countries, n.country)
		}
	}
	since := time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC)
	for i := range o.SIMs {
		h := hash(2, uint64(i))
		status := "active"
		if h%100 < 3 {
			status = "ready"
		}
		w.sims = append(w.sims, sim{
			sid:     makeSID("HS", h),
			name:    fmt.Sprintf("meter-%06d", i),
			iccid:   fmt.Sprintf("8988307%013d", i),
			status:  status,
			created: since.Add(time.Duration(h%100_000_000) * time.Second),
			fleet:   int(hash(h, 1) % fleets),
			network: int(hash(h, 2) % uint64(len(w.networks))),
			silent:  int(hash(h, 3)%100) < o.Silent,
			seed:    h,
		})
	}
	for i, kind := range []string{"sims", "all", "hour", "day"} {
		w.orders[kind] = rand.New(rand.NewPCG(7, uint64(i))).Perm(o.SIMs)
	}
	return w
}

// usage is an amount of it.
type usage struct{ upload, download, micro int64 }

func (u *usage) add(v usage) {
	u.upload += v.upload
	u.download += v.download
	u.micro += v.micro
}

// total is the usage of a SIM since the start of a month. It grows with every
// turn, for a counter must not fall.
func (s *sim) total(turn int) usage {
	up := spread(hash(s.seed, 4), 5, 10) + int64(turn)*(1+int64(hash(s.seed, 5)%999_983))
	down := spread(hash(s.seed, 6), 5, 10) + int64(turn)*(1+int64(hash(s.seed, 7)%999_983))
	return usage{up, down, (up + down) / 10}
}

// bucket is the usage of a SIM in an hour or a day.
func (s *sim) bucket(turn int, start time.Time) usage {
	h := hash(s.seed^uint64(start.Unix()), uint64(turn))
	up, down := spread(h, 3, 7), spread(hash(h, 1), 3, 7)
	return usage{up, down, (up + down) / 10}
}

// spread makes of chance a number whose length is chance too: from the lowest
// to, but not including, the highest power of ten.
func spread(h uint64, lowest, highest float64) int64 {
	part := float64(h>>11) / (1 << 53)
	return int64(math.Pow(10, lowest+part*(highest-lowest)))
}

func carriers() []carrier {
	all := []carrier{
		{name: "Prairie Mobile", country: "US", mcc: "310", mnc: "999"},
		{name: "Blue Mesa Wireless", country: "US", mcc: "311", mnc: "998"},
		{name: "Rheinfunk", country: "DE", mcc: "262", mnc: "099"},
		{name: "Elbnetz", country: "DE", mcc: "262", mnc: "98"},
		{name: "Onde Claire", country: "FR", mcc: "208", mnc: "097"},
		{name: "Thistle Telecom", country: "GB", mcc: "234", mnc: "096"},
		{name: "Tulp Mobiel", country: "NL", mcc: "204", mnc: "095"},
		{name: "Hoshi Denpa", country: "JP", mcc: "440", mnc: "092"},
	}
	for i := range all {
		all[i].sid = makeSID("HW", hash(3, uint64(i)))
	}
	return all
}

// hash makes a number of two (splitmix64).
func hash(a, b uint64) uint64 {
	x := a + 0x9e3779b97f4a7c15*(b+1)
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// makeSID is a prefix and 32 hexadecimal digits that h decides.
func makeSID(prefix string, h uint64) string {
	var b [16]byte
	for i, x := range [2]uint64{hash(h, 1), hash(h, 2)} {
		for k := range 8 {
			b[8*i+k] = byte(x >> (8 * k))
		}
	}
	return prefix + hex.EncodeToString(b[:])
}
