package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// How many failures are told in full: of one account, or without one, and in all.
const (
	maxFailuresOf = 5
	maxFailures   = 50
)

// usedResources is what the exporter uses at a moment.
type usedResources struct {
	generation                          int
	at                                  time.Time
	resident, heap, goroutines, handles float64
}

// A report is what has happened. It is safe for concurrent use.
type report struct {
	seed uint64
	logf func(format string, arguments ...any)

	mu        sync.Mutex
	failures  map[string]int // by kind
	told      map[string]int // by account and kind
	scrapes   int
	values    map[string]int  // that were checked, by how
	failed    map[string]int  // scrapes, by reason
	events    map[string]int  // by what
	faults    map[string]int  // that occurred, by kind
	logs      map[string]int  // lines by level
	exits     map[string]int  // by how
	attacks   map[string]int  // by kind
	resources []usedResources // in the order of time
	longest   map[string]time.Duration
}

func newReport(seed uint64, logf func(string, ...any)) *report {
	r := &report{seed: seed, logf: logf, longest: make(map[string]time.Duration)}
	for _, m := range []*map[string]int{&r.failures, &r.told, &r.values, &r.failed, &r.events, &r.faults, &r.logs, &r.exits, &r.attacks} {
		*m = make(map[string]int)
	}
	return r
}

// failure notes that the exporter has done something wrong.
func (r *report) failure(kind, text string) { r.failureOf("", kind, text) }

// failureOf is failure for an account.
func (r *report) failureOf(account, kind, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures[kind]++
	about := account + " " + kind
	if r.told[about]++; r.told[about] <= maxFailuresOf && len(r.told) <= maxFailures/maxFailuresOf {
		r.logf("FAILURE (%s, seed %d): %s", kind, r.seed, text)
	}
}

func (r *report) count(m map[string]int, what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m[what] += n
}

func (r *report) event(what string)         { r.count(r.events, what, 1) }
func (r *report) attack(what string)        { r.count(r.attacks, what, 1) }
func (r *report) failedScrape(why string)   { r.count(r.failed, why, 1) }
func (r *report) logged(level string)       { r.count(r.logs, level, 1) }
func (r *report) exit(how string)           { r.count(r.exits, how, 1) }
func (r *report) checked(how string, n int) { r.count(r.values, how, n) }

func (r *report) scraped(took time.Duration) {
	r.took("scrape", took)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scrapes++
}

// took notes how long something took, of which the longest is told.
func (r *report) took(what string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.longest[what] = max(r.longest[what], d)
}

func (r *report) fired(faults map[twiliotest.FaultKind]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, n := range faults {
		if n > 0 {
			r.faults[string(k)] += n
		}
	}
}

func (r *report) used(u usedResources) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resources = append(r.resources, u)
}

// verdict tells everything, and returns an error unless all is well.
func (r *report) verdict(duration time.Duration) error {
	r.mu.Lock()
	resources := slices.Clone(r.resources)
	r.mu.Unlock()
	for _, growth := range growths(resources, duration) {
		if growth.fails {
			r.failure("growth", growth.text)
		} else {
			r.logf("%s", growth.text)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	total := 0
	for _, n := range r.values {
		total += n
	}
	failed := 0
	for _, n := range r.failed {
		failed += n
	}
	r.logf("scrapes: %d succeeded, %d failed%s", r.scrapes, failed, list(r.failed))
	r.logf("values checked: %d%s", total, list(r.values))
	r.logf("wrong values: %d", r.failures["value"])
	r.logf("events%s", list(r.events))
	r.logf("attacks%s", list(r.attacks))
	r.logf("faults that occurred%s", list(r.faults))
	var never []string
	for _, k := range twiliotest.FaultKinds() {
		if r.faults[string(k)] == 0 {
			never = append(never, string(k))
		}
	}
	r.logf("faults that did not: %s", strings.Join(never, ", "))
	r.logf("log lines%s", list(r.logs))
	r.logf("exits%s", list(r.exits))
	for _, what := range slices.Sorted(maps.Keys(r.longest)) {
		r.logf("the longest %s: %s", what, r.longest[what].Round(time.Millisecond))
	}
	if len(r.failures) > 0 {
		return fmt.Errorf("failures%s; seed %d", list(r.failures), r.seed)
	}
	return nil
}

// list writes counts.
func list(m map[string]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
	}
	if len(parts) == 0 {
		return ": none"
	}
	return ": " + strings.Join(parts, ", ")
}

// growth compares the use of a resource.
type growth struct {
	text  string
	fails bool
}

// maxGrowth is by how much the median may grow from the first to the last quarter.
const maxGrowth = 1.2

// growths compares what the last process used in the first and in the last quarter of
// its time, after a warm-up of a sixth. What a short run uses says little: goroutines and
// file descriptors count from five minutes on. Resident memory counts from half an hour
// on, because Go returns what an attack took only little by little.
func growths(all []usedResources, duration time.Duration) []growth {
	if len(all) == 0 {
		return []growth{{"no resources were measured", true}}
	}
	last := all[len(all)-1].generation
	all = slices.DeleteFunc(all, func(u usedResources) bool { return u.generation != last })
	all = all[len(all)/6:]
	quarter := max(1, len(all)/4)
	var found []growth
	for _, x := range []struct {
		name  string
		unit  float64
		least time.Duration // that a run must take for a growth to be a failure
		of    func(usedResources) float64
	}{
		{"resident memory in MB", 1e6, 30 * time.Minute, func(u usedResources) float64 { return u.resident }},
		{"heap in MB", 1e6, 30 * time.Minute, func(u usedResources) float64 { return u.heap }},
		{"goroutines", 1, 5 * time.Minute, func(u usedResources) float64 { return u.goroutines }},
		{"file descriptors", 1, 5 * time.Minute, func(u usedResources) float64 { return u.handles }},
	} {
		before, after := median(all[:quarter], x.of), median(all[len(all)-quarter:], x.of)
		found = append(found, growth{
			fmt.Sprintf("%s: %.0f in the first quarter, %.0f in the last, %+.0f %% (%d measurements in %s)", x.name, before/x.unit, after/x.unit,
				100*(after/before-1), len(all), all[len(all)-1].at.Sub(all[0].at).Round(time.Second)),
			duration >= x.least && after > maxGrowth*before,
		})
	}
	return found
}

func median(all []usedResources, of func(usedResources) float64) float64 {
	var values []float64
	for _, u := range all {
		values = append(values, of(u))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// short says how it goes.
func (r *report) short() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	used := "nothing measured yet"
	if n := len(r.resources); n > 0 {
		u := r.resources[n-1]
		used = fmt.Sprintf("%.0f MB, %.0f goroutines, %.0f file descriptors", u.resident/1e6, u.goroutines, u.handles)
	}
	return fmt.Sprintf("%d scrapes, failed%s; failures%s; %s", r.scrapes, list(r.failed), list(r.failures), used)
}
