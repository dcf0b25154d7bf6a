package collector

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A listing can lack records: they move between pages while it is read, or the API
// makes it from other data than the account's total. So each listing is compared
// with the account's total of the same poll, hour by hour where totals are split.

// lack is what a listing lacks of the total that it adds up to.
type lack struct {
	bytes int64 // as far as they are reported
	old   bool  // some of them are not of the last hours
	blind bool  // neither upload nor download of an hour can be compared: records leave them out
}

// lackOf compares a listing with a total; both are sorted by key and hour. What is used
// from recent on is of the last hours.
func lackOf(total, listing []usageTotal, recent time.Time) (l lack) {
	type part struct{ total, listing usageSum }
	parts := make(map[int64]*part) // by hour
	at := func(hour int64) *part {
		if parts[hour] == nil {
			parts[hour] = new(part)
		}
		return parts[hour]
	}
	for i := range total {
		at(total[i].hour).total.add(&total[i])
	}
	for i := range listing {
		at(listing[i].hour).listing.add(&listing[i])
	}
	for hour, p := range parts {
		upload, comparesUpload := p.total.upload.minus(p.listing.upload)
		download, comparesDownload := p.total.download.minus(p.listing.download)
		bytes := max(upload, 0) + max(download, 0)
		l.bytes = saturate(l.bytes, bytes)
		l.old = l.old || bytes > 0 && hour < recent.Unix()
		l.blind = l.blind || !comparesUpload && !comparesDownload
	}
	return l
}

// usageSum is the sum over records.
type usageSum struct{ upload, download byteSum }

func (s *usageSum) add(t *usageTotal) {
	s.upload.add(t.upload, t.noUpload)
	s.download.add(t.download, t.noDownload)
}

// byteSum is the bytes of one direction.
type byteSum struct {
	bytes   int64
	missing bool // a record leaves them out
}

func (s *byteSum) add(bytes int64, missing bool) {
	s.bytes, s.missing = saturate(s.bytes, bytes), s.missing || missing
}

// minus is the difference of two sums; 0 if they cannot be compared.
func (s byteSum) minus(o byteSum) (bytes int64, compares bool) {
	if s.missing || o.missing {
		return 0, false
	}
	return s.bytes - o.bytes, true
}

// completeness is what earlier polls found out about a listing.
type completeness struct {
	short    int64     // bytes that it lacked in the last poll
	since    time.Time // since when it has lacked no less
	polls    int       // since then
	complete bool      // in any poll

	// As long as it was never complete: what was listed so far, and the midnight before
	// which it is not by the hour.
	found []usageTotal
	day   time.Time
}

const (
	// For so long, and in so many polls, a listing lacks bytes until they are taken for
	// usage that is not in the group or comes late to it.
	lastingShort      = 10 * time.Minute
	lastingShortPolls = 3
	// recentUsage is for how long a listing by group may not have usage yet.
	recentUsage = 6 * time.Hour
	// rereadings are how many more times a listing is read at most that lacks bytes.
	rereadings = 2
)

// hourOf is the start of the hour that a record of a query is of, if the query's totals
// are split: their hours are those since midnight. Otherwise it is 0: a total's period
// may start with its first usage, however late that was.
func (c *SuperSIMUsage) hourOf(q query, start time.Time) int64 {
	if q.hour || !c.account.Client.SplitsTotals() || start.Before(q.day()) {
		return 0
	}
	return start.Truncate(time.Hour).Unix()
}

// day is the last midnight of the query's range.
func (q query) day() time.Time { return q.end.Truncate(24 * time.Hour) }

// listing names the listings of a group over a month, or over an hour, of all polls.
func (q query) listing() query {
	if q.end = (time.Time{}); q.hour {
		q.start = time.Time{}
	}
	return q
}

// whole is the total that a listing adds up to: the account's or, of the SIMs of a
// network, the network's.
func (t usageTotals) whole(q query) []usageTotal {
	if q.group.name != groupSimNetwork {
		return t[q.ofAccount()]
	}
	network := q.group.network
	q.group = networkGroup()
	first, _ := findKey(t[q], network)
	last := first
	for last < len(t[q]) && t[q][last].key == network {
		last++
	}
	return t[q][first:last]
}

// lack is what a listing of a poll lacks.
func (f *usageFound) lack(q query) lack {
	return lackOf(f.listings.whole(q), f.listings[q], q.end.Add(-recentUsage))
}

