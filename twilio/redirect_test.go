package twilio_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A redirect that loses or changes parameters leads to the answer to another
// question, such as the usage of all SIMs instead of that of one.
func TestRedirectsKeepTheParameters(t *testing.T) {
	for change, followed := range map[string]bool{
		"":         true, // all of them, on another path
		"?":        false,
		"?Sim=HS1": false,
		"?Fleet=HF1&Granularity=all&PageSize=1000&Sim=HS1": false,
		"?Granularity=all&PageSize=1000&Sim=HS2":           false,
		"?Granularity=all&PageSize=1000&Sim=HS1&Sim=HS2":   false,
		"?PageSize=1000&Sim=HS1&Granularity=%61ll":         true, // the same in other words
		"?PageSize=1000;Sim=HS1&Granularity=all":           false,
	} {
		t.Run(change, func(t *testing.T) {
			f := &fake{}
			f.respond = func(n int, r *http.Request) (*http.Response, error) {
				if n == 0 {
					to := change
					if to == "" {
						to = "?" + r.URL.RawQuery
					}
					return reply(r, http.StatusTemporaryRedirect, "", "Location", "/v2/UsageRecords"+to), nil
				}
				return reply(r, http.StatusOK, usagePage("null", `{"sim_sid":"HS1","data_upload":1}`)), nil
			}
			records, err := list(t, newClient(t, f, retries(3)).UsageRecords(t.Context(), twilio.UsageRecordsParams{Sim: "HS1"}))
			if followed {
				equal(t, "error", nil, err)
				equal(t, "records", 1, len(records))
				return
			}
			as[*twilio.ResponseError](t, err)
			equal(t, "requests", 1, f.count())
			if !strings.Contains(err.Error(), "does not keep the parameters") {
				t.Error(err)
			}
		})
	}
}

// Every request of a redirect counts, and none is sent again.
func TestRedirectLoops(t *testing.T) {
	for name, test := range map[string]struct {
		location func(n int) string
		requests int
		text     string
	}{
		"to itself":       {func(int) string { return "/v1/Sims?PageSize=1000" }, 1, "leads back"},
		"in a circle":     {func(n int) string { return fmt.Sprintf("/%d?PageSize=1000", n%3) }, 4, "leads back to an earlier one, after 4 requests"},
		"without end":     {func(n int) string { return fmt.Sprintf("/%d?PageSize=1000", n) }, 10, "there were 9 before it"},
		"to no URL":       {func(int) string { return "https://%zz/" }, 1, "Location"},
		"to another host": {func(int) string { return "https://attacker.invalid/?PageSize=1000" }, 1, "not the configured origin"},
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				f := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
					return reply(r, status, "", "Location", test.location(n)), nil
				}}
				seen := new(observer)
				c := newClient(t, f, retries(5), func(o *twilio.Options) { o.Observer = seen })
				err := failure(t, c.Sims(t.Context()))
				as[*twilio.ResponseError](t, err)
				equal(t, "requests", test.requests, f.count())
				seen.check(t, times(test.requests, fmt.Sprint("sims ", status)), nil)
				if !strings.Contains(err.Error(), test.text) {
					t.Errorf("want %q in %q", test.text, err)
				}
			})
		}
	}
}

// A connection that fails after a redirect is retried like any other, and a
// request that is repeated with a new token counts twice.
func TestEveryRequestCounts(t *testing.T) {
	seen := new(observer)
	f := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
		switch n {
		case 0, 2:
			return reply(r, http.StatusFound, "", "Location", "/v2/Sims?PageSize=1000"), nil
		case 1:
			return nil, fmt.Errorf("connection reset")
		}
		return reply(r, http.StatusOK, superSIMPage("sims", "null")), nil
	}}
	mustList(t, newClient(t, f, retries(1), func(o *twilio.Options) { o.Observer = seen }).Sims(t.Context()))
	seen.check(t, []string{"sims 302", "sims error", "sims 302", "sims 200"}, []string{"sims network"})

	s := simulate()
	transport, _ := koreTransport(s)
	seen = new(observer)
	c := newClient(t, transport, asKORE, func(o *twilio.Options) { o.Observer = seen })
	mustList(t, c.Sims(t.Context()))
	s.RevokeTokens()
	mustList(t, c.Sims(t.Context()))
	seen.check(t, []string{"sims 200", "sims 401", "sims 200"}, nil)
}
