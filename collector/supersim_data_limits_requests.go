package collector

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// What the log says of a SIM whose usage cannot be told exactly.
const (
	simGone      = "are no longer there (HTTP 404, code 20404), so they are not exposed"
	noPeriod     = "have no billing period that contains the present, so they are not exposed"
	bytesMissing = "have bytes that the API does not report; only the others count"
)

// dataUsage is the bytes of a SIM in one period, both directions together.
type dataUsage struct {
	sim     string
	start   int64 // of the period, in seconds since the epoch
	bytes   int64 // those that are known
	partial bool  // some are not reported
}

// newDataUsage is the usage of one record.
func newDataUsage(sim string, r twilio.UsageRecord) (dataUsage, error) {
	u := dataUsage{sim: sim, start: r.Period.Start.Unix()}
	switch {
	case r.Upload.Valid == r.Download.Valid && (r.Upload.Valid || !r.Total.Valid):
		u.partial = !r.Upload.Valid
	case r.Total.Valid:
		u.bytes = r.Total.V
		return u, nil
	default:
		u.partial = true
	}
	var err error
	u.bytes, err = addBytes(r.Upload.V, r.Download.V) // what is not reported is 0
	return u, err
}

// dataUsageOrder orders the records of a listing.
func dataUsageOrder() order[dataUsage] {
	return order[dataUsage]{
		compare: func(a, b dataUsage) int {
			return cmp.Or(strings.Compare(a.sim, b.sim), cmp.Compare(a.start, b.start))
		},
		same: func(a, b dataUsage) bool { return a == b },
		size: func(u dataUsage) int64 { return int64(unsafe.Sizeof(u)) + stringSize(u.sim) },
		name: func(u dataUsage) string {
			return fmt.Sprintf("%q from %s on", u.sim, time.Unix(u.start, 0).UTC().Format(time.RFC3339))
		},
	}
}

// dataUsages reads a listing and adds up its records by SIM, sorted by SID. The SIM of a
// query for one is known.
func (c *SuperSIMDataLimits) dataUsages(ctx context.Context, held *holding, p twilio.UsageRecordsParams) ([]dataUsage, error) {
	records, err := readListing(held, twilio.EndpointUsageRecords, func() iter.Seq2[dataUsage, error] {
		return func(yield func(dataUsage, error) bool) {
			for r, err := range c.account.Client.UsageRecords(ctx, p) {
				var u dataUsage
				if err == nil {
					if u, err = newDataUsage(cmp.Or(p.Sim, r.SimSID), r); err != nil {
						err = tooManyBytes(u.sim, err)
					}
				}
				if !yield(u, err) {
					return
				}
			}
		}
	}, dataUsageOrder(), 0)
	if err != nil {
		return nil, err
	}
	sums := records[:0]
	for _, u := range records {
		n := len(sums)
		if n == 0 || sums[n-1].sim != u.sim {
			sums = append(sums, u)
			continue
		}
		last := &sums[n-1]
		last.partial = last.partial || u.partial
		if last.bytes, err = addBytes(last.bytes, u.bytes); err != nil {
			return nil, tooManyBytes(u.sim, err)
		}
	}
	return sums, nil
}

func tooManyBytes(sim string, err error) error {
	return &twilio.ResponseError{Endpoint: twilio.EndpointUsageRecords, Err: fmt.Errorf("%q: %w", sim, err)}
}

// recentUsage bounds what a billing period of a month can hold: it has at most 31 days,
// which is as long as the API adds up by SIM.
func (c *SuperSIMDataLimits) recentUsage(ctx context.Context, held *holding, end time.Time) ([]dataUsage, error) {
	return c.dataUsages(ctx, held, twilio.UsageRecordsParams{
		Group: twilio.GroupSim, Granularity: twilio.GranularityAll, StartTime: end.Add(-31 * 24 * time.Hour), EndTime: end,
	})
}

// ask asks for the SIMs in their order, as many at a time as the client allows and as
// long as their requests stay within max_requests, and fails with the first error.
func (c *SuperSIMDataLimits) ask(ctx context.Context, held *holding, sims []*limitedSIM, now time.Time) error {
	left := c.cfg.MaxRequests
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(c.account.MaxConcurrency, -1))
	for _, s := range sims {
		requests := c.mostRequests(s, now)
		if groupCtx.Err() != nil || left < requests {
			continue
		}
		left -= requests
		s.asked = true
		group.Go(func() error { return c.askFor(groupCtx, held, s, now) })
	}
	return cmp.Or(group.Wait(), context.Cause(ctx))
}

