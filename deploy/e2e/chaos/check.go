package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A sample is one line of a scrape.
type sample struct {
	name   string
	labels labels.Labels
	value  float64
}

// A scrape is what an honest scraper got.
type scrape struct {
	generation int // of the process
	begin, end time.Time
	samples    []sample
}

// A checker compares scrapes with what is possible. It is safe for concurrent use.
type checker struct {
	options
	report *report

	mu         sync.Mutex
	generation int       // of the process
	started    time.Time // when the process did, with storage the first one
	restarted  time.Time // when the process did
	phases     []phase   // in the order of time
	runs       map[runKey]*run
	polled     map[*account]bool // a scrape has shown counters of the account
}

// runKey names a stretch of time for which an account keeps its counters: until the
// process ends, or the configuration has the account no longer under this name. With
// storage there is no end.
type runKey struct {
	name, sid string
	since     time.Time
}

// A run is what scrapes have seen of an account in such a stretch.
type run struct {
	counters  map[string]seen      // the last values, by series
	families  map[string]time.Time // when a scrape began that last saw any counter of a family
	successes map[string][]success // the last two, by collector
	gap       bool                 // results may have expired, and what waited at 0 waits anew
	covered   map[string]float64   // first end of a poll that must have found a key, by series
}

// seen is a value of a counter and when the scrape had ended that saw it.
type seen struct {
	value float64
	end   time.Time
}

// A success is when a poll ended, in seconds since the epoch, and when a scrape had
// ended that saw it.
type success struct {
	at  float64
	end time.Time
}

// processStarted forgets what the process before has shown, unless there is storage.
func (c *checker) processStarted(p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation, c.restarted = p.generation, p.started
	if !c.storage {
		c.started, c.runs = p.started, make(map[runKey]*run)
	}
	for _, r := range c.runs {
		clear(r.covered) // what showed 0 does it once more
	}
	c.phases = c.phases[len(c.phases)-1:]
	c.phases[0].settled = p.started
}

// begin notes that a configuration can be loaded from now on.
func (c *checker) begin(next configuration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phases = append(c.phases, phase{configuration: next, from: time.Now()})
}

// settle notes that the newest configuration is in force.
func (c *checker) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phases[len(c.phases)-1].settled = time.Now()
}

// inForce returns the indexes of the phases that can have been in force during a scrape.
func (c *checker) inForce(s *scrape) (first, last int) {
	for i, p := range c.phases {
		if !p.settled.IsZero() && p.settled.Before(s.begin) {
			first = i
		}
		if p.from.Before(s.end) {
			last = i
		}
	}
	return first, last
}

// hasSeen reports whether a scrape has shown counters of an account.
func (c *checker) hasSeen(a *account) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.polled[a]
}

// run returns the run of an account that has a name in a phase.
func (c *checker) run(name string, a *account, phase int) (*run, time.Time) {
	for phase > 0 && c.phases[phase-1].accounts[name] == a {
		phase--
	}
	since := c.phases[phase].from
	if since.Before(c.started) || c.storage {
		since = c.started
	}
	k := runKey{name, a.sid, since}
	r := c.runs[k]
	if r == nil {
		r = &run{
			counters: make(map[string]seen), families: make(map[string]time.Time),
			successes: make(map[string][]success), covered: make(map[string]float64),
		}
		c.runs[k] = r
	}
	return r, since
}

// A view is an account as a scrape shows it, under the assumption that a certain
// configuration is in force.
type view struct {
	*account
	name  string
	run   *run
	since time.Time // when the run began
	c     *checker
	s     *scrape
}

