package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"
)

// listing is one query of a resource that comes in pages.
type listing[W, T any] struct {
	endpoint Endpoint
	key      string // of the list in the answer
	url      *url.URL
	convert  func(W) (T, error) // from the wire's form
}

// all yields the records of every page, and ends after the first error. At any
// time it holds one page.
func (l listing[W, T]) all(ctx context.Context, c *Client) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		seen := make(map[string]bool)
		next, records, empty := l.url, 0, 0
		for next != nil {
			seen[next.String()] = true
			var page []T
			var after *url.URL
			err := c.get(ctx, l.endpoint, next, func(body io.Reader) error {
				var link string
				var err error
				if page, link, err = l.read(body); err != nil {
					return err
				}
				after, err = l.follow(next, link, seen)
				return err
			})
			next = after
			// A listing of nothing but empty pages would never meet max_records.
			if empty++; len(page) > 0 {
				empty = 0
			}
			if err == nil && empty > 100 {
				err = &AnswerError{Endpoint: l.endpoint, Err: fmt.Errorf("%d empty pages in a row", empty)}
			}
			if err != nil {
				yield(none, err)
				return
			}
			for _, record := range page {
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
func (l listing[W, T]) follow(from *url.URL, link string, seen map[string]bool) (*url.URL, error) {
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

// read decodes one page as it streams. The answer's list must be there, and so
// must the link's place: without it nobody knows whether more was to come.
func (l listing[W, T]) read(body io.Reader) (page []T, next string, err error) {
	dec := json.NewDecoder(body)
	defer func() { err = truncated(body, err) }()
	if err := expect(dec, json.Delim('{')); err != nil {
		return nil, "", err
	}
	var hasList, hasLink bool
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, "", err
		}
		switch key {
		case l.key:
			hasList = true
			page, err = l.records(dec)
		case "meta":
			var meta struct {
				Next link `json:"next_page_url"`
			}
			err = dec.Decode(&meta)
			next, hasLink = meta.Next.url, meta.Next.given
		case "next_page_uri":
			var l link
			err = dec.Decode(&l)
			next, hasLink = l.url, l.given
		default:
			var skip json.RawMessage
			err = dec.Decode(&skip)
		}
		if err != nil {
			return nil, "", err
		}
	}
	if err := expect(dec, json.Delim('}')); err != nil {
		return nil, "", err
	}
	if !hasList {
		return nil, "", fmt.Errorf("it has no %s", l.key)
	}
	if !hasLink {
		return nil, "", errors.New("it does not say whether there is a next page")
	}
	return page, next, nil
}

// link is where an answer says what the next page is; null is none.
type link struct {
	url   string
	given bool
}

func (l *link) UnmarshalJSON(b []byte) error {
	l.given = true
	return json.Unmarshal(b, &l.url)
}

func (l listing[W, T]) records(dec *json.Decoder) ([]T, error) {
	if err := expect(dec, json.Delim('[')); err != nil {
		return nil, fmt.Errorf("%s: %w", l.key, err)
	}
	var page []T
	for dec.More() {
		if len(page) == maxPage {
			return nil, fmt.Errorf("more than %d records in one page", maxPage)
		}
		var wire *W
		if err := dec.Decode(&wire); err != nil {
			return nil, err
		}
		if wire == nil {
			return nil, fmt.Errorf("record %d of the page is null", len(page)+1)
		}
		record, err := l.convert(*wire)
		if err != nil {
			return nil, fmt.Errorf("record %d of the page: %w", len(page)+1, err)
		}
		page = append(page, record)
	}
	return page, expect(dec, json.Delim(']'))
}

// maxPage bounds the records of one page: the APIs promise 1,000 at most, but
// maxBody has room for millions.
const maxPage = 100_000

func expect(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("found %.40q instead of %q", fmt.Sprint(token), want.String())
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
