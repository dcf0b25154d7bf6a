package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
)

// prometheus are Prometheus servers that scrape the same target.
type prometheus []*scrape.Client

func newPrometheus(servers int, address string, f scrape.Format) prometheus {
	var all prometheus
	for range servers {
		all = append(all, scrape.NewClient(address, f))
	}
	return all
}

func (p prometheus) close() {
	for _, client := range p {
		client.Close()
	}
}

// each runs a function for every server at once, and adds up what they return.
func (p prometheus) each(do func(i int, c *scrape.Client) (figures, error)) (figures, error) {
	var mu sync.Mutex
	var all figures
	var first error
	var wait sync.WaitGroup
	for i, client := range p {
		wait.Go(func() {
			f, err := do(i, client)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, f...)
			if first == nil {
				first = err
			}
		})
	}
	wait.Wait()
	return all, first
}

// busily scrapes without a pause for the given time, at least once, and returns
// how long each scrape took.
func (p prometheus) busily(ctx context.Context, d time.Duration) (figures, error) {
	end := time.Now().Add(d)
	return p.each(func(_ int, c *scrape.Client) (figures, error) {
		var took figures
		for {
			_, t, err := c.Scrape(ctx)
			if err != nil {
				return nil, err
			}
			took = append(took, float64(t))
			if time.Now().After(end) {
				return took, nil
			}
		}
	})
}

// paced scrapes at a pace, each server at another moment, until the channel is
// closed, and returns how long each scrape took.
func (p prometheus) paced(ctx context.Context, pace time.Duration, until <-chan struct{}) (figures, error) {
	return p.each(func(i int, c *scrape.Client) (figures, error) {
		var took figures
		next := time.Now().Add(pace * time.Duration(i) / time.Duration(len(p)))
		for {
			select {
			case <-until:
				return took, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Until(next)):
			}
			_, t, err := c.Scrape(ctx)
			if err != nil {
				return nil, err
			}
			took = append(took, float64(t))
			for next = next.Add(pace); next.Before(time.Now()); next = next.Add(pace) {
				continue // it was slower than the pace
			}
		}
	})
}

// pacedFor is paced for a time.
func (p prometheus) pacedFor(ctx context.Context, pace, d time.Duration) (figures, error) {
	until := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(until) })
	defer timer.Stop()
	return p.paced(ctx, pace, until)
}

// cost is the CPU time of one scrape, on average over the given time. What a
// scrape leaves to be done belongs to it.
func (p prometheus) cost(ctx context.Context, of *process.Process, d, calm time.Duration) (float64, error) {
	before, err := of.CPU()
	if err != nil {
		return 0, err
	}
	took, err := p.busily(ctx, d)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", of.Name, err)
	}
	if err := of.Quiet(ctx, calm/5, 0.1, time.Minute); err != nil {
		return 0, err
	}
	after, err := of.CPU()
	return float64(after-before) / float64(len(took)), err
}
