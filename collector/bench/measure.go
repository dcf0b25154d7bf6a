package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/peers"
)

// tableOptions say what to measure, and how thoroughly.
type tableOptions struct {
	sizes         []int // SIMs
	silent        uint64
	rounds, polls int
	sample        time.Duration
}

// pace is from one scrape to the next during a poll: far more often than any
// Prometheus, so that few polls give many figures.
const pace = 25 * time.Millisecond

// table measures every size and prints a table of each.
func (b *bench) table(ctx context.Context, t tableOptions, w io.Writer) error {
	began, err := readLoad()
	if err != nil {
		return err
	}
	for _, sims := range t.sizes {
		r := &run{bench: b, tableOptions: t, sheet: &sheet{sims: sims, cells: make(map[cell][]float64)}, servers: make(map[string]*process)}
		if err := r.measure(ctx); err != nil {
			return fmt.Errorf("at %d SIMs: %w", sims, err)
		}
		if err := r.print(w); err != nil {
			return err
		}
	}
	ended, err := readLoad()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n%s\n", machine(), ended.since(began))
	return err
}

// run is the work at one size.
type run struct {
	*bench
	tableOptions
	*sheet
	exporter *exporter
	servers  map[string]*process // by column
}

// measure fills the sheet. Memory and polls come first, while the exporter keeps only
// the format that Prometheus asks for.
func (r *run) measure(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() {
		for _, p := range r.servers {
			p.stop()
		}
	}()
	a, err := newAccount(ctx, r.sims, r.silent)
	if err != nil {
		return err
	}
	if r.exporter, err = r.startExporter(ctx, a, onDemand); err != nil {
		return err
	}
	r.servers[ours] = r.exporter.process
	if err := r.warm(ctx, openMetrics()); err != nil {
		return err
	}
	if r.series, err = r.exporter.check(ctx, r.sims); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.measurePolls, r.measureDuring, r.measureMemory, r.measureScrapes} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// warm scrapes until the exporter has had the occasion to prepare for a format that
// is asked for again and again.
func (r *run) warm(ctx context.Context, f format) error {
	c := newClient(r.exporter.address, f)
	defer c.close()
	for range 3 {
		if _, err := c.scrape(ctx); err != nil {
			return err
		}
		if err := r.exporter.rest(ctx); err != nil {
			return err
		}
	}
	return nil
}

// measurePolls measures polls that nobody disturbs. What the exporter puts off until
// the next scrape belongs to them, and so does one scrape.
func (r *run) measurePolls(ctx context.Context) error {
	c := newClient(r.exporter.address, openMetrics())
	defer c.close()
	for range r.polls {
		for _, row := range []string{rowChanged, rowUnchanged} {
			if row == rowChanged {
				r.exporter.account.change()
			}
			cpu, err := r.exporter.spent(ctx, func() error {
				if err := r.exporter.poll(ctx); err != nil {
					return err
				}
				_, err := c.scrape(ctx)
				return err
			})
			if err != nil {
				return err
			}
			r.add(row, ours, cpu)
			resident, _, err := r.exporter.memory()
			if err != nil {
				return err
			}
			r.add(rowResident, ours, resident)
		}
		if _, err := r.exporter.check(ctx, r.sims); err != nil {
			return err
		}
	}
	r.logf("polls: %s changed, %s unchanged", r.show(rowChanged, ours), r.show(rowUnchanged, ours))
	return nil
}

// measureDuring scrapes during polls that change everything. The floor is scraped
// during polls of the exporter too: it tells what a busy machine makes of a scrape.
func (r *run) measureDuring(ctx context.Context) error {
	if err := r.startFloor(ctx, openMetrics()); err != nil {
		return err
	}
	for range r.polls {
		for _, column := range []string{ours, floor} {
			r.exporter.account.change()
			var durations []float64
			cpu, err := r.servers[column].spent(ctx, func() error {
				scraping, stop := context.WithCancel(ctx)
				defer stop()
				done := make(chan error, 1)
				go func() {
					var err error
					durations, err = scrapeAtPace(scraping, r.servers[column].address)
					done <- err
				}()
				err := r.exporter.poll(ctx)
				stop()
				return errors.Join(err, <-done)
			})
			if err != nil {
				return err
			}
			if column == ours {
				cpu -= r.median(rowChanged, ours)
			}
			r.add(rowDuring, column, cpu/float64(len(durations)))
			r.add(rowWall, column, median(durations))
			r.add(rowLongest, column, slices.Max(durations))
		}
	}
	r.logf("scrapes during polls: %s, the longest %s", r.show(rowWall, ours), r.show(rowLongest, ours))
	return nil
}

// scrapeAtPace scrapes, once at least, until the context ends, and returns the
// durations. A scrape that has begun is finished.
func scrapeAtPace(ctx context.Context, address string) ([]float64, error) {
	c := newClient(address, openMetrics())
	defer c.close()
	var all []float64
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		took, err := c.scrape(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		all = append(all, float64(took))
		select {
		case <-ctx.Done():
			return all, nil
		case <-tick.C:
		}
	}
}

