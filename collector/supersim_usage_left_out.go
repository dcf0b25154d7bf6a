package collector

import (
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// Where requests are short, polls leave out groups that were listed not long ago. What a
// group shows stays as it is then, and so does the time up to which it counts. The
// account's total is read in every poll, and every group at the edges of a month and
// as long as a listing is not complete.

// groupEnds are the times up to which a group was read, and when.
type groupEnds struct {
	read              time.Time // zero: not by this process
	bytes, cost, hour time.Time
}

// Groups implements Grouped: the groups that can be left out, the first one first.
func (c *SuperSIMUsage) Groups() []string {
	order := []string{groupSimNetwork, "sim", "fleet", "network", "country"}
	return slices.DeleteFunc(order, func(name string) bool {
		return !slices.ContainsFunc(c.groups(), func(g grouping) bool { return g.name == name })
	})
}

// LeaveOut implements Grouped.
func (c *SuperSIMUsage) LeaveOut(within map[string]time.Duration) { c.leaveOut = within }

// GroupsDue implements Grouped.
func (c *SuperSIMUsage) GroupsDue(now time.Time) []string {
	leftOut := c.leftOut(now.UTC())
	return slices.DeleteFunc(c.Groups(), func(name string) bool { return leftOut[name] })
}

// askedFor is the configured group for which a listing is read.
func (c *SuperSIMUsage) askedFor(group grouping) string {
	if group == networkGroup() && !slices.Contains(c.groups(), group) {
		return groupSimNetwork
	}
	return group.name
}

// leftOut are the groups that a poll at a moment leaves out.
func (c *SuperSIMUsage) leftOut(now time.Time) map[string]bool {
	readsEnd := c.bytes.ReadsEnd(c.bytes.Window(now)) || c.cost.ReadsEnd(c.cost.Window(now))
	newInventory := !c.sawInventory && c.account.Inventory.get().known
	if !c.bytes.HasReport() || newInventory || readsEnd || !c.allBy.IsZero() && !now.Before(c.allBy) {
		return nil
	}
	leftOut := make(map[string]bool)
	for group, within := range c.leaveOut {
		read := c.ends[group].read
		leftOut[group] = !read.IsZero() && now.Before(read.Add(within))
	}
	if c.simNetwork && !leftOut[groupSimNetwork] {
		leftOut["network"] = false // which names the networks
	}
	return leftOut
}

// leavesOut reports whether the poll does not list a group.
func (p usagePlan) leavesOut(group grouping) bool { return p.leftOut[group.name] }

// noteEnds notes up to when the groups of a poll were read.
func (c *SuperSIMUsage) noteEnds(p usagePlan, now time.Time) {
	for _, group := range c.groups() {
		if !p.leavesOut(group) {
			c.ends[group.name] = groupEnds{p.now, p.bytes.End, p.cost.End, p.hour}
		}
	}
	c.allBy = monthly.Earliest(c.bytes.NextEdge(now), c.cost.NextEdge(now), c.again)
}

// end is the time up to which a group's counters count that are shown at now.
func end[K comparable](l *monthly.Ledger[K], read, now time.Time) time.Time {
	end := l.End(now)
	if month := l.Window(now).Month; !read.IsZero() && read.Before(end) {
		if end = month; read.After(month) {
			end = read
		}
	}
	return end
}

// keptGauges are the last gauges of the hour of groups that a poll leaves out.
func (c *SuperSIMUsage) keptGauges(p usagePlan) []metric.Batch {
	var kept []metric.Batch
	families := make(map[string]bool)
	for _, d := range c.exposed(nil, nil) {
		if p.leavesOut(d.group) {
			families[d.hourUpload.Name], families[d.hourDownload.Name] = true, true
		}
	}
	for _, b := range c.gauges {
		if families[b.Family.Name] {
			kept = append(kept, b)
		}
	}
	return kept
}
