package exporter

import (
	"cmp"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// shown is what the status page says of the samples that a task exposes, taken from them
// when they change: building the page takes no time for each series. It does not change.
type shown struct {
	asOf time.Time

	counted                      bool // the account has byte counters
	upload, download             float64
	usageEnd, costEnd, billsAsOf time.Time
	costs                        []amount
	bills                        []amount
	previousBills                []amount

	hours   *simHours // nil: no usage by SIM is exposed
	busiest []busySIM
}

// amount is money of an account.
type amount struct {
	account, currency string
	value             float64
}

// newShown takes from batches what the page says. The hours of SIMs continue those that
// were shown before.
func newShown(batches []metric.Batch, asOf time.Time, before *shown) *shown {
	s := &shown{asOf: asOf}
	var hoursEnd time.Time
	var bySIM bool
	var upload, download metric.Batch
	for _, b := range batches {
		switch b.Family.Name {
		case "twilio_supersim_account_upload_bytes_total":
			s.upload, s.counted = sum(b), s.counted || b.Len > 0
		case "twilio_supersim_account_download_bytes_total":
			s.download, s.counted = sum(b), s.counted || b.Len > 0
		case "twilio_supersim_account_cost_total":
			s.costs = addAmounts(s.costs, b)
		case "twilio_supersim_usage_end_timestamp_seconds":
			s.usageEnd = endOf(b, "account")
		case "twilio_supersim_cost_end_timestamp_seconds":
			s.costEnd = endOf(b, "account")
		case "twilio_supersim_hour_end_timestamp_seconds":
			hoursEnd = endOf(b, "sim")
		case "twilio_supersim_sim_hour_upload_bytes":
			upload, bySIM = b, true
		case "twilio_supersim_sim_hour_download_bytes":
			download, bySIM = b, true
		case "twilio_account_cost":
			s.bills = addAmounts(s.bills, b)
		case "twilio_account_previous_month_cost":
			s.previousBills = addAmounts(s.previousBills, b)
		case "twilio_account_usage_as_of_timestamp_seconds":
			s.billsAsOf = latest(b)
		}
	}
	switch {
	case len(batches) == 0: // for a moment
		s.hours = before.hoursOf()
	case bySIM && !hoursEnd.IsZero():
		s.hours = before.hoursOf().add(hoursEnd, upload, download)
		s.busiest = s.hours.busiest()
	}
	return s
}

// hoursOf are the hours of SIMs; nil if there are none.
func (s *shown) hoursOf() *simHours {
	if s == nil {
		return nil
	}
	return s.hours
}

func sum(b metric.Batch) (total float64) {
	for i := range b.Len {
		total += b.Values.At(i)
	}
	return total
}

// latest is the greatest of the moments that are a batch's values.
func latest(b metric.Batch) (t time.Time) {
	for i := range b.Len {
		if at := time.Unix(int64(b.Values.At(i)), 0).UTC(); at.After(t) {
			t = at
		}
	}
	return t
}

// endOf is the moment of a group, or the latest of all if that is not there. Groups that
// were left out of polls have earlier ones.
func endOf(b metric.Batch, group string) time.Time {
	for s := range b.All() {
		if s.Labels[0] == group {
			return time.Unix(int64(s.Value), 0).UTC()
		}
	}
	return latest(b)
}

// addAmounts adds the samples of a batch, whose labels are account SID and currency.
func addAmounts(to []amount, b metric.Batch) []amount {
	for s := range b.All() {
		to = append(to, amount{s.Labels[0], s.Labels[1], s.Value})
	}
	slices.SortFunc(to, func(a, b amount) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.currency, b.currency))
	})
	return to
}

// adoptShown continues what another task has shown. With another filter, what it
// remembers of the hours and months before is of other usage.
func (t *task) adoptShown(old *task) {
	s := old.shown.Load()
	if usage := func(t *task) config.SuperSIMUsage { return t.account.settings.account.Collectors.SuperSIMUsage }; usage(t).Filter == usage(old).Filter {
		t.history.Store(old.history.Load())
	} else if s != nil {
		without := *s
		without.hours, without.busiest = nil, nil
		s = &without
	}
	t.shown.Store(s)
}
