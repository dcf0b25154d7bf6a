package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// askTotal asks for the total of the last days, of which the last part is not billed.
func (p *probe) askTotal(ctx context.Context) error {
	_, pages, err := p.list(ctx, twilio.UsageRecordsParams{
		Granularity: twilio.GranularityAll, StartTime: p.midnight.AddDate(0, 0, -3), EndTime: p.hour,
	}, false)
	if err != nil {
		return p.failed(ctx, err, qPartly)
	}
	for _, page := range pages {
		if page.asked.Get("Granularity") == string(twilio.GranularityHour) || len(page.Records) != 1 {
			continue
		}
		billed, open := 0, 0
		for start, r := range p.first {
			switch {
			case start.Before(page.start) || !start.Before(page.end):
			case r.isBilled():
				billed++
			default:
				open++
			}
		}
		total := page.Records[0]
		switch {
		case open > 0 && billed > 0 && isNothing(total.Billed):
			p.add(qPartly, "null until all of it is billed", "none: polls read the hours to learn what is billed, which takes some more requests")
			return nil
		case open > 0 && billed > 0:
			p.add(qPartly, "what is billed so far", noSetting)
			return nil
		}
	}
	p.add(qPartly, notSeen+": each hour of the last days has an amount, or none has", noSetting)
	return nil
}

// askGroups compares the bytes of groups with the total, of a day that is long over and
// of the last hours. By SIM it would take many requests.
func (p *probe) askGroups(ctx context.Context) error {
	var differences []string
	for _, span := range []struct {
		name       string
		start, end time.Time
	}{
		{"a day that ended 4 days ago", p.midnight.AddDate(0, 0, -5), p.midnight.AddDate(0, 0, -4)},
		{"the last 3 hours", p.hour.Add(-3 * time.Hour), p.hour},
	} {
		params := twilio.UsageRecordsParams{Granularity: twilio.GranularityAll, StartTime: span.start, EndTime: span.end}
		before, err := p.sum(ctx, params)
		if err != nil {
			return p.failed(ctx, err, qGroups)
		}
		sums := make(map[twilio.Group]int64)
		groups := []twilio.Group{twilio.GroupFleet, twilio.GroupNetwork, twilio.GroupIsoCountry}
		for _, group := range groups {
			params.Group = group
			if sums[group], err = p.sum(ctx, params); err != nil {
				return p.failed(ctx, err, qGroups)
			}
		}
		params.Group = twilio.GroupNone
		after, err := p.sum(ctx, params)
		if err != nil {
			return p.failed(ctx, err, qGroups)
		}
		for _, group := range groups {
			// Usage that comes in meanwhile is in some of them.
			least, most := min(before, after), max(before, after)
			if sum := sums[group]; sum < least || sum > most {
				differences = append(differences, fmt.Sprintf("%s has %+.2f%% in %s", group, 100*float64(sum-before)/float64(max(before, 1)), span.name))
			}
		}
	}
	if len(differences) == 0 {
		p.add(qGroups, "yes, by fleet, network and country, for a day that ended 4 days ago and for the last 3 hours", "none")
		return nil
	}
	p.add(qGroups, "no: "+strings.Join(differences, ", "),
		"twilio_supersim_unattributed_bytes shows the difference; where groups lag behind, give the months time with supersim_usage.settle.usage")
	return nil
}

// sum adds up the bytes of a listing.
func (p *probe) sum(ctx context.Context, params twilio.UsageRecordsParams) (bytes int64, err error) {
	records, _, err := p.list(ctx, params, false)
	for _, r := range records {
		bytes += r.Upload.V + r.Download.V
	}
	return bytes, err
}
