// Package backfill writes usage of the past as OpenMetrics files, from which promtool
// makes blocks for Prometheus: the samples that the exporter would have exposed at each
// whole hour, or day, had it been running and had everything been reported in time.
package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A Dialer makes the client of an account. Its requests go through the transport that
// wrap, if it is not nil, returns.
type Dialer func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error)

// Options say what history to write, and where.
type Options struct {
	Accounts []config.Account
	API      config.API
	Rollover time.Duration // how long counters show 0 between two months
	Dial     Dialer

	From, To   time.Time  // midnights (UTC); To is not included. See CheckDates
	Resolution Resolution // default: Hour
	Groups     []string   // default: those configured for each account
	Output     string     // directory; it is made if it does not exist
	Resume     bool       // go on with what an earlier run began in Output

	// Confirm is asked before anything is read but the inventory and what has usage at all.
	// Default: yes.
	Confirm func() (bool, error)
	Files   io.Writer // gets the name of each file once it is complete, one a line
	// Log gets the plan, progress and warnings. If it is a terminal, progress is a bar.
	Log      io.Writer
	Terminal bool
	Now      func() time.Time // default: time.Now

	maxCells, maxKeys int // default: the constants of these names

	progress *progress
	written  struct{ files, samples, bytes int64 }
}

// ErrDeclined is the error where Confirm said no.
var ErrDeclined = errors.New("not confirmed; nothing was written")

// Run writes the files. What it has finished stays if it fails; with Resume it goes on
// there.
func Run(ctx context.Context, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Resolution == "" {
		o.Resolution = Hour
	}
	o.maxCells, o.maxKeys = cmp.Or(o.maxCells, maxCells), cmp.Or(o.maxKeys, maxKeys)
	if err := CheckDates(o.From, o.To, o.Now()); err != nil {
		return err
	}
	if err := CheckGroups(o.Groups); err != nil {
		return err
	}
	state, err := openState(&o)
	if err != nil {
		return err
	}
	o.progress = newProgress(&o)
	defer o.progress.end()
	var jobs []*job
	for _, a := range o.Accounts {
		if !a.Collectors.SuperSIMUsage.Enabled {
			o.note("Account %q is left out: its supersim_usage is off.", a.Name)
			continue
		}
		j, err := newJob(ctx, &o, a, state)
		if err != nil {
			return fmt.Errorf("account %q: %w", a.Name, err)
		}
		jobs = append(jobs, j)
	}
	if len(jobs) == 0 {
		return errors.New("supersim_usage is off for all accounts, so there is no history to write")
	}
	plan := newPlan(&o, jobs, state)
	plan.write(o.Log)
	if plan.chunks == 0 {
		fmt.Fprintln(o.Log, "All files are complete.")
		return nil
	}
	if o.Confirm != nil {
		switch yes, err := o.Confirm(); {
		case err != nil:
			return err
		case !yes:
			return ErrDeclined
		}
	}
	if err := state.begin(); err != nil {
		return err
	}
	o.progress.begin(plan.shares)
	for _, j := range jobs {
		err := j.run(ctx, state)
		for _, warning := range j.client.Warnings(twilio.EndpointUsageRecords) {
			o.note("account %q: %s", j.account.Name, warning)
		}
		if err != nil {
			o.note("What is complete stays: --resume goes on with it.")
			return fmt.Errorf("account %q: %w", j.account.Name, err)
		}
	}
	o.progress.end()
	fmt.Fprintf(o.Log, "%d files with %s samples, %s, in %s after %d requests.\n",
		o.written.files, count(o.written.samples), size(o.written.bytes), o.Output, o.progress.requests())
	return nil
}

// CheckGroups rejects what is no group, and groups that are named twice.
func CheckGroups(groups []string) error {
	var known []string
	for _, d := range collector.UsageDimensions() {
		known = append(known, d.Group)
	}
	for i, group := range groups {
		if !slices.Contains(known, group) {
			return fmt.Errorf("there is no history of the group %q; --groups takes %v", group, known)
		}
		if slices.Contains(groups[:i], group) {
			return fmt.Errorf("--groups names %q twice", group)
		}
	}
	return nil
}

// note tells the operator something.
func (o *Options) note(format string, args ...any) { o.progress.note(fmt.Sprintf(format, args...)) }

