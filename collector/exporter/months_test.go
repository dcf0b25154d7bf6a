package exporter_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// usageOutcomes are those of the collectors of usage, one for each account.
func (p *process) usageOutcomes() (outcomes []*exporter.Outcome) {
	for _, s := range p.exporter.Status() {
		if s.Collector == "supersim_usage" {
			outcomes = append(outcomes, s.Outcome)
		}
	}
	return outcomes
}

// counters are the counters of usage by their text form.
func (p *process) counters() map[string]float64 {
	p.t.Helper()
	families, err := p.exporter.Gatherer().Gather()
	if err != nil {
		p.t.Errorf("%s: gather: %v", time.Now(), err)
	}
	all := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			if m.Counter != nil && strings.HasPrefix(f.GetName(), "twilio_supersim_") {
				all[series(f, m)] = m.Counter.GetValue()
			}
		}
	}
	return all
}

// increases adds up what Prometheus' increase() finds over the whole time, with
// a reset wherever a value falls. What a series shows at its first sample is
// lost, as it is in Prometheus.
type increases struct {
	last, sum map[string]float64
}

func (i *increases) sample(have map[string]float64) {
	for name, v := range have {
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

// TestTenMonths runs two accounts at two simulators through the end of a month, or a
// month and both its ends, once for each of many worlds, and looks at the counters every minute as Prometheus
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
		switch {
		case testing.Short() && w.number > 4:
			return
		case testing.Short():
			w.until = w.month.AddDate(0, 0, 4)
		case w.number%12 != 1: // of the others one end of the month, or all would take half an hour
			w.until = w.month.AddDate(0, 0, 10)
		}
		t.Run(fmt.Sprintf("%02d", w.number), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, w.run)
		})
	}
}

