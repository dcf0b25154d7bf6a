package main

import (
	"context"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
)

// measureAllocations counts what the exporter allocates for a scrape. It is
// asked for the count itself as well, which is subtracted.
func (r *run) measureAllocations(ctx context.Context) error {
	const allocations = "go_memstats_mallocs_total"
	counter := scrape.NewClient(r.exporter.Address, scrape.TextPlain())
	defer counter.Close()
	counter.Only(allocations)
	read := func() (float64, error) {
		answer, err := counter.Fetch(ctx)
		if err != nil {
			return 0, err
		}
		content, err := answer.Read()
		if err != nil {
			return 0, err
		}
		return content.Value(allocations)
	}
	clients := newPrometheus(1, r.exporter.Address, scrape.OpenMetrics())
	defer clients.close()
	if _, err := clients.busily(ctx, 0); err != nil {
		return err
	}
	for range r.rounds {
		var counts [3]float64
		scrapes := 0
		for i := range counts {
			var err error
			if counts[i], err = read(); err != nil {
				return err
			}
			if i == 1 { // between the second and the third
				// Each core counts some hundred allocations before it tells, so
				// few scrapes would say little.
				took, err := clients.busily(ctx, min(4*r.sample, time.Minute))
				if err != nil {
					return err
				}
				scrapes = len(took)
			}
		}
		own := counts[1] - counts[0]
		r.sheet.add(rowAllocations, ours, (counts[2]-counts[1]-own)/float64(scrapes))
	}
	r.say("a scrape allocates %s times", count.show(r.sheet.of(rowAllocations, ours)))
	return nil
}
