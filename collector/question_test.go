package collector_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// respond makes the account's API a function.
func (r *rig) respond(respond func(*http.Request) (status int, body string)) {
	r.t.Helper()
	client, err := twilio.New(twilio.Options{
		AccountSID: accountSID, SuperSIMURL: "http://api", APIURL: "http://api", UserAgent: "test",
		Transport: transport(func(req *http.Request) (*http.Response, error) {
			status, body := respond(req)
			return &http.Response{StatusCode: status, Header: make(http.Header), Request: req, Body: io.NopCloser(strings.NewReader(body))}, nil
		}),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.account.Client = client
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// halves are two records of one key for each query: the halves of its range.
func halves(fields string) func(*http.Request) (int, string) {
	return func(r *http.Request) (int, string) {
		q := r.URL.Query()
		start, err := time.Parse(time.RFC3339, q.Get("StartTime"))
		if err != nil {
			return http.StatusBadRequest, err.Error()
		}
		end, err := time.Parse(time.RFC3339, q.Get("EndTime"))
		if err != nil {
			return http.StatusBadRequest, err.Error()
		}
		middle := start.Add(end.Sub(start) / 2)
		record := func(a, b time.Time) string {
			return fmt.Sprintf(`{%s,"period":{"start_time":%q,"end_time":%q}}`, fields, a.Format(time.RFC3339), b.Format(time.RFC3339))
		}
		return http.StatusOK, fmt.Sprintf(`{"usage_records":[%s,%s],"meta":{"next_page_url":null}}`, record(start, middle), record(middle, end))
	}
}

// Sums that no metric can hold fail the poll. Periods that are cut differently are
// counted, and said once.
func TestSums(t *testing.T) {
	for name, test := range map[string]struct {
		fields string
		bytes  float64
		text   string // of the error
	}{
		"in range":      {`"data_upload":1000,"data_total_billed":"1","billed_unit":"usd"`, 2000, ""},
		"large":         {`"data_upload":4611686018427387903`, 9223372036854775806, ""},
		"upload":        {`"data_upload":4700000000000000000`, 0, "the sum of 4700000000000000000 and 4700000000000000000 bytes is too large"},
		"download":      {`"data_download":"9223372036854775807"`, 0, "bytes is too large"},
		"cost":          {`"data_total_billed":1e308,"billed_unit":"USD"`, 0, "the sum of its amounts is too large"},
		"negative cost": {`"data_total_billed":-1e308,"billed_unit":"USD"`, 0, "the sum of its amounts is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:30")
				r := newRig(t, options(nil))
				r.respond(halves(test.fields))
				c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
				r.poll(c)
				if test.text != "" {
					if r.err == nil || !strings.Contains(r.err.Error(), test.text) || twilio.ReasonOf(r.err) != twilio.ReasonResponse {
						t.Errorf("want %q, have %v", test.text, r.err)
					}
					return
				}
				if r.err != nil {
					t.Fatal(r.err)
				}
				r.want(map[string]float64{"supersim_account_upload_bytes_total " + accountSID: test.bytes})
				if len(r.last.Warnings) != 1 || !strings.Contains(r.last.Warnings[0], "cuts periods") {
					t.Errorf("warnings: %q", r.last.Warnings)
				}
				r.good(c)
				if len(r.last.Warnings) != 0 {
					t.Errorf("warnings again: %q", r.last.Warnings)
				}
			})
		})
	}
}

// Usage of another time fails the poll, and what was known stays.
func TestUsageOfAnotherTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(nil))
		r.respond(func(*http.Request) (int, string) {
			return http.StatusOK, `{"usage_records":[{"data_upload":1,"period":{"start_time":"2001-01-01T00:00:00Z","end_time":"2001-01-01T01:00:00Z"}}],"meta":{"next_page_url":null}}`
		})
		r.poll(collector.NewSuperSIMUsage(r.account, superSIMUsage()))
		if r.err == nil || !strings.Contains(r.err.Error(), "outside the requested range") {
			t.Errorf("have %v", r.err)
		}
	})
}
