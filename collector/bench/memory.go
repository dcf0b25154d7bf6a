package main

import (
	"context"
	"math"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/scrape"
)

// heapAtRest is what the exporter's heap holds when it has nothing to do. A
// process cannot be told from outside to collect its garbage, so it is kept busy
// with small things until it has done so three times: what only pools hold goes
// with the second. The least figure right after that is the heap without garbage.
func (e *exporter) heapAtRest(ctx context.Context) (float64, error) {
	const heap, collections = "go_memstats_heap_alloc_bytes", "go_gc_duration_seconds_count"
	client := scrape.NewClient(e.Address, scrape.TextPlain())
	defer client.Close()
	client.Only(heap, "go_gc_duration_seconds")
	read := func() (bytes, times float64, err error) {
		answer, err := client.Fetch(ctx)
		if err != nil {
			return 0, 0, err
		}
		content, err := answer.Read()
		if err != nil {
			return 0, 0, err
		}
		if bytes, err = content.Value(heap); err == nil {
			times, err = content.Value(collections)
		}
		return bytes, times, err
	}
	_, first, err := read()
	if err != nil {
		return 0, err
	}
	least := math.Inf(1)
	deadline := time.Now().Add(time.Minute)
	for done := 0.0; done < 4; {
		for range 50 {
			if _, err := get(ctx, e.Address, "/"); err != nil {
				return 0, err
			}
		}
		bytes, times, err := read()
		if err != nil {
			return 0, err
		}
		if done = times - first; done >= 3 {
			least = min(least, bytes)
		}
		if time.Now().After(deadline) {
			return least, nil
		}
	}
	for range 10 {
		if err := process.Sleep(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
		bytes, _, err := read()
		if err != nil {
			return 0, err
		}
		least = min(least, bytes)
	}
	return least, nil
}

// emptyHeap is the heap at rest of an exporter whose account has no SIMs.
func (b *bench) emptyHeap(ctx context.Context, t tableOptions) (float64, error) {
	a, err := b.startAPI(ctx, 0, t.silent, t.pageSize)
	if err != nil {
		return 0, err
	}
	defer a.Stop()
	e, err := b.startExporter(ctx, a, onDemand)
	if err != nil {
		return 0, err
	}
	defer e.Stop()
	if err := e.begin(ctx); err != nil {
		return 0, err
	}
	if err := e.warm(ctx, scrape.OpenMetrics()); err != nil {
		return 0, err
	}
	heap, err := e.heapAtRest(ctx)
	b.say("an exporter without SIMs has a heap of %s", size.show(heap))
	return heap, err
}

// measureMemory measures what the exporter takes after polls, with Prometheus's
// own format ready.
func (r *run) measureMemory(ctx context.Context) error {
	for range r.polls {
		if _, err := r.poll(ctx, true, nil, 0); err != nil {
			return err
		}
		memory, err := r.exporter.Memory()
		if err != nil {
			return err
		}
		r.sheet.add(rowResident, ours, float64(memory.Resident))
	}
	memory, err := r.exporter.Memory()
	if err != nil {
		return err
	}
	r.sheet.add(rowPeak, ours, float64(memory.Peak))
	heap, err := r.exporter.heapAtRest(ctx)
	if err != nil {
		return err
	}
	series := float64(r.sheet.series)
	r.sheet.add(rowHeap, ours, heap)
	r.sheet.add(rowHeapPerSeriesNo, ours, heap/series)
	r.sheet.add(rowHeapPerSeries, ours, (heap-r.baseline)/series)
	r.say("heap %s, resident %s, at most %s", size.show(heap), size.show(float64(memory.Resident)), size.show(float64(memory.Peak)))
	return nil
}
