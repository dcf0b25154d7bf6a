package twilio_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// fleetOf is a simulated account with so many SIMs, each in one listing.
func fleetOf(n int) *twiliotest.Simulator {
	sims := make([]twiliotest.SIM, n)
	for i := range sims {
		sims[i] = twiliotest.SIM{SID: fmt.Sprintf("HS%032x", i+1)}
	}
	return twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{
		{SID: accountSID, AuthToken: authToken, SIMList: sims},
		{SID: koreSID, Provider: twiliotest.KORE, ClientID: koreID, ClientSecret: koreSecret, SIMList: sims},
	}})
}

func TestPagesOfTheSuperSIMAPI(t *testing.T) {
	for _, test := range []struct {
		sims, size, requests int
	}{
		{0, 0, 1}, {1, 0, 1}, {999, 0, 1}, {1000, 0, 1}, {1001, 0, 2}, {2000, 0, 2}, {2500, 0, 3}, {7, 3, 3}, {6, 3, 2}, {3, 1, 3},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			s := fleetOf(test.sims)
			records := mustList(t, simulated(t, s, pagesOf(test.size)).Sims(t.Context()))
			equal(t, "requests", test.requests, s.TotalRequests())
			seen := make(map[string]bool)
			for _, r := range records {
				seen[r.SID] = true
			}
			equal(t, "records", test.sims, len(records))
			equal(t, "different records", test.sims, len(seen))
		})
	}
}

func TestPagesOfTheAccountAPI(t *testing.T) {
	for _, test := range []struct{ records, size, requests int }{{0, 0, 1}, {100, 0, 1}, {101, 0, 2}, {250, 0, 3}, {9, 3, 3}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			month := make([]twiliotest.MonthlyRecord, test.records)
			for i := range month {
				month[i] = twiliotest.MonthlyRecord{Category: fmt.Sprintf("c-%03d", i), Usage: fmt.Sprint(i)}
			}
			now := hour(20, 12)
			s := simulate(at(now), func(o *twiliotest.Options) {
				o.Accounts[0].Monthly = thisMonth(now, month)
			})
			records := mustList(t, simulated(t, s).MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{
				StartDate: hour(1, 0), EndDate: now, Paging: twilio.Paging{PageSize: test.size},
			}))
			equal(t, "requests", test.requests, s.Requests(twiliotest.Monthly))
			seen := make(map[string]bool)
			for _, r := range records {
				seen[r.Category] = true
			}
			equal(t, "different records", test.records, len(seen))
			equal(t, "records", test.records, len(records))
		})
	}
}

// The records of the first page are yielded before the second page is requested,
// and nothing is requested once the consumer stops.
func TestAPageAtATime(t *testing.T) {
	s := fleetOf(9)
	c := simulated(t, s, pagesOf(3))
	seen := 0
	for _, err := range c.Sims(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "requests before this record", seen/3+1, s.TotalRequests())
		if seen++; seen == 6 {
			break
		}
	}
	equal(t, "requests in the end", 2, s.TotalRequests())
}

func TestAListingCanBeReadTwice(t *testing.T) {
	s := fleetOf(5)
	listing := simulated(t, s, pagesOf(2)).Sims(t.Context())
	equal(t, "first", 5, len(mustList(t, listing)))
	equal(t, "second", 5, len(mustList(t, listing)))
	equal(t, "requests", 6, s.TotalRequests())
}

func TestMaxRecords(t *testing.T) {
	limit := func(o *twilio.Options) { o.MaxRecords = 4 }
	s := fleetOf(4)
	equal(t, "records up to the limit", 4, len(mustList(t, simulated(t, s, limit).Sims(t.Context()))))

	s = fleetOf(9)
	records, err := list(t, simulated(t, s, limit, pagesOf(3)).Sims(t.Context()))
	equal(t, "limit", 4, as[*twilio.LimitError](t, err).Max)
	equal(t, "reason", twilio.ReasonLimit, twilio.ReasonOf(err))
	equal(t, "records before the error", 4, len(records))
	equal(t, "requests", 2, s.TotalRequests())
	if want := "max_records"; !strings.Contains(err.Error(), want) {
		t.Errorf("want %q in %q", want, err)
	}
}

