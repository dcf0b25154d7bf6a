package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// monthlyKey names a record: one category in one calendar month.
type monthlyKey struct {
	account, category string
	month             time.Time // its start
}

func (k monthlyKey) compare(o monthlyKey) int {
	return cmp.Or(strings.Compare(k.account, o.account), strings.Compare(k.category, o.category), k.month.Compare(o.month))
}

func (c *AccountUsage) key(r twilio.MonthlyUsage) monthlyKey {
	sid := r.AccountSID
	if sid == "" {
		sid = c.account.SID()
	}
	return monthlyKey{sid, r.Category, monthly.Start(r.StartDate)}
}

// list reads the records of whole months, from the one that starts at start to
// the one of now, sorted by key.
func (c *AccountUsage) list(ctx context.Context, held *holding, start, now time.Time) ([]twilio.MonthlyUsage, error) {
	categories := c.cfg.Categories
	if len(categories) == 0 {
		categories = []string{""}
	}
	byKey := order[twilio.MonthlyUsage]{
		compare: func(a, b twilio.MonthlyUsage) int { return c.key(a).compare(c.key(b)) },
		same:    sameMonthly,
		size:    monthlySize,
		name: func(r twilio.MonthlyUsage) string {
			return fmt.Sprintf("category %q of %s", r.Category, r.StartDate.Format("2006-01"))
		},
	}
	var all []twilio.MonthlyUsage
	for _, category := range categories {
		params := twilio.MonthlyUsageParams{
			Category: category, StartDate: start, EndDate: now,
			IncludeSubaccounts: twilio.Null[bool]{V: c.cfg.IncludeSubaccounts, Valid: true},
		}
		records, err := readListing(held, twilio.EndpointMonthlyUsage,
			func() iter.Seq2[twilio.MonthlyUsage, error] {
				return checked(c.account.Client.MonthlyUsages(ctx, params))
			}, byKey, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	// A category that is configured twice counts once.
	slices.SortStableFunc(all, byKey.compare)
	return slices.CompactFunc(all, func(a, b twilio.MonthlyUsage) bool { return byKey.compare(a, b) == 0 }), nil
}

// checked ends a listing at a record that belongs to no category or month.
func checked(list iter.Seq2[twilio.MonthlyUsage, error]) iter.Seq2[twilio.MonthlyUsage, error] {
	return func(yield func(twilio.MonthlyUsage, error) bool) {
		for record, err := range list {
			if err == nil {
				if err = checkMonthly(record); err != nil {
					err = &twilio.ResponseError{Endpoint: twilio.EndpointMonthlyUsage, Err: err}
				}
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

func checkMonthly(r twilio.MonthlyUsage) error {
	switch {
	case r.Category == "":
		return errors.New("a record has no category")
	case r.StartDate.IsZero():
		return fmt.Errorf("the record of category %q has no start_date", r.Category)
	case !r.EndDate.IsZero() && !monthly.Start(r.EndDate).Equal(monthly.Start(r.StartDate)):
		return fmt.Errorf("the record of category %q is not of one calendar month", r.Category)
	}
	return nil
}

func sameMonthly(a, b twilio.MonthlyUsage) bool {
	return a.UsageUnit == b.UsageUnit && a.CountUnit == b.CountUnit && a.PriceUnit == b.PriceUnit &&
		sameAmount(a.Usage, b.Usage) && sameAmount(a.Count, b.Count) && sameAmount(a.Price, b.Price)
}

func sameAmount(a, b twilio.Null[decimal.Decimal]) bool {
	return a.Valid == b.Valid && a.V.Equal(b.V)
}
