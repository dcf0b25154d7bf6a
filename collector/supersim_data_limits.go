package collector

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func simPeriodBytes() metric.Family {
	return metric.Gauge("twilio_supersim_sim_period_bytes",
		"Bytes that a SIM near its data limit has used in its current billing period, as of the last poll that asked for them: whole hours, from the hour in which the period starts.", "sim_sid")
}

func simPeriodEnd() metric.Family {
	return metric.Gauge("twilio_supersim_sim_period_end_timestamp_seconds",
		"End of the billing period that the bytes are of, in seconds since the epoch.", "sim_sid")
}

func dataLimitNotAsked() metric.Family {
	return metric.Gauge("twilio_supersim_data_limit_sims_not_asked",
		"SIMs near their data limit that the last poll did not ask for, because their requests would have exceeded max_requests.")
}

// SuperSIMDataLimitsFamilies are those that SuperSIMDataLimits has samples of.
func SuperSIMDataLimitsFamilies() []metric.Family {
	return []metric.Family{simPeriodBytes(), simPeriodEnd(), dataLimitNotAsked()}
}

// SuperSIMDataLimits collects what SIMs have used in their billing periods. A listing
// of the last 31 days bounds what a period of a month can hold; only SIMs that it
// shows near the limit of their fleet are asked for, one by one.
type SuperSIMDataLimits struct {
	account *Account
	cfg     config.SuperSIMDataLimits

	watched      map[string]watchedSIM // by SID
	exceeded     bool                  // the last poll did not ask for every SIM
	sawInventory bool                  // the inventory was known to the last successful poll
	last         []metric.Batch        // of the last successful poll with an inventory
}

// watchedSIM is what is known of a SIM near its limit.
type watchedSIM struct {
	period twilio.BillingPeriod // zero if it is not known
	status twilio.SimStatus     // of the SIM when the period was read
	bytes  int64                // used in the period, or notReported
	fresh  bool                 // the last successful poll asked for it
	defect string               // what the log says of it already
}

// NewSuperSIMDataLimits makes the collector for one account.
func NewSuperSIMDataLimits(account *Account, cfg config.SuperSIMDataLimits) *SuperSIMDataLimits {
	return &SuperSIMDataLimits{account: account, cfg: cfg, watched: make(map[string]watchedSIM)}
}

// Adopt implements Adopter: periods are not asked for again.
func (c *SuperSIMDataLimits) Adopt(previous Collector) {
	if p, ok := previous.(*SuperSIMDataLimits); ok {
		c.watched, c.exceeded, c.sawInventory, c.last = p.watched, p.exceeded, p.sawInventory, p.last
	}
}

// Advance implements Clocked: without asking the API, nothing changes.
func (c *SuperSIMDataLimits) Advance(time.Time) (Result, bool) { return Result{}, false }

// NextChange implements Clocked. A poll is due once the inventory is known.
func (c *SuperSIMDataLimits) NextChange(now time.Time) time.Time {
	if !c.sawInventory && c.account.Inventory.get().known {
		return now
	}
	return time.Time{}
}

// Poll implements Collector. Without an inventory, there is nothing to ask for yet.
func (c *SuperSIMDataLimits) Poll(ctx context.Context) (Result, error) {
	inventory := c.account.Inventory.get()
	if !inventory.known {
		return Result{Batches: dataLimitBatches(nil, nil)}, nil
	}
	held := c.account.hold()
	defer held.release()
	now := time.Now().UTC()
	end := now.Truncate(time.Hour)
	recent, err := c.recentUsage(ctx, held, end)
	if err != nil {
		return Result{}, fmt.Errorf("usage by sim in the last 31 days: %w", err)
	}
	sims := c.near(inventory, recent, now)
	if err := c.ask(ctx, held, sims, now); err != nil {
		c.keepPeriods(sims)
		return Result{}, err
	}
	slices.SortFunc(sims, func(a, b *limitedSIM) int { return strings.Compare(a.sid, b.sid) })
	warnings := append(c.warnings(sims), c.account.Client.Warnings(twilio.EndpointUsageRecords)...)
	c.sawInventory, c.watched = true, make(map[string]watchedSIM, len(sims))
	notAsked := 0
	for _, s := range sims {
		s.fresh = s.asked
		c.watched[s.sid] = s.watchedSIM
		if !s.asked {
			notAsked++
		}
	}
	if notAsked > 0 && !c.exceeded {
		warnings = append(warnings, fmt.Sprintf("%d SIMs near their data limits were not asked for, because max_requests is %d", notAsked, c.cfg.MaxRequests))
	}
	c.exceeded = notAsked > 0
	c.last = dataLimitBatches(sims, []metric.Sample{{Value: float64(notAsked)}})
	return Result{Batches: c.last, Records: held.count(), Warnings: warnings}, nil
}

