package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// soakOptions say how long to let the exporter work, and how hard.
type soakOptions struct {
	sims                               int
	silent                             uint64
	duration, interval, scrapeInterval time.Duration
}

// soaking is a soak under way.
type soaking struct {
	*bench
	soakOptions
	exporter *exporter
	stop     func()

	mu         sync.Mutex
	ok, failed int
	changes    int           // how often a client found other counters than before
	longest    time.Duration // of the scrapes
	resident   []float64     // bytes, at equal intervals
}

// soak lets the exporter poll and be scraped. It fails if a scrape fails or counters
// fall, and if the exporter logs a warning.
func (b *bench) soak(ctx context.Context, o soakOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a, err := newAccount(ctx, o.sims, o.silent)
	if err != nil {
		return err
	}
	s := &soaking{bench: b, soakOptions: o}
	if s.exporter, err = b.startExporter(ctx, a, o.interval); err != nil {
		return err
	}
	defer s.exporter.stop()
	b.logf("%d SIMs, a poll every %s, two clients that scrape every %s, for %s", o.sims, o.interval, o.scrapeInterval, o.duration)

	working, stop := context.WithTimeout(ctx, o.duration)
	defer stop()
	s.stop = stop
	var wait sync.WaitGroup
	wait.Go(func() { every(working, o.interval/2, o.interval, a.change) })
	for i := range 2 {
		wait.Go(func() {
			c := newClient(s.exporter.address, openMetrics())
			defer c.close()
			var last content
			every(working, time.Duration(i)*o.scrapeInterval/2, o.scrapeInterval, func() { last = s.scrape(working, c, last) })
		})
	}
	wait.Go(func() { every(working, o.duration/240, o.duration/240, s.measure) })
	every(working, o.duration/60, o.duration/60, s.report)
	wait.Wait()
	return errors.Join(ctx.Err(), s.verdict())
}

// every calls a function after a delay and then at an interval until the context ends.
func every(ctx context.Context, delay, interval time.Duration, do func()) {
	for next := time.Now().Add(delay); sleep(ctx, time.Until(next)) == nil; next = next.Add(interval) {
		do()
	}
}

// scrape scrapes once, checks what it reads, and returns it, to be the client's last.
func (s *soaking) scrape(ctx context.Context, c *client, last content) content {
	began := time.Now()
	found, err := c.read(ctx)
	if ctx.Err() != nil {
		return last
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest = max(s.longest, time.Since(began))
	switch {
	case err == nil && found.series < seriesPerSIM*s.sims:
		err = fmt.Errorf("%d series instead of %d or more", found.series, seriesPerSIM*s.sims)
	case err == nil && found.uploads() < last.uploads():
		err = fmt.Errorf("counters have fallen from %d to %d bytes", last.uploads(), found.uploads())
	}
	if err != nil {
		s.failed++
		s.logf("a scrape failed: %v", err)
		return last
	}
	s.ok++
	if found.uploads() > last.uploads() {
		s.changes++
	}
	return found
}

// measure notes the resident memory.
func (s *soaking) measure() {
	resident, _, err := s.exporter.memory()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.stop() // verdict reports that the exporter has ended
		return
	}
	s.resident = append(s.resident, resident)
}

// report logs how it goes.
func (s *soaking) report() {
	cpu, _ := s.exporter.cpu() // verdict reports that the exporter has ended
	_, peak, _ := s.exporter.memory()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.resident); n > 0 {
		s.logf("%s; resident %s, at its peak %s; CPU %s in all", s.scrapes(), show(rowResident, s.resident[n-1]), show(rowPeak, peak), duration(cpu))
	}
}

func (s *soaking) scrapes() string {
	return fmt.Sprintf("scrapes: %d succeeded, %d failed, the longest %s with its reading; %d changes seen", s.ok, s.failed, duration(s.longest), s.changes)
}

// verdict sums up.
func (s *soaking) verdict() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	quarter := len(s.resident) / 4
	s.logf("%s; resident memory, medians of the second and of the last quarter: %s, %s", s.scrapes(),
		show(rowResident, median(s.resident[quarter:2*quarter])), show(rowResident, median(s.resident[3*quarter:])))
	warnings := s.exporter.complaints.lines.Load()
	switch err := s.exporter.alive(); {
	case err != nil:
		return err
	case s.failed > 0:
		return fmt.Errorf("%d scrapes failed", s.failed)
	case s.ok == 0 || s.changes < 2:
		return errors.New("there was no time for scrapes and polls")
	case warnings > 0:
		return fmt.Errorf("the exporter logged %d warnings", warnings)
	}
	return nil
}
