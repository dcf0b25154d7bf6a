package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/peers"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
)

// scraped is a row of scrapes, and who scrapes what for it.
type scraped struct {
	row     string
	format  scrape.Format
	servers int
}

// measureScrapes compares scrapes of all servers, which take turns.
func (r *run) measureScrapes(ctx context.Context) error {
	if err := r.startPeers(ctx); err != nil {
		return err
	}
	for _, s := range []scraped{
		{rowScrape, scrape.OpenMetrics(), 1},
		{rowScrapeTwo, scrape.OpenMetrics(), 2},
		{rowScrapeZstd, scrape.OpenMetricsZstd(), 1},
		{rowScrapeProtobuf, scrape.Protobuf(), 1},
		{rowPlain, scrape.OpenMetricsPlain(), 1},
		{rowPlainProtobuf, scrape.ProtobufPlain(), 1},
		{rowPlainText, scrape.TextPlain(), 1},
	} {
		if !r.wants(s.row) {
			continue
		}
		if err := r.measureScrape(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.row, err)
		}
	}
	memory, err := r.exporter.Memory()
	if err != nil {
		return err
	}
	r.say("the exporter, after it was asked for every format: %s resident, %s at most",
		size.show(float64(memory.Resident)), size.show(float64(memory.Peak)))
	if r.wantsAny(memoryRows()) {
		return r.peersMemory(ctx)
	}
	return nil
}

// startPeers starts the peers with the exporter's own series.
func (r *run) startPeers(ctx context.Context) error {
	answer, content, err := look(ctx, r.exporter.Address, scrape.TextPlain())
	if err != nil {
		return err
	}
	plain, err := answer.Plain()
	if err != nil {
		return err
	}
	file := filepath.Join(r.answers, "series.txt")
	if err := os.WriteFile(file, plain, 0o600); err != nil {
		return fmt.Errorf("keep the series: %w", err)
	}
	kinds := map[string]string{consts: peers.ConstMetrics, cached: peers.CachedFamilies, text: peers.RenderedText}
	var mu sync.Mutex
	starting, startContext := errgroup.WithContext(ctx)
	for column, kind := range kinds {
		starting.Go(func() error {
			// The group's context ends with it, and a peer would with its own.
			p, err := r.startPeer(ctx, kind, file)
			if err != nil {
				return err
			}
			mu.Lock()
			r.servers[column] = p
			mu.Unlock()
			for _, f := range []scrape.Format{scrape.OpenMetrics(), scrape.Protobuf()} {
				if err := same(startContext, p.Address, f, content); err != nil {
					return fmt.Errorf("%s: %w", column, err)
				}
			}
			return nil
		})
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	r.say("the peers show the same %s series", grouped(content.Series))
	return nil
}

// look scrapes a server once and reads what it shows.
func look(ctx context.Context, address string, f scrape.Format) (scrape.Answer, scrape.Content, error) {
	client := scrape.NewClient(address, f)
	defer client.Close()
	answer, err := client.Fetch(ctx)
	if err != nil {
		return scrape.Answer{}, scrape.Content{}, err
	}
	content, err := answer.Read()
	return answer, content, err
}

// same says whether a peer shows as many series as it was given.
func same(ctx context.Context, address string, f scrape.Format, want scrape.Content) error {
	_, content, err := look(ctx, address, f)
	if err != nil {
		return err
	}
	if content.Series != want.Series || content.Uploads != want.Uploads {
		return fmt.Errorf("%s: it shows %d series, not %d, or other values", f.Name, content.Series, want.Series)
	}
	return nil
}

// measureScrape measures a row in rounds, so that whatever disturbs the machine
// disturbs all alike.
func (r *run) measureScrape(ctx context.Context, s scraped) error {
	if err := r.exporter.warm(ctx, s.format); err != nil {
		return err
	}
	if _, err := r.keep(ctx, s.format); err != nil {
		return err
	}
	clients := make(map[string]prometheus)
	defer func() {
		for _, p := range clients {
			p.close()
		}
	}()
	for _, column := range columns() {
		clients[column] = newPrometheus(s.servers, r.servers[column].Address, s.format)
		if _, err := clients[column].busily(ctx, 0); err != nil {
			return fmt.Errorf("%s: %w", column, err)
		}
	}
	for round := range r.rounds {
		for _, column := range columns() {
			// The peers are so much slower that nothing hangs on a few percent.
			if column != ours && column != floor && round >= 2 {
				continue
			}
			cost, err := clients[column].cost(ctx, r.servers[column], r.sample, r.calm)
			if err != nil {
				return err
			}
			r.sheet.add(s.row, column, cost)
		}
	}
	r.say("%s: ours %s, floor %s, const metrics %s", s.row,
		cpu.show(r.sheet.of(s.row, ours)), cpu.show(r.sheet.of(s.row, floor)), cpu.show(r.sheet.of(s.row, consts)))
	return r.profile(ctx, s.row, func() error {
		_, err := clients[ours].busily(ctx, 3*r.sample)
		return err
	})
}

// peersMemory asks the peers what they take.
func (r *run) peersMemory(ctx context.Context) error {
	for _, column := range []string{consts, cached, text} {
		p := r.servers[column]
		memory, err := p.Memory()
		if err != nil {
			return err
		}
		answer, err := get(ctx, p.Address, "/heap")
		if err != nil {
			return err
		}
		heap, err := strconv.ParseFloat(strings.TrimSpace(string(answer)), 64)
		if err != nil {
			return fmt.Errorf("read the heap of %s: %w", p.Name, err)
		}
		r.sheet.add(rowResident, column, float64(memory.Resident))
		r.sheet.add(rowPeak, column, float64(memory.Peak))
		r.sheet.add(rowHeap, column, heap)
		r.sheet.add(rowHeapPerSeriesNo, column, heap/float64(r.sheet.series))
	}
	return nil
}
