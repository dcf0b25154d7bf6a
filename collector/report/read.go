package report

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// dimension is what usage is divided by. Its text is the value in the CSV file.
type dimension string

const (
	byAccount  dimension = "account"
	byFleet    dimension = "fleet"
	byNetwork  dimension = "network"
	byCountry  dimension = "country"
	bySIM      dimension = "sim"
	byCategory dimension = "category"
)

func (d dimension) group() twilio.Group {
	switch d {
	case byFleet:
		return twilio.GroupFleet
	case byNetwork:
		return twilio.GroupNetwork
	case byCountry:
		return twilio.GroupIsoCountry
	case bySIM:
		return twilio.GroupSim
	default:
		return twilio.GroupNone
	}
}

func (d dimension) key(r twilio.UsageRecord) string {
	switch d {
	case byFleet:
		return r.FleetSID
	case byNetwork:
		return r.NetworkSID
	case byCountry:
		return r.IsoCountry
	case bySIM:
		return r.SimSID
	default:
		return ""
	}
}

// grouped are the dimensions that divide the account's usage.
func grouped() []dimension { return []dimension{byFleet, byNetwork, byCountry, bySIM} }

// reader reads one account.
type reader struct {
	client *twilio.Client
	filter config.Filter
}

// monthly is a month's usage: the account's total has the key "".
type monthly map[dimension]usages

func (m monthly) total() *usage { return m[byAccount].of("") }

// month reads the usage of some periods, added up, in all dimensions.
func (r reader) month(ctx context.Context, periods ...period) (monthly, error) {
	m, err := r.dimensions(ctx, periods)
	if err != nil || m.agrees() {
		return m, err
	}
	// A list can be read while usage comes in, or lack a record. Read again is all of it,
	// since what agreed with this total may not agree with the next.
	return r.dimensions(ctx, periods)
}

// agrees reports whether the bytes of each dimension are those of the total.
func (m monthly) agrees() bool {
	for _, d := range grouped() {
		if sum := m[d].sum(); sum.upload.V != m.total().upload.V || sum.download.V != m.total().download.V {
			return false
		}
	}
	return true
}

func (r reader) dimensions(ctx context.Context, periods []period) (monthly, error) {
	m := make(monthly)
	group, ctx := errgroup.WithContext(ctx)
	for _, d := range append(grouped(), byAccount) {
		into := make(usages)
		m[d] = into
		group.Go(func() error {
			for _, p := range periods {
				if p.isEmpty() {
					continue
				}
				if err := r.list(ctx, d, p, twilio.GranularityAll, into, d.key); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return m, group.Wait()
}

// byDay reads the account's usage by day, as 2026-10-31.
func (r reader) byDay(ctx context.Context, p period) (usages, error) {
	days := make(usages)
	if p.isEmpty() {
		return days, nil
	}
	return days, r.list(ctx, byAccount, p, twilio.GranularityDay, days, func(u twilio.UsageRecord) string {
		return u.Period.Start.Format("2006-01-02")
	})
}

// list adds the records of a listing to those of their keys.
func (r reader) list(ctx context.Context, d dimension, p period, granularity twilio.Granularity, into usages, key func(twilio.UsageRecord) string) error {
	records, err := listing(func() iter.Seq2[twilio.UsageRecord, error] {
		return r.client.UsageRecords(ctx, twilio.UsageRecordsParams{
			Sim: r.filter.Sim, Fleet: r.filter.Fleet, Network: r.filter.Network, IsoCountry: r.filter.IsoCountry,
			Group: d.group(), Granularity: granularity, StartTime: p.start, EndTime: p.end,
		})
	})
	if err != nil {
		return err
	}
	type place struct {
		key   string
		start int64
	}
	seen := make(map[place]*twilio.UsageRecord, len(records))
	for i := range records {
		record := &records[i]
		at := place{d.key(*record), record.Period.Start.Unix()}
		if before := seen[at]; before != nil {
			if !sameUsage(before, record) {
				return fmt.Errorf("usage_records: %s %q is listed twice with different values", d, at.key)
			}
			continue // lists that change while their pages are read repeat records
		}
		seen[at] = record
		k := key(*record)
		u := into[k]
		if u == nil {
			u = new(usage)
			into[k] = u
		}
		if err := u.add(*record); err != nil {
			return fmt.Errorf("usage_records: %s %q: %w", d, at.key, err)
		}
	}
	return nil
}

func sameUsage(a, b *twilio.UsageRecord) bool {
	return a.Upload == b.Upload && a.Download == b.Download && a.BilledUnit == b.BilledUnit &&
		a.Billed.Valid == b.Billed.Valid && a.Billed.V.Equal(b.Billed.V)
}

// listing reads a list to its end, from the start again if its page token has become
// invalid.
func listing[T any](list func() iter.Seq2[T, error]) ([]T, error) {
	all, err := collect(list())
	if twilio.IsInvalidPageToken(err) {
		all, err = collect(list())
	}
	return all, err
}

func collect[T any](list iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for record, err := range list {
		if err != nil {
			return nil, err
		}
		all = append(all, record)
	}
	return all, nil
}
