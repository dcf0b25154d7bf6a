package twilio_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const periodSIM = "HS0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"

// showPeriod writes a billing period as text, - for a bound that is not reported.
func showPeriod(p twilio.BillingPeriod) string {
	moment := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Format(time.RFC3339)
	}
	return fmt.Sprintf("%q %q %q %q %s..%s", p.SID, p.AccountSID, p.SimSID, p.Type, moment(p.Start), moment(p.End))
}

func TestBillingPeriodShapes(t *testing.T) {
	for name, test := range map[string]struct{ record, want string }{
		"as published": {
			`{"sid":"HB1","account_sid":"AC1","sim_sid":"` + periodSIM + `","period_type":"active","start_time":"2021-06-09T13:18:15Z","end_time":"2021-07-09T13:18:15Z","date_created":"2021-06-09T13:18:16Z","date_updated":"2021-06-09T13:18:16Z"}`,
			`"HB1" "AC1" "` + periodSIM + `" "active" 2021-06-09T13:18:15Z..2021-07-09T13:18:15Z`,
		},
		"nulls":             {`{"sid":null,"account_sid":null,"sim_sid":null,"period_type":null,"start_time":null,"end_time":null}`, `"" "" "" "" -..-`},
		"nothing":           {`{}`, `"" "" "" "" -..-`},
		"empty":             {`{"start_time":"","end_time":"","period_type":""}`, `"" "" "" "" -..-`},
		"no end":            {`{"start_time":"2021-06-09T13:18:15Z"}`, `"" "" "" "" 2021-06-09T13:18:15Z..-`},
		"another zone":      {`{"start_time":"2021-06-09T13:18:15+02:00","end_time":"2021-06-09T13:18:15.5+01:00"}`, `"" "" "" "" 2021-06-09T11:18:15Z..2021-06-09T12:18:15Z`},
		"a new type":        {`{"period_type":"frozen"}`, `"" "" "" "frozen" -..-`},
		"the SIM, in small": {`{"sim_sid":"` + strings.ToLower(periodSIM) + `"}`, `"" "" "` + strings.ToLower(periodSIM) + `" "" -..-`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, inTurn(superSIMPage("billing_periods", "null", test.record)))
			periods := mustList(t, c.BillingPeriods(t.Context(), periodSIM))
			equal(t, "periods", 1, len(periods))
			equal(t, "period", test.want, showPeriod(periods[0]))
		})
	}
}

// What was not asked for, or makes no sense, is not taken.
func TestBillingPeriodsThatAreNotTaken(t *testing.T) {
	for record, part := range map[string]string{
		`{"sim_sid":"HS0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d"}`:                        "although",
		`{"account_sid":"ACc0ffee00000000000000000000000002"}`:                    "although",
		`{"start_time":"2021-07-09T13:18:15Z","end_time":"2021-06-09T13:18:15Z"}`: "ends before it starts",
		`{"start_time":"2021-07-09T13:18:15Z","end_time":"2021-07-09T13:18:15Z"}`: "ends before it starts",
		`{"start_time":"yesterday"}`:                                              "start_time",
		`{"end_time":"2021-02-30T00:00:00Z"}`:                                     "end_time",
		`{"start_time":1623244695}`:                                               "start_time",
		`{"start_time":{}}`:                                                       "start_time",
		`{"sid":{}}`:                                                              "sid",
		`{"sim_sid":["` + periodSIM + `"]}`:                                       "sim_sid",
		`{"period_type":true}`:                                                    "period_type",
		`null`:                                                                    "null",
		`{"sid":"HB1","start_time":"2021-06-09T13:18:15Z","end_time":"2021-06-09"}`:        "end_time",
		`{"sim_sid":"` + periodSIM + `"},{"sim_sid":"HS0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d"}`: "although",
	} {
		err := failure(t, newClient(t, inTurn(superSIMPage("billing_periods", "null", record))).BillingPeriods(t.Context(), periodSIM))
		as[*twilio.ResponseError](t, err)
		if !strings.Contains(err.Error(), part) || !strings.HasPrefix(err.Error(), "billing_periods: ") {
			t.Errorf("%s: want an error about %s, have %v", record, part, err)
		}
	}
	// A SID that is none would make another path of it.
	for _, sid := range []string{"", "HS1", "../UsageRecords", "HS0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0/", strings.ToLower(periodSIM), "pump 7"} {
		f := inTurn()
		as[*twilio.ParameterError](t, failure(t, newClient(t, f).BillingPeriods(t.Context(), sid)))
		equal(t, "requests", 0, f.count())
	}
}

func TestBillingPeriodsRequest(t *testing.T) {
	for host, change := range map[string][]func(*twilio.Options){
		"supersim.twilio.com": nil, "supersim.api.korewireless.com": {asKORE},
	} {
		r := requestOf(t, superSIMPage("billing_periods", "null"), func(c *twilio.Client) error {
			_, err := list(t, c.BillingPeriods(t.Context(), periodSIM))
			return err
		}, change...)
		equal(t, "URL", "https://"+host+"/v1/Sims/"+periodSIM+"/BillingPeriods?PageSize=1000", r.URL.String())
	}
}