// wrote counts a file that is about to be complete.
func (o *Options) wrote(f *openMetrics) {
	if f.samples > 0 {
		o.written.files++
		o.written.samples += f.samples
		o.written.bytes += f.bytes
	}
}

// job is what is to be done for one account.
type job struct {
	options *Options
	account config.Account
	client  *twilio.Client
	pace    *pace

	sims, fleets int
	accountSID   string
	bytes, cost  timeline
	groups       []*group
	countries    map[string]string // of networks, by SID, if sim_network is written
	matrix       usage             // of the group that is read
	total        *usage            // of the account, over the whole range
	share        *share            // of reading that
}

// newJob lists the account's inventory, and finds out how much there is to do.
func newJob(ctx context.Context, o *Options, a config.Account, state *state) (*job, error) {
	j := &job{options: o, account: a, pace: newPace(o.API.MaxRequestsPerHour, o.API.MaxConcurrency)}
	var err error
	if j.client, err = o.Dial(a, nil, observer{o.progress, j.pace}); err != nil {
		return nil, err
	}
	var sims []twilio.Sim
	for sim, err := range paced(ctx, j.pace, j.client.Sims(ctx)) {
		if err != nil {
			return nil, err
		}
		sims = append(sims, twilio.Sim{SID: sim.SID, AccountSID: sim.AccountSID, UniqueName: sim.UniqueName, Status: sim.Status, FleetSID: sim.FleetSID})
	}
	var fleets []twilio.Fleet
	for fleet, err := range paced(ctx, j.pace, j.client.Fleets(ctx)) {
		if err != nil {
			return nil, err
		}
		fleets = append(fleets, fleet)
	}
	j.sims, j.fleets, j.accountSID = len(sims), len(fleets), j.client.AccountSID()
	for i := range sims {
		j.accountSID = cmp.Or(j.accountSID, sims[i].AccountSID)
	}
	for i := range fleets {
		j.accountSID = cmp.Or(j.accountSID, fleets[i].AccountSID)
	}
	settings := a.Collectors.SuperSIMUsage
	j.bytes = newTimeline(settings.Settle.Usage, o.Rollover, o.From, o.To, state.Asked)
	j.cost = newTimeline(settings.Settle.Cost, o.Rollover, o.From, o.To, state.Asked)
	simSIDs, fleetSIDs := collector.SilentKeys(settings.Filter, sims, fleets)
	for _, d := range j.dimensions() {
		g := &group{job: j, dimension: d}
		switch {
		case d.ByNetwork():
			if err := g.countByNetwork(ctx); err != nil {
				return nil, err
			}
		case d.API == twilio.GroupNone:
			g.keys, g.estimate = []string{j.accountSID}, 1
		case d.API == twilio.GroupSim:
			g.keys, g.estimate = simSIDs, max(len(simSIDs), 1)
		case d.API == twilio.GroupFleet:
			g.keys, g.estimate = fleetSIDs, len(fleetSIDs)+1 // usage without a fleet
		default:
			if g.estimate, err = g.countKeys(ctx); err != nil {
				return nil, err
			}
		}
		g.chunks = state.chunks(g)
		j.groups = append(j.groups, g)
	}
	return j, nil
}

// dimensions are the groups to write, the account's first.
func (j *job) dimensions() []collector.UsageDimension {
	groups := j.options.Groups
	if len(groups) == 0 {
		groups = j.account.Collectors.SuperSIMUsage.Groups
	}
	var all []collector.UsageDimension
	for _, d := range collector.UsageDimensions() {
		if slices.Contains(groups, d.Group) {
			all = append(all, d)
		}
	}
	return all
}

// countKeys is how many keys have usage in the whole range.
func (g *group) countKeys(ctx context.Context) (n int, err error) {
	keys := make(map[string]bool)
	err = g.list(ctx, query{UsageRecordsParams: g.params(span{g.options.From, g.options.To}, twilio.GranularityAll)}, func(key string, _ twilio.UsageRecord, _ bool) error {
		keys[key] = true
		return nil
	})
	return max(len(keys), 1), err
}

// totalChunks are those of the account's total.
func (g *group) totalChunks() []span {
	g.dimension = collector.UsageDimensions()[0]
	return g.chunksOf()
}

