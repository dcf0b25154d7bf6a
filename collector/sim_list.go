package collector

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// simList is an account's SIMs, column by column, in the order in which they are
// exposed. It is not changed any more.
type simList struct {
	sids, names, fleets, statuses []string
	iccids                        []string // nil unless they are asked for

	bySID []uint32 // their places, sorted by SID
}

// newSimList makes a list of SIMs that are sorted by SID.
func newSimList(sims []twilio.Sim, iccid bool) *simList {
	byFleet := make(map[string][]uint32)
	for i := range sims {
		makeWay(i)
		byFleet[sims[i].FleetSID] = append(byFleet[sims[i].FleetSID], uint32(i))
	}
	places := make([]uint32, 0, len(sims)) // of the SIMs, in the order of the labels' names
	for _, fleet := range slices.Sorted(maps.Keys(byFleet)) {
		if iccid {
			slices.SortStableFunc(byFleet[fleet], func(a, b uint32) int { return strings.Compare(sims[a].ICCID, sims[b].ICCID) })
		}
		places = append(places, byFleet[fleet]...)
	}
	column := func(of func(*twilio.Sim) string) []string {
		all := make([]string, len(places))
		for i, place := range places {
			makeWay(i)
			all[i] = of(&sims[place])
		}
		return all
	}
	once := make(map[string]string) // fleets and statuses repeat
	few := func(s string) string {
		if one, ok := once[s]; ok {
			return one
		}
		one := strings.Clone(s)
		once[one] = one
		return one
	}
	l := &simList{
		sids:     packed(column(func(s *twilio.Sim) string { return s.SID })),
		names:    packed(column(func(s *twilio.Sim) string { return s.UniqueName })),
		fleets:   column(func(s *twilio.Sim) string { return few(s.FleetSID) }),
		statuses: column(func(s *twilio.Sim) string { return few(string(s.Status)) }),
		bySID:    make([]uint32, len(places)),
	}
	if iccid {
		l.iccids = packed(column(func(s *twilio.Sim) string { return s.ICCID }))
	}
	for i, place := range places {
		makeWay(i)
		l.bySID[place] = uint32(i)
	}
	return l
}

// len is the number of SIMs.
func (l *simList) len() int {
	if l == nil {
		return 0
	}
	return len(l.sids)
}

// equal says whether two lists say the same.
func (l *simList) equal(o *simList) bool {
	return o != nil && slices.Equal(l.sids, o.sids) && slices.Equal(l.names, o.names) && slices.Equal(l.fleets, o.fleets) &&
		slices.Equal(l.statuses, o.statuses) && slices.Equal(l.iccids, o.iccids)
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

// intern gives ids the list's strings where they say the same, so that a SID is
// held once. The ids are sorted.
func (l *simList) intern(ids []string) []string {
	shared := slices.Clone(ids)
	i, step := 0, 0
	for sim := range l.all() {
		step++
		makeWay(step)
		for i < len(ids) && cmp.Less(ids[i], sim.SID) {
			i++
		}
		if i < len(ids) && ids[i] == sim.SID {
			shared[i] = sim.SID
		}
	}
	return shared
}

// batch is the rows of sim_info.
func (l *simList) batch() Batch {
	b := Batch{
		Family: "twilio_supersim_sim_info", Rows: len(l.sids), Values: All(1.0),
		Labels: []Column[string]{Each(l.sids), Each(l.names), Each(l.fleets), Each(l.statuses)},
	}
	if l.iccids != nil {
		b.Labels = append(b.Labels, Each(l.iccids))
	}
	return b
}
