package twilio_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// total is usage added up, money in millionths.
type total struct{ upload, download, micro int64 }

// totals adds up records by key.
func totals(t *testing.T, records []twilio.UsageRecord, key func(twilio.UsageRecord) string) map[string]total {
	t.Helper()
	out := make(map[string]total)
	for _, r := range records {
		sum := out[key(r)]
		sum.upload += r.Upload.V
		sum.download += r.Download.V
		micro := r.Billed.V.Mul(decimal.New(1, 6))
		if !micro.IsInteger() {
			t.Errorf("no whole number of millionths: %s", r.Billed.V)
		}
		sum.micro += micro.IntPart()
		out[key(r)] = sum
	}
	return out
}

func midnightOnly(o *twiliotest.Options) { o.AllNeedsMidnight = true }

// Where the API takes only midnights for all, the listing is made of parts that
// add up to the same.
func TestAllInParts(t *testing.T) {
	now := time.Date(2024, 5, 20, 13, 42, 17, 0, time.UTC)
	est := time.FixedZone("EST", -5*3600)
	for _, test := range []struct {
		name       string
		start, end time.Time
		parts      []string // of the queries after the refused one, if it was one
		refused    bool
	}{
		{"midnight to midnight", hour(1, 0), hour(20, 0), []string{"all 01T00 20T00"}, false},
		{"month so far", hour(1, 0), hour(20, 13), []string{"all 01T00 20T00", "hour 20T00 20T13"}, true},
		{"month so far, in another zone", hour(1, 0).In(est), hour(20, 13).In(est), []string{"all 01T00 20T00", "hour 20T00 20T13"}, true},
		{"first day of a month", hour(1, 0), hour(1, 9), []string{"hour 01T00 01T09"}, true},
		{"within a day", hour(19, 3), hour(19, 9), []string{"hour 19T03 19T09"}, true},
		{"up to midnight", hour(19, 3), hour(20, 0), []string{"hour 19T03 20T00"}, true},
		{"across a midnight", hour(19, 3), hour(20, 2), []string{"hour 19T03 20T00", "hour 20T00 20T02"}, true},
		{"mid-day to mid-day", hour(3, 17), hour(20, 13), []string{"hour 03T17 04T00", "all 04T00 20T00", "hour 20T00 20T13"}, true},
		{"mid-day to midnight", hour(3, 17), hour(20, 0), []string{"hour 03T17 04T00", "all 04T00 20T00"}, true},
		{"23 hours to midnight", hour(3, 1), hour(4, 0), []string{"hour 03T01 04T00"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := simulate(at(now), midnightOnly)
			c := simulated(t, s)
			for _, group := range []struct {
				group twilio.Group
				key   func(twilio.UsageRecord) string
				want  map[string]twiliotest.Filter
			}{
				{twilio.GroupNone, func(r twilio.UsageRecord) string { return r.SimSID + r.FleetSID + r.NetworkSID + r.IsoCountry },
					map[string]twiliotest.Filter{"": {}}},
				{twilio.GroupSim, func(r twilio.UsageRecord) string { return r.SimSID }, filters(s.SIMs(accountSID), func(m twiliotest.SIM) (string, twiliotest.Filter) {
					return m.SID, twiliotest.Filter{Sim: m.SID}
				})},
				{twilio.GroupNetwork, func(r twilio.UsageRecord) string { return r.NetworkSID }, filters(s.Networks(accountSID), func(n twiliotest.Network) (string, twiliotest.Filter) {
					return n.SID, twiliotest.Filter{Network: n.SID}
				})},
				{twilio.GroupIsoCountry, func(r twilio.UsageRecord) string { return r.IsoCountry }, filters(s.Networks(accountSID), func(n twiliotest.Network) (string, twiliotest.Filter) {
					return n.ISOCountry, twiliotest.Filter{IsoCountry: n.ISOCountry}
				})},
			} {
				for pass := range 2 {
					s.ResetCounts()
					have := totals(t, mustList(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{
						Group: group.group, StartTime: test.start, EndTime: test.end,
					})), group.key)

					wantRequests := len(test.parts)
					if test.refused && group.group == twilio.GroupNone && pass == 0 {
						wantRequests++ // the refusal; it is remembered
					}
					equal(t, fmt.Sprintf("requests by %q, pass %d", group.group, pass), wantRequests, s.TotalRequests())
					var parts []string
					for _, r := range s.Log() {
						if r.Status == http.StatusOK {
							parts = append(parts, part(t, r.URI))
						}
					}
					equal(t, "parts", strings.Join(test.parts, ", "), strings.Join(parts, ", "))

					for key, filter := range group.want {
						u := s.Reported(accountSID, filter, test.start, test.end, now)
						equal(t, fmt.Sprintf("usage of %q %q", group.group, key), total{u.Upload, u.Download, u.MicroCost}, have[key])
						delete(have, key)
					}
					for key, sum := range have {
						// Usage without a network has no country either.
						if key != "" {
							t.Errorf("unknown key %q of %q has %v", key, group.group, sum)
						}
					}
				}
			}
			u := s.Reported(accountSID, twiliotest.Filter{}, test.start, test.end, now)
			if u.Upload == 0 || u.Download == 0 {
				t.Error("the range has no usage, so the test shows nothing")
			}
		})
	}
}