// measureMemory measures what is left of the polls.
func (r *run) measureMemory(ctx context.Context) error {
	_, peak, err := r.exporter.memory()
	if err != nil {
		return err
	}
	r.add(rowPeak, ours, peak)
	heap, err := r.exporter.heap(ctx)
	if err != nil {
		return err
	}
	r.add(rowHeap, ours, heap/float64(r.series))
	r.logf("memory: %s resident, %s at its peak, %s of heap for each series", r.show(rowResident, ours), r.show(rowPeak, ours), r.show(rowHeap, ours))
	return nil
}

// measureScrapes compares scrapes of all servers.
func (r *run) measureScrapes(ctx context.Context) error {
	file := filepath.Join(r.directory, "series.txt")
	if err := r.save(ctx, text(), file, func(w io.Writer, response *http.Response) error {
		_, err := io.Copy(w, response.Body)
		return err
	}); err != nil {
		return err
	}
	kinds := map[string]string{consts: peers.ConstMetrics, cached: peers.CachedFamilies, kept: peers.RenderedText, self: peers.SelfMetrics}
	for column, kind := range kinds {
		if err := r.startPeer(ctx, column, kind, file); err != nil {
			return err
		}
	}
	if err := r.checkPeers(ctx); err != nil {
		return err
	}
	for _, f := range formats() {
		if err := r.measureScrape(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", rowScrape(f), err)
		}
	}
	for _, column := range []string{consts, cached, kept} {
		resident, peak, err := r.servers[column].memory()
		if err != nil {
			return err
		}
		body, err := request(ctx, http.MethodGet, r.servers[column].address, "/heap")
		if err != nil {
			return err
		}
		heap, err := strconv.ParseFloat(string(body), 64)
		if err != nil {
			return err
		}
		r.add(rowResident, column, resident)
		r.add(rowPeak, column, peak)
		r.add(rowHeap, column, heap/float64(r.series))
	}
	return nil
}

// measureScrape measures a row in rounds, so that whatever disturbs the machine
// disturbs all servers alike.
func (r *run) measureScrape(ctx context.Context, f format) error {
	if err := r.warm(ctx, f); err != nil {
		return err
	}
	if err := r.startFloor(ctx, f); err != nil {
		return err
	}
	for round := range r.rounds {
		for _, column := range columns() {
			slow := column == consts || column == cached || column == kept
			if slow && round >= 2 {
				continue // a few percent decide nothing
			}
			cpu, err := r.scrapeCPU(ctx, r.servers[column], f)
			if err != nil {
				return err
			}
			r.add(rowScrape(f), column, cpu)
		}
	}
	r.logf("%s: exporter %s, floor %s, self-metrics %s, const metrics %s", f.name,
		r.show(rowScrape(f), ours), r.show(rowScrape(f), floor), r.show(rowScrape(f), self), r.show(rowScrape(f), consts))
	return nil
}

// scrapeCPU is the CPU time of one scrape, what it leaves to be done included: the
// mean of as many as go into the sample.
func (r *run) scrapeCPU(ctx context.Context, p *process, f format) (float64, error) {
	c := newClient(p.address, f)
	defer c.close()
	if _, err := c.scrape(ctx); err != nil { // connects
		return 0, err
	}
	scrapes := 0
	cpu, err := p.spent(ctx, func() error {
		for end := time.Now().Add(r.sample); scrapes == 0 || time.Now().Before(end); scrapes++ {
			if _, err := c.scrape(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return cpu / float64(scrapes), err
}

// startPeer starts this binary as a peer, in place of the one in the column.
func (r *run) startPeer(ctx context.Context, column, kind, file string) error {
	if old := r.servers[column]; old != nil {
		old.stop()
		delete(r.servers, column)
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := start(ctx, column, r.log, binary, func(address string) []string { return []string{"peer", kind, address, file} })
	if err != nil {
		return err
	}
	r.servers[column] = p
	return nil
}

// startFloor starts the floor with the exporter's response in a format.
func (r *run) startFloor(ctx context.Context, f format) error {
	file := filepath.Join(r.directory, "response")
	if err := r.save(ctx, f, file, func(w io.Writer, response *http.Response) error { return response.Write(w) }); err != nil {
		return err
	}
	return r.startPeer(ctx, floor, peers.Floor, file)
}

// save scrapes the exporter and writes something of the response to a file.
func (r *run) save(ctx context.Context, f format, file string, write func(io.Writer, *http.Response) error) error {
	c := newClient(r.exporter.address, f)
	defer c.close()
	response, err := c.get(ctx)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	w, err := os.Create(file)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := write(w, response); err != nil {
		return err
	}
	return w.Close()
}

// checkPeers returns an error unless the peers show what the exporter shows.
func (r *run) checkPeers(ctx context.Context) error {
	for _, column := range []string{consts, cached, kept} {
		c := newClient(r.servers[column].address, openMetrics())
		found, err := c.read(ctx)
		c.close()
		if err != nil {
			return fmt.Errorf("%s: %w", column, err)
		}
		// What Go's and the process's collectors show differs by a few series.
		if found.uploads() != r.exporter.account.uploads() || found.series < r.series-20 || found.series > r.series+20 {
			return fmt.Errorf("%s shows %d series, the exporter %d, or other values", column, found.series, r.series)
		}
	}
	return nil
}