// The simulated periods of every SIM, over several pages.
func TestBillingPeriodsOfTheSimulator(t *testing.T) {
	now := hour(20, 7)
	s := simulate(at(now), func(o *twiliotest.Options) { o.MaxPageSize = 1 })
	c := simulated(t, s)
	for _, sim := range s.SIMs(accountSID) {
		periods := mustList(t, c.BillingPeriods(t.Context(), sim.SID))
		want := s.BillingPeriod(accountSID, sim.SID, now)
		if sim.Status == "new" || sim.Status == "inactive" {
			equal(t, "periods of a SIM that is "+sim.Status, 0, len(periods))
			continue
		}
		equal(t, "periods", 3, len(periods))
		var current []twilio.BillingPeriod
		for _, p := range periods {
			equal(t, "SIM", sim.SID, p.SimSID)
			between(t, "days", 28, 31, int(p.End.Sub(p.Start)/(24*time.Hour)))
			if p.Contains(now) {
				current = append(current, p)
			}
		}
		equal(t, "current periods", 1, len(current))
		equal(t, "current period", twilio.Period{Start: want.Start, End: want.End}, current[0].Period)
		equal(t, "type", sim.Status == "ready", current[0].Type == twilio.PeriodReady)
	}
	err := failure(t, c.BillingPeriods(t.Context(), periodSIM))
	equal(t, "not found", true, twilio.IsNotFound(err))
	equal(t, "endpoint", twilio.EndpointBillingPeriods, as[*twilio.APIError](t, err).Endpoint)
}

// TestUsageListings: so many listings a query takes once the API is known to want
// ranges from midnight to midnight.
func TestUsageListings(t *testing.T) {
	s := simulate(at(hour(20, 7)), func(o *twiliotest.Options) { o.AllNeedsMidnight = true })
	c := simulated(t, s)
	queries := []struct {
		p    twilio.UsageRecordsParams
		want int
	}{
		{twilio.UsageRecordsParams{StartTime: hour(3, 5), EndTime: hour(20, 7)}, 3},
		{twilio.UsageRecordsParams{StartTime: hour(3, 0), EndTime: hour(20, 7)}, 2},
		{twilio.UsageRecordsParams{StartTime: hour(3, 5), EndTime: hour(20, 0)}, 2},
		{twilio.UsageRecordsParams{StartTime: hour(3, 0), EndTime: hour(20, 0)}, 1},
		{twilio.UsageRecordsParams{StartTime: hour(20, 2), EndTime: hour(20, 7)}, 1},
		{twilio.UsageRecordsParams{Granularity: twilio.GranularityHour, StartTime: hour(3, 5), EndTime: hour(20, 7)}, 1},
	}
	for _, q := range queries {
		equal(t, "listings before", 1, c.UsageListings(q.p))
	}
	mustList(t, c.UsageRecords(t.Context(), queries[0].p)) // is refused once
	for _, q := range queries {
		before := s.Requests(twiliotest.UsageRecords)
		mustList(t, c.UsageRecords(t.Context(), q.p))
		equal(t, fmt.Sprintf("requests for %+v", q.p), q.want, s.Requests(twiliotest.UsageRecords)-before)
		equal(t, fmt.Sprintf("listings of %+v", q.p), q.want, c.UsageListings(q.p))
	}
}

func FuzzBillingPeriods(f *testing.F) {
	seeds(f, "billing_periods", "billing_periods")
	f.Add([]byte(superSIMPage("billing_periods", "null", `{"sim_sid":"`+periodSIM+`","start_time":"9999-12-31T23:59:59Z","end_time":null}`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, api := fuzzed(t, body)
		records, err := list(t, c.BillingPeriods(t.Context(), periodSIM))
		verdict(t, body, len(records), err, api)
		for _, r := range records {
			equal(t, "is of the SIM", true, r.SimSID == "" || strings.EqualFold(r.SimSID, periodSIM))
			equal(t, "ends after its start", true, r.Start.IsZero() || r.End.IsZero() || r.Start.Before(r.End))
			if r.Contains(r.End) || !r.Start.IsZero() && !r.Contains(r.Start) {
				t.Errorf("it does not contain its start, or its end: %v", r.Period)
			}
		}
	})
}

// TestStatusesOfBillingPeriods: a gateway that does not know the path is no SIM that is
// not there.
func TestStatusesOfBillingPeriods(t *testing.T) {
	for body, want := range map[string]bool{`{"code":20404,"status":404}`: true, `{"error":"not_found"}`: false, `<html>`: false} {
		err := failure(t, newClient(t, always(http.StatusNotFound, body)).BillingPeriods(t.Context(), periodSIM))
		equal(t, body, want, twilio.IsNotFound(err))
	}
}
