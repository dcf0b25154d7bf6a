package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/simulator"
)

// slow measures polls of an API that takes its time for every page.
func (b *bench) slow(ctx context.Context, t tableOptions, s *sheet) error {
	b.say("%s SIMs, %s a page", grouped(s.sims), t.slowPage)
	s.series = seriesPerSIM * s.sims
	a, err := b.startAPI(ctx, s.sims, t.silent, t.pageSize)
	if err != nil {
		return err
	}
	defer a.Stop()
	// The first exporter has the API make its pages, and then polls slowly.
	e, err := b.startExporter(ctx, a, onDemand)
	if err != nil {
		return err
	}
	defer e.Stop()
	if err := e.begin(ctx); err != nil {
		return err
	}
	if err := a.delay(ctx, t.slowPage); err != nil {
		return err
	}
	r := &run{bench: b, tableOptions: t, sheet: s, api: a, exporter: e, servers: map[string]*process.Process{ours: e.Process}}
	p, err := r.poll(ctx, true, nil, 0)
	if err != nil {
		return err
	}
	e.Stop()
	if p.report.MostAtOnce > maxConcurrency {
		return fmt.Errorf("the exporter had %d requests under way at once", p.report.MostAtOnce)
	}
	took := lastEnd(p.ends).Sub(p.report.First)
	least := leastPossible(p.report, t.slowPage)
	s.add(rowSlowPoll, ours, float64(took)/float64(least))
	b.say("a poll takes %s, at least possible %s", took.Round(time.Millisecond), least)

	if e, err = b.startExporter(ctx, a, onDemand); err != nil {
		return err
	}
	defer e.Stop()
	ready, err := e.ready(ctx)
	if err != nil {
		return err
	}
	ends, err := e.pollEnds(0)
	if err != nil {
		return err
	}
	var first time.Duration // the longest of the collectors' first polls
	for _, collector := range collectors() {
		i := slices.IndexFunc(ends, func(end pollEnd) bool { return end.collector == collector })
		if i < 0 {
			return fmt.Errorf("%s is said to be ready, but has not polled", collector)
		}
		first = max(first, ends[i].took)
	}
	s.add(rowSlowStart, ours, float64(ready.Sub(e.Started)-first))
	b.say("ready after %s, of which the first poll %s", ready.Sub(e.Started).Round(time.Millisecond), first.Round(time.Millisecond))
	return nil
}

func lastEnd(ends []pollEnd) time.Time {
	var last time.Time
	for _, end := range ends {
		if end.at.After(last) {
			last = end.at
		}
	}
	return last
}

// leastPossible is the time below which no poll can be: the pages of a listing
// come one after the other, and only so many requests are under way at a time.
func leastPossible(r simulator.Report, page time.Duration) time.Duration {
	chain, all := 0, 0
	for _, l := range r.Listings {
		chain = max(chain, l.Pages)
		all += l.Pages
	}
	return page * time.Duration(max(chain, (all+maxConcurrency-1)/maxConcurrency))
}
