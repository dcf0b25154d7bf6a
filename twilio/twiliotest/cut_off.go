package twiliotest

import "time"

// cutOffs remembers in which hours SIMs are cut off at their fleets' data limits.
type cutOffs struct {
	periods map[cutOffKey][]bool
	sims    []map[string]SIM // by SID, for each list of the world's history
	fleets  map[string]int64 // limits in bytes
	scratch []portion
}

// cutOffKey names a billing period of a SIM by the hour in which it starts.
type cutOffKey struct {
	sim  string
	hour int64
}

const maxKeptCutOffs = 1 << 14

// cutOffIn reports whether a SIM has no usage in an hour (hours since 1970). A period
// that starts within the hour decides: the hour counts whole.
func (w *world) cutOffIn(s SIM, hour int64) bool {
	return w.account.CutOff && w.cutOffAt(s, time.Unix(0, (hour+1)*hourNanos-1).UTC())
}

// cutOffAt reports whether a SIM is cut off at a moment: what it had used in its billing
// period by the last whole hour has reached the data limit of the fleet that it is in.
// The caller holds w.mu.
func (w *world) cutOffAt(s SIM, at time.Time) bool {
	period, ok := w.periodAt(s, at)
	if !ok {
		return false
	}
	hour := floorDiv(at.UnixNano(), hourNanos)
	first := floorDiv(period.Start.UnixNano(), hourNanos)
	key := cutOffKey{s.SID, first}
	cut, ok := w.cuts.periods[key]
	if !ok || int64(len(cut)) <= hour-first {
		cut = w.cutOffHours(s.SID, period, first, hour)
		if len(w.cuts.periods) >= maxKeptCutOffs {
			clear(w.cuts.periods)
		}
		if w.cuts.periods == nil {
			w.cuts.periods = make(map[cutOffKey][]bool)
		}
		w.cuts.periods[key] = cut
	}
	return cut[hour-first]
}

// cutOffHours says of each hour of a period, at least up to one, whether the SIM is
// cut off in it.
func (w *world) cutOffHours(sid string, period BillingPeriod, first, hour int64) []bool {
	last := hour
	if !period.End.IsZero() {
		last = max(last, floorDiv(period.End.UnixNano(), hourNanos)-1)
	}
	var cut []bool
	var used int64
	for h := first; h <= last; h++ {
		s, ok := w.indexed(sid, time.Unix(0, h*hourNanos).UTC())
		if !ok {
			cut = append(cut, false)
			continue
		}
		limit, limited := w.dataLimit(s)
		over := limited && used >= limit
		cut = append(cut, over)
		if !over {
			used += w.wantedBytes(s, h)
		}
	}
	return cut
}

// indexed is simAt for many hours.
func (w *world) indexed(sid string, at time.Time) (SIM, bool) {
	if w.cuts.sims == nil {
		for _, h := range w.history {
			list := make(map[string]SIM, len(h.sims))
			for _, s := range h.sims {
				list[s.SID] = s
			}
			w.cuts.sims = append(w.cuts.sims, list)
		}
	}
	i := len(w.history) - 1
	for i > 0 && w.history[i].from.After(at) {
		i--
	}
	s, ok := w.cuts.sims[i][sid]
	return s, ok
}

// dataLimit is how many bytes a SIM may use in a billing period.
func (w *world) dataLimit(s SIM) (int64, bool) {
	if w.cuts.fleets == nil {
		w.cuts.fleets = make(map[string]int64)
		for _, f := range w.fleets {
			switch {
			case f.DataLimitMB != 0:
				w.cuts.fleets[f.SID] = f.DataLimitMB * megabyte
			case w.account.Provider == Twilio:
				w.cuts.fleets[f.SID] = defaultDataLimit * megabyte
			}
		}
	}
	limit, ok := w.cuts.fleets[s.FleetSID]
	return limit, ok
}

// wantedBytes is what a SIM uses in an hour unless it is cut off.
func (w *world) wantedBytes(s SIM, hour int64) (total int64) {
	begin := time.Unix(0, hour*hourNanos).UTC()
	a := &w.account
	if !a.Start.IsZero() && begin.Before(a.Start) || !a.End.IsZero() && !begin.Before(a.End) {
		return 0
	}
	if a.Usage != nil {
		for _, u := range a.Usage(s, begin) {
			total += u.Upload + u.Download
		}
		return total
	}
	w.cuts.scratch = w.generator.hour(w.cuts.scratch[:0], &w.traits[w.simIDs.index[s.SID]], s.Status, hour)
	for _, p := range w.cuts.scratch {
		total += p.total()
	}
	return total
}

// CutOff reports whether a SIM of an account with CutOff is cut off at a moment.
func (s *Simulator) CutOff(accountSID, simSID string, at time.Time) bool {
	w := s.world(accountSID)
	w.mu.Lock()
	defer w.mu.Unlock()
	sim, ok := w.simAt(simSID, at)
	return ok && w.account.CutOff && w.cutOffAt(sim, at)
}