func filters[T any](list []T, of func(T) (string, twiliotest.Filter)) map[string]twiliotest.Filter {
	out := make(map[string]twiliotest.Filter)
	for _, item := range list {
		key, filter := of(item)
		out[key] = filter
	}
	return out
}

// part writes a query as "all 01T00 20T00".
func part(t *testing.T, uri string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	q := r.URL.Query()
	short := func(name string) string { return strings.TrimPrefix(q.Get(name), "2024-05-")[:5] }
	return q.Get("Granularity") + " " + short("StartTime") + " " + short("EndTime")
}

// Nothing is split where the API takes all as it is.
func TestAllInOnePart(t *testing.T) {
	now := hour(20, 14)
	s := simulate(at(now))
	c := simulated(t, s)
	records := mustList(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 13)}))
	equal(t, "requests", 1, s.TotalRequests())
	u := s.Reported(accountSID, twiliotest.Filter{}, hour(1, 0), hour(20, 13), now)
	equal(t, "usage", total{u.Upload, u.Download, u.MicroCost}, totals(t, records, func(twilio.UsageRecord) string { return "" })[""])
}

// Other refusals are what they are.
func TestOtherRefusalsSplitNothing(t *testing.T) {
	for _, code := range []int{83600, 83602, 83603, 83604, 83605, 20404} {
		f := always(http.StatusBadRequest, fmt.Sprintf(`{"code":%d,"message":"no"}`, code))
		c := newClient(t, f)
		for want := 1; want <= 2; want++ {
			err := failure(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 13)}))
			equal(t, "code", code, as[*twilio.APIError](t, err).Code)
			equal(t, "requests", want, f.count())
		}
	}
}

// Where no part could do better, the refusal stands.
func TestRefusalsThatNoPartHelps(t *testing.T) {
	for name, p := range map[string]twilio.UsageRecordsParams{
		"midnights":     {StartTime: hour(1, 0), EndTime: hour(20, 0)},
		"no start":      {EndTime: hour(20, 13)},
		"no end":        {StartTime: hour(1, 3)},
		"another query": {Granularity: twilio.GranularityHour, StartTime: hour(1, 3), EndTime: hour(1, 9)},
	} {
		t.Run(name, func(t *testing.T) {
			f := always(http.StatusBadRequest, `{"code":83601}`)
			err := failure(t, newClient(t, f).UsageRecords(t.Context(), p))
			equal(t, "code", 83601, as[*twilio.APIError](t, err).Code)
			equal(t, "requests", 1, f.count())
		})
	}
	// The parts are refused too: no circle.
	f := always(http.StatusBadRequest, `{"code":83601}`)
	err := failure(t, newClient(t, f).UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 13)}))
	equal(t, "code", 83601, as[*twilio.APIError](t, err).Code)
	equal(t, "requests", 2, f.count())
}

