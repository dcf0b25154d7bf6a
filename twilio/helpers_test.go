package twilio_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const (
	accountSID = "ACc0ffee00000000000000000000000001"
	authToken  = "auth-token-of-the-account"
	koreSID    = "ACc0ffee0000000000000000000000000a"
	koreID     = "client-id"
	koreSecret = "kore+secret/with=signs"
	userAgent  = "twilio_exporter/0.0.0-test (twilio_test)"
)

// fake is an API of a few lines. It keeps the requests that it got.
type fake struct {
	respond func(n int, r *http.Request) (*http.Response, error) // n counts from 0

	mu       sync.Mutex
	requests []*http.Request
	at       []time.Time
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	n := len(f.requests)
	f.requests = append(f.requests, r)
	f.at = append(f.at, time.Now())
	f.mu.Unlock()
	return f.respond(n, r)
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

// waits are the times between one request and the next.
func (f *fake) waits() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(f.at); i++ {
		out = append(out, f.at[i].Sub(f.at[i-1]))
	}
	return out
}

// reply is a response as a RoundTripper returns it; headers are name, value, ….
func reply(r *http.Request, status int, body string, headers ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// always gives every request the same response.
func always(status int, body string, headers ...string) *fake {
	return &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
		return reply(r, status, body, headers...), nil
	}}
}

// inTurn responds with one body after the other, and fails past the last.
func inTurn(bodies ...string) *fake {
	return &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
		if n >= len(bodies) {
			return nil, fmt.Errorf("request %d was not expected: %s", n+1, r.URL)
		}
		return reply(r, http.StatusOK, bodies[n]), nil
	}}
}

// usagePage is a page of UsageRecords; next is JSON: null or a string.
func usagePage(next string, records ...string) string {
	return superSIMPage("usage_records", next, records...)
}

func superSIMPage(key, next string, records ...string) string {
	return `{"` + key + `":[` + strings.Join(records, ",") + `],"meta":{"key":"` + key + `","page":0,"next_page_url":` + next + `}}`
}

func monthlyPage(next string, records ...string) string {
	return `{"page":0,"next_page_uri":` + next + `,"usage_records":[` + strings.Join(records, ",") + `]}`
}

// basicAuth adds credentials to a copy of the request, as prometheus/common does.
type basicAuth struct {
	user, password string
	next           http.RoundTripper
}

func (b basicAuth) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(b.user, b.password)
	return b.next.RoundTrip(r)
}