// listAgain reads those listings of some queries again that lack more than in the last
// poll, or were never complete and lack bytes or cannot be compared. It adds what they had
// left out, then and in earlier polls.
func (c *SuperSIMUsage) listAgain(ctx context.Context, held *holding, queries []query, f *usageFound) error {
	var short []query
	for _, q := range queries {
		last, l := c.listings[q.listing()], f.lack(q)
		if l.bytes > last.short || (l.bytes > 0 || l.blind) && !last.complete {
			short = append(short, q)
		}
	}
	for range rereadings {
		again, err := c.ask(ctx, held, short)
		if err != nil {
			return err
		}
		short = nil
		for q, listing := range again {
			f.empty[q] = len(f.listings[q]) == 0 && len(listing) == 0
			differs := !slices.EqualFunc(f.listings[q], listing, sameUsage)
			f.listings[q] = unite(f.listings[q], listing)
			if differs && f.lack(q).bytes > 0 { // equal ones would be so a third time
				short = append(short, q)
			}
		}
	}
	for _, q := range queries {
		last := c.listings[q.listing()]
		if !q.hour && !last.complete && (last.day.Equal(q.day()) || !c.account.Client.SplitsTotals()) {
			f.listings[q] = unite(last.found, f.listings[q])
		}
	}
	return nil
}

func sameUsage(a, b usageTotal) bool {
	return byKeyAndHour(a, b) == 0 && byKeyAndPeriod().same(a, b)
}

// unite adds to a listing what another one of the same range has: keys and hours, and
// the bytes of those of which it has more. Both are sorted by key and hour.
func unite(other, listing []usageTotal) []usageTotal {
	if len(other) == 0 {
		return listing
	}
	all := make([]usageTotal, 0, max(len(other), len(listing)))
	for len(other) > 0 && len(listing) > 0 {
		o, l := &other[0], &listing[0]
		n := byKeyAndHour(*o, *l)
		if n < 0 || n == 0 && saturate(o.upload, o.download) > saturate(l.upload, l.download) {
			all = append(all, *o)
		} else {
			all = append(all, *l)
		}
		if n <= 0 {
			other = other[1:]
		}
		if n >= 0 {
			listing = listing[1:]
		}
	}
	return append(append(all, other...), listing...)
}

func byKeyAndHour(a, b usageTotal) int {
	return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.hour, b.hour))
}

// judge finds out which listings are complete. One that still lacks bytes, or cannot be
// compared, is taken as complete if it has been so for a while, and lacked no less or
// only what may come late. An empty one tells nothing.
//
// After a poll with listings that were not complete in any, the next two come soon. So
// they do where a month is read for the last time and a listing lacks more than before.
func (c *SuperSIMUsage) judge(plan usagePlan, f *usageFound) {
	now := time.Now()
	readsEnd := c.bytes.ReadsEnd(plan.bytes) || c.cost.ReadsEnd(plan.cost)
	shortEnd := false
	for q, listing := range f.listings {
		last, seen := c.listings[q.listing()]
		if q.group.name == accountGroup {
			continue
		}
		if seen && f.empty[q] {
			shortEnd = shortEnd || readsEnd
			continue
		}
		l := f.lack(q)
		next := completeness{short: l.bytes, since: now, polls: 1}
		next.complete = last.complete || l.bytes == 0 && !l.blind
		if seen && (!l.old || next.short >= last.short) {
			next.since, next.polls = last.since, last.polls+1
			next.complete = next.complete || next.polls >= lastingShortPolls && now.Sub(next.since) >= lastingShort
		}
		if f.empty[q] {
			next.polls = 0
		}
		if !next.complete {
			next.found, next.day = listing, q.day()
		}
		c.listings[q.listing()] = next
		shortEnd = shortEnd || readsEnd && next.short > last.short
	}
	c.again = time.Time{}
	isIncomplete := func(q query) bool { return !q.hour && q.group.name != accountGroup && !c.isComplete(q) }
	incomplete := slices.ContainsFunc(slices.Collect(maps.Keys(f.listings)), isIncomplete)
	if !incomplete && !shortEnd {
		c.incompletePolls = 0
		return
	}
	if incomplete {
		c.billsFound = time.Time{} // what is billed was found out of listings that are not shown
	}
	if c.incompletePolls++; c.incompletePolls < lastingShortPolls {
		c.again = now.Add(lastingShort / (lastingShortPolls - 1))
	}
}

// isComplete reports whether a listing was complete in this poll or an earlier one.
func (c *SuperSIMUsage) isComplete(q query) bool {
	if q.group.name == accountGroup && c.account.SID() != "" {
		return true
	}
	listing, listed := c.listings[q.listing()]
	if q.group.name == groupSimNetwork {
		q.group = networkGroup() // without the network in it, there was nothing to list
		return c.isComplete(q) && (!listed || listing.complete)
	}
	return listing.complete
}

// incomplete warns of listings that were not complete in any poll.
func (c *SuperSIMUsage) incomplete(plan usagePlan) []string {
	var texts []string
	for _, d := range append(slices.Clone(c.listed), c.networks(nil)...) {
		if q := monthQuery(d.group, plan.bytes); d.group.name != accountGroup && c.listings[q.listing()].short > 0 && !c.isComplete(q) {
			texts = append(texts, fmt.Sprintf("by %s %d bytes", d.group, c.listings[q.listing()].short))
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return []string{"listings lack usage that the account's total has: " + strings.Join(texts, ", ") +
		"; counters that they may have left out are shown once they are complete"}
}