// The refusal of a later page does not start the listing again: the records that
// were yielded would come twice.
func TestRefusalOfALaterPage(t *testing.T) {
	f := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
		if n == 0 {
			return reply(r, http.StatusOK, usagePage(`"?Page=1"`, `{"data_upload":1}`)), nil
		}
		return reply(r, http.StatusBadRequest, `{"code":83601}`), nil
	}}
	records, err := list(t, newClient(t, f).UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 13)}))
	equal(t, "code", 83601, as[*twilio.APIError](t, err).Code)
	equal(t, "records", 1, len(records))
	equal(t, "requests", 2, f.count())
}

// Invalid parameters are rejected in parts too.
func TestRefusedParametersInParts(t *testing.T) {
	now := hour(20, 14)
	s := simulate(at(now), midnightOnly)
	c := simulated(t, s)
	mustList(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 13)}))
	s.ResetCounts()
	for name, p := range map[string]twilio.UsageRecordsParams{
		"backwards":         {StartTime: hour(20, 13), EndTime: hour(20, 11)},
		"empty":             {StartTime: hour(20, 13), EndTime: hour(20, 13)},
		"by SIM, too long":  {Group: twilio.GroupSim, StartTime: hour(20, 13).AddDate(0, 0, -32), EndTime: hour(20, 13)},
		"too long":          {StartTime: hour(20, 13).AddDate(0, -18, -1), EndTime: hour(20, 13)},
		"not a whole hour":  {StartTime: hour(1, 0), EndTime: hour(20, 13).Add(time.Minute)},
		"start not on hour": {StartTime: hour(1, 0).Add(time.Minute), EndTime: hour(20, 13)},
		"country":           {IsoCountry: "xx", StartTime: hour(1, 0), EndTime: hour(20, 13)},
	} {
		t.Run(name, func(t *testing.T) {
			as[*twilio.ParameterError](t, failure(t, c.UsageRecords(t.Context(), p)))
		})
	}
	equal(t, "requests", 0, s.TotalRequests())
}

// A consumer that stops in one part starts no other.
func TestStopWithinParts(t *testing.T) {
	now := hour(20, 14)
	s := simulate(at(now), midnightOnly)
	c := simulated(t, s)
	p := twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 13)}
	for range c.UsageRecords(t.Context(), p) {
		break
	}
	equal(t, "requests", 2, s.TotalRequests()) // the refusal and the first part

	s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden})
	s.ResetCounts()
	as[*twilio.APIError](t, failure(t, c.UsageRecords(t.Context(), p)))
	equal(t, "requests after an error", 1, s.TotalRequests())
}

// Nor does one that stops in a listing that could have become parts.
func TestStopBeforeParts(t *testing.T) {
	s := simulate(at(hour(20, 14)))
	p := twilio.UsageRecordsParams{
		Group: twilio.GroupSim, StartTime: hour(1, 0), EndTime: hour(20, 13), Paging: twilio.Paging{PageSize: 5},
	}
	for range simulated(t, s).UsageRecords(t.Context(), p) {
		break
	}
	equal(t, "requests", 1, s.TotalRequests())
}

// In parts, an hour that does not say which it is cannot be placed.
func TestPartsWithoutPeriods(t *testing.T) {
	now := hour(20, 14)
	s := simulate(at(now), midnightOnly)
	s.Inject(twiliotest.Fault{Kind: twiliotest.MissingPeriod})
	c := simulated(t, s)
	as[*twilio.ResponseError](t, failure(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 13)})))
	// One hour alone can.
	mustList(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(20, 1)}))
}
