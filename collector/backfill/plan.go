package backfill

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// plan is what a run will take.
type plan struct {
	options  *Options
	jobs     []*job
	shares   []*share
	requests int   // at most, if everything has usage all the time; about, with sim_network
	samples  int64 // about
	bytes    int64 // of the files
	chunks   int   // that are not finished
	finished int
	took     time.Duration // by one of the requests for the inventory
}

// bytesPerSample is about how long a line is.
const bytesPerSample = 125

func newPlan(o *Options, jobs []*job, state *state) *plan {
	p := &plan{options: o, jobs: jobs}
	for _, j := range jobs {
		j.share = new(share)
		for _, c := range (&group{job: j, estimate: 1}).totalChunks() {
			j.share.left = append(j.share.left, pagesOf(c.steps(o.Resolution.step()), j.pageSize()))
		}
		shares := []*share{j.share}
		unfinished := 0
		for _, g := range j.groups {
			g.share = new(share)
			for _, c := range g.chunks {
				if state.has(g, c) {
					p.finished++
					continue
				}
				unfinished++
				n := g.requests(c)
				if len(g.share.left) == 0 && !c.start.Equal(monthly.Start(c.start)) {
					n += g.pages(1) // what was used in the month before
				}
				g.share.left = append(g.share.left, n)
				p.samples += g.samples(c)
			}
			shares = append(shares, g.share)
		}
		if unfinished == 0 {
			continue
		}
		p.chunks += unfinished
		p.shares = append(p.shares, shares...)
	}
	for _, s := range p.shares {
		for _, n := range s.left {
			p.requests += n
		}
	}
	p.bytes = p.samples * bytesPerSample
	if n := o.progress.requests(); n > 0 {
		p.took = o.Now().Sub(o.progress.started) / time.Duration(n)
	}
	return p
}

// samples is about how many samples a chunk has.
func (g *group) samples(c span) (n int64) {
	keys := int64(max(len(g.keys), g.estimate))
	for _, p := range c.months(g.options.Resolution.step()) {
		p.first = p.start.Equal(p.month) || p.start.Equal(g.options.From)
		bytes, cost := int64(len(g.bytes.moments(p))), int64(len(g.cost.moments(p)))
		n += keys*(2*bytes+cost) + bytes + cost // and up to when they count
		if g.options.Resolution == Hour {
			n += (2*keys + 1) * int64(p.steps())
		}
	}
	return n
}

// write says what the run will take.
func (p *plan) write(w io.Writer) {
	o := p.options
	fmt.Fprintf(w, "Usage from %s to %s (UTC), by the %s, into %s:\n", o.From.Format(time.DateOnly), o.To.Format(time.DateOnly), o.Resolution, o.Output)
	for _, j := range p.jobs {
		var groups []string
		for _, g := range j.groups {
			groups = append(groups, g.dimension.Group)
		}
		fmt.Fprintf(w, "  account %q: %d SIMs, %d fleets; groups %v\n", j.account.Name, j.sims, j.fleets, groups)
		if j.account.Subaccounts.Enabled {
			fmt.Fprintln(w, "    its subaccounts are left out: configure them as accounts for their history")
		}
	}
	if p.finished > 0 {
		fmt.Fprintf(w, "%d of %d parts are complete already.\n", p.finished, p.finished+p.chunks)
	}
	if p.chunks == 0 {
		return
	}
	bound := "at most"
	if p.byNetwork() {
		bound = "about"
	}
	fmt.Fprintf(w, "It takes %s %s requests and about %s samples, which are %s.\n", bound, count(int64(p.requests)), count(p.samples), size(p.bytes))
	if pause := p.pause(); pause > 0 {
		fmt.Fprintf(w, "With max_requests_per_hour: %d, that is %s %s.\n", o.API.MaxRequestsPerHour, bound, rough(pause))
	} else if p.took > 0 {
		fmt.Fprintf(w, "At the pace of the first %d requests, one at a time, that is %s %s.\n", o.progress.requests(), bound, rough(time.Duration(p.requests)*p.took))
	}
	for _, j := range p.jobs {
		fmt.Fprint(w, j.seam())
	}
}

// byNetwork reports whether anything is by SIM and network: how many SIMs use a network
// is known of one month only.
func (p *plan) byNetwork() bool {
	return slices.ContainsFunc(p.jobs, func(j *job) bool {
		return slices.ContainsFunc(j.groups, func(g *group) bool { return g.dimension.ByNetwork() })
	})
}

// pause is how long max_requests_per_hour makes a run last; 0: no limit.
func (p *plan) pause() time.Duration {
	if p.options.API.MaxRequestsPerHour <= 0 {
		return 0
	}
	return time.Duration(float64(p.requests) / float64(p.options.API.MaxRequestsPerHour) * float64(time.Hour))
}

// seam says where the samples end.
func (j *job) seam() string {
	if j.bytes.until.After(j.options.To) && j.cost.until.After(j.options.To) {
		return fmt.Sprintf("Account %q: the last month is shown to its end and then at 0, up to %s. Right if Prometheus scraped the exporter for the first time after that, or never.\n",
			j.account.Name, j.cost.until.Format(time.RFC3339))
	}
	return fmt.Sprintf("Account %q: bytes count to %s and cost to %s, so that the exporter goes on if Prometheus scraped it for the first time at %s or later.\n",
		j.account.Name, j.bytes.end(), j.cost.end(), j.options.To.Format(time.RFC3339))
}

// end is up to when samples count.
func (t timeline) end() string {
	if t.until.Before(t.settled) || t.open.After(t.settled) {
		return t.open.Format(time.RFC3339)
	}
	return t.settled.Format(time.RFC3339)
}

// count is a number with separators.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size is a number of bytes, rounded.
func size(n int64) string {
	f, unit := float64(n), "bytes"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if f < 1000 {
			break
		}
		f, unit = f/1000, next
	}
	if unit == "bytes" || f >= 10 {
		return fmt.Sprintf("%.0f %s", f, unit)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// rough is a duration in its two largest units.
func rough(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
