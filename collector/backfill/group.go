package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A group is the history of one group of one account.
type group struct {
	*job
	dimension collector.UsageDimension
	keys      []string       // that have counters even if they are silent, sorted
	estimate  int            // how many keys there will be at most
	sims      map[string]int // about how many SIMs use each network in a month, if it is by network
	chunks    []span         // what is read at a time

	counters *counters
	usage    *usage
	ceiling  map[int]map[string]amount // see readCeiling; nil: not read
	at       time.Time                 // up to when counters is complete in its month; zero: not begun
	share    *share
}

// pageSize is how many records one request returns at most.
func (j *job) pageSize() int { return j.account.Provider.MaxPageSize(twilio.EndpointUsageRecords) }

// listings are the ranges of a chunk that are asked for by themselves, so that as many
// requests are under way as may be, and none returns more records than it may.
func (g *group) listings(c span) []span {
	step := g.options.Resolution.step()
	records := g.estimate * c.steps(step)
	n := 1
	if concurrency := max(1, g.options.API.MaxConcurrency); records > 4*concurrency*g.pageSize() {
		n = concurrency
	}
	if most := g.client.MaxRecords(); records > most*3/4 {
		n = max(n, (records+most/2-1)/(most/2))
	}
	return c.split(n, step)
}

// requests is how many requests reading a chunk takes if every key has usage all the
// time.
func (g *group) requests(c span) (n int) {
	if !g.ofAccount() {
		for _, r := range g.listings(c) {
			n += g.pages(r.steps(g.options.Resolution.step()))
		}
	}
	if g.readsCeiling(c) {
		n += g.pages(1)
	}
	return n
}

// pages is how many requests reading so many periods takes.
func (g *group) pages(periods int) int {
	if g.dimension.ByNetwork() {
		return g.pagesByNetwork(periods)
	}
	return pagesOf(g.estimate*periods, g.pageSize())
}

func pagesOf(records, size int) int { return max(1, (records+size-1)/size) }

// A query is a listing of usage by which a group is read.
type query struct {
	twilio.UsageRecordsParams
	withoutNetwork bool // of the records by network, only those that name none count
}

// queries are the listings of a range.
func (g *group) queries(ctx context.Context, r span, granularity twilio.Granularity) ([]query, error) {
	if g.dimension.ByNetwork() {
		return g.queriesByNetwork(ctx, r, granularity)
	}
	return []query{{UsageRecordsParams: g.params(r, granularity)}}, nil
}

// A total is one record of a row in a listing of totals. There are several if the API
// refuses ranges that do not start and end at midnight.
type total struct {
	row   int
	start int64 // of the period, in seconds since the epoch
}

