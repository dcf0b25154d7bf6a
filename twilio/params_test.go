package twilio_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

const networkSID = "HW0123456789abcdef0123456789ABCDEF"

// requestOf runs one listing against an empty page and returns the one request.
func requestOf(t *testing.T, body string, run func(*twilio.Client) error, change ...func(*twilio.Options)) *http.Request {
	t.Helper()
	f := inTurn(body)
	if err := run(newClient(t, f, change...)); err != nil {
		t.Fatal(err)
	}
	if f.count() != 1 {
		t.Fatalf("want 1 request, have %d", f.count())
	}
	return f.requests[0]
}

func TestParametersAreSentAsSpelled(t *testing.T) {
	est := time.FixedZone("EST", -5*3600)
	empty := map[string]string{
		"usage":    usagePage("null"),
		"sims":     superSIMPage("sims", "null"),
		"fleets":   superSIMPage("fleets", "null"),
		"networks": superSIMPage("networks", "null"),
		"monthly":  monthlyPage("null"),
	}
	usage := func(p twilio.UsageRecordsParams) func(*testing.T, *twilio.Client) error {
		return func(t *testing.T, c *twilio.Client) error {
			_, err := list(t, c.UsageRecords(t.Context(), p))
			return err
		}
	}
	sims := func(t *testing.T, c *twilio.Client) error { _, err := list(t, c.Sims(t.Context())); return err }
	fleets := func(t *testing.T, c *twilio.Client) error { _, err := list(t, c.Fleets(t.Context())); return err }
	networks := func(t *testing.T, c *twilio.Client) error { _, err := list(t, c.Networks(t.Context())); return err }
	monthly := func(p twilio.MonthlyUsageParams) func(*testing.T, *twilio.Client) error {
		return func(t *testing.T, c *twilio.Client) error {
			_, err := list(t, c.MonthlyUsages(t.Context(), p))
			return err
		}
	}
	monthlyPath := "api.twilio.com/2010-04-01/Accounts/" + accountSID + "/Usage/Records/Monthly.json"

	for _, test := range []struct {
		name, body string
		run        func(*testing.T, *twilio.Client) error
		kore       bool
		path       string
		want       url.Values
	}{
		{"usage: nothing given", "usage", usage(twilio.UsageRecordsParams{}), false, "supersim.twilio.com/v1/UsageRecords",
			url.Values{"Granularity": {"all"}, "PageSize": {"1000"}}},
		{"usage: everything", "usage", usage(twilio.UsageRecordsParams{
			Sim: "my sim & co", Fleet: "HF1", Network: networkSID, IsoCountry: "DE",
			Group: twilio.GroupIsoCountry, Granularity: twilio.GranularityHour,
			StartTime: hour(2, 3), EndTime: hour(3, 4),
			Paging: twilio.Paging{PageSize: 7, Page: 3, PageToken: "PT=1"},
		}), false, "supersim.twilio.com/v1/UsageRecords", url.Values{
			"Sim": {"my sim & co"}, "Fleet": {"HF1"}, "Network": {networkSID}, "IsoCountry": {"DE"},
			"Group": {"isoCountry"}, "Granularity": {"hour"},
			"StartTime": {"2024-05-02T03:00:00Z"}, "EndTime": {"2024-05-03T04:00:00Z"},
			"PageSize": {"7"}, "Page": {"3"}, "PageToken": {"PT=1"},
		}},
		{"usage: times of another zone", "usage", usage(twilio.UsageRecordsParams{
			Group:     twilio.GroupSim,
			StartTime: hour(1, 0).In(est), EndTime: hour(1, 4).In(est),
		}), false, "supersim.twilio.com/v1/UsageRecords", url.Values{
			"Group": {"sim"}, "Granularity": {"all"}, "PageSize": {"1000"},
			"StartTime": {"2024-05-01T00:00:00Z"}, "EndTime": {"2024-05-01T04:00:00Z"},
		}},
		{"usage: days", "usage", usage(twilio.UsageRecordsParams{
			Group: twilio.GroupFleet, Granularity: twilio.GranularityDay,
			StartTime: hour(1, 0), EndTime: hour(31, 0),
		}), false, "supersim.twilio.com/v1/UsageRecords", url.Values{
			"Group": {"fleet"}, "Granularity": {"day"}, "PageSize": {"1000"},
			"StartTime": {"2024-05-01T00:00:00Z"}, "EndTime": {"2024-05-31T00:00:00Z"},
		}},
		{"usage: KORE", "usage", usage(twilio.UsageRecordsParams{Group: twilio.GroupNetwork}), true,
			"supersim.api.korewireless.com/v1/UsageRecords",
			url.Values{"Group": {"network"}, "Granularity": {"all"}, "PageSize": {"249"}}},
		{"sims", "sims", sims, false, "supersim.twilio.com/v1/Sims", url.Values{"PageSize": {"1000"}}},
		{"sims: KORE", "sims", sims, true, "supersim.api.korewireless.com/v1/Sims", url.Values{"PageSize": {"1000"}}},
		{"fleets", "fleets", fleets, false, "supersim.twilio.com/v1/Fleets", url.Values{"PageSize": {"1000"}}},
		{"networks", "networks", networks, false, "supersim.twilio.com/v1/Networks", url.Values{"PageSize": {"1000"}}},
		{"monthly: nothing given", "monthly", monthly(twilio.MonthlyUsageParams{}), false, monthlyPath,
			url.Values{"PageSize": {"100"}}},
		{"monthly: everything", "monthly", monthly(twilio.MonthlyUsageParams{
			Category: "calls-globalConference", StartDate: hour(1, 23), EndDate: hour(30, 20).In(time.FixedZone("", 5*3600)),
			IncludeSubaccounts: twilio.Null[bool]{V: false, Valid: true},
			Paging:             twilio.Paging{PageSize: 1000, Page: 2, PageToken: "PT"},
		}), false, monthlyPath, url.Values{
			"Category": {"calls-globalConference"}, "StartDate": {"2024-05-01"}, "EndDate": {"2024-05-30"},
			"IncludeSubaccounts": {"false"}, "PageSize": {"1000"}, "Page": {"2"}, "PageToken": {"PT"},
		}},
		{"monthly: with subaccounts", "monthly", monthly(twilio.MonthlyUsageParams{
			IncludeSubaccounts: twilio.Null[bool]{V: true, Valid: true},
		}), false, monthlyPath, url.Values{"IncludeSubaccounts": {"true"}, "PageSize": {"100"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var change []func(*twilio.Options)
			if test.kore {
				change = append(change, asKORE)
			}
			r := requestOf(t, empty[test.body], func(c *twilio.Client) error { return test.run(t, c) }, change...)
			equal(t, "method", http.MethodGet, r.Method)
			equal(t, "URL", "https://"+test.path, r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)
			equal(t, "query", test.want.Encode(), r.URL.Query().Encode())
			equal(t, "User-Agent", userAgent, r.Header.Get("User-Agent"))
			equal(t, "Accept", "application/json", r.Header.Get("Accept"))
		})
	}
}

func TestBalanceRequest(t *testing.T) {
	r := requestOf(t, `{"account_sid":"`+accountSID+`","balance":"1","currency":"EUR"}`, func(c *twilio.Client) error {
		_, err := c.Balance(t.Context())
		return err
	})
	equal(t, "URL", "https://api.twilio.com/2010-04-01/Accounts/"+accountSID+"/Balance.json", r.URL.String())
}

// What can only be refused is not sent.
func TestRefusedParameters(t *testing.T) {
	day := 24 * time.Hour
	usage := func(p twilio.UsageRecordsParams) func(*testing.T, *twilio.Client) error {
		return func(t *testing.T, c *twilio.Client) error { return failure(t, c.UsageRecords(t.Context(), p)) }
	}
	month := func(m time.Month, d int) time.Time { return time.Date(2023, m, d, 0, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		name      string
		run       func(*testing.T, *twilio.Client) error
		parameter string
		kore      bool
	}{
		{"start not on an hour", usage(twilio.UsageRecordsParams{StartTime: hour(1, 0).Add(time.Minute), EndTime: hour(2, 0)}), "StartTime", false},
		{"end not on an hour", usage(twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(2, 0).Add(time.Nanosecond)}), "EndTime", false},
		{"end alone not on an hour", usage(twilio.UsageRecordsParams{EndTime: hour(2, 0).Add(time.Second)}), "EndTime", false},
		{"an hour of a zone with half hours", usage(twilio.UsageRecordsParams{
			StartTime: time.Date(2024, 5, 1, 5, 0, 0, 0, time.FixedZone("IST", 5*3600+1800)), EndTime: hour(2, 0)}), "StartTime", false},
		{"empty range", usage(twilio.UsageRecordsParams{StartTime: hour(1, 0), EndTime: hour(1, 0)}), "StartTime", false},
		{"range backwards", usage(twilio.UsageRecordsParams{StartTime: hour(1, 5), EndTime: hour(1, 4)}), "StartTime", false},
		{"by SIM over 31 days", usage(twilio.UsageRecordsParams{
			Group: twilio.GroupSim, StartTime: hour(1, 0), EndTime: hour(1, 1).Add(31 * day)}), "Group", false},
		{"hours over 31 days", usage(twilio.UsageRecordsParams{
			Granularity: twilio.GranularityHour, StartTime: hour(1, 0), EndTime: hour(1, 1).Add(31 * day)}), "Granularity", false},
		{"days over 3 months", usage(twilio.UsageRecordsParams{
			Granularity: twilio.GranularityDay, StartTime: month(1, 1), EndTime: month(4, 2)}), "Granularity", false},
		{"all over 18 months", usage(twilio.UsageRecordsParams{
			StartTime: month(1, 1), EndTime: month(19, 1).Add(time.Hour)}), "Granularity", false},
		{"day that starts past midnight", usage(twilio.UsageRecordsParams{
			Granularity: twilio.GranularityDay, StartTime: hour(1, 1), EndTime: hour(3, 0)}), "Granularity", false},
		{"day that ends past midnight", usage(twilio.UsageRecordsParams{
			Granularity: twilio.GranularityDay, StartTime: hour(1, 0), EndTime: hour(3, 1)}), "Granularity", false},
		{"day at another zone's midnight", usage(twilio.UsageRecordsParams{
			Granularity: twilio.GranularityDay,
			StartTime:   time.Date(2024, 5, 1, 0, 0, 0, 0, time.FixedZone("EST", -5*3600)), EndTime: hour(3, 0)}), "Granularity", false},
		{"unknown granularity", usage(twilio.UsageRecordsParams{
			Granularity: "week", StartTime: hour(1, 0), EndTime: hour(3, 0)}), "Granularity", false},
		{"unknown granularity without a range", usage(twilio.UsageRecordsParams{Granularity: "week"}), "Granularity", false},
		{"unknown group", usage(twilio.UsageRecordsParams{Group: "country"}), "Group", false},
		{"network of another kind", usage(twilio.UsageRecordsParams{Network: "HS" + networkSID[2:]}), "Network", false},
		{"network too short", usage(twilio.UsageRecordsParams{Network: networkSID[:33]}), "Network", false},
		{"network too long", usage(twilio.UsageRecordsParams{Network: networkSID + "0"}), "Network", false},
		{"network with another letter", usage(twilio.UsageRecordsParams{Network: networkSID[:33] + "g"}), "Network", false},
		{"country in lower case", usage(twilio.UsageRecordsParams{IsoCountry: "de"}), "IsoCountry", false},
		{"country of three letters", usage(twilio.UsageRecordsParams{IsoCountry: "DEU"}), "IsoCountry", false},
		{"country with a digit", usage(twilio.UsageRecordsParams{IsoCountry: "D1"}), "IsoCountry", false},
		{"negative page", usage(twilio.UsageRecordsParams{Paging: twilio.Paging{Page: -1}}), "Page", false},
		{"negative page size", usage(twilio.UsageRecordsParams{Paging: twilio.Paging{PageSize: -1}}), "PageSize", false},
		{"page size over 1000", usage(twilio.UsageRecordsParams{Paging: twilio.Paging{PageSize: 1001}}), "PageSize", false},
		{"page size over KORE's 249", usage(twilio.UsageRecordsParams{Paging: twilio.Paging{PageSize: 250}}), "PageSize", true},
		{"monthly: page size", func(t *testing.T, c *twilio.Client) error {
			return failure(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{Paging: twilio.Paging{PageSize: 1001}}))
		}, "PageSize", false},
		{"monthly: dates backwards", func(t *testing.T, c *twilio.Client) error {
			return failure(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{StartDate: hour(2, 0), EndDate: hour(1, 0)}))
		}, "StartDate", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := always(http.StatusOK, usagePage("null"))
			change := []func(*twilio.Options){retries(3)}
			if test.kore {
				change = append(change, asKORE)
			}
			err := test.run(t, newClient(t, f, change...))
			equal(t, "parameter", test.parameter, as[*twilio.ParameterError](t, err).Parameter)
			equal(t, "reason", twilio.ReasonRefused, twilio.ReasonOf(err))
			equal(t, "requests", 0, f.count())
		})
	}
}

