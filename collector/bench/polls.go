package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/simulator"
)

// poll is what a poll was like.
type poll struct {
	cpu    float64 // of the exporter, until its result is ready for Prometheus
	report simulator.Report
	ends   []pollEnd
	walls  figures // of the scrapes during the poll
}

// warmScrapes is how many scrapes exporter.warm makes.
const warmScrapes = 3

// poll has the exporter poll. In the meantime the target, if there is one, is
// scraped by two Prometheus servers.
func (r *run) poll(ctx context.Context, changed bool, target *process.Process, atRest float64) (poll, error) {
	if changed {
		if err := r.api.turn(ctx); err != nil {
			return poll{}, err
		}
	}
	if err := r.exporter.rest(ctx); err != nil {
		return poll{}, err
	}
	if _, err := r.api.report(ctx); err != nil {
		return poll{}, err
	}
	before, err := r.exporter.CPU()
	if err != nil {
		return poll{}, err
	}
	var p poll
	until, scraped := make(chan struct{}), make(chan error, 1)
	if target == nil {
		scraped <- nil
	} else {
		clients := newPrometheus(2, target.Address, scrape.OpenMetrics())
		defer clients.close()
		go func() {
			var err error
			p.walls, err = clients.paced(ctx, r.pace, until)
			scraped <- err
		}()
	}
	from := len(r.exporter.Lines(0))
	_, err = post(ctx, r.exporter.Address, "/-/reload")
	if err == nil {
		p.ends, err = r.exporter.polled(ctx, from)
	}
	close(until)
	if other := <-scraped; err == nil {
		err = other
	}
	if err != nil {
		return p, err
	}
	// What the exporter puts off until it is asked belongs to the poll as well;
	// the scrapes themselves do not.
	if err := r.exporter.warm(ctx, scrape.OpenMetrics()); err != nil {
		return p, err
	}
	after, err := r.exporter.CPU()
	if err != nil {
		return p, err
	}
	p.cpu = float64(after-before) - warmScrapes*atRest
	p.report, err = r.api.report(ctx)
	return p, err
}

// measurePolls measures polls that change everything, polls that change nothing,
// and scrapes meanwhile.
func (r *run) measurePolls(ctx context.Context) error {
	clients := newPrometheus(1, r.exporter.Address, scrape.OpenMetrics())
	defer clients.close()
	atRest, err := clients.cost(ctx, r.exporter.Process, r.sample, r.calm)
	if err != nil {
		return err
	}
	if err := r.measureCompression(ctx); err != nil {
		return err
	}
	pages := 0
	for range r.polls {
		p, err := r.poll(ctx, true, nil, atRest)
		if err != nil {
			return err
		}
		r.sheet.add(rowPollChanged, ours, p.cpu)
		if pages == 0 {
			content, err := r.keep(ctx, scrape.OpenMetrics())
			if err == nil {
				err = r.right(ctx, content)
			}
			if err != nil {
				return fmt.Errorf("after a poll: %w", err)
			}
			for _, l := range p.report.Listings {
				pages += l.Pages
			}
		}
		if p, err = r.poll(ctx, false, nil, atRest); err != nil {
			return err
		}
		r.sheet.add(rowPollUnchanged, ours, p.cpu)
	}
	r.say("poll: %s changed, %s unchanged, %d pages", cpu.show(r.sheet.of(rowPollChanged, ours)),
		cpu.show(r.sheet.of(rowPollUnchanged, ours)), pages)
	for row, changed := range map[string]bool{rowPollChanged: true, rowPollUnchanged: false} {
		if err := r.profile(ctx, row, func() error {
			_, err := r.poll(ctx, changed, nil, atRest)
			return err
		}); err != nil {
			return err
		}
	}
	if err := r.measurePauses(ctx, atRest); err != nil {
		return err
	}
	return r.measureDuring(ctx, pages, atRest)
}

// measurePauses measures how long scrapes take while the exporter polls as fast
// as it can. The floor's are those that the machine makes slow, which is busy
// then.
func (r *run) measurePauses(ctx context.Context, atRest float64) error {
	for _, column := range []string{ours, floor} {
		target := r.servers[column]
		clients := newPrometheus(2, target.Address, scrape.OpenMetrics())
		calm, err := clients.pacedFor(ctx, r.pace, r.pollLength/4)
		clients.close()
		if err != nil {
			return err
		}
		var walls figures
		for range r.polls {
			p, err := r.poll(ctx, true, target, atRest)
			if err != nil {
				return err
			}
			walls = append(walls, p.walls...)
		}
		r.sheet.add(rowScrapeWall, column, calm.median())
		r.sheet.add(rowPollScrapeWall, column, walls.median())
		r.sheet.add(rowPollScrapeMost, column, walls.most())
		r.sheet.add(rowPollPause, column, walls.most()-calm.median())
		r.say("%s: %d scrapes during polls take %s, 99 of 100 up to %s, at most %s; at rest %s, at most %s", column, len(walls),
			wall.show(walls.median()), wall.show(walls.quantile(0.99)), wall.show(walls.most()), wall.show(calm.median()), wall.show(calm.most()))
	}
	return nil
}

// measureDuring measures the CPU of scrapes during a poll: that of a poll with
// them less that of one without. The polls are made to last, so that there are
// many scrapes.
func (r *run) measureDuring(ctx context.Context, pages int, atRest float64) error {
	if !r.wants(rowPollScrape) {
		return nil
	}
	if err := r.api.delay(ctx, r.pollLength*maxConcurrency/time.Duration(max(pages, 1))); err != nil {
		return err
	}
	for range min(r.polls, 3) { // each takes its time
		without, err := r.poll(ctx, true, nil, atRest)
		if err != nil {
			return err
		}
		with, err := r.poll(ctx, true, r.exporter.Process, atRest)
		if err != nil {
			return err
		}
		r.sheet.add(rowPollScrape, ours, (with.cpu-without.cpu)/float64(max(len(with.walls), 1)))
		r.say("%d scrapes during a slow poll take at most %s", len(with.walls), wall.show(with.walls.most()))
	}
	return r.api.delay(ctx, 0)
}
