package check

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// recorder keeps what the API said about usage, as it said it: a client reads all ways of
// saying it alike. It keeps no body of another endpoint; those of accounts hold secrets.
type recorder struct {
	mu         sync.Mutex
	on         bool
	pages      []rawPage // since the last take
	requests   int
	compressed int // of their responses
}

// rawPage is a page of usage records.
type rawPage struct {
	Records []rawUsage `json:"usage_records"`
	Meta    struct {
		PageSize int     `json:"page_size"`
		Next     *string `json:"next_page_url"`
	} `json:"meta"`

	asked      url.Values
	start, end time.Time // that were asked for
}

// rawUsage is a usage record. A field is nil where it is absent, and "null" where it is
// null.
type rawUsage struct {
	AccountSID json.RawMessage `json:"account_sid"`
	Period     struct {
		Start string `json:"start_time"`
		End   string `json:"end_time"`
	} `json:"period"`
	Upload   json.RawMessage `json:"data_upload"`
	Download json.RawMessage `json:"data_download"`
	Total    json.RawMessage `json:"data_total"`
	Billed   json.RawMessage `json:"data_total_billed"`
	Unit     json.RawMessage `json:"billed_unit"`
}

// isNothing reports whether a field says nothing.
func isNothing(field json.RawMessage) bool {
	return len(field) == 0 || string(field) == "null" || string(field) == `""`
}

// isBilled reports whether the record has an amount in a currency.
func (u *rawUsage) isBilled() bool { return !isNothing(u.Billed) && !isNothing(u.Unit) }

// maxRecorded is how much of a body is kept: more than a page of 1,000 records takes.
const maxRecorded = 4 << 20

// wrap sends requests through a transport; those of all transports are recorded.
func (r *recorder) wrap(next http.RoundTripper) http.RoundTripper { return recording{next, r} }

type recording struct {
	next http.RoundTripper
	*recorder
}

// RoundTrip implements http.RoundTripper.
func (r recording) RoundTrip(request *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(request)
	if err != nil || !r.isOn() {
		return resp, err
	}
	r.mu.Lock()
	r.requests++
	if resp.Header.Get("Content-Encoding") != "" || resp.Uncompressed {
		r.compressed++
	}
	r.mu.Unlock()
	if resp.StatusCode != http.StatusOK || !strings.HasSuffix(request.URL.Path, "/UsageRecords") {
		return resp, nil
	}
	// An error comes again when the client reads on.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRecorded))
	resp.Body = readCloser{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	r.keep(request.URL.Query(), plain(body, resp.Header.Get("Content-Encoding")))
	return resp, nil
}

// keep keeps a page, if the body is one.
func (r *recorder) keep(asked url.Values, body []byte) {
	page := rawPage{asked: asked}
	if json.Unmarshal(body, &page) != nil {
		return
	}
	page.start, _ = time.Parse(time.RFC3339, asked.Get("StartTime"))
	page.end, _ = time.Parse(time.RFC3339, asked.Get("EndTime"))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages = append(r.pages, page)
}

// take returns the pages since the last take.
func (r *recorder) take() []rawPage {
	r.mu.Lock()
	defer r.mu.Unlock()
	pages := r.pages
	r.pages = nil
	return pages
}

func (r *recorder) isOn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.on
}

func (r *recorder) switchOn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = true
}

// counts are how many requests there were, and how many responses were compressed.
func (r *recorder) counts() (requests, compressed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests, r.compressed
}

// plain is a body without its compression; what cannot be read is left out.
func plain(body []byte, encoding string) []byte {
	if encoding == "" {
		return body
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(r, maxRecorded))
	return text
}

type readCloser struct {
	io.Reader
	io.Closer
}
