package twiliotest

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listing is everything that a list would show, in its order.
type listing struct {
	n      int
	record func(i int) any
}

// paging is which part of a listing a request wants.
type paging struct {
	size, page int
	at         time.Time // when the listing's first page was taken
	query      string    // what the listing is of, as links write it
	key        uint64
}

const defaultPageSize = 50

// readPaging reads PageSize, Page and PageToken. A page beyond the first needs the
// token that the page before it gave, for the same query.
func (s *Simulator) readPaging(q *request, p *params, maxSize int) (paging, *response) {
	g := paging{at: q.now}
	var bad, worse *response
	g.size, bad = p.number("PageSize", defaultPageSize, 1, maxSize)
	g.page, worse = p.number("Page", 0, 0, math.MaxInt32)
	if refusal := firstRefusal(bad, worse); refusal != nil {
		return g, refusal
	}
	if most := s.options.MaxPageSize; most > 0 {
		g.size = min(g.size, most)
	}
	var b strings.Builder
	for _, name := range p.order {
		if v, ok := p.values[name]; ok {
			b.WriteString(name + "=" + url.QueryEscape(v) + "&")
		}
	}
	b.WriteString("PageSize=" + strconv.Itoa(g.size))
	g.query = b.String()
	g.key = hashString(q.world.account.Seed, q.world.account.SID+q.http.URL.Path+"?"+g.query)

	token, given := p.values["PageToken"]
	if !given {
		if g.page > 0 {
			return g, badToken()
		}
		return g, nil
	}
	at, ok := g.readToken(token)
	if !ok || at.After(q.now) {
		return g, badToken()
	}
	g.at = at
	return g, nil
}

func badToken() *response {
	return failure(http.StatusBadRequest, 21481, "No listing of this query gave this PageToken")
}

// token says as of when the listing is, for one page of one query: pages after the
// first show the same moment, whatever is reported meanwhile.
func (g *paging) token(page int) string {
	at := uint64(g.at.UnixNano())
	mask := hash(g.key, uint64(page))
	b := binary.BigEndian.AppendUint64([]byte(nil), at^mask)
	b = binary.BigEndian.AppendUint64(b, hash(mask, at))
	return "PT" + hex.EncodeToString(b)
}

func (g *paging) readToken(token string) (time.Time, bool) {
	b, err := hex.DecodeString(strings.TrimPrefix(token, "PT"))
	if err != nil || len(b) != 16 {
		return time.Time{}, false
	}
	mask := hash(g.key, uint64(g.page))
	at := time.Unix(0, int64(binary.BigEndian.Uint64(b)^mask)).UTC()
	of := *g
	of.at = at
	return at, of.token(g.page) == token
}

// link is the query part of a link to a page of the same listing.
func (g *paging) link(page int, token bool) string {
	l := "?" + g.query + "&Page=" + strconv.Itoa(page)
	if token {
		l += "&PageToken=" + g.token(page)
	}
	return l
}

// respond writes one page, built from the listing that build makes unless an earlier
// page left it behind.
func (g *paging) respond(q *request, key string, build func() listing) *response {
	w := q.world
	name := q.http.URL.Path + g.link(0, true)
	w.mu.Lock()
	all, ok := w.listings.kept[name]
	w.mu.Unlock()
	if !ok {
		all = build()
		if all.n > g.size {
			w.mu.Lock()
			w.listings.keep(name, all)
			w.mu.Unlock()
		}
	}
	from := g.page * g.size
	if g.page > 0 {
		from += q.shift + w.shift(q, g, (all.n+g.size-1)/g.size)
	}
	from = min(from, all.n)
	to := min(from+g.size, all.n)
	records := make([]any, 0, to-from)
	for i := from; i < to; i++ {
		records = append(records, all.record(i))
	}
	more := to < all.n
	if q.endpoint == Monthly || q.endpoint == Accounts {
		return success(g.v2010(q, key, records, from, more))
	}

	body := append([]byte(`{"`), key...)
	body = append(body, `":`...)
	body = append(body, encode(records)...)
	body = append(body, `,"meta":`...)
	body = append(body, encode(g.meta(q, key, more))...)
	return &response{status: http.StatusOK, body: append(body, '}')}
}

// shift is by how many records a listing of so many pages has moved when a page of it is
// read that is not the first one.
func (w *world) shift(q *request, g *paging, pages int) int {
	if !w.readings.ListsShift || pages < 2 || q.endpoint == UsageRecords && !strings.Contains(g.query, "Group=") {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if g.page == 1 {
		w.listed[g.key]++
	}
	h := hash(g.key, w.listed[g.key])
	if first := 1 + int(h>>16%uint64(pages-1)); h%8 == 0 && g.page >= first {
		return 1
	}
	return 0
}

// meta is the envelope of the Super SIM API. Its links are absolute and name the host
// that was asked.
type meta struct {
	First    string  `json:"first_page_url"`
	Key      string  `json:"key"`
	Next     *string `json:"next_page_url"`
	Page     int     `json:"page"`
	PageSize int     `json:"page_size"`
	Previous *string `json:"previous_page_url"`
	URL      string  `json:"url"`
}

func (g *paging) meta(q *request, key string, more bool) meta {
	base := origin(q.http) + q.http.URL.Path
	m := meta{
		First:    base + g.link(0, false),
		Key:      key,
		Page:     g.page,
		PageSize: g.size,
		URL:      base + g.link(g.page, g.page > 0),
	}
	if more {
		m.Next = new(base + g.link(g.page+1, true))
	}
	if g.page > 0 {
		m.Previous = new(base + g.link(g.page-1, true))
	}
	return m
}

// envelope is that of the 2010-04-01 API. Its links are relative to the host.
type envelope struct {
	End      int     `json:"end"`
	First    string  `json:"first_page_uri"`
	Next     *string `json:"next_page_uri"`
	Page     int     `json:"page"`
	PageSize int     `json:"page_size"`
	Previous *string `json:"previous_page_uri"`
	Start    int     `json:"start"`
	URI      string  `json:"uri"`
}

func (g *paging) v2010(q *request, key string, records []any, from int, more bool) any {
	path := q.http.URL.Path
	e := envelope{
		End:      max(from+len(records)-1, 0),
		First:    path + g.link(0, false),
		Page:     g.page,
		PageSize: g.size,
		Start:    from,
		URI:      path + g.link(g.page, g.page > 0),
	}
	if more {
		e.Next = new(path + g.link(g.page+1, true))
	}
	if g.page > 0 {
		e.Previous = new(path + g.link(g.page-1, true))
	}
	if key == "accounts" {
		return struct {
			Records []any `json:"accounts"`
			envelope
		}{records, e}
	}
	return struct {
		envelope
		Records []any `json:"usage_records"`
	}{e, records}
}

func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// listingCache keeps listings that have further pages. One that had to go is computed
// again, as of the same moment.
type listingCache struct {
	kept  map[string]listing
	order []string
	rows  int
}

const (
	maxKeptListings = 32
	maxKeptRows     = 2_000_000
)

func newListingCache() listingCache { return listingCache{kept: make(map[string]listing)} }

func (c *listingCache) keep(name string, l listing) {
	if _, ok := c.kept[name]; ok {
		return
	}
	for len(c.order) > 0 && (len(c.order) >= maxKeptListings || c.rows+l.n > maxKeptRows) {
		oldest := c.order[0]
		c.rows -= c.kept[oldest].n
		delete(c.kept, oldest)
		c.order = slices.Delete(c.order, 0, 1)
	}
	c.kept[name] = l
	c.order = append(c.order, name)
	c.rows += l.n
}

// text is null for "".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