// check checks a scrape. It returns the series that it has of each account.
func (c *checker) check(s *scrape) map[*account]map[key]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.generation != c.generation {
		c.report.failedScrape("the process has ended meanwhile")
		return nil
	}
	first, last := c.inForce(s)
	views := make(map[string][]view)
	found := make(map[*account]map[key]bool)
	counts := make(map[string]int)
	twice := make(map[string]bool, len(s.samples))
	for _, x := range s.samples {
		text := x.labels.String()
		if twice[text] {
			c.report.failure("value", fmt.Sprintf("%.600s comes twice in the scrape at %s", text, s.begin.Format(time.RFC3339Nano)))
		}
		twice[text] = true
		name := x.labels.Get("account")
		if name == "" || !strings.HasPrefix(x.name, "twilio_") {
			continue
		}
		candidates, ok := views[name]
		if !ok {
			for i := last; i >= first; i-- {
				a := c.phases[i].accounts[name]
				if a == nil {
					continue
				}
				if r, since := c.run(name, a, i); !slices.ContainsFunc(candidates, func(v view) bool { return v.run == r }) {
					candidates = append(candidates, view{a, name, r, since, c, s})
				}
			}
			views[name] = candidates
		}
		var reasons []string
		valid := false
		for _, v := range candidates {
			k, how, err := v.sample(x, text)
			if err == nil {
				valid = true
				counts[how]++
				if found[v.account] == nil {
					found[v.account] = make(map[key]bool)
				}
				found[v.account][k] = true
				break
			}
			reasons = append(reasons, fmt.Sprintf("%s (%s, %s): %v", v.sid, v.provider, v.role, err))
		}
		if !valid {
			if len(candidates) == 0 {
				reasons = []string{"the account is not configured"}
			}
			c.report.failureOf(name, "value", fmt.Sprintf("account %s, %.600s is %v in the scrape from %s to %s: %s", name, text, x.value,
				s.begin.Format(time.RFC3339Nano), s.end.Format(time.RFC3339Nano), strings.Join(reasons, "; or ")))
		}
	}
	for a, keys := range found {
		if len(keys) > 1 { // others than the zero key
			c.polled[a] = true
		}
	}
	for _, candidates := range views {
		if len(candidates) == 1 {
			candidates[0].remember()
		}
	}
	for how, n := range counts {
		c.report.checked(how, n)
	}
	return found
}

// remember notes what later scrapes are compared with.
func (v *view) remember() {
	for _, x := range v.s.samples {
		if x.labels.Get("account") != v.name {
			continue
		}
		switch {
		case x.name == lastSuccess:
			collector := x.labels.Get("collector")
			known := v.run.successes[collector]
			if n := len(known); n == 0 || known[n-1].at < x.value {
				if n > 0 && x.value-known[n-1].at > v.c.maxAge().Seconds()/2 {
					v.run.gap = true
				}
				known = append(known, success{x.value, v.s.end})
				v.run.successes[collector] = known[max(0, len(known)-2):]
			}
		case isCounter(x.name):
			text := x.labels.String()
			if before, ok := v.run.counters[text]; !ok || x.value >= before.value {
				v.run.counters[text] = seen{x.value, v.s.end}
			}
			if v.run.families[x.name].Before(v.s.begin) {
				v.run.families[x.name] = v.s.begin
			}
		}
	}
}

const lastSuccess = "twilio_exporter_poll_last_success_timestamp_seconds"

func isCounter(name string) bool {
	return strings.HasSuffix(name, "_total") && !strings.HasPrefix(name, "twilio_exporter_")
}

// polled returns the end of the last poll that an earlier scrape has seen; 0 if none
// has.
func (v *view) polled(collector string) float64 {
	for _, s := range slices.Backward(v.run.successes[collector]) {
		if !s.end.After(v.s.begin) {
			return s.at
		}
	}
	return 0
}

// window returns from when to when the poll can have asked whose results are shown.
func (v *view) window(collector string) (lo, hi time.Time) {
	lo = v.s.begin.Add(-v.c.maxAge() - longestPoll)
	if t := v.polled(collector); t > 0 {
		if polled := time.UnixMilli(int64(1000 * t)).Add(-longestPoll); polled.After(lo) {
			lo = polled
		}
	}
	if v.since.After(lo) {
		lo = v.since
	}
	return lo, v.s.end
}

