package collector

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"
	"unsafe"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// How late the API reports usage is measured on hours that ended at least lateFrom
// and less than lateTo ago: a week of them, old enough that nothing more is expected.
const (
	lateFrom = 2 * 24 * time.Hour
	lateTo   = 9 * 24 * time.Hour
)

// age is one of the times after an hour's end at which it is noted how much of the
// hour's usage has been reported.
type age struct {
	label string
	time.Duration
}

const ageCount = 6

// ages are whole hours, so every hour reaches every age at a whole hour.
func ages() [ageCount]age {
	return [ageCount]age{
		{"1h", time.Hour}, {"2h", 2 * time.Hour}, {"3h", 3 * time.Hour},
		{"6h", 6 * time.Hour}, {"12h", 12 * time.Hour}, {"24h", 24 * time.Hour},
	}
}

func lateBytes() metric.Family {
	return metric.Gauge("twilio_supersim_late_bytes_ratio",
		"Share of the bytes of hours that ended 2 to 9 days ago which the API reported later than the age after the hour's end, as far as the exporter has seen it.", "age")
}

func lateCost() metric.Family {
	return metric.Gauge("twilio_supersim_late_cost_ratio",
		"Share of the amount billed for hours that ended 2 to 9 days ago which the API reported later than the age after the hour's end, as far as the exporter has seen it.", "age")
}

// lateness remembers, for each hour of the last nine days, how much of the account's
// usage the API had reported at each age and how much it reports now. It is kept in
// memory: after a restart the first ratios come when an hour that was seen is two days
// old, and they are complete after nine days.
type lateness struct {
	hours map[int64]*lateHour // by the hour's end, in seconds since the epoch; at most 216
	asOf  time.Time           // of the latest observation
}

// lateHour is what is known of one hour.
type lateHour struct {
	bytes, cost lateAmount
	currency    string // of cost; "" as long as nothing was billed
}

// lateAmount is how a number that belongs to one hour was reported.
type lateAmount struct {
	value  float64       // as last reported
	age    time.Duration // of the hour when that was observed; 0: never
	absent bool          // the last response left the number out

	reported [ageCount]float64 // at each age
	seen     [ageCount]bool    // reports whether reported is known
}

func newLateness() *lateness { return &lateness{hours: make(map[int64]*lateHour)} }

// observe takes a listing of hours. Nothing was reported of an hour without a record.
func (l *lateness) observe(listing hourListing) {
	if listing.at.IsZero() {
		return
	}
	l.asOf = listing.at
	maps.DeleteFunc(l.hours, func(end int64, _ *lateHour) bool {
		age := l.asOf.Sub(time.Unix(end, 0))
		return age >= lateTo || age < 0 // the clock may have been set back
	})
	byEnd := make(map[int64]twilio.UsageRecord, len(listing.records))
	for _, r := range listing.records {
		byEnd[r.Period.Start.Add(time.Hour).Unix()] = r
	}
	for hour := listing.start.Add(time.Hour); !hour.After(listing.end); hour = hour.Add(time.Hour) {
		age := l.asOf.Sub(hour)
		if age < 0 || age >= lateTo {
			continue
		}
		h := l.hours[hour.Unix()]
		if h == nil {
			h = new(lateHour)
			l.hours[hour.Unix()] = h
		}
		r, ok := byEnd[hour.Unix()]
		h.observe(age, r, ok)
	}
}

// observe takes the hour's record at an age. reported is false if there is none.
func (h *lateHour) observe(age time.Duration, r twilio.UsageRecord, reported bool) {
	// What is not named any more keeps its value, as counters do.
	switch {
	case !reported:
		h.bytes.observe(age, h.bytes.value)
	case r.Upload.Valid && r.Download.Valid:
		h.bytes.observe(age, float64(r.Upload.V)+float64(r.Download.V))
	default:
		h.bytes.absent = true
	}
	// Null is money that is not billed yet; an amount without a currency is not counted.
	if !r.Billed.Valid || r.BilledUnit == "" {
		h.cost.observe(age, h.cost.value)
		return
	}
	if h.currency != "" && h.currency != r.BilledUnit {
		h.cost = lateAmount{} // amounts in two currencies cannot be compared
	}
	h.currency = r.BilledUnit
	h.cost.observe(age, r.Billed.V.InexactFloat64())
}

// observe takes the value as reported at an age of the hour.
func (a *lateAmount) observe(age time.Duration, value float64) {
	for i, limit := range ages() {
		if !a.seen[i] && a.age <= limit.Duration && limit.Duration <= age {
			a.reported[i], a.seen[i] = a.between(age, value, limit.Duration)
		}
	}
	a.value, a.age, a.absent = value, age, false
}

// atTheAge is how far an observation may be from an age and still be taken as made at it.
const atTheAge = time.Minute

// between returns what had been reported at an age between the last observation and
// the next one. What was reported in between is taken to have come evenly, which says
// little if the two are more than a third of the age apart: the age then counts as seen
// only if one of them was made at it.
func (a *lateAmount) between(next time.Duration, value float64, age time.Duration) (reported float64, seen bool) {
	gap := next - a.age
	switch {
	case next == age:
		return value, true
	case a.age > 0 && gap <= age/3:
		return a.value + (value-a.value)*float64(age-a.age)/float64(gap), true
	case next-age <= atTheAge:
		return value, true
	case a.age > 0 && age-a.age <= atTheAge:
		return a.value, true
	}
	return 0, false
}