// TestMonthsOnABudget is the start of a month in some of these worlds, where the budget of
// requests is so short that polls leave groups out: each is listed only every few hours.
// Worlds in which what is billed has to be found out by the hour need more requests than
// any such budget.
func TestMonthsOnABudget(t *testing.T) {
	t.Parallel()
	run := 0
	for _, w := range worlds() {
		if w.readings.Unbilled == twiliotest.UnbilledPartlyNull || w.readings.NullHours {
			continue
		}
		if run++; run > 6 || testing.Short() && run > 1 {
			return
		}
		w.until, w.budget = w.month.AddDate(0, 0, 3), 25
		if w.simNetwork {
			w.budget = 50
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
	from, until      time.Time // when there is usage
	readings         twiliotest.Readings
	restarts, faults bool
	simNetwork       bool // usage by SIM and network is counted, too
	storage          bool // a restarted process continues from the state of the one before
	budget           int  // requests an hour, 0: no limit

	random     *rand.Rand
	simulators map[string]*twiliotest.Simulator // by account
	found      *increases
	folder     string // of the states, with storage
}

// worlds are as many as it takes to have all pairs of values.
func worlds() []*world {
	switches := twiliotest.Switches()
	values := []int{2, 2, 2, 2} // restarts, faults, usage by SIM and network, storage: no, yes
	for _, s := range switches {
		values = append(values, len(s.Values))
	}
	var all []*world
	for i, row := range pairwise(values, rand.New(rand.NewPCG(1, 1))) {
		month := date("2003-12-01 00:00").AddDate(0, i%10, 0)
		w := &world{
			number: i + 1, month: month, from: month.AddDate(0, 0, -2), until: month.AddDate(0, 1, 2),
			restarts: row[0] == 1, faults: row[1] == 1, simNetwork: row[2] == 1, storage: row[3] == 1,
			random: rand.New(rand.NewPCG(7, uint64(i))),
			found:  &increases{make(map[string]float64), make(map[string]float64)},
		}
		for k, s := range switches {
			s.Values[row[4+k]].Set(&w.readings)
		}
		all = append(all, w)
	}
	return all
}

// Usage is reported up to 130 minutes late here: after 100 minutes, and half an hour
// later by groups that lag.
const monthsSettle = "settle: {usage: 3h}"

func (w *world) run(t *testing.T) {
	until(t, w.from.Format("2006-01-02 15:04:05"))
	w.simulate()
	if w.storage {
		w.folder = t.TempDir()
	}
	p := w.launch(t)
	restart := time.Now().Add(w.upTo(24 * time.Hour))
	fault := time.Now().Add(w.upTo(24 * time.Hour))
	var recovers, startedUp time.Time // until when requests fail or lists are short
	var outcomes []*exporter.Outcome
	restarts, episodes, samples := 0, 0, 0
	end := w.until.Add(28 * time.Hour)
	if w.budget > 0 {
		end = end.Add(12 * time.Hour) // groups are read up to eight hours late
	}
	for time.Now().Before(end) {
		now := time.Now()
		if w.restarts && now.After(restart) {
			w.end(p)
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
			// A process that starts while the API fails, or before it was polled after that,
			// and until after the month is left, never learns what the month before it had
			// come to.
			if polled := recovers.Add(time.Hour + 10*time.Minute); !w.storage && polled.After(restart) && w.nearEdge(restart) {
				restart = polled
			}
			w.fail()
			fault = now.Add(w.upTo(72 * time.Hour))
		}
		synctest.Wait()
		// Between two polls nothing changes, but at an edge of a month while requests are
		// repeated.
		if now := p.usageOutcomes(); !slices.Equal(now, outcomes) || !recovers.IsZero() && time.Now().Day() <= 2 {
			outcomes = now
			w.found.sample(p.counters())
			samples++
		}
		time.Sleep(time.Minute)
	}
	if lists := countLists(w.simulators["a"]); w.budget > 0 && lists["sim"] > lists["account"]*2/3 {
		t.Errorf("no listing is left out: %v", lists)
	}
	p.stop()
	t.Logf("world %d: month=%s restarts=%v faults=%v sim_network=%v storage=%v %s; %d restarts, %d episodes of faults, %d samples",
		w.number, w.month.Format("2006-01"), w.restarts, w.faults, w.simNetwork, w.storage, w.readings, restarts, episodes, samples)
	w.check(t)
}

// countLists counts the listings by group.
func countLists(s *twiliotest.Simulator) map[string]int {
	lists := make(map[string]int)
	for _, r := range s.Log() {
		uri, err := url.Parse(r.URI)
		if err == nil && r.Endpoint == twiliotest.UsageRecords && uri.Query().Get("Page") == "" {
			lists[cmp.Or(uri.Query().Get("Group"), "account")+uri.Query().Get("Network")]++
		}
	}
	return lists
}

func (w *world) simulate() {
	account := func(sid string, seed uint64) twiliotest.Account {
		return twiliotest.Account{SID: sid, Seed: seed, SIMs: 8, Fleets: 2, Start: w.from, End: w.until}
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
	groups := "account, sim, fleet, network, country"
	if w.simNetwork {
		groups += ", sim_network"
	}
	yaml := "accounts:" + twilioAccount + kore +
		only("supersim_usage: {interval: 1h, "+monthsSettle+", groups: ["+groups+"]}", "supersim_inventory: {interval: 90m}")
	if w.storage {
		yaml += "storage: {path: " + w.folder + "}\n"
	}
	if w.budget > 0 {
		yaml += fmt.Sprintf("api: {max_requests_per_hour: %d}\nmax_age: 12h\n", w.budget)
	}
	return launch(t, yaml, w.simulators, spread)
}

// end ends a process. With storage, every other one is killed, and some stay away for
// hours.
func (w *world) end(p *process) {
	if !w.storage {
		p.stop()
		time.Sleep(w.upTo(time.Minute))
		return
	}
	if w.random.IntN(2) == 0 {
		p.kill()
	} else {
		p.stop()
	}
	if w.random.IntN(4) == 0 {
		time.Sleep(w.upTo(5 * time.Hour))
	} else {
		time.Sleep(w.upTo(time.Minute))
	}
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
				labels []string // besides those of the dimension, and their values
				of     func(twiliotest.Usage) int64
				unit   float64
			}{
				{"upload_bytes", []string{"account", a.name}, func(u twiliotest.Usage) int64 { return u.Upload }, 1},
				{"download_bytes", []string{"account", a.name}, func(u twiliotest.Usage) int64 { return u.Download }, 1},
				{"cost", []string{"account", a.name, "currency", a.currency}, func(u twiliotest.Usage) int64 { return u.MicroCost }, 1e6},
			} {
				var wrong []string
				var counted, used int64
				for _, id := range slices.SortedFunc(maps.Keys(d.usage), func(a, b key) int { return slices.Compare(a[:], b[:]) }) {
					name, want := d.series(figure.name, id, figure.labels), figure.of(d.usage[id])
					checked[name] = true
					_, seen := w.found.last[name]
					have := int64(math.Round(w.found.sum[name] * figure.unit))
					counted, used = counted+have, used+want
					if have == want && (seen || !d.announced) || have < want && !d.announced && w.restarts && !w.storage {
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
		if !checked[name] && (w.found.sum[name] != 0 || strings.Contains(name, `account_sid=""`)) {
			t.Errorf("%s: an increase of %v, of what does not exist", name, w.found.sum[name])
		}
	}
}

// dimension is the truth about one dimension of usage.
type dimension struct {
	name   string
	labels []string
	usage  map[key]twiliotest.Usage
	// The account or the inventory names all ids. Of others a restart without storage ends
	// the time for which they show 0 after they have appeared, so what they had until then
	// can be lost; but nothing of them may be counted twice.
	announced bool
}

func (w *world) truth(account, sid string) []dimension {
	s := w.simulators[account]
	final := func(f twiliotest.Filter) twiliotest.Usage { return s.Final(sid, f, w.from, w.until) }
	total := final(twiliotest.Filter{})
	sims := make(map[key]twiliotest.Usage)
	for _, sim := range s.SIMs(sid) {
		if sim.Status != "new" && sim.Status != "inactive" {
			sims[key{sim.SID}] = final(twiliotest.Filter{Sim: sim.SID})
		}
	}
	fleets, fleetless := make(map[key]twiliotest.Usage), total
	for _, fleet := range s.Fleets(sid) {
		u := final(twiliotest.Filter{Fleet: fleet.SID})
		fleets[key{fleet.SID}] = u
		fleetless.Upload -= u.Upload
		fleetless.Download -= u.Download
		fleetless.MicroCost -= u.MicroCost
	}
	networks, countries := make(map[key]twiliotest.Usage), make(map[key]twiliotest.Usage)
	for _, n := range s.Networks(sid) {
		if u := final(twiliotest.Filter{Network: n.SID}); u != (twiliotest.Usage{}) {
			networks[key{n.SID}] = u
			countries[key{n.ISOCountry}] = final(twiliotest.Filter{IsoCountry: n.ISOCountry})
		}
	}
	all := []dimension{
		{"account", []string{"account_sid"}, map[key]twiliotest.Usage{{sid}: total}, true},
		{"sim", []string{"sim_sid"}, sims, true},
		{"fleet", []string{"fleet_sid"}, fleets, true},
		{"fleet", []string{"fleet_sid"}, map[key]twiliotest.Usage{{}: fleetless}, false},
		{"network", []string{"network_sid"}, networks, false},
		{"country", []string{"iso_country"}, countries, false},
	}
	if w.simNetwork {
		pairs := make(map[key]twiliotest.Usage)
		for _, sim := range s.SIMs(sid) {
			for _, n := range s.Networks(sid) {
				if u := final(twiliotest.Filter{Sim: sim.SID, Network: n.SID}); u != (twiliotest.Usage{}) {
					pairs[key{n.ISOCountry, n.SID, sim.SID}] = u
				}
			}
		}
		all = append(all, dimension{"sim_network", []string{"iso_country", "network_sid", "sim_sid"}, pairs, false})
	}
	return all
}

// key is the values of a dimension's labels.
type key [3]string

// series names a counter of the dimension; labels come in the order of their names.
func (d dimension) series(figure string, id key, others []string) string {
	var labels []string
	for i, name := range d.labels {
		labels = append(labels, fmt.Sprintf("%s=%q", name, id[i]))
	}
	for i := 0; i < len(others); i += 2 {
		labels = append(labels, fmt.Sprintf("%s=%q", others[i], others[i+1]))
	}
	slices.Sort(labels)
	return fmt.Sprintf("twilio_supersim_%s_%s_total{%s}", d.name, figure, strings.Join(labels, ","))
}