// A listing without end is ended by max_records if it has records, and after a
// while if it has none.
func TestEndlessListings(t *testing.T) {
	endless := func(records ...string) *fake {
		return &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
			return reply(r, http.StatusOK, superSIMPage("sims", fmt.Sprintf(`"?Page=%d"`, n+1), records...)), nil
		}}
	}
	f := endless(`{"sid":"HS1"}`)
	err := failure(t, newClient(t, f, func(o *twilio.Options) { o.MaxRecords = 50 }).Sims(t.Context()))
	as[*twilio.LimitError](t, err)
	equal(t, "requests for 50 records", 51, f.count())

	f = endless()
	err = failure(t, newClient(t, f).Sims(t.Context()))
	as[*twilio.ResponseError](t, err)
	equal(t, "requests for empty pages", 101, f.count())
}

func TestSomeEmptyPagesAreFine(t *testing.T) {
	f := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
		next, record := fmt.Sprintf(`"?Page=%d"`, n+1), ""
		if n%60 == 59 {
			record = fmt.Sprintf(`{"sid":"HS%d"}`, n)
		}
		if n == 239 {
			next = "null"
		}
		return reply(r, http.StatusOK, superSIMPage("sims", next, record)), nil
	}}
	equal(t, "records", 4, len(mustList(t, newClient(t, f).Sims(t.Context()))))
}

func TestLoopingLinks(t *testing.T) {
	t.Run("to itself", func(t *testing.T) {
		s := fleetOf(5)
		s.Inject(twiliotest.Fault{Kind: twiliotest.LoopNext})
		err := failure(t, simulated(t, s, retries(3)).Sims(t.Context()))
		as[*twilio.ResponseError](t, err)
		// The link spells the first page another way than the client did.
		equal(t, "requests", 2, s.TotalRequests())
	})
	t.Run("in a circle", func(t *testing.T) {
		f := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
			return reply(r, http.StatusOK, monthlyPage(fmt.Sprintf(`"/circle?Page=%d"`, n%3), `{"category":"sms"}`)), nil
		}}
		as[*twilio.ResponseError](t, failure(t, newClient(t, f).MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{})))
		equal(t, "requests", 4, f.count())
	})
}

