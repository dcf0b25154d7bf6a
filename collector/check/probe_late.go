package check

import (
	"context"
	"fmt"
	"time"
)

// askHoursAgain lists the hours a second time, and compares.
func (p *probe) askHoursAgain(ctx context.Context) error {
	if p.first == nil {
		return nil // which has been said
	}
	_, pages, err := p.listHours(ctx)
	if err != nil {
		return p.failed(ctx, err, qLateBytes, qLateBills)
	}
	between := time.Since(p.firstAt).Round(time.Second)
	var bytes, bills []time.Time // ends of the hours that changed
	for _, page := range pages {
		for start, now := range hoursOf(page.Records) {
			before := p.first[start]
			end := start.Add(time.Hour)
			if string(before.Total) != string(now.Total) {
				bytes = append(bytes, end)
			}
			if string(before.Billed) != string(now.Billed) && !(isNothing(before.Billed) && isNothing(now.Billed)) {
				bills = append(bills, end)
			}
		}
	}
	settle := p.account.Collectors.SuperSIMUsage.Settle
	p.add(qLateBytes, p.changed("bytes", bytes, between), p.settle(bytes, "settle.usage", settle.Usage, between))
	p.add(qLateBills, p.changed("amounts", bills, between), p.settle(bills, "settle.cost", settle.Cost, between))
	return nil
}

// changed says which hours changed between two listings.
func (p *probe) changed(what string, ends []time.Time, between time.Duration) string {
	if len(ends) == 0 {
		return fmt.Sprintf("%s of no hour changed within %s", what, between)
	}
	hours := fmt.Sprintf("%d hours", len(ends))
	if len(ends) == 1 {
		hours = "one hour"
	}
	ago, latest := p.age(earliest(ends)), p.age(earliest(ends).Add(-between))
	if latest != ago {
		ago += " to " + latest
	}
	return fmt.Sprintf("within %s, %s of %s changed; the oldest had ended %s before", between, what, hours, ago)
}

// settle is the setting that follows from the hours that changed: at the latest just
// before the second listing.
func (p *probe) settle(ends []time.Time, key string, configured, between time.Duration) string {
	if len(ends) == 0 {
		return "nothing is shown by so short a time alone: probe again with a longer --probe-wait"
	}
	return within(key, configured, p.sinceNow(earliest(ends))+between)
}

func earliest(times []time.Time) time.Time {
	first := times[0]
	for _, t := range times {
		if t.Before(first) {
			first = t
		}
	}
	return first
}
