package exporter_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// increases adds up what Prometheus' increase() finds over the whole time, with
// a reset wherever a value falls. What a series shows at its first sample is
// lost, as it is in Prometheus.
type increases struct {
	last, sum map[string]float64
}

func (i *increases) sample(have map[string]float64) {
	for name, v := range have {
		if !strings.Contains(name, "_total{") {
			continue
		}
		last, ok := i.last[name]
		i.last[name] = v
		switch {
		case !ok:
		case v < last:
			i.sum[name] += v
		default:
			i.sum[name] += v - last
		}
	}
}

// TestTenMonths runs two accounts at two simulators through a month and both its ends,
// once for each of many worlds, and looks at the counters every minute as Prometheus
// would. Whatever was used and billed must have been counted, once.
//
// Worlds differ in the readings of the API's documentation, in restarts at random moments
// and in failing requests. Any two values of any two of these come together in at least
// one world. Ten months of the calendar take turns.
//
// A world can be run alone by its number: -run 'TestTenMonths/07'.
func TestTenMonths(t *testing.T) {
	t.Parallel()
	for _, w := range worlds() {
		if testing.Short() && w.number > 2 {
			break
		}
		t.Run(fmt.Sprintf("%02d", w.number), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, w.run)
		})
	}
}

// world is what one run of TestTenMonths goes through.
type world struct {
	number           int
	month            time.Time
	readings         twiliotest.Readings
	restarts, faults bool

	random     *rand.Rand
	simulators map[string]*twiliotest.Simulator // by account
	process    *process
	found      *increases
}

// worlds are as many as it takes to have all pairs of values.
func worlds() []*world {
	switches := twiliotest.Switches()
	values := []int{2, 2} // restarts and faults: no, yes
	for _, s := range switches {
		values = append(values, len(s.Values))
	}
	var all []*world
	for i, row := range pairwise(values, rand.New(rand.NewPCG(1, 1))) {
		w := &world{
			number: i + 1, month: date("2003-12-01 00:00").AddDate(0, i%10, 0),
			restarts: row[0] == 1, faults: row[1] == 1,
			random: rand.New(rand.NewPCG(7, uint64(i))),
			found:  &increases{make(map[string]float64), make(map[string]float64)},
		}
		for k, s := range switches {
			s.Values[row[2+k]].Set(&w.readings)
		}
		all = append(all, w)
	}
	return all
}

// Usage is reported up to 130 minutes late here: after 100 minutes, and half an hour
// later by groups that lag.
const monthsSettle = "settle: {usage: 3h}"

func (w *world) start() time.Time { return w.month.AddDate(0, 0, -2) }
func (w *world) end() time.Time   { return w.month.AddDate(0, 1, 2) }

func (w *world) run(t *testing.T) {
	until(t, w.start().Format("2006-01-02 15:04:05"))
	w.simulate()
	p := w.launch(t)
	restart := time.Now().Add(w.upTo(24 * time.Hour))
	fault := time.Now().Add(w.upTo(24 * time.Hour))
	var recovers, startedUp time.Time // until when requests fail or lists are short
	var status string
	restarts, episodes, samples := 0, 0, 0
	for end := w.end().Add(28 * time.Hour); time.Now().Before(end); {
		now := time.Now()
		if w.restarts && now.After(restart) {
			p.stop()
			time.Sleep(w.upTo(time.Minute))
			w.disturb()
			startedUp = time.Now().Add(2 * time.Minute)
			p = w.launch(t)
			restarts++
			restart = w.nextRestart(now)
		}
		switch {
		case !startedUp.IsZero() && now.After(startedUp), !recovers.IsZero() && now.After(recovers):
			for _, s := range w.simulators {
				s.ClearFaults()
			}
			recovers, startedUp = time.Time{}, time.Time{}
		case w.faults && recovers.IsZero() && now.After(fault):
			episodes++
			recovers = now.Add(w.upTo(90 * time.Minute))
			// A process that starts while the API fails, and until after the month is
			// left, never learns what the month before it had come to.
			if recovers.After(restart) && w.nearEdge(restart) {
				restart = recovers.Add(time.Minute)
			}
			w.fail()
			fault = now.Add(w.upTo(72 * time.Hour))
		}
		synctest.Wait()
		// Between two polls nothing changes, but at an edge of a month while a poll is
		// trying hard.
		var s strings.Builder
		for _, x := range p.exporter.Status() {
			fmt.Fprintf(&s, "%p ", x.Outcome)
		}
		if s.String() != status || !recovers.IsZero() && now.Day() <= 2 {
			status = s.String()
			w.found.sample(p.gather())
			samples++
		}
		time.Sleep(time.Minute)
	}
	p.stop()
	t.Logf("world %d: month=%s restarts=%v faults=%v %s; %d restarts, %d episodes of faults, %d samples",
		w.number, w.month.Format("2006-01"), w.restarts, w.faults, w.readings, restarts, episodes, samples)
	w.check(t)
}

