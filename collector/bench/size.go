package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/peers"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
)

// seriesPerSIM is how many a SIM has: three counters, two gauges, its info.
const seriesPerSIM = 6

// run is the work at one size.
type run struct {
	*bench
	tableOptions
	sheet    *sheet
	api      *api
	exporter *exporter
	servers  map[string]*process.Process // by column
	answers  string                      // directory of what the floor answers
}

// size fills a sheet. The exporter is measured alone before the peers are there,
// and before it has been asked for any format but Prometheus's own.
func (b *bench) size(ctx context.Context, t tableOptions, s *sheet, first bool) error {
	r := &run{bench: b, tableOptions: t, sheet: s, servers: make(map[string]*process.Process)}
	b.say("%s SIMs", grouped(s.sims))
	var err error
	if r.answers, err = os.MkdirTemp(b.directory, "answers-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() {
		for _, p := range r.servers {
			p.Stop()
		}
		r.remove(r.answers)
	}()
	if r.api, err = b.startAPI(ctx, s.sims, t.silent, t.pageSize); err != nil {
		return err
	}
	r.servers["simulator"] = r.api.Process
	if err := b.prime(ctx, r.api); err != nil {
		return err
	}
	if r.exporter, err = b.startExporter(ctx, r.api, onDemand); err != nil {
		return err
	}
	r.servers[ours] = r.exporter.Process

	ready, err := r.exporter.ready(ctx)
	if err != nil {
		return err
	}
	s.add(rowStart, ours, float64(ready.Sub(r.exporter.Started)))
	if err := r.exporter.begin(ctx); err != nil {
		return err
	}
	b.say("ready after %s", ready.Sub(r.exporter.Started).Round(time.Millisecond))

	for _, step := range []struct {
		wanted bool
		do     func(context.Context) error
	}{
		{true, r.measureAlone},
		{t.wantsAny(pollRows()), r.measurePolls},
		{t.wantsAny(memoryRows()), r.measureMemory},
		{t.wantsAny(firstRows()), r.measureFirsts},
		{t.wants(rowAllocations), r.measureAllocations},
		{t.wantsAny(append(scrapeRows(), memoryRows()...)), r.measureScrapes},
		{t.wantsAny(firstRows()) && first, r.measureRestarts},
	} {
		if !step.wanted {
			continue
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// measureAlone asks for Prometheus's own format, the first time ever, makes sure that
// the answer is right, and starts the floor with it.
func (r *run) measureAlone(ctx context.Context) error {
	if err := r.first(ctx, r.exporter, formats()[0]); err != nil {
		return err
	}
	if err := r.exporter.warm(ctx, scrape.OpenMetrics()); err != nil {
		return err
	}
	content, err := r.keep(ctx, scrape.OpenMetrics())
	if err != nil {
		return err
	}
	r.sheet.series = content.Series
	if err := r.right(ctx, content); err != nil {
		return err
	}
	p, err := r.startPeer(ctx, peers.Floor, r.answers)
	if err != nil {
		return err
	}
	r.servers[floor] = p
	return nil
}

// right says whether the exporter shows what the API has.
func (r *run) right(ctx context.Context, c scrape.Content) error {
	if least := seriesPerSIM * r.sheet.sims; c.Series < least {
		return fmt.Errorf("the exporter shows %d series, not %d or more", c.Series, least)
	}
	report, err := r.api.look(ctx)
	if err != nil {
		return err
	}
	if c.Uploads != report.Uploads {
		return fmt.Errorf("by the exporter all SIMs have sent %d bytes, by the API %d", c.Uploads, report.Uploads)
	}
	return nil
}

// keep fetches an answer of the exporter's, gives it to the floor, and reads it.
func (r *run) keep(ctx context.Context, f scrape.Format) (scrape.Content, error) {
	client := scrape.NewClient(r.exporter.Address, f)
	defer client.Close()
	answer, err := client.Fetch(ctx)
	if err != nil {
		return scrape.Content{}, err
	}
	content, err := answer.Read()
	if err != nil {
		return content, fmt.Errorf("%s: %w", f.Name, err)
	}
	r.say("%s: %s, %s uncompressed", f.Name, size.show(float64(len(answer.Body))), size.show(float64(content.Bytes)))
	body := filepath.Join(r.answers, f.Name+".body")
	if err := os.WriteFile(body, answer.Body, 0o600); err != nil {
		return content, fmt.Errorf("keep an answer: %w", err)
	}
	text, err := json.Marshal(peers.Answer{Accept: f.Accept, AcceptEncoding: f.AcceptEncoding, Header: answer.Header, Body: f.Name + ".body"})
	if err == nil {
		err = os.WriteFile(filepath.Join(r.answers, f.Name+".json"), text, 0o600)
	}
	if err != nil {
		return content, fmt.Errorf("keep an answer: %w", err)
	}
	return content, nil
}
