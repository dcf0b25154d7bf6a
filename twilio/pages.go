package twilio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"
)

// listing is one query of a resource that comes in pages.
type listing[T any] struct {
	endpoint Endpoint
	key      string // of the list in the answer
	url      *url.URL
	wire     func() wire[T] // makes one to read a listing's records with
}

// wire is a record as it is sent, read into again and again.
type wire[T any] interface {
	fields
	record() (T, error)
}

// all yields the records of every page, and ends after the first error. At any
// time it holds one page.
func (l listing[T]) all(ctx context.Context, c *Client) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var d decoder
		p := page[T]{key: l.key, wire: l.wire()}
		seen := make(map[string]bool)
		next, records, empty := l.url, 0, 0
		for next != nil {
			seen[next.String()] = true
			var after *url.URL
			err := c.get(ctx, l.endpoint, next, func(body io.Reader) error {
				link, err := p.read(&d, body)
				if err != nil {
					return err
				}
				after, err = l.follow(next, link, seen)
				return err
			})
			next = after
			// A listing of nothing but empty pages would never meet max_records.
			if empty++; len(p.records) > 0 {
				empty = 0
			}
			if err == nil && empty > 100 {
				err = &AnswerError{Endpoint: l.endpoint, Err: fmt.Errorf("%d empty pages in a row", empty)}
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
// relative to the host in next_page_uri. No link, no page.
func (l listing[T]) follow(from *url.URL, link string, seen map[string]bool) (*url.URL, error) {
	if link == "" {
		return nil, nil
	}
	to, err := from.Parse(link)
	switch {
	case err != nil:
		return nil, errors.New("the link to the next page is not a URL")
	case !sameOrigin(l.url, to):
		return nil, fmt.Errorf("next page %w", &originError{to})
	case seen[to.String()]:
		return nil, errors.New("the next page is one that was read before")
	}
	return to, nil
}

// page is read into again for each page of a listing, and for each try.
type page[T any] struct {
	key     string
	wire    wire[T]
	records []T
	hasList bool
	next    link
}

// read reads one page as it streams. The answer's list must be there, and so
// must the link's place: without it nobody knows whether more was to come.
func (p *page[T]) read(d *decoder, body io.Reader) (next string, err error) {
	p.hasList, p.next = false, link{}
	switch err := d.read(body, p); {
	case err != nil:
		return "", err
	case !p.hasList:
		return "", fmt.Errorf("it has no %s", p.key)
	case !p.next.given:
		return "", errors.New("it does not say whether there is a next page")
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

// list is a page as that to which its list belongs.
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
		d.forget()
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

// maxPage bounds the records of one page: the APIs promise 1,000 at most, but
// maxBody has room for millions.
const maxPage = 100_000

// link is where an answer says what the next page is; null is none.
type link struct {
	url   string
	given bool
}

func (l *link) read(d *decoder) error {
	*l = link{given: true}
	token, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case 'n':
	case '"':
		l.url = token.String()
	default:
		return fmt.Errorf("found %q instead of a link", token.Kind())
	}
	return nil
}

// meta holds the link in answers of the Super SIM API.
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

// Paging is common to every listing. The zero value asks for the largest pages
// that the endpoint is known to serve.
type Paging struct {
	PageSize  int    // records a page, from 1 to the endpoint's limit
	Page      int    // from 0; the API keeps it for the client only
	PageToken string // from a link of the API
}

func (p Paging) encode(q url.Values, provider Provider, e Endpoint) error {
	size := p.PageSize
	if size == 0 {
		size = provider.pageSize(e)
	}
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

// fail is a listing that ends at once.
func fail[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

func resource(origin *url.URL, path string, q url.Values) *url.URL {
	return &url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: path, RawQuery: q.Encode()}
}
