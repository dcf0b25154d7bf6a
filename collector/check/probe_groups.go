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
	if p.first == nil {
		p.add(qPartly, notFoundOut+": the hours could not be listed", "probe again once it works")
		return nil
	}
	_, pages, err := p.list(ctx, twilio.UsageRecordsParams{
		Granularity: twilio.GranularityAll, StartTime: p.midnight.AddDate(0, 0, -3), EndTime: p.hour,
	}, 0)
	if err != nil {
		return p.failed(ctx, err, qPartly)
	}
	for _, page := range pages {
		if len(page.Records) != 1 { // of several hours
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

// groupSums are the bytes of a range: the total before and after those of the groups.
type groupSums struct {
	before, after int64
	groups        map[twilio.Group]int64
}

// summedGroups can be listed by one request each. By SIM it would take many.
func summedGroups() []twilio.Group {
	return []twilio.Group{twilio.GroupFleet, twilio.GroupNetwork, twilio.GroupIsoCountry}
}

const (
	settledDay  = "a day that ended 4 days ago"
	recentHours = "the last 3 hours"
)

// askGroups compares the bytes of groups with the total, of a day that is long over and
// of the last hours. askGroupsAgain answers.
func (p *probe) askGroups(ctx context.Context) error {
	settled, err := p.sumSettled(ctx)
	if err == nil {
		p.recent, err = p.sumGroups(ctx, p.hour.Add(-3*time.Hour), p.hour)
	}
	if err != nil {
		return p.failed(ctx, err, qGroups, qShort)
	}
	p.settled = &settled
	return nil
}

// askGroupsAgain lists the groups of the day a second time: a listing that lacks what
// another one has is a matter of the moment, and one that lacks it always is not.
func (p *probe) askGroupsAgain(ctx context.Context) error {
	if p.settled == nil {
		return nil // which has been said
	}
	again, err := p.sumSettled(ctx)
	if err != nil {
		p.answerGroups(*p.settled)
		return p.failed(ctx, err, qShort)
	}
	p.answerGroups(*p.settled, again)
	p.answerShort(*p.settled, again)
	return nil
}

func (p *probe) sumSettled(ctx context.Context) (groupSums, error) {
	return p.sumGroups(ctx, p.midnight.AddDate(0, 0, -5), p.midnight.AddDate(0, 0, -4))
}

func (p *probe) sumGroups(ctx context.Context, start, end time.Time) (sums groupSums, err error) {
	params := twilio.UsageRecordsParams{Granularity: twilio.GranularityAll, StartTime: start, EndTime: end}
	if sums.before, err = p.sum(ctx, params); err != nil {
		return sums, err
	}
	sums.groups = make(map[twilio.Group]int64)
	for _, params.Group = range summedGroups() {
		if sums.groups[params.Group], err = p.sum(ctx, params); err != nil {
			return sums, err
		}
	}
	params.Group = twilio.GroupNone
	sums.after, err = p.sum(ctx, params)
	return sums, err
}

// answerGroups compares groups with totals. Of several listings of a day, the one that
// has most counts.
func (p *probe) answerGroups(settled ...groupSums) {
	var differences []string
	compare := func(span string, group twilio.Group, sum int64, listings ...groupSums) {
		// Usage that comes in meanwhile is in some of them.
		least, most := listings[0].before, listings[0].before
		for _, l := range listings {
			least, most = min(least, l.before, l.after), max(most, l.before, l.after)
		}
		if sum < least {
			differences = append(differences, fmt.Sprintf("%s has %+.2f%% in %s", group, share(sum-least, least), span))
		} else if sum > most {
			differences = append(differences, fmt.Sprintf("%s has %+.2f%% in %s", group, share(sum-most, most), span))
		}
	}
	for _, group := range summedGroups() {
		most := settled[0].groups[group]
		for _, s := range settled {
			most = max(most, s.groups[group])
		}
		compare(settledDay, group, most, settled...)
		compare(recentHours, group, p.recent.groups[group], p.recent)
	}
	if len(differences) == 0 {
		p.add(qGroups, "yes, by fleet, network and country, for "+settledDay+" and for "+recentHours, "none")
		return
	}
	p.add(qGroups, "no: "+strings.Join(differences, ", "),
		"twilio_supersim_unattributed_bytes shows the difference; where groups lag behind, give the months time with supersim_usage.settle.usage")
}

// answerShort compares two listings of each group.
func (p *probe) answerShort(first, second groupSums) {
	if first.before != first.after || first.before != second.before || first.before != second.after {
		p.add(qShort, notSeen+": the total of "+settledDay+" changed meanwhile", noSetting)
		return
	}
	var short []string
	for _, group := range summedGroups() {
		if a, b := first.groups[group], second.groups[group]; a != b {
			short = append(short, fmt.Sprintf("one by %s lacked %.2f%% of the bytes that another had", group, share(max(a, b)-min(a, b), max(a, b))))
		}
	}
	if len(short) == 0 {
		p.add(qShort, fmt.Sprintf("not in %d listings of %s: seldom or never, which few requests cannot tell apart", 2*len(summedGroups()), settledDay), comparesTotals)
		return
	}
	p.add(qShort, "yes: of "+settledDay+", "+strings.Join(short, ", "), comparesTotals)
}

// comparesTotals is the consequence of listings that lack records.
const comparesTotals = "none: polls compare listings with the account's total, and read again those that lack bytes"

// share is a part in percent.
func share(part, whole int64) float64 { return 100 * float64(part) / float64(max(whole, 1)) }

// sum adds up the bytes of a listing.
func (p *probe) sum(ctx context.Context, params twilio.UsageRecordsParams) (bytes int64, err error) {
	records, _, err := p.list(ctx, params, 0)
	for _, r := range records {
		bytes += r.Upload.V + r.Download.V
	}
	return bytes, err
}