// What the API may accept is sent: the longest ranges, the largest pages.
func TestLimitsAreInclusive(t *testing.T) {
	month := func(m time.Month, d int) time.Time { return time.Date(2023, m, d, 0, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		name string
		p    twilio.UsageRecordsParams
		kore bool
	}{
		{"31 days by SIM", twilio.UsageRecordsParams{Group: twilio.GroupSim, StartTime: month(5, 1), EndTime: month(6, 1)}, false},
		{"31 days of hours", twilio.UsageRecordsParams{Granularity: twilio.GranularityHour, StartTime: month(5, 1), EndTime: month(6, 1)}, false},
		{"3 months of days", twilio.UsageRecordsParams{Granularity: twilio.GranularityDay, StartTime: month(1, 1), EndTime: month(4, 1)}, false},
		// Three months before the 31st of May there is no day of that number.
		{"months of unequal length", twilio.UsageRecordsParams{Granularity: twilio.GranularityDay, StartTime: month(3, 1), EndTime: month(5, 31)}, false},
		{"3 months of days in another zone", twilio.UsageRecordsParams{Granularity: twilio.GranularityDay,
			StartTime: month(3, 1).In(time.FixedZone("EST", -5*3600)), EndTime: month(6, 1)}, false},
		{"18 months of all", twilio.UsageRecordsParams{StartTime: month(1, 1), EndTime: month(19, 1)}, false},
		{"1000 a page", twilio.UsageRecordsParams{Paging: twilio.Paging{PageSize: 1000}}, false},
		{"249 a page", twilio.UsageRecordsParams{Paging: twilio.Paging{PageSize: 249}}, true},
		{"start alone", twilio.UsageRecordsParams{StartTime: month(1, 1)}, false},
		{"day with end alone", twilio.UsageRecordsParams{Granularity: twilio.GranularityDay, EndTime: month(1, 1)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := always(http.StatusOK, usagePage("null"))
			var change []func(*twilio.Options)
			if test.kore {
				change = append(change, asKORE)
			}
			mustList(t, newClient(t, f, change...).UsageRecords(t.Context(), test.p))
			equal(t, "requests", 1, f.count())
		})
	}
}

// The simulator refuses what it does not know, so this holds names and forms
// against a second reading of the documentation.
func TestSimulatorTakesEveryParameter(t *testing.T) {
	now := time.Date(2024, 5, 20, 12, 30, 0, 0, time.UTC)
	s := simulate(at(now))
	c := simulated(t, s)
	sim, fleet, network := s.SIMs(accountSID)[0], s.Fleets(accountSID)[0], s.Networks(accountSID)[0]
	mustList(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{
		Sim: sim.SID, Fleet: fleet.SID, Network: network.SID, IsoCountry: network.ISOCountry,
		Group: twilio.GroupSim, Granularity: twilio.GranularityDay, StartTime: hour(1, 0), EndTime: hour(20, 0),
	}))
	mustList(t, c.Sims(t.Context()))
	mustList(t, c.Fleets(t.Context()))
	if !slices.Contains(mustList(t, c.Networks(t.Context())), twilio.Network{SID: network.SID, FriendlyName: network.FriendlyName, IsoCountry: network.ISOCountry}) {
		t.Errorf("networks: %v is missing", network)
	}
	mustList(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{
		Category: "totalprice", StartDate: hour(1, 0), EndDate: hour(20, 0),
		IncludeSubaccounts: twilio.Null[bool]{V: true, Valid: true},
	}))
	if _, err := c.Balance(t.Context()); err != nil {
		t.Error(err)
	}
}