// batches are the ratios as of the latest observation.
func (l *lateness) batches() []metric.Batch {
	currency := l.currency()
	return []metric.Batch{
		l.batch(lateBytes(), func(h *lateHour) *lateAmount { return &h.bytes }),
		l.batch(lateCost(), func(h *lateHour) *lateAmount {
			if h.currency != currency {
				return nil
			}
			return &h.cost
		}),
	}
}

// batch makes the samples of a family from one amount of each hour; nil leaves the
// hour out. An age at which no hour with usage was seen has no sample.
func (l *lateness) batch(family metric.Family, amount func(*lateHour) *lateAmount) metric.Batch {
	var late, all [ageCount]float64
	for _, end := range slices.Sorted(maps.Keys(l.hours)) { // so that the same hours make the same sum
		a := amount(l.hours[end])
		if a == nil || a.absent || a.value <= 0 || !l.counts(end) {
			continue
		}
		for i := range a.seen {
			if a.seen[i] {
				late[i] += max(0, a.value-a.reported[i]) // or it was revised downwards
				all[i] += a.value
			}
		}
	}
	var samples []metric.Sample
	for i, age := range ages() {
		if all[i] > 0 && !math.IsInf(all[i], 0) {
			samples = append(samples, metric.Sample{Labels: []string{age.label}, Value: min(1, late[i]/all[i])})
		}
	}
	return metric.NewBatch(family, samples)
}

// counts reports whether an hour is of the age at which it counts.
func (l *lateness) counts(end int64) bool {
	age := l.asOf.Sub(time.Unix(end, 0))
	return age >= lateFrom && age < lateTo
}

// currency is the one that the newest hour that counts is billed in. Amounts in another
// one cannot be added to it and are left out.
func (l *lateness) currency() (currency string) {
	var newest int64
	for end, h := range l.hours {
		if h.currency != "" && l.counts(end) && (currency == "" || end > newest) {
			newest, currency = end, h.currency
		}
	}
	return currency
}

// hourListing is the account's usage by the hour, as the API returned it at a time.
type hourListing struct {
	at         time.Time // zero if the records do not tell their hours
	start, end time.Time
	records    []twilio.UsageRecord // sorted by time; none of an hour without usage
}

// accountHours reads the hours of the account's last nine days up to a time. It leaves
// out records that are not of one whole hour.
func (c *SuperSIMUsage) accountHours(ctx context.Context, held *holding, upTo time.Time) (hourListing, error) {
	end := upTo.UTC().Truncate(time.Hour)
	l := hourListing{start: end.Add(-lateTo), end: end}
	params := c.params(query{group: grouping{name: accountGroup}, start: l.start, end: l.end, hour: true})
	var err error
	l.records, err = readListing(held, twilio.EndpointUsageRecords, func() iter.Seq2[twilio.UsageRecord, error] {
		return func(yield func(twilio.UsageRecord, error) bool) {
			for r, err := range c.account.Client.UsageRecords(ctx, params) {
				if (err != nil || isHour(r.Period)) && !yield(r, err) {
					return
				}
			}
		}
	}, byHour(), int(lateTo/time.Hour))
	switch {
	case errors.Is(err, twilio.ErrNoPeriod): // which no counter depends on
		return hourListing{}, nil
	case err != nil:
		return hourListing{}, fmt.Errorf("hours of the account from %s to %s: %w", l.start.Format(time.RFC3339), l.end.Format(time.RFC3339), err)
	}
	l.at = time.Now().UTC()
	return l, nil
}

// AtHour implements Hourly: how much of each hour has been reported is read once more
// at the very moment at which hours reach the ages.
func (c *SuperSIMUsage) AtHour(ctx context.Context) error {
	held := c.account.hold()
	defer held.release()
	// The hour that ends now has reached no age. A request for it would be one for the
	// future if the API's clock is slow.
	hours, err := c.accountHours(ctx, held, time.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	c.late.observe(hours)
	return nil
}

// isHour reports whether a period is one whole hour. Its end may be missing, or be the
// hour's last second.
func isHour(p twilio.Period) bool {
	length := p.End.Sub(p.Start)
	return p.Start.Equal(p.Start.Truncate(time.Hour)) && (p.End.IsZero() || length == time.Hour || length == time.Hour-time.Second)
}

// byHour orders the records of a listing of the account's hours.
func byHour() order[twilio.UsageRecord] {
	return order[twilio.UsageRecord]{
		compare: func(a, b twilio.UsageRecord) int { return a.Period.Start.Compare(b.Period.Start) },
		same: func(a, b twilio.UsageRecord) bool {
			return a.Upload == b.Upload && a.Download == b.Download && a.BilledUnit == b.BilledUnit &&
				a.Billed.Valid == b.Billed.Valid && a.Billed.V.Equal(b.Billed.V)
		},
		size: func(r twilio.UsageRecord) int64 { return int64(unsafe.Sizeof(r)) + decimalSize },
		name: func(r twilio.UsageRecord) string {
			return "the hour from " + r.Period.Start.UTC().Format(time.RFC3339) + " on"
		},
	}
}
