package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// lies are kinds of faults after which something else may be exposed than the truth,
// by the role of an account that may have them.
func lies() map[twiliotest.FaultKind]role {
	return map[twiliotest.FaultKind]role{
		twiliotest.ShrinkTotals:    revised,
		twiliotest.NullNumbers:     revised,
		twiliotest.EmptyStrings:    revised,
		twiliotest.EmptyList:       revised,
		twiliotest.PageGap:         revised,
		twiliotest.UnknownEnums:    revised,
		twiliotest.NegativeNumbers: arbitrary,
		twiliotest.HugeNumbers:     arbitrary,
	}
}

// heavy kinds cost so much work that they occur one at a time.
func heavy(k twiliotest.FaultKind) bool {
	return slices.Contains([]twiliotest.FaultKind{
		twiliotest.HugeText, twiliotest.DeepJSON, twiliotest.HugePage, twiliotest.EndlessText, twiliotest.GzipBomb, twiliotest.EndlessPages,
	}, k)
}

// A weather is the faults of all simulators for a while.
type weather struct {
	options
	random     *rand.Rand
	accounts   []*account
	simulators []*simulator
	report     *report
	kinds      []twiliotest.FaultKind // those not yet used come first
}

// run changes the faults until the context ends.
func (w *weather) run(ctx context.Context) {
	for {
		w.change()
		if !sleep(ctx, w.interval/2+time.Duration(w.random.Int64N(int64(2*w.interval)))) {
			return
		}
	}
}

// change ends all faults and begins others.
func (w *weather) change() {
	w.clear()
	w.report.event("changes of the faults")
	switch w.random.IntN(6) {
	case 0: // calm
	case 1: // one kind everywhere
		for _, s := range w.simulators {
			f := w.fault(w.kind(exact, false))
			f.Chance = .05 + .5*w.random.Float64()
			s.Inject(f)
		}
	case 2: // an account that is down
		a := w.account()
		f := w.fault(w.kind(a.role, false))
		f.Account, f.Chance = a.sid, 0
		a.simulator.Inject(f)
	case 3: // connections break
		for _, s := range w.simulators {
			s.listener.resetSome(w.random.Float64())
		}
		fallthrough
	default: // many accounts have a few faults each
		for range 1 + len(w.accounts)/8 {
			a := w.account()
			f := w.fault(w.kind(a.role, true))
			f.Account = a.sid
			if w.random.IntN(2) == 0 {
				f.Endpoint = w.endpoint()
			}
			if f.Times == 0 {
				f.Times = 1 + w.random.IntN(8)
			}
			f.After = w.random.IntN(6)
			a.simulator.Inject(f)
		}
	}
}

// clear ends all faults.
func (w *weather) clear() {
	for _, s := range w.simulators {
		w.report.fired(s.Fired())
		s.ClearFaults()
		s.listener.resetSome(0)
	}
}

// account draws an account that may have a fault.
func (w *weather) account() *account {
	all := slices.Clone(w.accounts)
	if len(w.only) > 0 {
		all = slices.DeleteFunc(all, func(a *account) bool {
			return !slices.ContainsFunc(w.only, func(k string) bool { return lies()[twiliotest.FaultKind(k)] <= a.role })
		})
	}
	return all[w.random.IntN(len(all))]
}

// kind draws a kind that an account of a role may have.
func (w *weather) kind(r role, heavyToo bool) twiliotest.FaultKind {
	for range 2 {
		if len(w.kinds) == 0 {
			w.kinds = twiliotest.FaultKinds()
			w.random.Shuffle(len(w.kinds), func(i, j int) { w.kinds[i], w.kinds[j] = w.kinds[j], w.kinds[i] })
		}
		for i, k := range w.kinds {
			if lies()[k] > r || heavy(k) && !heavyToo || slices.Contains(w.without, string(k)) {
				continue
			}
			if len(w.only) > 0 && !slices.Contains(w.only, string(k)) {
				continue
			}
			w.kinds = slices.Delete(w.kinds, i, i+1)
			return k
		}
		w.kinds = nil
	}
	return twiliotest.UnknownFields // which is harmless: no other is left
}

func (w *weather) endpoint() twiliotest.Endpoint {
	all := []twiliotest.Endpoint{
		twiliotest.UsageRecords, twiliotest.Sims, twiliotest.Fleets, twiliotest.Networks, twiliotest.Monthly, twiliotest.Balance, twiliotest.Token,
	}
	return all[w.random.IntN(len(all))]
}

// fault returns a fault of a kind with parameters that fit it.
func (w *weather) fault(k twiliotest.FaultKind) twiliotest.Fault {
	one := func(values ...string) string { return values[w.random.IntN(len(values))] }
	f := twiliotest.Fault{Kind: k}
	if heavy(k) {
		f.Times = 1
	}
	switch k {
	case twiliotest.Slow, twiliotest.SlowBody:
		f.Delay = time.Duration(w.random.Int64N(int64(3 * time.Second)))
	case twiliotest.RateLimit:
		f.RetryAfter = one("", "0", "1", "2", "-1", "soon", time.Now().Add(time.Second).UTC().Format(time.RFC1123))
	case twiliotest.ServerError, twiliotest.HTMLError:
		f.Status = [...]int{500, 502, 503, 504, 520}[w.random.IntN(5)]
	case twiliotest.Refusal:
		f.Status, f.Code = [...]int{200, 400, 401, 403, 404, 410}[w.random.IntN(6)], [...]int{20001, 20003, 20404, 83600, 83602, 0}[w.random.IntN(6)]
	case twiliotest.OtherBody:
		f.Body = one("", "null", "{}", "[]", `"text"`, "<html></html>", `{"code":20003,"message":"no"}`, "\x00", "{")
	case twiliotest.TrailingData:
		f.Body = one("{}", "null", "garbage", "\x00", "]", "\n\n<!-- served by a proxy -->")
	}
	return f
}
