package twiliotest

import (
	"math"
	"time"
)

// Segment is a part of one SIM's usage in one hour.
//
// Its bytes are reported from the hour's end + ByteDelay on, its bill from the
// hour's end + BillDelay on. The vendor promises billed amounts within 24 hours and
// nothing about late bytes; generated delays are whole seconds up to 100 minutes and
// up to 23 hours.
type Segment struct {
	NetworkSID           string // "": unknown, null in responses
	FleetSID             string // "": the SIM's fleet at that hour
	Upload, Download     int64  // bytes
	MicroCost            int64  // millionths of the currency
	ByteDelay, BillDelay time.Duration
}

const (
	// generatedDelay is when all of a generated hour has been reported and billed.
	generatedDelay = 24 * time.Hour
	// customDelay is the same for an Account.Usage.
	customDelay = 48 * time.Hour

	maxSegments   = 6
	always        = 256   // of 256 hours
	slowestBill   = 82800 // seconds: 23 h
	kilobyte      = 1000
	megabyte      = 1000 * kilobyte
	roamingDays   = 4
	quietDays     = 3
	wildEveryDays = 3
)

// traits are what a generated SIM is like, decided once.
type traits struct {
	seed   uint64
	phase  uint64 // position among all SIMs, spread evenly over 2^64
	rate   uint64 // bytes in an average hour; 0: silent for ever
	often  uint64 // hours with usage, of 256
	quiet  uint64 // spells of silent days, of 256
	roams  uint64 // spells abroad, of 256
	upload uint64 // share of the upload, of 256
	zone   int64  // hours that its day is shifted by
	home   uint64 // index of its home network
	wild   bool
}

// makeTraits describes a SIM. The index is that in the generated list, or -1.
func makeTraits(seed uint64, sid string, index int) traits {
	h := hashString(seed, sid)
	t := traits{
		seed:   h,
		phase:  h,
		rate:   300*kilobyte + hash(h, 1)%(2*megabyte),
		often:  always,
		upload: 20 + hash(h, 2)%90,
		zone:   int64(hash(h, 3) % 24),
		home:   hash(h, 4),
		wild:   index == wildSIM,
	}
	kind := hash(h, 5) % 24
	if index >= 0 {
		t.phase = uint64(index) * golden
		kind = uint64(index % 24)
	}
	switch kind {
	case 7:
		t.rate = 0
	case 2, 10, 18: // heavy: a camera
		t.rate *= 25
		t.upload = 200
	case 8: // sends a few times a day
		t.often = 40
		t.rate /= 20
	case 4, 12, 20: // off for days
		t.quiet = 110
	case 14, 22: // with gaps
		t.often = 215
	}
	if hash(h, 6)%3 == 0 {
		t.roams = 60
	}
	return t
}

// rhythm is how busy each hour of a device's day is, of 256.
type rhythm [24]uint64

func makeRhythm() rhythm {
	var r rhythm
	for i := range r {
		r[i] = uint64(140 - 110*math.Cos(2*math.Pi*float64(i)/24))
	}
	return r
}

// generator makes the usage of SIMs: a pure function of seed, SIM and hour.
type generator struct {
	rhythm   rhythm
	networks []Network
	prices   []int64 // of each network, micro units per MB
	half     uint64  // half the distance of two neighbouring phases
}

func newGenerator(networks []Network) *generator {
	g := &generator{rhythm: makeRhythm(), networks: networks}
	for _, n := range networks {
		g.prices = append(g.prices, microPerMB(n.ISOCountry))
	}
	return g
}

// portion is a generated segment, its network as an index (-1: none).
type portion struct {
	network                  int
	upload, download, micro  int64
	byteSeconds, billSeconds int64
}

// hour appends what a SIM used in the hour that begins hour hours after 1970.
func (g *generator) hour(dst []portion, t *traits, status string, hour int64) []portion {
	if t.rate == 0 || status != "active" && status != "scheduled" {
		return dst
	}
	day := floorDiv(hour, 24)
	if t.quiet > 0 && hash(t.seed^'q', uint64(floorDiv(day, quietDays)))%256 < t.quiet {
		return dst
	}
	clock := hour - 24*day
	h := hash(t.seed, uint64(hour))
	wild := t.wild && day%wildEveryDays == 0 && clock >= 9 && clock < 14
	if h%256 >= t.often && !wild {
		return dst
	}

	volume := t.rate * g.rhythm[(clock+t.zone)%24] / 256 * (64 + h>>8%384) / 256
	if wild {
		volume = 400*megabyte + h>>8%(500*megabyte)
	}
	n := uint64(maxSegments)
	switch {
	case t.often < 128:
		n = 1 + h>>20%2
	case !t.steady():
		n = 3 + h>>20%4
	}
	away := t.home
	if t.roams > 0 {
		spell := hash(t.seed^'r', uint64(floorDiv(day, roamingDays)))
		if spell%256 < t.roams {
			away += 1 + spell>>8%11
		}
	}

	phase := t.phase + uint64(hour&1)*g.half
	billPhase := t.phase + hash('h', uint64(hour))
	first := h >> 24 % maxSegments
	for k := range n {
		x := hash(h, k)
		part := volume / n * (128 + x%256) / 256
		up := part * t.upload / 256
		p := portion{network: -1, upload: int64(up), download: int64(part - up)}
		if len(g.networks) > 0 {
			net := away
			if x>>8%16 == 0 {
				net++
			}
			p.network = int(net % uint64(len(g.networks)))
			p.micro = p.total() * g.prices[p.network] / million
		}
		p.byteSeconds = byteDelay((first+k)%maxSegments, phase)
		late := (billPhase + golden*k) >> 32 * uint64(slowestBill-p.byteSeconds) >> 32
		p.billSeconds = p.byteSeconds + int64(late)
		dst = append(dst, p)
	}
	return dst
}

// byteDelay spreads reports from 0 to 100 minutes after the hour's end, in seconds: a
// sixth of an hour's in each of six stretches, at the same phase of each. The stretches
// in the middle, which no other hour's reports overlap, are half as long. So reports of
// SIMs with even phases are even in time, and a demo sees some at every poll.
func byteDelay(stretch, phase uint64) int64 {
	const long, short = 1200, 600
	switch {
	case stretch < 2:
		return int64(stretch*long + phase>>32*long>>32)
	case stretch < 4:
		return int64(2*long + (stretch-2)*short + phase>>32*short>>32)
	default:
		return int64(3600 + (stretch-4)*long + phase>>32*long>>32)
	}
}

// steady reports whether the SIM has usage in every hour.
func (t *traits) steady() bool { return t.rate > 0 && t.often == always && t.quiet == 0 }

func (p portion) total() int64 { return p.upload + p.download }