// chunksOf cuts the range into what is read at a time: as much as one request may ask
// for, and no more than fits into memory.
func (g *group) chunksOf() []span {
	months, steps := 1, 24
	if g.options.Resolution == Day {
		steps = 1
		if g.dimension.API != twilio.GroupSim {
			months = 3
		}
	}
	return span{g.options.From, g.options.To}.cut(months, max(1, g.options.maxCells/(g.estimate*steps)))
}

// maxCells bounds how much usage is held at a time: one key's in one hour or day takes
// 24 bytes.
const maxCells = 2_500_000

// run writes the account's files.
func (j *job) run(ctx context.Context, state *state) error {
	if j.finished(state) {
		return nil
	}
	if err := j.readTotal(ctx); err != nil {
		return err
	}
	for _, g := range j.groups {
		for i, c := range g.chunks {
			if state.has(g, c) {
				continue
			}
			if err := g.writeChunk(ctx, state, i); err != nil {
				return err
			}
			j.options.progress.done(g.share)
		}
		g.counters = nil
	}
	return nil
}

// finished reports whether all of the account's files are complete.
func (j *job) finished(state *state) bool {
	for _, g := range j.groups {
		for _, c := range g.chunks {
			if !state.has(g, c) {
				return false
			}
		}
	}
	return true
}

// ofAccount reports whether the group is the account's total.
func (g *group) ofAccount() bool { return g.dimension.API == twilio.GroupNone }

// writeChunk reads a chunk and writes its files.
func (g *group) writeChunk(ctx context.Context, state *state, i int) error {
	c := g.chunks[i]
	if g.counters == nil || !g.at.Equal(c.start) {
		if err := g.begin(ctx, c, i > 0, state); err != nil {
			return err
		}
	}
	if g.ofAccount() {
		g.usage = g.total
	} else {
		if g.usage == nil {
			g.usage = &g.matrix
		}
		if err := g.read(ctx, c); err != nil {
			return err
		}
	}
	if s := g.seamSpan(); s.start.Before(s.end) && s.start.Before(c.end) {
		if err := g.readCeiling(ctx); err != nil {
			return err
		}
		g.usage.grow(len(g.counters.keys))
	}
	files, err := g.write(c)
	if err != nil {
		return err
	}
	if err := g.carry(); err != nil {
		return err
	}
	g.options.progress.hide()
	for _, file := range files {
		fmt.Fprintln(g.options.Files, file)
	}
	return state.add(g, c, files)
}

// readTotal reads the account's usage over the whole range, with which the sums over
// groups are compared.
func (j *job) readTotal(ctx context.Context) error {
	step := j.options.Resolution.step()
	whole := span{j.options.From, j.options.To}
	g := &group{job: j, dimension: collector.UsageDimensions()[0], estimate: 1}
	j.total = new(usage)
	j.total.reset(whole.start, step, whole.steps(step), 1)
	for _, r := range g.totalChunks() {
		err := g.list(ctx, query{UsageRecordsParams: g.params(r, j.options.Resolution.granularity())}, func(sid string, record twilio.UsageRecord, again bool) error {
			j.accountSID = sid
			return j.total.set(0, record, again)
		})
		if err != nil {
			return fmt.Errorf("usage of the account from %s to %s: %w", r.start.Format(time.RFC3339), r.end.Format(time.RFC3339), err)
		}
		j.options.progress.done(j.share)
	}
	for _, g := range j.groups {
		if g.ofAccount() {
			g.keys = []string{j.accountSID}
		}
	}
	return nil
}

// currenciesOf are those that the account's usage in a month names.
func (j *job) currenciesOf(month time.Time) map[string]bool {
	return j.total.currenciesBy[month.Unix()]
}

// prepare makes the directory for the files.
func prepare(directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	for _, pattern := range []string{".*.om.*.tmp", "." + stateFile + ".*.tmp", ".*.carried.*.tmp"} { // of a run that was killed
		stale, err := fs.Glob(os.DirFS(directory), pattern)
		if err != nil {
			return err
		}
		for _, name := range stale {
			_ = os.Remove(filepath.Join(directory, name))
		}
	}
	return nil
}
