package check

import (
	"context"
	"fmt"
	"slices"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

const (
	// comparedRecords is how many records of a listing are compared.
	comparedRecords = 100
	// pagedListings is how many listings of two pages are compared with those of one.
	pagedListings = 4
)

// askPaging asks for the first records of a listing in one page, several times in two
// pages, and again in one. What one page has before and after, two pages have as well,
// unless records moved between them.
func (p *probe) askPaging(ctx context.Context) error {
	whole, err := p.listSIMs(ctx, comparedRecords)
	if err != nil {
		return p.failed(ctx, err, qShift)
	}
	if len(whole) < 2 {
		p.add(qShift, notSeen+": fewer than two SIMs had usage in the two days that were asked for", noSetting)
		return nil
	}
	var paged [][]string
	for range pagedListings {
		sims, err := p.listSIMs(ctx, (len(whole)+1)/2)
		if err != nil {
			return p.failed(ctx, err, qShift)
		}
		paged = append(paged, sims)
	}
	again, err := p.listSIMs(ctx, comparedRecords)
	if err != nil {
		return p.failed(ctx, err, qShift)
	}
	p.answerShift(whole, paged, again)
	return nil
}

// listSIMs lists which SIMs had usage in the last two whole days: the first records of
// that, in one page or in two.
func (p *probe) listSIMs(ctx context.Context, pageSize int) (sims []string, err error) {
	records, _, err := p.list(ctx, twilio.UsageRecordsParams{
		Group: twilio.GroupSim, Granularity: twilio.GranularityAll,
		StartTime: p.midnight.AddDate(0, 0, -2), EndTime: p.midnight, Paging: twilio.Paging{PageSize: pageSize},
	}, min(2*pageSize, comparedRecords))
	for _, r := range records {
		sims = append(sims, r.SimSID)
	}
	return sims, err
}

// answerShift compares listings of two pages with those of one page before and after.
func (p *probe) answerShift(before []string, paged [][]string, after []string) {
	if !slices.Equal(before, after) {
		p.add(qShift, notSeen+": two listings of one page differ, too", comparesTotals)
		return
	}
	moved := 0
	for _, sims := range paged {
		times := make(map[string]int)
		for _, sim := range sims {
			times[sim]++
		}
		if slices.ContainsFunc(before, func(sim string) bool { return times[sim] != 1 }) {
			moved++
		}
	}
	if moved == 0 {
		p.add(qShift, fmt.Sprintf("not in %d listings of two pages: seldom or never, which few requests cannot tell apart", len(paged)), comparesTotals)
		return
	}
	p.add(qShift, fmt.Sprintf("yes, in %d of %d listings of two pages", moved, len(paged)), comparesTotals)
}
