package main

import (
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
)

// measureCompression measures what it takes to compress the exporter's text as
// fast as gzip can: who has compressed it has spent no less.
func (r *run) measureCompression(ctx context.Context) error {
	client := scrape.NewClient(r.exporter.Address, scrape.OpenMetrics())
	defer client.Close()
	answer, err := client.Fetch(ctx)
	if err != nil {
		return err
	}
	plain, err := answer.Plain()
	if err != nil {
		return err
	}
	before, err := ownTime()
	if err != nil {
		return err
	}
	compressor, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err == nil {
		_, err = compressor.Write(plain)
	}
	if err == nil {
		err = compressor.Close()
	}
	if err != nil {
		return fmt.Errorf("compress the exporter's text: %w", err)
	}
	after, err := ownTime()
	r.sheet.add(compression, ours, float64(after-before))
	return err
}