// keepPeriods remembers the periods that a poll has read before it failed, so that
// the next one does not ask for them again.
func (c *SuperSIMDataLimits) keepPeriods(sims []*limitedSIM) {
	for _, s := range sims {
		if s.asked && !s.period.Start.IsZero() {
			s.fresh, s.defect = false, c.watched[s.sid].defect
			c.watched[s.sid] = s.watchedSIM
		}
	}
}

// warnings says what is wrong with SIMs, once for each.
func (c *SuperSIMDataLimits) warnings(sims []*limitedSIM) []string {
	var defects []string
	named := make(map[string][]string)
	for _, s := range sims {
		if s.defect != "" && s.defect != c.watched[s.sid].defect {
			if named[s.defect] == nil {
				defects = append(defects, s.defect)
			}
			named[s.defect] = append(named[s.defect], s.sid)
		}
	}
	slices.Sort(defects)
	var lines []string
	for _, defect := range defects {
		sids := named[defect]
		lines = append(lines, fmt.Sprintf("%d SIMs near their data limits %s: for example %s", len(sids), defect, sids[0]))
	}
	return lines
}

// dataLimitBatches are the samples of SIMs that are sorted by SID.
func dataLimitBatches(sims []*limitedSIM, notAsked []metric.Sample) []metric.Batch {
	var bytes, ends []metric.Sample
	for _, s := range sims {
		if s.bytes == notReported {
			continue
		}
		bytes = append(bytes, metric.Sample{Labels: []string{s.sid}, Value: float64(s.bytes)})
		if !s.period.End.IsZero() {
			ends = append(ends, metric.Sample{Labels: []string{s.sid}, Value: seconds(s.period.End)})
		}
	}
	return []metric.Batch{
		metric.NewBatch(simPeriodBytes(), bytes),
		metric.NewBatch(simPeriodEnd(), ends),
		metric.NewBatch(dataLimitNotAsked(), notAsked),
	}
}

// limitedSIM is a SIM near the data limit of its fleet, during a poll.
type limitedSIM struct {
	watchedSIM
	sid       string
	current   twilio.SimStatus // as in the inventory
	limit     int64            // bytes in a billing period
	recent    int64            // bytes in the last 31 days that are known
	askPeriod bool             // the period that is known may not be the current one
	asked     bool
}

// near lists the SIMs near their limits, those first that must be asked for first.
func (c *SuperSIMDataLimits) near(inventory resources, recent []dataUsage, now time.Time) []*limitedSIM {
	limits := make(map[string]int64)
	for _, fleet := range inventory.fleets {
		if fleet.DataLimit.V > 0 {
			limits[fleet.SID] = fleet.DataLimit.V
		}
	}
	var sims []*limitedSIM
	for sim := range inventory.sims.all() {
		// Both are sorted by SID.
		for len(recent) > 0 && recent[0].sim < sim.SID {
			recent = recent[1:]
		}
		var used dataUsage
		if len(recent) > 0 && recent[0].sim == sim.SID {
			used = recent[0]
		}
		limit, limited := limits[sim.FleetSID]
		if !limited || sim.Status == "new" || sim.Status == "inactive" {
			continue
		}
		known, ok := c.watched[sim.SID]
		if !ok || !known.period.Contains(now) {
			known = watchedSIM{bytes: notReported, defect: known.defect}
		}
		// A period that is longer than 31 days may hold more than the listing shows.
		from := c.cfg.WatchFrom * float64(limit)
		if float64(max(used.bytes, known.bytes)) < from && !used.partial {
			continue
		}
		sims = append(sims, &limitedSIM{
			watchedSIM: known, sid: sim.SID, current: sim.Status, limit: limit, recent: used.bytes,
			askPeriod: known.period.End.IsZero() || known.status != sim.Status ||
				known.period.Type == twilio.PeriodReady && sim.Status != "ready",
		})
	}
	slices.SortFunc(sims, func(a, b *limitedSIM) int {
		return cmp.Or(a.rank()-b.rank(), -cmp.Compare(a.share(), b.share()), strings.Compare(a.sid, b.sid))
	})
	return sims
}

// rank is higher for a SIM that is known to be over its limit: it is blocked until its
// period ends, and hardly anything is left to learn about it.
func (s *limitedSIM) rank() int {
	if s.bytes >= s.limit {
		return 1
	}
	return 0
}

// share is how much of its limit the SIM may have used, as far as the last poll tells.
func (s *limitedSIM) share() float64 {
	if s.fresh && s.bytes != notReported {
		return float64(s.bytes) / float64(s.limit)
	}
	return float64(s.recent) / float64(s.limit)
}
