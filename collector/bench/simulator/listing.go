package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	usagePath    = "/v1/UsageRecords"
	simsPath     = "/v1/Sims"
	fleetsPath   = "/v1/Fleets"
	networksPath = "/v1/Networks"
)

// listing is everything that one query brings, as it goes out.
type listing struct {
	turn  int
	pages [][]byte
}

// token opens a page of a listing; it is good for the turn in which it was given.
func token(name string, turn, page int) string {
	h := hash(uint64(turn), uint64(page))
	for i := range len(name) {
		h = hash(h, uint64(name[i]))
	}
	return makeSID("PT", h)
}

// build makes the listing of a query. The origin is that of its links.
func (w *world) build(q query, turn int, origin string) *listing {
	p := &pages{query: q, turn: turn, base: origin + q.path}
	switch q.path {
	case usagePath:
		p.key = "usage_records"
		w.usageRecords(p)
	case simsPath:
		p.key = "sims"
		for _, i := range w.orders["sims"] {
			p.start()
			p.page = w.sims[i].appendTo(p.page, w.fleets[w.sims[i].fleet], p.base)
			p.end()
		}
	case fleetsPath:
		p.key = "fleets"
		for i, sid := range w.fleets {
			p.start()
			p.page = appendFleet(p.page, sid, fmt.Sprintf("district-%02d", i), p.base)
			p.end()
		}
	case networksPath:
		p.key = "networks"
		for _, n := range w.networks {
			p.start()
			p.page = n.appendTo(p.page, p.base)
			p.end()
		}
	}
	return p.finish()
}

// usageRecords adds the records of a query of usage, the newest bucket first.
func (w *world) usageRecords(p *pages) {
	step := p.query.step()
	for start := p.query.end.Add(-step); !start.Before(p.query.start); start = start.Add(-step) {
		r := usageRecord{start: start.Format(stamp), end: start.Add(step).Format(stamp)}
		of := func(s *sim) usage { return s.bucket(p.turn, start) }
		if p.query.granularity == "all" {
			of = func(s *sim) usage { return s.total(p.turn) }
		}
		if p.query.group == "sim" {
			for _, i := range w.orders[p.query.granularity] {
				if s := &w.sims[i]; !s.silent {
					r.sim, r.usage = s.sid, of(s)
					p.add(r)
				}
			}
			continue
		}
		w.sums(p, r, of)
	}
}

// sums adds the records of a query that adds SIMs up.
func (w *world) sums(p *pages, r usageRecord, of func(*sim) usage) {
	sums := make(map[string]usage)
	for i := range w.sims {
		s := &w.sims[i]
		if s.silent {
			continue
		}
		key := ""
		switch p.query.group {
		case "fleet":
			key = w.fleets[s.fleet]
		case "network":
			key = w.networks[s.network].sid
		case "isoCountry":
			key = w.networks[s.network].country
		}
		sum := sums[key]
		sum.add(of(s))
		sums[key] = sum
	}
	keys := []string{""}
	field := new(string) // of the account's own records, which name nothing
	switch p.query.group {
	case "fleet":
		keys, field = w.fleets, &r.fleet
	case "network":
		keys, field = nil, &r.network
		for _, n := range w.networks {
			keys = append(keys, n.sid)
		}
	case "isoCountry":
		keys, field = w.countries, &r.country
	}
	for _, key := range keys {
		if sum, ok := sums[key]; ok {
			*field, r.usage = key, sum
			p.add(r)
		}
	}
}

// pages cuts a listing into pages as it grows. The links of a page are written
// when it is known whether another follows.
type pages struct {
	query     query
	turn      int
	key, base string

	done    [][]byte
	page    []byte
	records int // in the page
}

func (p *pages) add(r usageRecord) {
	p.start()
	p.page = r.appendTo(p.page)
	p.end()
}

// start begins a record.
func (p *pages) start() {
	if p.records == p.query.size {
		p.close(true)
	}
	if p.records == 0 {
		p.page = append(p.page, `{"`+p.key+`":[`...)
		return
	}
	p.page = append(p.page, ',')
}

func (p *pages) end() { p.records++ }

// close ends a page.
func (p *pages) close(more bool) {
	if p.records == 0 {
		p.page = append(p.page, `{"`+p.key+`":[`...)
	}
	number := len(p.done)
	link := func(page int) string {
		return p.base + p.query.link(page, token(p.query.name, p.turn, page))
	}
	next, previous := "null", "null"
	if more {
		next = `"` + link(number+1) + `"`
	}
	if number > 0 {
		previous = `"` + link(number-1) + `"`
	}
	first := p.base + p.query.link(0, "")
	own := first
	if number > 0 {
		own = link(number)
	}
	p.page = append(p.page, strings.Join([]string{
		`],"meta":{"first_page_url":"`, first, `","key":"`, p.key, `","next_page_url":`, next,
		`,"page":`, strconv.Itoa(number), `,"page_size":`, strconv.Itoa(p.query.size),
		`,"previous_page_url":`, previous, `,"url":"`, own, `"}}`,
	}, "")...)
	p.done = append(p.done, append([]byte(nil), p.page...))
	p.page, p.records = p.page[:0], 0
}

func (p *pages) finish() *listing {
	p.close(false)
	return &listing{turn: p.turn, pages: p.done}
}

// uploads is what all SIMs have sent since the start of a month.
func (w *world) uploads(turn int) int64 {
	var all int64
	for i := range w.sims {
		if s := &w.sims[i]; !s.silent {
			all += s.total(turn).upload
		}
	}
	return all
}

// turns says whether a listing changes from turn to turn.
func (q *query) turns() bool { return q.path == usagePath }

// recent says whether a listing may be asked for again: one of a range that
// ended long ago is not.
func (q *query) recent(now time.Time) bool {
	return q.path != usagePath || now.Sub(q.end) < 48*time.Hour
}