func (w *world) simulate() {
	account := func(sid string, seed uint64) twiliotest.Account {
		return twiliotest.Account{SID: sid, Seed: seed, SIMs: 8, Fleets: 2, Start: w.start(), End: w.end()}
	}
	a, b := account(sidA, 1), account(sidB, 2)
	a.AuthToken = "token-a"
	b.Provider, b.ClientID, b.ClientSecret, b.Currency = twiliotest.KORE, "client-b", "secret-b", "EUR"
	w.simulators = make(map[string]*twiliotest.Simulator)
	for name, account := range map[string]twiliotest.Account{"a": a, "b": b} {
		o := twiliotest.Options{Accounts: []twiliotest.Account{account}, Readings: w.readings}
		if w.readings.ListsShift {
			o.MaxPageSize = 6 // so that lists have several pages
		}
		w.simulators[name] = twiliotest.New(o)
	}
}

func (w *world) launch(t *testing.T) *process {
	kore := koreAccount
	if w.readings.AccountSID == twiliotest.AccountSIDAbsent {
		kore += "  account_sid: " + sidB + "\n" // which nothing else tells
	}
	yaml := "accounts:" + twilioAccount + kore +
		only("supersim_usage: {interval: 1h, groups: ["+allGroups+"], "+monthsSettle+"}", "supersim_inventory: {interval: 90m}")
	return launch(t, yaml, w.simulators)
}

func (w *world) upTo(most time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(most)))
}

// edges are when a month's counters change by the clock alone: those of bytes, then those
// of cost.
func (w *world) edges(month time.Time) []time.Time {
	const rollover = 15 * time.Minute
	var edges []time.Time
	for _, settle := range []time.Duration{0, 3 * time.Hour, 24 * time.Hour} {
		edges = append(edges, month.Add(settle), month.Add(settle+rollover))
	}
	return edges
}

// nextRestart is mostly within two days. At the turn of a month, where restarts hurt, it
// is near one of the edges.
func (w *world) nextRestart(now time.Time) time.Time {
	next := now.Add(w.upTo(48 * time.Hour))
	for _, month := range []time.Time{w.month, w.month.AddDate(0, 1, 0)} {
		for _, edge := range w.edges(month) {
			near := edge.Add(w.upTo(40*time.Minute) - 20*time.Minute)
			if near.After(now.Add(5*time.Minute)) && near.Before(next) && w.random.IntN(2) == 0 {
				return near
			}
		}
	}
	return next
}

func (w *world) nearEdge(t time.Time) bool {
	for _, month := range []time.Time{w.month, w.month.AddDate(0, 1, 0)} {
		if t.After(month.Add(-2*time.Hour)) && t.Before(month.Add(27*time.Hour)) {
			return true
		}
	}
	return false
}

// disturb makes the lists of the next minutes miss records, in the ways that the readings
// know.
func (w *world) disturb() {
	for _, s := range w.simulators {
		if w.readings.ListsShift {
			s.Inject(twiliotest.Fault{Kind: twiliotest.PageGap, Endpoint: twiliotest.UsageRecords, Query: "Group=", Times: 3})
		}
		if w.readings.ListsShort && w.random.IntN(2) == 0 {
			group := []string{"Group=sim", "Group=fleet", "Group=network", "Group=isoCountry"}[w.random.IntN(4)]
			s.Inject(twiliotest.Fault{Kind: twiliotest.EmptyList, Endpoint: twiliotest.UsageRecords, Query: group})
		}
	}
}

// fail makes the requests of one account fail.
func (w *world) fail() {
	kinds := []twiliotest.FaultKind{
		twiliotest.RateLimit, twiliotest.ServerError, twiliotest.HTMLError, twiliotest.Truncate,
		twiliotest.Reset, twiliotest.NoList, twiliotest.UnreadableNumbers, twiliotest.Forbidden,
	}
	account := []string{"a", "b"}[w.random.IntN(2)]
	w.simulators[account].Inject(twiliotest.Fault{Kind: kinds[w.random.IntN(len(kinds))]})
}