// A response without its list, or without a link to the next page, is no
// listing: reading it as an empty or as the last page would lose records.
func TestResponsesThatAreNoListing(t *testing.T) {
	const meta = `"meta":{"key":"sims","next_page_url":null}`
	for name, body := range map[string]string{
		"no list":                   `{` + meta + `}`,
		"list of another name":      `{"fleets":[],` + meta + `}`,
		"list of another case":      `{"Sims":[],` + meta + `}`,
		"null list":                 `{"sims":null,` + meta + `}`,
		"list that is an object":    `{"sims":{},` + meta + `}`,
		"list that is a string":     `{"sims":"none",` + meta + `}`,
		"no meta":                   `{"sims":[]}`,
		"null meta":                 `{"sims":[],"meta":null}`,
		"meta without a next link":  `{"sims":[],"meta":{"page":0}}`,
		"meta that is a list":       `{"sims":[],"meta":[]}`,
		"next link is a number":     `{"sims":[],"meta":{"next_page_url":2}}`,
		"next link is an object":    `{"sims":[],"meta":{"next_page_url":{}}}`,
		"next link is false":        `{"sims":[],"meta":{"next_page_url":false}}`,
		"next link is no URL":       `{"sims":[],"meta":{"next_page_url":"http://[::1"}}`,
		"next link with a bad port": `{"sims":[],"meta":{"next_page_url":"https://supersim.twilio.com:x/"}}`,
		"list":                      `[]`,
		"bracket for a brace":       `{"sims":[],` + meta + `]`,
		"null":                      `null`,
		"string":                    `"sims"`,
		"HTML":                      `<!DOCTYPE html><html></html>`,
		"record that is a number":   `{"sims":[1],` + meta + `}`,
		"record that is a list":     `{"sims":[[]],` + meta + `}`,
		"missing comma":             `{"sims":[{"sid":"HS1"}{"sid":"HS2"}],` + meta + `}`,
		"bad value to be skipped":   `{"x":[1,}],"sims":[],` + meta + `}`,
		"bad key":                   `{1:2,"sims":[],` + meta + `}`,
		"deep nesting":              `{"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `,"sims":[],` + meta + `}`,
		"too many records":          `{"sims":[` + strings.Repeat(`{"sid":"HS1"},`, 100_000) + `{"sid":"HS1"}],` + meta + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := always(http.StatusOK, body, "Twilio-Request-Id", "RQ1")
			records, err := list(t, newClient(t, f, retries(3)).Sims(t.Context()))
			if err == nil {
				t.Fatalf("want an error, have %d records", len(records))
			}
			if want := "sims: "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("want the prefix %q, have %q", want, err)
			}
			as[*twilio.ResponseError](t, err)
			equal(t, "reason", twilio.ReasonResponse, twilio.ReasonOf(err))
			equal(t, "records", 0, len(records))
			equal(t, "requests", 1, f.count())
		})
	}
}

func TestAccountListingWithoutItsParts(t *testing.T) {
	for name, body := range map[string]string{
		"no list":      `{"next_page_uri":null}`,
		"null list":    `{"next_page_uri":null,"usage_records":null}`,
		"no next link": `{"usage_records":[],"uri":"/x"}`,
		"XML":          `<?xml version="1.0"?><TwilioResponse/>`,
	} {
		t.Run(name, func(t *testing.T) {
			f := always(http.StatusOK, body)
			as[*twilio.ResponseError](t, failure(t, newClient(t, f).MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{})))
		})
	}
}

func TestSimulatedResponseWithoutItsList(t *testing.T) {
	s := fleetOf(5)
	s.Inject(twiliotest.Fault{Kind: twiliotest.NoList})
	c := simulated(t, s)
	as[*twilio.ResponseError](t, failure(t, c.Sims(t.Context())))
	as[*twilio.ResponseError](t, failure(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{})))
}

// A page that fails leaves the records of the pages before it to the consumer,
// who learns of the failure last.
func TestAFailingLaterPage(t *testing.T) {
	s := fleetOf(9)
	s.Inject(twiliotest.Fault{Kind: twiliotest.InvalidPageToken})
	records, err := list(t, simulated(t, s, pagesOf(3)).Sims(t.Context()))
	equal(t, "records before the error", 3, len(records))
	equal(t, "invalid page token", true, twilio.IsInvalidPageToken(err))
	equal(t, "reason", twilio.ReasonRefused, twilio.ReasonOf(err))
	equal(t, "invalid page token of another error", false, twilio.IsInvalidPageToken(&twilio.APIError{Code: 20404}))
	equal(t, "invalid page token of no error", false, twilio.IsInvalidPageToken(nil))
}

// A response larger than any page is not read to its end.
func TestHugeResponse(t *testing.T) {
	f := &fake{}
	read := 0
	f.respond = func(_ int, r *http.Request) (*http.Response, error) {
		resp := reply(r, http.StatusOK, "")
		resp.Body, resp.ContentLength = endless{start: `{"x":"`, count: &read}, -1
		return resp, nil
	}
	err := failure(t, newClient(t, f, retries(2)).Sims(t.Context()))
	as[*twilio.ResponseError](t, err)
	equal(t, "requests", 1, f.count())
	between(t, "bytes read", 1<<20, 130<<20, read)
}

// endless is a body of a beginning and then the letter a.
type endless struct {
	start string
	count *int
}

var letters = bytes.Repeat([]byte("a"), 1<<20)

func (e endless) Read(p []byte) (int, error) {
	p = p[:copy(p, letters)]
	if *e.count == 0 {
		copy(p, e.start)
	}
	*e.count += len(p)
	return len(p), nil
}

func (endless) Close() error { return nil }

// Unknown fields, nested ones too, change nothing.
func TestUnknownFields(t *testing.T) {
	now := hour(20, 12)
	with, without := simulate(at(now)), simulate(at(now))
	with.Inject(twiliotest.Fault{Kind: twiliotest.UnknownFields})
	all := func(s *twiliotest.Simulator) string {
		c := simulated(t, s)
		b, err := json.Marshal([]any{
			mustList(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{
				Group: twilio.GroupNetwork, StartTime: hour(1, 0), EndTime: hour(20, 0)})),
			mustList(t, simulated(t, s, pagesOf(5)).Sims(t.Context())),
			mustList(t, c.Fleets(t.Context())),
			mustList(t, c.Networks(t.Context())),
			mustList(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{})),
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if want, have := all(without), all(with); want != have {
		t.Errorf("want %.300s…, have %.300s…", want, have)
	}
}