// newClient makes a client over a RoundTripper. Unless options say otherwise it
// does not retry.
func newClient(t testing.TB, rt http.RoundTripper, change ...func(*twilio.Options)) *twilio.Client {
	t.Helper()
	o := twilio.Options{
		Provider: twilio.ProviderTwilio, AccountSID: accountSID,
		Transport: rt, UserAgent: userAgent,
	}
	for _, f := range change {
		f(&o)
	}
	c, err := twilio.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pagesOf makes a client ask for pages of so many records. 0 changes nothing.
func pagesOf(size int) func(*twilio.Options) {
	return func(o *twilio.Options) { o.Transport = smallPages{size, o.Transport} }
}

type smallPages struct {
	size int
	next http.RoundTripper
}

func (s smallPages) RoundTrip(r *http.Request) (*http.Response, error) {
	if q := r.URL.Query(); s.size > 0 && q.Has("PageSize") {
		r = r.Clone(r.Context())
		q.Set("PageSize", strconv.Itoa(s.size))
		r.URL.RawQuery = q.Encode()
	}
	return s.next.RoundTrip(r)
}

func retries(n int) func(*twilio.Options) {
	return func(o *twilio.Options) { o.MaxRetries = n }
}

func asKORE(o *twilio.Options) { o.Provider, o.AccountSID = twilio.ProviderKORE, "" }

// simulate makes a simulated Twilio with one account of each provider.
func simulate(change ...func(*twiliotest.Options)) *twiliotest.Simulator {
	o := twiliotest.Options{Accounts: []twiliotest.Account{
		{SID: accountSID, AuthToken: authToken, Seed: 11},
		{SID: koreSID, Provider: twiliotest.KORE, ClientID: koreID, ClientSecret: koreSecret, Seed: 12},
	}}
	for _, f := range change {
		f(&o)
	}
	return twiliotest.New(o)
}

// simulated makes a client of the simulated Twilio account.
func simulated(t testing.TB, s *twiliotest.Simulator, change ...func(*twilio.Options)) *twilio.Client {
	t.Helper()
	return newClient(t, basicAuth{accountSID, authToken, s.Transport()}, change...)
}

// list reads a listing up to its end or its error. It fails a test where
// something follows an error.
func list[T any](t testing.TB, seq iter.Seq2[T, error]) ([]T, error) {
	t.Helper()
	var records []T
	var failed error
	for record, err := range seq {
		if failed != nil {
			t.Fatalf("after the error %v came %v, %v", failed, record, err)
		}
		if failed = err; err == nil {
			records = append(records, record)
		}
	}
	return records, failed
}

func mustList[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	records, err := list(t, seq)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func failure[T any](t testing.TB, seq iter.Seq2[T, error]) error {
	t.Helper()
	records, err := list(t, seq)
	if err == nil {
		t.Fatalf("want an error, have %d records", len(records))
	}
	return err
}

// as is errors.AsType that fails the test.
func as[E error](t testing.TB, err error) E {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("want %T, have %T: %v", e, err, err)
	}
	return e
}

// invalidValue returns the field and the value that an error names as invalid.
func invalidValue(err error) (field, value string, ok bool) {
	m := regexp.MustCompile(`([a-z_.]+): ("(?:[^"\\]|\\.)*") is not `).FindStringSubmatch(fmt.Sprint(err))
	if m == nil {
		return "", "", false
	}
	value, err = strconv.Unquote(m[2])
	return m[1], value, err == nil
}

// invalidField fails a test unless the error names this field as invalid.
func invalidField(t testing.TB, field string, err error) {
	t.Helper()
	as[*twilio.ResponseError](t, err)
	if have, _, ok := invalidValue(err); !ok || have != field {
		t.Errorf("want an error about %s, have %v", field, err)
	}
}

func equal[T comparable](t testing.TB, what string, want, have T) {
	t.Helper()
	if want != have {
		t.Errorf("%s: want %v, have %v", what, want, have)
	}
}

// between checks a ≤ have ≤ b.
func between[T cmp.Ordered](t testing.TB, what string, a, b, have T) {
	t.Helper()
	if have < a || have > b {
		t.Errorf("%s: want from %v to %v, have %v", what, a, b, have)
	}
}

// hour is a whole hour of a day in May 2024, UTC.
func hour(day, h int) time.Time { return time.Date(2024, 5, day, h, 0, 0, 0, time.UTC) }

// observer writes down what it is told.
type observer struct {
	mu       sync.Mutex
	requests []string // endpoint, code
	retries  []string // endpoint, reason
	took     []time.Duration
}

func (o *observer) Request(e twilio.Endpoint, code string, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests = append(o.requests, string(e)+" "+code)
	o.took = append(o.took, took)
}

func (o *observer) Retry(e twilio.Endpoint, reason twilio.Reason) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retries = append(o.retries, string(e)+" "+string(reason))
}

func (o *observer) check(t testing.TB, requests, retries []string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(requests, o.requests) {
		t.Errorf("requests observed: want %q, have %q", requests, o.requests)
	}
	if !slices.Equal(retries, o.retries) {
		t.Errorf("retries observed: want %q, have %q", retries, o.retries)
	}
}

// times repeats one entry.
func times(n int, entry string) []string { return slices.Repeat([]string{entry}, n) }

// at stops the simulator's clock.
func at(now time.Time) func(*twiliotest.Options) {
	return func(o *twiliotest.Options) { o.Now = func() time.Time { return now } }
}

// thisMonth reports these records in the month of now, and none in others.
func thisMonth(now time.Time, records []twiliotest.MonthlyRecord) func(month, at time.Time) []twiliotest.MonthlyRecord {
	return func(month, _ time.Time) []twiliotest.MonthlyRecord {
		if month.Month() != now.Month() || month.Year() != now.Year() {
			return nil
		}
		return records
	}
}

// koreTransport is the token transport to the simulated KORE. Further changes
// its options.
func koreTransport(s *twiliotest.Simulator, change ...func(*twilio.TokenOptions)) (http.RoundTripper, *observer) {
	seen := new(observer)
	o := twilio.TokenOptions{
		TokenURL: twilio.ProviderKORE.TokenURL(), ClientID: koreID,
		ClientSecret: func(context.Context) (string, error) { return koreSecret, nil },
		Base:         s.Transport(), TokenBase: s.Transport(), UserAgent: userAgent, Observer: seen,
	}
	for _, f := range change {
		f(&o)
	}
	return twilio.NewTokenTransport(o), seen
}
