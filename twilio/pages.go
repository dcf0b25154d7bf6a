package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"net/url"
	"strconv"
)

// listing is one query of a resource that comes in pages.
type listing[T any] struct {
	endpoint Endpoint
	key      string // of the list in the response
	url      *url.URL
	wire     func() wire[T]

	confidential bool // its responses hold secrets: no error quotes them
}

// wire is a record as it was sent. It is used for all records of a listing, one
// after the other.
type wire[T any] interface {
	fields
	record() (T, error) // checks and converts it
}

// all yields the records of all pages, and ends after the first error. It holds
// one page at a time.
func (l listing[T]) all(ctx context.Context, c *Client) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var d decoder
		p := page[T]{key: l.key, wire: l.wire()}
		seen := make(map[uint64]bool) // hashes of the pages' URLs, which may be long
		seed := maphash.MakeSeed()
		hash := func(u *url.URL) uint64 { return maphash.String(seed, u.String()) }
		next, records, empty := l.url, 0, 0
		for next != nil {
			seen[hash(next)] = true
			var after *url.URL
			err := c.get(ctx, l.endpoint, next, func(body io.Reader) error {
				link, err := p.read(&d, body)
				if err == nil {
					after, err = l.follow(next, link)
				}
				if err == nil && after != nil && seen[hash(after)] {
					err = errors.New("the link to the next page leads to an earlier page")
				}
				if l.confidential {
					err = withoutQuotes(err)
				}
				return err
			})
			next = after
			// A listing of empty pages alone would never reach maxRecords, and one of
			// nearly empty pages hardly ever.
			if empty++; len(p.records) > 0 {
				empty = 0
			}
			if err == nil && len(seen) > 1000+(records+len(p.records))/10 {
				err = &ResponseError{Endpoint: l.endpoint, Err: fmt.Errorf("%d pages of %d records in all", len(seen), records+len(p.records))}
			}
			if err == nil && empty > 100 {
				err = &ResponseError{Endpoint: l.endpoint, Err: fmt.Errorf("%d empty pages in a row", empty)}
			}
			if err != nil {
				yield(none, err)
				return
			}
			for _, record := range p.records {
				if records++; records > c.maxRecords {
					yield(none, &LimitError{Endpoint: l.endpoint, Max: c.maxRecords})
					return
				}
				if !yield(record, nil) {
					return
				}
			}
		}
	}
}

// follow resolves the link to the next page: absolute in meta.next_page_url,
// relative to the host in next_page_uri. It returns nil after the last page.
func (l listing[T]) follow(from *url.URL, link string) (*url.URL, error) {
	if link == "" {
		return nil, nil
	}
	to, err := from.Parse(link)
	switch {
	case err != nil:
		return nil, errors.New("the link to the next page is not a URL")
	case !sameOrigin(l.url, to):
		return nil, fmt.Errorf("next page %w", &originError{to})
	}
	return to, nil
}

// page is used for all pages of a listing, and all attempts, one after the other.
type page[T any] struct {
	key     string
	wire    wire[T]
	records []T
	hasList bool
	next    link
}

// read reads one page as it streams. A page must have its list and its link, null
// on the last page: without the link, more records might exist.
func (p *page[T]) read(d *decoder, body io.Reader) (next string, err error) {
	p.hasList, p.next = false, link{}
	switch err := d.read(body, p); {
	case err != nil:
		return "", err
	case !p.hasList:
		return "", fmt.Errorf("missing list %q", p.key)
	case !p.next.present:
		return "", errors.New("missing link to the next page")
	}
	return p.next.url, nil
}

func (p *page[T]) field(name []byte) value {
	switch string(name) {
	case p.key:
		return (*list[T])(p)
	case "meta":
		return (*meta)(&p.next)
	case "next_page_uri":
		return &p.next
	}
	return nil
}

// list is a page as the destination of its list.
type list[T any] page[T]

func (l *list[T]) read(d *decoder) error {
	l.records, l.hasList = l.records[:0], true
	if err := d.begin('['); err != nil {
		return fmt.Errorf("%s: %w", l.key, err)
	}
	for n := 1; d.json.PeekKind() != ']'; n++ {
		if n > maxPage {
			return fmt.Errorf("more than %d records in one page", maxPage)
		}
		d.reset()
		if d.json.PeekKind() == 'n' {
			if err := d.json.SkipValue(); err != nil {
				return err
			}
			return fmt.Errorf("record %d of the page is null", n)
		}
		var record T
		err := d.object(l.wire)
		if err == nil {
			record, err = l.wire.record()
		}
		if err != nil {
			return fmt.Errorf("record %d of the page: %w", n, err)
		}
		l.records = append(l.records, record)
	}
	return d.end()
}

// maxPage bounds the records of one page: PageSize is at most 1,000, but millions
// of small records fit in maxBody.
const maxPage = 10_000

// link is the link to the next page; null and "" mean that there is none.
type link struct {
	url     string
	present bool // in the response
}

func (l *link) read(d *decoder) error {
	*l = link{present: true}
	token, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case 'n':
	case '"':
		if l.url = token.String(); len(l.url) > maxValue {
			return fmt.Errorf("the link to the next page is longer than %d bytes", maxValue)
		}
	default:
		return fmt.Errorf("found %q instead of a link", token.Kind())
	}
	return nil
}

// meta holds the link in responses of the Super SIM API.
type meta link

func (m *meta) read(d *decoder) error {
	*m = meta{}
	if d.json.PeekKind() == 'n' {
		return d.json.SkipValue()
	}
	return d.object(m)
}

func (m *meta) field(name []byte) value {
	if string(name) == "next_page_url" {
		return (*link)(m)
	}
	return nil
}

// Paging selects pages of a listing. The zero value selects all of them, of the
// largest size that is known to work.
type Paging struct {
	PageSize  int    // records per page, from 1 to Provider.MaxPageSize
	Page      int    // from 0; the API documents it for the client's own use
	PageToken string // from a link of the API
}

// encode adds the parameters to a query.
func (p Paging) encode(q url.Values, provider Provider, e Endpoint) error {
	size := cmp.Or(p.PageSize, provider.pageSize(e))
	if most := provider.MaxPageSize(e); size < 1 || size > most {
		return &ParameterError{"PageSize", fmt.Sprintf("must be from 1 to %d", most)}
	}
	if p.Page < 0 {
		return &ParameterError{"Page", "must not be negative"}
	}
	q.Set("PageSize", strconv.Itoa(size))
	if p.Page > 0 {
		q.Set("Page", strconv.Itoa(p.Page))
	}
	if p.PageToken != "" {
		q.Set("PageToken", p.PageToken)
	}
	return nil
}

// query returns a query of names and values, without those that are empty.
func query(namesAndValues ...string) url.Values {
	q := make(url.Values)
	for i := 0; i < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] != "" {
			q.Set(namesAndValues[i], namesAndValues[i+1])
		}
	}
	return q
}

// fail returns a listing that only yields an error.
func fail[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

func resource(origin *url.URL, path string, q url.Values) *url.URL {
	return &url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: path, RawQuery: q.Encode()}
}