// check compares what was counted with the truth, and prints a line for each dimension and
// figure that is wrong.
func (w *world) check(t *testing.T) {
	checked := make(map[string]bool)
	for _, a := range []struct{ name, sid, currency string }{{"a", sidA, "USD"}, {"b", sidB, "EUR"}} {
		for _, d := range w.truth(a.name, a.sid) {
			for _, figure := range []struct {
				name   string
				series func(id string) string
				of     func(twiliotest.Usage) int64
				unit   float64
			}{
				{"upload", func(id string) string { return bytesSeries(d.name, "upload", a.name, d.label, id) }, func(u twiliotest.Usage) int64 { return u.Upload }, 1},
				{"download", func(id string) string { return bytesSeries(d.name, "download", a.name, d.label, id) }, func(u twiliotest.Usage) int64 { return u.Download }, 1},
				{"cost", func(id string) string { return costSeries(d.name, a.name, a.currency, d.label, id) }, func(u twiliotest.Usage) int64 { return u.MicroCost }, 1e6},
			} {
				var wrong []string
				var counted, used int64
				for _, id := range slices.Sorted(maps.Keys(d.usage)) {
					name, want := figure.series(id), figure.of(d.usage[id])
					checked[name] = true
					_, seen := w.found.last[name]
					have := int64(math.Round(w.found.sum[name] * figure.unit))
					counted, used = counted+have, used+want
					if have == want && (seen || !d.announced) || have < want && !d.announced && w.restarts {
						continue
					}
					wrong = append(wrong, fmt.Sprintf("%s: want an increase of %d, have %d", name, want, have))
				}
				if len(wrong) > 0 {
					t.Errorf("account %s, %s %s: %d of %d wrong, together %.4f of the truth: %s",
						a.name, d.name, figure.name, len(wrong), len(d.usage), float64(counted)/float64(max(used, 1)), wrong[0])
				}
			}
		}
	}
	// What the truth does not know must not be counted.
	for _, name := range slices.Sorted(maps.Keys(w.found.last)) {
		if strings.HasPrefix(name, "twilio_supersim_") && !checked[name] && (w.found.sum[name] != 0 || strings.Contains(name, `account_sid=""`)) {
			t.Errorf("%s: an increase of %v, of what does not exist", name, w.found.sum[name])
		}
	}
}

// dimension is the truth about one dimension of usage, by its ids.
type dimension struct {
	name, label string
	usage       map[string]twiliotest.Usage
	// The account or the inventory names all ids. Of others a restart ends the time for
	// which they show 0 after they have appeared, so what they had until then can be
	// lost; but nothing of them may be counted twice.
	announced bool
}

func (w *world) truth(account, sid string) []dimension {
	s := w.simulators[account]
	final := func(f twiliotest.Filter) twiliotest.Usage { return s.Final(sid, f, w.start(), w.end()) }
	total := final(twiliotest.Filter{})
	sims := make(map[string]twiliotest.Usage)
	for _, sim := range s.SIMs(sid) {
		if sim.Status != "new" && sim.Status != "inactive" {
			sims[sim.SID] = final(twiliotest.Filter{Sim: sim.SID})
		}
	}
	fleets, fleetless := make(map[string]twiliotest.Usage), total
	for _, fleet := range s.Fleets(sid) {
		u := final(twiliotest.Filter{Fleet: fleet.SID})
		fleets[fleet.SID] = u
		fleetless.Upload -= u.Upload
		fleetless.Download -= u.Download
		fleetless.MicroCost -= u.MicroCost
	}
	networks, countries := make(map[string]twiliotest.Usage), make(map[string]twiliotest.Usage)
	for _, n := range s.Networks(sid) {
		if u := final(twiliotest.Filter{Network: n.SID}); u != (twiliotest.Usage{}) {
			networks[n.SID] = u
			countries[n.ISOCountry] = final(twiliotest.Filter{IsoCountry: n.ISOCountry})
		}
	}
	return []dimension{
		{"account", "account_sid", map[string]twiliotest.Usage{sid: total}, true},
		{"sim", "sim_sid", sims, true},
		{"fleet", "fleet_sid", fleets, true},
		{"fleet", "fleet_sid", map[string]twiliotest.Usage{"": fleetless}, false},
		{"network", "network_sid", networks, false},
		{"country", "iso_country", countries, false},
		{"sim_network", "", w.simsByNetwork(s, sid), false},
	}
}

// simsByNetwork is the truth about each SIM in each network, by the labels of its series.
func (w *world) simsByNetwork(s *twiliotest.Simulator, sid string) map[string]twiliotest.Usage {
	used := make(map[string]twiliotest.Usage)
	for _, sim := range s.SIMs(sid) {
		for _, n := range s.Networks(sid) {
			if u := s.Final(sid, twiliotest.Filter{Sim: sim.SID, Network: n.SID}, w.start(), w.end()); u != (twiliotest.Usage{}) {
				used[fmt.Sprintf("iso_country=%q,network_sid=%q,sim_sid=%q", n.ISOCountry, n.SID, sim.SID)] = u
			}
		}
	}
	return used
}

// bytesSeries names a byte counter. Without a label, id has all of the dimension's.
func bytesSeries(dimension, direction, account, label, id string) string {
	if label == "" {
		return fmt.Sprintf("twilio_supersim_%s_%s_bytes_total{account=%q,%s}", dimension, direction, account, id)
	}
	return fmt.Sprintf("twilio_supersim_%s_%s_bytes_total{account=%q,%s=%q}", dimension, direction, account, label, id)
}

// costSeries names a cost counter; labels come in the order of their names.
func costSeries(dimension, account, currency, label, id string) string {
	if label == "" {
		return fmt.Sprintf("twilio_supersim_%s_cost_total{account=%q,currency=%q,%s}", dimension, account, currency, id)
	}
	if label <= "currency" {
		return fmt.Sprintf("twilio_supersim_%s_cost_total{account=%q,%s=%q,currency=%q}", dimension, account, label, id, currency)
	}
	return fmt.Sprintf("twilio_supersim_%s_cost_total{account=%q,currency=%q,%s=%q}", dimension, account, currency, label, id)
}
