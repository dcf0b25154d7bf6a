package main

import (
	"context"
	"fmt"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
)

// asked is a format that nobody has asked the exporter for before.
type asked struct {
	row    string
	format scrape.Format
}

func formats() []asked {
	return []asked{
		{rowFirstOM, scrape.OpenMetrics()},
		{rowFirstZstd, scrape.OpenMetricsZstd()},
		{rowFirstProtobuf, scrape.Protobuf()},
		{rowFirstText, scrape.Text()},
	}
}

// first measures the first scrape of a format, and what the exporter does about
// it afterwards.
func (r *run) first(ctx context.Context, e *exporter, a asked) error {
	if err := e.rest(ctx); err != nil {
		return err
	}
	client := scrape.NewClient(e.Address, a.format)
	defer client.Close()
	before, err := e.CPU()
	if err != nil {
		return err
	}
	answer, err := client.Fetch(ctx)
	if err != nil {
		return err
	}
	after, err := e.CPU()
	if err != nil {
		return err
	}
	content, err := answer.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", a.row, err)
	}
	if err := e.rest(ctx); err != nil {
		return err
	}
	later, err := e.CPU()
	if err != nil {
		return err
	}
	r.sheet.add(a.row, ours, float64(after-before))
	r.say("%s: %s, and %s afterwards; %d series, %s encoded by %q", a.row, cpu.show(float64(after-before)), cpu.show(float64(later-after)),
		content.Series, size.show(float64(len(answer.Body))), answer.Header.Get("Content-Encoding"))
	return nil
}

// measureFirsts asks for the other formats.
func (r *run) measureFirsts(ctx context.Context) error {
	for _, a := range formats()[1:] {
		if err := r.first(ctx, r.exporter, a); err != nil {
			return err
		}
	}
	return nil
}

// measureRestarts asks exporters that have just started, each time in another
// order.
func (r *run) measureRestarts(ctx context.Context) error {
	for i := 1; i < r.restarts; i++ {
		e, err := r.startExporter(ctx, r.api, onDemand)
		if err != nil {
			return err
		}
		err = e.begin(ctx)
		for k := range formats() {
			if err == nil {
				err = r.first(ctx, e, formats()[(i+k)%len(formats())])
			}
		}
		e.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}
