package collector

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// simList is an account's SIMs, column by column, in the order in which they are
// exposed. It does not change.
type simList struct {
	iccid                         bool // SIMs are exposed with their ICCIDs
	sids, names, fleets, statuses []string
	iccids                        []string // empty unless they are exposed

	bySID []uint32 // indexes of the SIMs, sorted by SID

	// The scheduled SIMs whose date is known, sorted by SID.
	scheduled      []string
	scheduledSince []float64 // seconds since 1970
}

// newSIMList makes a list of SIMs that are sorted by SID. Columns that have not
// changed since the previous list are shared with it.
func newSIMList(sims []twilio.Sim, iccid bool, previous *simList) *simList {
	byFleet := make(map[string][]uint32)
	for i := range sims {
		byFleet[sims[i].FleetSID] = append(byFleet[sims[i].FleetSID], uint32(i))
	}
	exposed := make([]uint32, 0, len(sims)) // indexes of the SIMs, in the order of the labels' names
	for _, fleet := range slices.Sorted(maps.Keys(byFleet)) {
		if iccid {
			slices.SortStableFunc(byFleet[fleet], func(a, b uint32) int { return strings.Compare(sims[a].ICCID, sims[b].ICCID) })
		}
		exposed = append(exposed, byFleet[fleet]...)
	}
	column := func(of func(*twilio.Sim) string) []string {
		values := make([]string, len(exposed))
		for i, sim := range exposed {
			values[i] = of(&sims[sim])
		}
		return values
	}
	if previous == nil {
		previous = new(simList)
	}
	l := &simList{
		iccid:    iccid,
		sids:     packed(column(func(s *twilio.Sim) string { return s.SID }), previous.sids),
		names:    packed(column(func(s *twilio.Sim) string { return s.UniqueName }), previous.names),
		fleets:   deduplicated(column(func(s *twilio.Sim) string { return s.FleetSID }), previous.fleets),
		statuses: deduplicated(column(func(s *twilio.Sim) string { return string(s.Status) }), previous.statuses),
		bySID:    make([]uint32, len(exposed)),
	}
	if iccid {
		l.iccids = packed(column(func(s *twilio.Sim) string { return s.ICCID }), previous.iccids)
	}
	for i, sim := range exposed {
		l.bySID[sim] = uint32(i)
	}
	for i := range sims {
		if sims[i].DateUpdated.IsZero() {
			continue
		}
		l.scheduled = append(l.scheduled, l.sids[l.bySID[i]])
		l.scheduledSince = append(l.scheduledSince, float64(sims[i].DateUpdated.Unix()))
	}
	return l
}

// packed copies strings into one allocation, so that no padding and none of the
// responses that they came in stay in memory. It returns the previous strings if
// they are equal.
func packed(values, previous []string) []string {
	if slices.Equal(values, previous) {
		return previous
	}
	all := strings.Join(values, "")
	for i, s := range values {
		values[i], all = all[:len(s)], all[len(s):]
	}
	return values
}

// deduplicated copies each different string once. It returns the previous strings
// if they are equal.
func deduplicated(values, previous []string) []string {
	if slices.Equal(values, previous) {
		return previous
	}
	known := make(map[string]string)
	for i, s := range values {
		if _, ok := known[s]; !ok {
			s = strings.Clone(s)
			known[s] = s
		}
		values[i] = known[s]
	}
	return values
}

// len is the number of SIMs.
func (l *simList) len() int {
	if l == nil {
		return 0
	}
	return len(l.sids)
}

// all yields the SIMs, sorted by SID, without ICCID and account.
func (l *simList) all() iter.Seq[twilio.Sim] {
	return func(yield func(twilio.Sim) bool) {
		if l == nil {
			return
		}
		for _, i := range l.bySID {
			if !yield(twilio.Sim{
				SID: l.sids[i], UniqueName: l.names[i], FleetSID: l.fleets[i], Status: twilio.SimStatus(l.statuses[i]),
			}) {
				return
			}
		}
	}
}

// batch is the samples of sim_info.
func (l *simList) batch() metric.Batch {
	b := metric.Batch{
		Family: simInfo(l.iccid), Len: len(l.sids), Values: metric.Const(1.0),
		Labels: []metric.Column[string]{
			metric.Values(l.sids), metric.Values(l.names), metric.Values(l.fleets), metric.Values(l.statuses),
		},
	}
	if l.iccid {
		b.Labels = append(b.Labels, metric.Values(l.iccids))
	}
	return b
}

// scheduledBatch is the samples of sim_scheduled_timestamp_seconds.
func (l *simList) scheduledBatch() metric.Batch {
	b := metric.Batch{Family: simScheduled(), Len: len(l.scheduled)}
	if b.Len > 0 {
		b.Labels, b.Values = []metric.Column[string]{metric.Values(l.scheduled)}, metric.Values(l.scheduledSince)
	}
	return b
}

// fleetSims is how many SIMs of each status each fleet has. The fleets given, those
// of the SIMs, and "" for no fleet have a sample for every documented status, so
// that a series does not end when the last SIM leaves the status.
func (l *simList) fleetSims(fleets []twilio.Fleet) metric.Batch {
	type state struct{ fleet, status string }
	counts := make(map[state]int)
	documented := func(fleet string) {
		for _, status := range []twilio.SimStatus{twilio.SimNew, twilio.SimReady, twilio.SimActive, twilio.SimInactive, twilio.SimScheduled} {
			counts[state{fleet, string(status)}] += 0
		}
	}
	documented("")
	for _, fleet := range fleets {
		documented(fleet.SID)
	}
	for i, fleet := range l.fleets {
		if i == 0 || fleet != l.fleets[i-1] {
			documented(fleet)
		}
		counts[state{fleet, l.statuses[i]}]++
	}
	samples := make([]metric.Sample, 0, len(counts))
	for s, n := range counts {
		samples = append(samples, metric.Sample{Labels: []string{s.fleet, s.status}, Value: float64(n)})
	}
	slices.SortFunc(samples, func(a, b metric.Sample) int { return slices.Compare(a.Labels, b.Labels) })
	return metric.NewBatch(fleetSims(), samples)
}

// name is the unique name of a SIM; "" if it has none or is not in the list.
func (l *simList) name(sid string) string {
	if l == nil {
		return ""
	}
	if i, found := slices.BinarySearchFunc(l.bySID, sid, func(i uint32, sid string) int { return strings.Compare(l.sids[i], sid) }); found {
		return l.names[l.bySID[i]]
	}
	return ""
}
