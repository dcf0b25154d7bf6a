package collector

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A Historian is a collector that can read what its counters stood at in the month
// before, for comparison. Its methods are not called during a poll.
type Historian interface {
	// ReadHistory asks the API, with one request, for what has is missing. It returns has
	// itself if nothing is.
	ReadHistory(ctx context.Context, has *History) (*History, error)
}

// History is an account's usage by the day, of whole months: those before the ones that
// its counters run over. It does not change.
type History struct {
	months []*monthDays // at most two, the newest first
}

const day = 24 * time.Hour

// monthDays is the usage of each day of a month.
type monthDays struct {
	start time.Time
	read  time.Time // when the API was asked
	bytes [31]float64
	cost  map[string]*[31]decimal.Decimal // by currency
}

// Bytes is what the counters of all bytes stood at in the month before a month, so long
// after its start. Of a day that is not over then, it takes the share of its hours. It
// reports false if that is not known.
func (h *History) Bytes(month time.Time, elapsed time.Duration) (sum float64, known bool) {
	m := h.of(month.AddDate(0, -1, 0))
	if m == nil {
		return 0, false
	}
	for i := range m.bytes {
		sum += m.bytes[i] * shareOf(i, elapsed)
	}
	return sum, true
}

// Cost is the same of a currency's cost counters.
func (h *History) Cost(month time.Time, elapsed time.Duration, currency string) (amount float64, known bool) {
	m := h.of(month.AddDate(0, -1, 0))
	if m == nil {
		return 0, false
	}
	var sum decimal.Decimal
	if days := m.cost[currency]; days != nil {
		for i := range days {
			sum = sum.Add(days[i].Mul(decimal.NewFromFloat(shareOf(i, elapsed))))
		}
	}
	return sum.Round(6).InexactFloat64(), true
}

// shareOf is which part of a month's day i is over, so long after the month's start.
func shareOf(i int, elapsed time.Duration) float64 {
	return min(1, max(0, float64(elapsed-time.Duration(i)*day)/float64(day)))
}

func (h *History) of(month time.Time) *monthDays {
	if h != nil {
		for _, m := range h.months {
			if m.start.Equal(month) {
				return m
			}
		}
	}
	return nil
}

// ReadHistory implements Historian. A month is read when the byte counters have left it,
// and once more when the cost counters have: then all of it is billed.
func (c *SuperSIMUsage) ReadHistory(ctx context.Context, has *History) (*History, error) {
	now := time.Now().UTC()
	bytes, cost := c.bytes.Window(now).Previous(), c.cost.Window(now).Previous()
	next := new(History)
	var missing []time.Time
	for _, month := range []time.Time{bytes, cost} {
		m := has.of(month)
		switch {
		case next.of(month) != nil:
			continue
		case m == nil, month.Equal(cost) && m.read.Before(month.AddDate(0, 1, 0).Add(c.cfg.Settle.Cost)):
			missing = append(missing, month)
		}
		if m != nil {
			next.months = append(next.months, m)
		}
	}
	if len(missing) == 0 {
		return has, nil
	}
	read, err := c.readDays(ctx, missing[0])
	if err != nil {
		return has, err
	}
	for i, m := range next.months {
		if m.start.Equal(read.start) {
			next.months[i] = read
			return next, nil
		}
	}
	next.months = append(next.months, read)
	return next, nil
}

// readDays reads one month.
func (c *SuperSIMUsage) readDays(ctx context.Context, month time.Time) (*monthDays, error) {
	held := c.account.hold()
	defer held.release()
	m := &monthDays{start: month, read: time.Now().UTC(), cost: make(map[string]*[31]decimal.Decimal)}
	params := c.params(query{group: grouping{name: accountGroup}, start: month, end: month.AddDate(0, 1, 0)})
	params.Granularity = twilio.GranularityDay
	records, err := readListing(held, twilio.EndpointUsageRecords, func() iter.Seq2[twilio.UsageRecord, error] {
		return c.account.Client.UsageRecords(ctx, params)
	}, byHour(), len(m.bytes))
	if err != nil {
		return nil, fmt.Errorf("days of the account in %s: %w", month.Format("2006-01"), err)
	}
	for _, r := range records {
		if err := m.add(r); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *monthDays) add(r twilio.UsageRecord) error {
	if !monthly.Start(r.Period.Start).Equal(m.start) {
		return &twilio.ResponseError{Endpoint: twilio.EndpointUsageRecords, Err: errors.New("a day of another month")}
	}
	i := r.Period.Start.UTC().Day() - 1
	if r.Upload.Valid {
		m.bytes[i] += float64(r.Upload.V)
	}
	if r.Download.Valid {
		m.bytes[i] += float64(r.Download.V)
	}
	if r.Billed.Valid && r.BilledUnit != "" {
		if m.cost[r.BilledUnit] == nil {
			m.cost[r.BilledUnit] = new([31]decimal.Decimal)
		}
		m.cost[r.BilledUnit][i] = m.cost[r.BilledUnit][i].Add(r.Billed.V)
	}
	return nil
}