func monthStart(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// turning reports whether the counters may be about to pass to another month. Other
// tests look at that closely.
func turning(lo, hi time.Time) bool { return lo.Before(monthStart(hi).Add(75 * time.Minute)) }

// sample checks one line. It returns the key that it counts for, if any, how it was
// checked, and what is wrong.
func (v *view) sample(x sample, text string) (key, string, error) {
	if math.IsNaN(x.value) || math.IsInf(x.value, 0) {
		return key{}, "", errors.New("not a number")
	}
	if sid := x.labels.Get("account_sid"); x.labels.Has("account_sid") && sid != v.sid && (sid != "" || x.name != "twilio_account_info") {
		return key{}, "", fmt.Errorf("the account's SID is %s", v.sid)
	}
	if isCounter(x.name) {
		if err := v.counter(x, text); err != nil {
			return key{}, "", err
		}
	}
	switch name := strings.TrimPrefix(x.name, "twilio_"); {
	case strings.HasPrefix(name, "supersim_"):
		return v.superSIM(x, text, strings.TrimPrefix(name, "supersim_"))
	case name == "account_info":
		return key{}, "self-metrics", equal(x.value, 1, x.labels.Get("provider") == string(v.provider))
	case name == "account_balance":
		return key{}, "balance", v.balanceIs(x)
	case strings.HasPrefix(name, "account_"):
		return key{}, "account usage", v.accountUsage(x, name)
	case name == "exporter_poll_success":
		return key{}, "self-metrics", equal(x.value, math.Round(min(1, max(0, x.value))), true)
	default:
		return key{}, "self-metrics", nil
	}
}

// counter checks what holds for any counter: it does not fall, and it is seen at 0
// before it counts.
func (v *view) counter(x sample, text string) error {
	if turning(v.s.begin.Add(-v.c.maxAge()-longestPoll), v.s.end) {
		return nil
	}
	before, known := v.run.counters[text]
	if known && !before.end.After(v.s.begin) && x.value < before.value {
		return fmt.Errorf("it has fallen from %v, seen at %s", before.value, before.end.Format(time.RFC3339Nano))
	}
	others := v.run.families[x.name]
	if !known && !others.IsZero() && x.value != 0 && v.s.end.Sub(others) < v.c.rollover() {
		return fmt.Errorf("it was not seen at 0 before: the scrape that began at %s saw its family and not it", others.Format(time.RFC3339Nano))
	}
	return nil
}

func equal(have, want float64, also bool) error {
	if have != want || !also {
		return fmt.Errorf("want %v, and labels that fit", want)
	}
	return nil
}

// near tolerates what a lie does to the last digit.
func near(have, want float64) bool { return math.Abs(have-want) <= 1.1e-6+1e-9*math.Abs(want) }

func (v *view) balanceIs(x sample) error {
	want := float64(v.balance()) / 100
	switch {
	case v.role == arbitrary, x.value == want, v.role == revised && near(x.value, float64(v.balance()*9)/1000):
		return nil
	}
	return fmt.Errorf("want %v", want)
}

func (v *view) accountUsage(x sample, name string) error {
	lo, hi := v.window("account_usage")
	if name == "account_usage_as_of_timestamp_seconds" {
		if x.value < float64(lo.Unix()-1) || x.value > float64(hi.Unix()+1) {
			return fmt.Errorf("possible are %d to %d", lo.Unix(), hi.Unix())
		}
		return nil
	}
	if v.role == arbitrary || turning(lo, hi) {
		return nil
	}
	month, category := monthStart(hi), x.labels.Get("category")
	index := slices.Index(categories(), category)
	counter := isCounter(x.name)
	if name = strings.TrimSuffix(name, "_total"); strings.HasPrefix(name, "account_previous_month_") {
		month, name = month.AddDate(0, -1, 0), "account_"+strings.TrimPrefix(name, "account_previous_month_")
	}
	total := name == "account_cost"
	if total != (category == "") || !total && index < 0 {
		return errors.New("there is no such category")
	}
	unit := map[string]string{"account_usage": "units", "account_usage_events": "events"}[name]
	if v.role != revised && (x.labels.Get("unit") != unit || unit == "" && x.labels.Get("currency") != "USD") {
		return fmt.Errorf("want the unit %q", unit)
	}
	amount := func(at time.Time) (hundredths int64) {
		switch {
		case total:
			for i := range categories() {
				hundredths += 3 * v.monthlyUsage(i, month, at)
			}
			return hundredths
		case name == "account_usage":
			return v.monthlyUsage(index, month, at)
		case name == "account_usage_events":
			return 100 * v.monthlyUsage(index, month, at)
		default:
			return 3 * v.monthlyUsage(index, month, at)
		}
	}
	if v.role == revised && counter {
		lo = v.since // what is held may be as old
		if x.value == 0 {
			return nil
		}
	}
	var possible []float64
	for k := minute(lo); k <= minute(hi); k++ {
		used := float64(amount(time.Unix(30*k, 0)))
		possible = append(possible, used/100)
		if x.value == used/100 || v.role == revised && near(x.value, .9*used/100) {
			return nil
		}
	}
	return impossible(possible)
}

// sent is a name without what the fault control_characters added to it.
func sent(name string) string { return strings.TrimSuffix(name, "\ufffd[31m\ufffd") }

// impossible says which values there can be.
func impossible(possible []float64) error {
	slices.Sort(possible)
	possible = slices.Compact(possible)
	more := ""
	if len(possible) > 40 {
		possible, more = possible[:40], " and more"
	}
	return fmt.Errorf("possible are %v%s", possible, more)
}

// superSIM checks a metric of the Super SIM API.
func (v *view) superSIM(x sample, text, name string) (key, string, error) {
	const inventory = "inventory"
	get := x.labels.Get
	switch name {
	case "sim_info":
		lo, hi := v.window("supersim_inventory")
		status := get("status")
		if v.role != exact {
			status = ""
		}
		sid, fleet := get("sim_sid"), get("fleet_sid")
		if !v.truth.possible(sid, sent(get("unique_name")), status, lo, hi) || fleet != v.fleetOf(sid) {
			return key{}, "", fmt.Errorf("there was no such SIM from %s to %s", lo.Format(time.RFC3339), hi.Format(time.RFC3339))
		}
		return key{}, inventory, equal(x.value, 1, true)
	case "fleet_info", "fleet_data_limit_bytes":
		i := slices.IndexFunc(v.fleets, func(f twiliotest.Fleet) bool { return f.SID == get("fleet_sid") })
		switch {
		case i < 0:
			return key{}, "", errors.New("there is no such fleet")
		case name == "fleet_info":
			return key{}, inventory, equal(x.value, 1, sent(get("unique_name")) == v.fleets[i].UniqueName)
		case v.role == arbitrary, v.role == revised && x.value == float64(v.fleets[i].DataLimitMB*9/10)*1e6:
			return key{}, inventory, nil
		}
		return key{}, inventory, equal(x.value, float64(v.fleets[i].DataLimitMB)*1e6, true)
	case "network_info":
		i := slices.IndexFunc(v.networks, func(n twiliotest.Network) bool { return n.SID == get("network_sid") })
		if i < 0 {
			return key{}, "", errors.New("there is no such network")
		}
		return key{}, inventory, equal(x.value, 1, sent(get("friendly_name")) == v.networks[i].FriendlyName &&
			(v.role != exact || get("iso_country") == v.networks[i].ISOCountry))
	case "hour_end_timestamp_seconds", "usage_end_timestamp_seconds", "cost_end_timestamp_seconds":
		return key{}, "ends", v.endIs(x, name)
	}
	dimension, rest, _ := strings.Cut(name, "_")
	label := map[string]string{"account": "account_sid", "sim": "sim_sid", "fleet": "fleet_sid", "network": "network_sid", "country": "iso_country"}[dimension]
	q, ok := map[string]quantity{
		"upload_bytes_total": upload, "download_bytes_total": download, "cost_total": cost,
		"hour_upload_bytes": upload, "hour_download_bytes": download,
	}[rest]
	if label == "" || !ok {
		return key{}, "other", nil // of a collector that has no truth here
	}
	k := key{dimension, get(label), q}
	if err := v.known(k); err != nil {
		return key{}, "", err
	}
	if q == cost && get("currency") != "USD" && v.role != arbitrary {
		return key{}, "", errors.New("the account has no such currency")
	}
	if isCounter(x.name) {
		how, err := v.monthIs(k, x.value, text)
		return k, how, err
	}
	how, err := v.hourIs(k, x.value)
	return key{}, how, err
}

// fleetOf returns the SID of a SIM's fleet.
func (v *view) fleetOf(sid string) string {
	for _, s := range v.truth.current() {
		if s.SID == sid {
			return s.FleetSID
		}
	}
	return "none"
}

// known returns an error unless the account has a SIM, a fleet, a network or a country
// of this name. The documentation of countries may be incomplete.
func (v *view) known(k key) error {
	ok := true
	switch k.dimension {
	case "sim":
		ok = v.fleetOf(k.id) != "none"
	case "fleet":
		ok = k.id == "" || slices.ContainsFunc(v.fleets, func(f twiliotest.Fleet) bool { return f.SID == k.id })
	case "network":
		ok = slices.ContainsFunc(v.networks, func(n twiliotest.Network) bool { return n.SID == k.id })
	case "country":
		ok = v.role != exact || slices.ContainsFunc(v.networks, func(n twiliotest.Network) bool { return n.ISOCountry == k.id })
	}
	if !ok {
		return fmt.Errorf("no such %s", k.dimension)
	}
	return nil
}

// endIs checks a time up to which something counts.
func (v *view) endIs(x sample, name string) error {
	lo, hi := v.window("supersim_usage")
	delay := time.Duration(0)
	if name == "hour_end_timestamp_seconds" {
		delay = hourDelay
	} else if turning(lo, hi) {
		return nil
	}
	var possible []float64
	for hour := lo.Add(-delay).Truncate(time.Hour); !hour.After(hi.Add(-delay)); hour = hour.Add(time.Hour) {
		if possible = append(possible, float64(hour.Unix())); x.value == float64(hour.Unix()) {
			return nil
		}
	}
	return impossible(possible)
}

// hourIs checks a gauge of one hour.
func (v *view) hourIs(k key, value float64) (string, error) {
	lo, hi := v.window("supersim_usage")
	if v.role == arbitrary {
		return "only for sanity", nil
	}
	var possible []float64
	for end := lo.Add(-hourDelay).UTC().Truncate(time.Hour); !end.After(hi.Add(-hourDelay)); end = end.Add(time.Hour) {
		s := v.truth.between(end.Add(-time.Hour), end)[k]
		if s == nil {
			s = new(series)
		}
		if s.visit(lo.UnixNano(), hi.UnixNano(), -1, func(sum int64) bool {
			possible = append(possible, float64(sum))
			return value == float64(sum) || v.role == revised && (value == float64(sum*9/10) || value == 0)
		}) {
			return "gauges of an hour", nil
		}
	}
	if v.role == revised && k.dimension == "country" && value >= 0 {
		return "only for sanity", nil // countries may have other names
	}
	return "", impossible(possible)
}

// monthIs checks a counter of the month.
func (v *view) monthIs(k key, value float64, text string) (string, error) {
	lo, hi := v.window("supersim_usage")
	if v.role == arbitrary || turning(lo, hi) {
		return "only for sanity", nil
	}
	month := monthStart(hi)
	next := month.AddDate(0, 1, 0)
	s := v.truth.between(month, next)[k]
	if s == nil {
		s = new(series)
	}
	if value == 0 && (v.role == revised || v.mayBeZero(s, text)) {
		return "counters at 0", nil
	}
	unit := 1.0
	if k.quantity == cost {
		unit = 1e6
	}
	var possible []float64
	is := func(sum int64) bool {
		possible = append(possible, float64(sum)/unit)
		switch {
		case value == float64(sum)/unit:
			return true
		case v.role != revised:
			return false
		case k.quantity == cost:
			return near(value, .9*float64(sum)/unit)
		}
		return value == float64(sum*9/10)
	}
	if v.role == revised {
		lo = v.since // what is held may be as old
	}
	if v.hourly {
		if v.visitHourly(k, month, lo, hi, is) {
			return "counters", nil
		}
	} else if s.visit(lo.UnixNano(), hi.UnixNano(), longestPoll, is) {
		return "counters", nil
	}
	if v.role == revised && k.dimension == "country" {
		return "only for sanity", nil
	}
	return "", impossible(possible)
}

// visitHourly is visit for accounts whose month is the sum of two listings, each of its
// own moment: up to a midnight, and since then.
func (v *view) visitHourly(k key, month, lo, hi time.Time, found func(int64) bool) bool {
	next := month.AddDate(0, 1, 0)
	for midnight := lo.UTC().Truncate(24 * time.Hour); !midnight.After(hi); midnight = midnight.AddDate(0, 0, 1) {
		before, since := v.truth.between(month, midnight)[k], v.truth.between(midnight, next)[k]
		if before == nil {
			before = new(series)
		}
		if since == nil {
			since = new(series)
		}
		if before.visit(lo.UnixNano(), hi.UnixNano(), -1, func(a int64) bool {
			return since.visit(lo.UnixNano(), hi.UnixNano(), longestPoll, func(b int64) bool { return found(a + b) })
		}) {
			return true
		}
	}
	return false
}

// mayBeZero reports whether a counter may still show the 0 with which it appears: it
// appeared while the process ran, and it has not shown more yet, nor has a poll ended
// rollover after one that must have found it.
func (v *view) mayBeZero(s *series, text string) bool {
	if len(s.steps) == 0 || s.named <= v.since.UnixNano() || v.run.gap {
		return len(s.steps) == 0 || v.run.gap
	}
	polled := v.polled("supersim_usage")
	if polled == 0 {
		return true
	}
	if _, ok := v.run.covered[text]; !ok && polled-longestPoll.Seconds() > float64(s.named)/1e9 {
		v.run.covered[text] = max(polled, float64(v.c.restarted.UnixMilli())/1000)
	}
	covered, ok := v.run.covered[text]
	return !ok || polled <= covered+v.c.rollover().Seconds()
}