// mostRequests is how many requests a SIM may take, attempts after the first apart.
func (c *SuperSIMDataLimits) mostRequests(s *limitedSIM, now time.Time) int {
	if s.askPeriod {
		// No range takes more requests than one that starts between midnights.
		unknown := twilio.Period{Start: now.Truncate(24 * time.Hour).Add(-25 * time.Hour)}
		return 1 + c.account.Client.UsageListings(usageInPeriod(s.sid, unknown, now))
	}
	return c.account.Client.UsageListings(usageInPeriod(s.sid, s.period.Period, now))
}

// usageInPeriod is the query for what a SIM has used in its period: whole hours, up to
// the last one.
func usageInPeriod(sim string, period twilio.Period, now time.Time) twilio.UsageRecordsParams {
	p := twilio.UsageRecordsParams{
		Sim: sim, Granularity: twilio.GranularityAll,
		StartTime: period.Start.Truncate(time.Hour), EndTime: now.Truncate(time.Hour),
	}
	// The API keeps usage for 18 months.
	if oldest := p.EndTime.AddDate(0, -17, 0); p.StartTime.Before(oldest) {
		p.StartTime = oldest
	}
	return p
}

// askFor asks for one SIM's period, unless it is known, and its usage in it.
func (c *SuperSIMDataLimits) askFor(ctx context.Context, held *holding, s *limitedSIM, now time.Time) error {
	s.defect = ""
	if s.askPeriod {
		period, err := c.currentPeriod(ctx, held, s.sid, now)
		switch {
		case twilio.IsNotFound(err):
			s.vanish(simGone)
			return nil
		case err != nil:
			return fmt.Errorf("billing period of sim %s: %w", s.sid, err)
		case period.Start.IsZero():
			s.vanish(noPeriod)
			return nil
		}
		if !period.Start.Equal(s.period.Start) {
			s.bytes = notReported
		}
		s.period, s.status = period, s.current
	}
	p := usageInPeriod(s.sid, s.period.Period, now)
	if !p.StartTime.Before(p.EndTime) { // no hour of it is whole
		s.bytes = 0
		return nil
	}
	used, err := c.dataUsages(ctx, held, p)
	switch {
	case twilio.IsNotFound(err):
		s.vanish(simGone)
	case err != nil:
		return fmt.Errorf("usage of sim %s in its billing period: %w", s.sid, err)
	case len(used) == 0: // silent
		s.bytes = 0
	case !used[0].partial:
		s.bytes = used[0].bytes
	default: // at least what was reported before, if anything is known
		s.defect = bytesMissing
		if used[0].bytes > 0 {
			s.bytes = max(s.bytes, used[0].bytes)
		}
	}
	return nil
}

// vanish makes the SIM one of which nothing is known but why.
func (s *limitedSIM) vanish(defect string) {
	s.watchedSIM = watchedSIM{bytes: notReported, defect: defect}
}

// currentPeriod is the billing period of a SIM that contains now, and of several the
// one that started last. It has no start if there is none.
func (c *SuperSIMDataLimits) currentPeriod(ctx context.Context, held *holding, sim string, now time.Time) (twilio.BillingPeriod, error) {
	periods, err := readListing(held, twilio.EndpointBillingPeriods, func() iter.Seq2[twilio.BillingPeriod, error] {
		return c.account.Client.BillingPeriods(ctx, sim)
	}, order[twilio.BillingPeriod]{
		compare: func(a, b twilio.BillingPeriod) int {
			if n := strings.Compare(a.SID, b.SID); n != 0 || a.SID != "" {
				return n
			}
			return a.Start.Compare(b.Start)
		},
		same: func(a, b twilio.BillingPeriod) bool { return a == b },
		name: func(p twilio.BillingPeriod) string { return fmt.Sprintf("%q", p.SID) },
		size: func(p twilio.BillingPeriod) int64 { return int64(unsafe.Sizeof(p)) + stringSize(p.SID) },
	}, 1)
	var current twilio.BillingPeriod
	for _, p := range periods {
		if p.Contains(now) && p.Start.After(current.Start) {
			current = p
		}
	}
	return current, err
}