// totals are the records of a range, as totals. A record that comes twice counts once, as
// in usage.set.
func (g *group) totals(ctx context.Context, s span) (map[total]twilio.UsageRecord, error) {
	records := make(map[total]twilio.UsageRecord)
	queries, err := g.queries(ctx, s, twilio.GranularityAll)
	for _, q := range queries {
		if err == nil {
			err = g.list(ctx, q, func(key string, r twilio.UsageRecord, again bool) error {
				name := total{g.counters.row(key), r.Period.Start.Unix()}
				if known, ok := records[name]; ok && !again && !sameUsage(known, r) {
					return contradiction(r)
				}
				records[name] = r
				return nil
			})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("usage by %s from %s to %s: %w", g.dimension.Group, s.start.Format(time.RFC3339), s.end.Format(time.RFC3339), err)
	}
	return records, nil
}

// params are those of a listing.
func (g *group) params(r span, granularity twilio.Granularity) twilio.UsageRecordsParams {
	f := g.account.Collectors.SuperSIMUsage.Filter
	return twilio.UsageRecordsParams{
		Sim: f.Sim, Fleet: f.Fleet, Network: f.Network, IsoCountry: f.IsoCountry,
		Group: g.dimension.API, Granularity: granularity, StartTime: r.start, EndTime: r.end,
	}
}

func (r Resolution) granularity() twilio.Granularity {
	if r == Day {
		return twilio.GranularityDay
	}
	return twilio.GranularityHour
}

// read reads a chunk. A listing that lacks bytes of the account's total is read again,
// twice at most; what is still missing is told.
func (g *group) read(ctx context.Context, c span) error {
	step := g.options.Resolution.step()
	g.usage.reset(c.start, step, c.steps(step), len(g.counters.keys))
	ranges := g.listings(c)
	var lock sync.Mutex
	for attempt := range 3 {
		tasks, ctx := errgroup.WithContext(ctx)
		tasks.SetLimit(max(1, g.options.API.MaxConcurrency))
		read := func(q query) error {
			return g.list(ctx, q, func(key string, record twilio.UsageRecord, again bool) error {
				lock.Lock()
				defer lock.Unlock()
				row := g.counters.row(key)
				g.usage.grow(row + 1)
				return g.usage.set(row, record, again || attempt > 0)
			})
		}
		for _, r := range ranges {
			queries, err := g.queries(ctx, r, g.options.Resolution.granularity())
			if err != nil {
				tasks.Go(func() error { return err })
				break
			}
			for _, q := range queries {
				tasks.Go(func() error { return read(q) })
			}
		}
		if err := tasks.Wait(); err != nil {
			return fmt.Errorf("usage by %s from %s to %s: %w", g.dimension.Group, c.start.Format(time.RFC3339), c.end.Format(time.RFC3339), err)
		}
		g.usage.grow(len(g.counters.keys))
		var lacking []span
		for _, r := range ranges {
			if g.lacks(r) > 0 {
				lacking = append(lacking, r)
			}
		}
		if ranges = lacking; len(ranges) == 0 {
			break
		}
	}
	for _, r := range ranges {
		g.options.note("account %q: usage by %s from %s to %s lacks %d bytes of the account's total, in three readings",
			g.account.Name, g.dimension.Group, r.start.Format(time.RFC3339), r.end.Format(time.RFC3339), g.lacks(r))
	}
	if g.usage.noCurrency {
		g.options.note("account %q: usage by %s from %s to %s has amounts without a currency, which are not counted",
			g.account.Name, g.dimension.Group, c.start.Format(time.RFC3339), c.end.Format(time.RFC3339))
	}
	return nil
}

// list reads a listing, once more from its start if the token of a page is refused.
func (g *group) list(ctx context.Context, q query, take func(key string, record twilio.UsageRecord, again bool) error) error {
	read := func(again bool) error {
		for record, err := range paced(ctx, g.pace, g.client.UsageRecords(ctx, q.UsageRecordsParams)) {
			if err == nil && !(q.withoutNetwork && record.NetworkSID != "") {
				err = take(g.key(q, record), record, again)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	err := read(false)
	if twilio.IsInvalidPageToken(err) {
		err = read(true)
	}
	return err
}

// key is what a record counts for. Records of the account may leave its SID out.
func (g *group) key(q query, r twilio.UsageRecord) string {
	switch {
	case g.ofAccount():
		return g.sid(r)
	case g.dimension.ByNetwork():
		return simNetworkKey(q, r)
	}
	return g.dimension.Key(r)
}

// lacks is how many bytes of the account's the rows lack in a range, apart from hours
// that may still be incomplete.
func (g *group) lacks(r span) (bytes int64) {
	from, to := g.usage.index(r.start), g.usage.index(r.end)
	complete := g.options.Now().Add(-g.account.Collectors.SuperSIMUsage.Settle.Usage)
	for step := from; step < to; step++ {
		at := g.usage.start.Add(time.Duration(step) * g.usage.step)
		if at.Add(g.usage.step).After(complete) {
			break
		}
		wantUp, wantDown := g.total.bytes(0, g.total.index(at))
		for row := range g.usage.rows() {
			up, down := g.usage.bytes(row, step)
			wantUp, wantDown = wantUp-up, wantDown-down
		}
		bytes += max(wantUp, 0) + max(wantDown, 0)
	}
	return bytes
}

// index is the step that begins at a time.
func (u *usage) index(at time.Time) int { return int(at.Sub(u.start) / u.step) }

// begin makes counters count from the start of the month up to a chunk's start: what an
// earlier run has written, or a listing of what was used in between, in one record a
// key. seen says that the samples before are written already.
func (g *group) begin(ctx context.Context, c span, seen bool, state *state) error {
	g.counters = newCounters(g.keys)
	for _, key := range state.before(g, c) {
		g.counters.before[g.counters.row(key)] = true
	}
	for row := range g.counters.keys {
		g.counters.shown[row] = seen
	}
	if seen {
		if known, err := g.goOn(c.start); known || err != nil {
			return err
		}
	}
	base := span{g.kept(monthly.Start(c.start)), c.start}
	if !base.start.Before(base.end) {
		return nil
	}
	records, err := g.totals(ctx, base)
	if err != nil {
		return err
	}
	for name, r := range records {
		if err := g.counters.addTotal(name.row, r, seen); err != nil {
			return err
		}
	}
	return nil
}

// addTotal adds a record of the month so far.
func (c *counters) addTotal(row int, r twilio.UsageRecord, shown bool) error {
	upload, ok1 := addBytes(c.upload[row], r.Upload.V)
	download, ok2 := addBytes(c.download[row], r.Download.V)
	if !ok1 || !ok2 {
		return errors.New("the sum of bytes is too large")
	}
	c.upload[row], c.download[row], c.used[row], c.shown[row] = upload, download, true, shown
	if r.BilledUnit == "" {
		return nil
	}
	m := &c.amounts(r.BilledUnit)[row]
	m.sum = m.sum.plus(r.Billed.V)
	m.held = max(m.held, m.sum.float())
	c.priced[r.BilledUnit] = shown
	return nil
}

// readCeiling reads what was billed of the month that the exporter may go on with, up to
// where the history ends, in one record a key, as the exporter reads it. Amounts of hours
// may be rounded each for itself, so that their sum is more, and the counter would fall
// where the exporter goes on.
func (g *group) readCeiling(ctx context.Context) error {
	s := g.seamSpan()
	if g.ceiling != nil || !s.start.Before(s.end) {
		return nil
	}
	records, err := g.totals(ctx, s)
	if err != nil {
		return err
	}
	g.ceiling = make(map[int]map[string]amount)
	for name, r := range records {
		if g.ceiling[name.row] == nil {
			g.ceiling[name.row] = make(map[string]amount, 1)
		}
		sums := g.ceiling[name.row]
		sums[r.BilledUnit] = sums[r.BilledUnit].plus(r.Billed.V)
	}
	for name, r := range records {
		if !r.Billed.Valid || r.BilledUnit == "" { // a part is not billed
			delete(g.ceiling, name.row)
		}
	}
	return nil
}

// seamSpan is the part of the month that the exporter may go on with in which money is
// counted. It is empty if there is none.
func (g *group) seamSpan() span {
	return span{g.kept(g.cost.open), g.cost.settled.Truncate(g.options.Resolution.step())}
}

// kept is the start of a month, or of what the API still has of it.
func (j *job) kept(month time.Time) time.Time {
	earliest := j.options.Now().UTC().Truncate(24*time.Hour).AddDate(0, -months, 0)
	if month.Before(earliest) {
		return earliest
	}
	return month
}

// readsCeiling reports whether a chunk is the first one of the month that the exporter may
// go on with.
func (g *group) readsCeiling(c span) bool {
	s := g.seamSpan()
	return s.start.Before(s.end) && s.start.Before(c.end) && (!s.start.Before(c.start) || c.start.Equal(g.options.From))
}

// write writes the files of a chunk, which has been read, and returns their names.
func (g *group) write(c span) (written []string, err error) {
	for _, p := range c.months(g.options.Resolution.step()) {
		p.first = p.start.Equal(p.month) || p.start.Equal(g.options.From)
		from, to := g.usage.index(p.start), g.usage.index(p.end)
		g.counters.note(g.usage, from, to)
		currencies := g.counters.currencies(g.currenciesOf(p.month), g.usage.currenciesBy[p.month.Unix()])
		rows := g.counters.counted(g.dimension.KeysFromUsage())
		if g.ofAccount() && g.accountSID == "" {
			rows = nil // the exporter does not show an account without a name either
		}
		most := g.options.maxKeys
		for i := 0; i == 0 || i < len(rows); i += most {
			some := rows[i:min(i+most, len(rows))]
			name := g.fileName(p, i/most, len(rows) > most)
			ok, err := g.writeFile(name, p, some, currencies, i == 0)
			if err != nil {
				return written, err
			}
			if ok {
				written = append(written, name)
			}
		}
		if p.end.Equal(p.month.AddDate(0, 1, 0)) {
			g.counters.nextMonth()
		} else {
			g.counters.advance(g.usage, from, to, currencies)
		}
	}
	g.at = c.end
	return written, nil
}

// maxKeys is how many keys a file has at most, because promtool holds all series of a
// file in memory.
const maxKeys = 25_000

// fileName is that of a part.
func (g *group) fileName(p part, n int, several bool) string {
	name := fmt.Sprintf("%s_%s_%s_%s", escapeName(g.account.Name), g.dimension.Group, p.start.Format(time.DateOnly), p.end.Format(time.DateOnly))
	if several {
		name += fmt.Sprintf("_%d", n+1)
	}
	return filepath.Join(g.options.Output, name+".om")
}

// escapeName makes a part of a file's name of any text.
func escapeName(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// writeFile writes one file: those families of rows that have a sample.
func (g *group) writeFile(name string, p part, rows []int, currencies []string, ends bool) (written bool, err error) {
	o, err := create(name)
	if err != nil {
		return false, err
	}
	w := partWriter{group: g, part: p, o: o, rows: rows, from: g.usage.index(p.start), values: make([]float64, 0, p.steps()+1)}
	if err := w.counters(currencies); err != nil {
		o.file.Discard()
		return false, fmt.Errorf("cannot write %s: %w", name, err)
	}
	if g.options.Resolution == Hour {
		w.hourGauges()
	}
	if ends {
		w.ends()
	}
	g.options.wrote(o)
	if written, err = o.close(); err != nil {
		return false, fmt.Errorf("cannot complete %s: %w", name, err)
	}
	return written, nil
}

// sid is the SID that the samples of the account bear.
func (j *job) sid(r twilio.UsageRecord) string { return cmp.Or(j.accountSID, r.AccountSID) }
