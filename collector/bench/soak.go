package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
)

// soakOptions say how long to let the exporter work, and how hard.
type soakOptions struct {
	sims, silent                      int
	duration, interval, scrape, every time.Duration
	prometheus                        string
}

// soak lets the exporter poll and be scraped, and fails if a scrape did.
func (b *bench) soak(ctx context.Context, o soakOptions) error {
	a, err := b.startAPI(ctx, o.sims, o.silent, 1000)
	if err != nil {
		return err
	}
	defer a.Stop()
	e, err := b.startExporter(ctx, a, o.interval)
	if err != nil {
		return err
	}
	defer e.Stop()
	if _, err := e.ready(ctx); err != nil {
		return err
	}
	if _, err := e.polled(ctx, 0); err != nil {
		return err
	}
	servers, err := b.startPrometheus(ctx, e.Address, o)
	defer stopAll(servers)
	if err != nil {
		return err
	}
	b.say("%s SIMs, a poll every %s, a scrape every %s by each server, for %s",
		grouped(o.sims), o.interval, o.scrape, o.duration)

	s := &soaking{bench: b, soakOptions: o, api: a, exporter: e, began: time.Now()}
	working, stop := context.WithTimeout(ctx, o.duration)
	defer stop()
	var wait sync.WaitGroup
	for i := range 2 {
		wait.Go(func() { s.scrapeOften(working, i) })
	}
	wait.Go(func() { s.turnOften(working) })
	err = s.watch(working)
	stop()
	wait.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	return errors.Join(s.verdict(), b.askPrometheus(ctx, servers, o))
}

// soaking is a soak under way.
type soaking struct {
	*bench
	soakOptions
	api      *api
	exporter *exporter
	began    time.Time

	mu             sync.Mutex
	ok, failed     int
	longest, since time.Duration // of all scrapes, and of those since the last log
	heap           float64
	series         int
	turns          int
	resident       []point
}

// point is a figure at a time since the beginning.
type point struct {
	at    time.Duration
	value float64
}

// every calls a function at an interval until the context ends.
func every(ctx context.Context, delay, interval time.Duration, do func()) {
	for next := time.Now().Add(delay); process.Sleep(ctx, time.Until(next)) == nil; next = next.Add(interval) {
		do()
	}
}

// scrapeOften is one Prometheus server.
func (s *soaking) scrapeOften(ctx context.Context, server int) {
	client := scrape.NewClient(s.exporter.Address, scrape.OpenMetrics())
	defer client.Close()
	var sent int64
	every(ctx, s.scrape*time.Duration(server)/2, s.scrape, func() {
		answer, err := client.Fetch(ctx)
		if ctx.Err() != nil {
			return
		}
		var content scrape.Content
		if err == nil {
			content, err = answer.Read()
		}
		var heap float64
		if err == nil {
			heap, err = content.Value("go_memstats_heap_alloc_bytes")
		}
		if least := seriesPerSIM * s.sims; err == nil && content.Series < least {
			err = fmt.Errorf("it has %d series, not %d or more", content.Series, least)
		}
		if err == nil && content.Uploads < sent {
			err = fmt.Errorf("counters have fallen, from %d to %d", sent, content.Uploads)
		}
		sent = max(sent, content.Uploads)
		s.count(answer.Took, heap, content.Series, err)
	})
}

func (s *soaking) count(took time.Duration, heap float64, series int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failed++
		s.say("a scrape failed: %v", err)
		return
	}
	s.ok++
	s.longest, s.since = max(s.longest, took), max(s.since, took)
	s.heap, s.series = heap, series
}

// turnOften changes every value between two polls.
func (s *soaking) turnOften(ctx context.Context) {
	every(ctx, s.interval/2, s.interval, func() {
		err := s.api.turn(ctx)
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.turns++; err != nil {
			s.failed++
			s.say("the API does not turn: %v", err)
		}
	})
}

// watch measures the exporter and says how it goes.
func (s *soaking) watch(ctx context.Context) error {
	spent, err := s.exporter.CPU()
	if err != nil {
		return err
	}
	step := s.every / 12
	for looks := 1; process.Sleep(ctx, step) == nil; looks++ {
		if err := s.exporter.Alive(); err != nil {
			return err
		}
		memory, err := s.exporter.Memory()
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.resident = append(s.resident, point{time.Since(s.began), float64(memory.Resident)})
		s.mu.Unlock()
		if looks%12 != 0 {
			continue
		}
		now, err := s.exporter.CPU()
		if err != nil {
			return err
		}
		ends, err := s.exporter.pollEnds(0)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.say("%s: resident %s, at most %s; heap %s; %s of CPU; %s series, %d polls, %d changes; scrapes: %d good, %d failed, the longest %s",
			time.Since(s.began).Round(time.Second), size.show(float64(memory.Resident)), size.show(float64(memory.Peak)), size.show(s.heap),
			cpu.show(float64(now-spent)), grouped(s.series), len(ends), s.turns, s.ok, s.failed, s.since.Round(time.Millisecond))
		s.since = 0
		s.mu.Unlock()
		spent = now
	}
	return nil // the time is over
}

// verdict sums it up. A scrape that failed, or anything that the exporter
// complained of, is an error.
func (s *soaking) verdict() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	second := s.resident[len(s.resident)/2:]
	s.say("scrapes: %d good, %d failed, the longest %s; resident memory changes by %.1f %% an hour",
		s.ok, s.failed, s.longest.Round(time.Millisecond), 100*slope(second))
	complaints := 0
	for _, line := range s.exporter.Lines(0) {
		if strings.Contains(line.Text, "level=warn") { // an error has ended it all
			complaints++
			s.say("the exporter complained: %s", line.Text)
		}
	}
	switch {
	case s.failed > 0:
		return fmt.Errorf("%d scrapes failed", s.failed)
	case s.ok == 0:
		return errors.New("there was no time for a scrape")
	case complaints > 0:
		return fmt.Errorf("the exporter complained %d times", complaints)
	}
	return nil
}

// slope fits a line and tells by what part of their mean the figures grow in an
// hour.
func slope(points []point) float64 {
	var t, v figures
	for _, p := range points {
		t, v = append(t, p.at.Hours()), append(v, p.value)
	}
	meanT, meanV := mean(t), mean(v)
	var over, under float64
	for i := range t {
		over += (t[i] - meanT) * (v[i] - meanV)
		under += (t[i] - meanT) * (t[i] - meanT)
	}
	if under == 0 {
		return math.NaN()
	}
	return over / under / meanV
}

func mean(f figures) float64 {
	sum := 0.0
	for _, v := range f {
		sum += v
	}
	return sum / float64(len(f))
}
