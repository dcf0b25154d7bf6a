package exporter_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// The hand-made world: what stands in it from 2004-03-15 12:00 to 13:00 never
// changes, and can be added up by hand.
const (
	fleet1   = "HF00000000000000000000000000000001"
	fleet2   = "HF00000000000000000000000000000002"
	fleetB   = "HF0000000000000000000000000000000b"
	sim1     = "HS00000000000000000000000000000001"
	sim2     = "HS00000000000000000000000000000002"
	simReady = "HS00000000000000000000000000000003"
	simOld   = "HS00000000000000000000000000000004"
	simWaits = "HS00000000000000000000000000000005"
	simB     = "HS0000000000000000000000000000000b"
	period1  = "HB00000000000000000000000000000001"
	period2  = "HB00000000000000000000000000000002" // the current one, which is listed first
	network1 = "HW00000000000000000000000000000001"
	network2 = "HW00000000000000000000000000000002"
	network3 = "HW00000000000000000000000000000003"
)

// at is a map's key for an hour.
func at(sim, hour string) string { return sim + " " + hour }

func byTable(table map[string][]twiliotest.Segment) func(twiliotest.SIM, time.Time) []twiliotest.Segment {
	return func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		return table[at(sim.SID, hour.UTC().Format("2006-01-02 15:04"))]
	}
}

func handMade() map[string]*twiliotest.Simulator { return handMadeAs(twiliotest.Options{}) }

// handMadeAs is the hand-made world of a service with other options.
func handMadeAs(o twiliotest.Options) map[string]*twiliotest.Simulator {
	networks := []twiliotest.Network{
		{SID: network1, FriendlyName: "Prairie Mobile", ISOCountry: "US", MCC: "310", MNC: "999"},
		{SID: network2, FriendlyName: `Rhein"funk\`, ISOCountry: "DE", MCC: "262", MNC: "99"},
		{SID: network3, FriendlyName: "Onde Claire", ISOCountry: "FR", MCC: "208", MNC: "97"},
	}
	start := date("2004-02-01 00:00")
	a := twiliotest.Account{
		SID: sidA, AuthToken: "token-a", Start: start, Balance: "123.45",
		FleetList: []twiliotest.Fleet{{SID: fleet1, UniqueName: "trackers", DataLimitMB: 1000}, {SID: fleet2}},
		SIMList: []twiliotest.SIM{
			{SID: sim1, UniqueName: "truck-1", ICCID: "8988307000000000001", FleetSID: fleet1},
			{SID: sim2, ICCID: "8988307000000000002"},
			{SID: simReady, UniqueName: "spare", ICCID: "8988307000000000003", FleetSID: fleet1, Status: "ready"},
			{SID: simOld, UniqueName: "old", ICCID: "8988307000000000004", FleetSID: fleet2, Status: "inactive"},
			{SID: simWaits, ICCID: "8988307000000000005", FleetSID: fleet2, Status: "scheduled", Updated: date("2004-03-14 07:30")},
		},
		NetworkList: networks,
		Usage: byTable(map[string][]twiliotest.Segment{
			at(sim2, "2004-02-20 05:00"): {{NetworkSID: network3, Upload: 400000, Download: 500000, MicroCost: 600000}},
			at(sim1, "2004-03-02 10:00"): {{NetworkSID: network1, Upload: 1000, Download: 5000, MicroCost: 250000}},
			at(sim1, "2004-03-15 10:00"): {
				{NetworkSID: network1, Upload: 3, Download: 4, MicroCost: 500000},
				{NetworkSID: network2, Upload: 30, Download: 70, MicroCost: 1, BillDelay: 25 * time.Hour},
			},
			// SIM 2 is in no fleet, and nobody knows where it was.
			at(sim2, "2004-03-15 11:00"): {{Upload: 7, Download: 11, MicroCost: 125000}},
		}),
		// A period of type ready of a SIM that is active is asked for in every poll.
		BillingPeriods: func(sim twiliotest.SIM, _ time.Time) []twiliotest.BillingPeriod {
			return []twiliotest.BillingPeriod{
				{SID: period1, Type: "active", Start: date("2004-02-02 10:29"), End: date("2004-03-02 10:29")},
				{SID: period2, Type: "ready", Start: date("2004-03-02 10:29"), End: date("2004-06-02 10:29")},
			}
		},
		Monthly: func(month, _ time.Time) []twiliotest.MonthlyRecord {
			if month.Equal(date("2004-03-01 00:00")) {
				return []twiliotest.MonthlyRecord{
					{Category: "sms", Count: "30", CountUnit: "messages", Usage: "40", UsageUnit: "segments", Price: "0.3", PriceUnit: "usd", AsOf: "2004-03-15T11:58:00+00:00"},
					{Category: "calls", Count: "2", CountUnit: "calls", Usage: "7", UsageUnit: "minutes", Price: "0.0175", PriceUnit: "usd", AsOf: "2004-03-15T11:59:00+00:00"},
					// In the first poll, a category without a record would not be shown at 0 yet.
					{Category: "pfax", Count: "0", CountUnit: "faxes", Usage: "0", UsageUnit: "pages", Price: twiliotest.Null, AsOf: "2004-03-15T11:57:00+00:00"},
					{Category: "queries", Count: "5", CountUnit: "queries", Usage: twiliotest.Null, Price: twiliotest.Null, AsOf: "2004-03-15T11:57:00+00:00"},
					{Category: "totalprice", Count: twiliotest.Null, Usage: "0.3175", UsageUnit: "usd", Price: "0.3175", PriceUnit: "usd", AsOf: "2004-03-15T11:59:00+00:00"},
				}
			}
			return []twiliotest.MonthlyRecord{
				{Category: "sms", Count: "100", CountUnit: "messages", Usage: "120", UsageUnit: "segments", Price: "1.5", PriceUnit: "usd", AsOf: "2004-03-02T00:00:00+00:00"},
				{Category: "pfax", Count: "1", CountUnit: "faxes", Usage: "9", UsageUnit: "pages", Price: "0.5", PriceUnit: "usd", AsOf: "2004-03-02T00:00:00+00:00"},
				{Category: "totalprice", Count: twiliotest.Null, Usage: "2", UsageUnit: "usd", Price: "2", PriceUnit: "usd", AsOf: "2004-03-02T00:00:00+00:00"},
			}
		},
	}
	// A subaccount without usage, which only tests of subaccounts see.
	child := twiliotest.Account{
		SID: subSID(1), AuthToken: subToken(1), Parent: sidA, FriendlyName: "Meters", SIMList: []twiliotest.SIM{},
		Monthly: func(time.Time, time.Time) []twiliotest.MonthlyRecord { return nil },
	}
	b := twiliotest.Account{
		SID: sidB, Provider: twiliotest.KORE, ClientID: "client-b", ClientSecret: "secret-b", Currency: "EUR", Start: start,
		FleetList:   []twiliotest.Fleet{{SID: fleetB, UniqueName: "mètres"}},
		SIMList:     []twiliotest.SIM{{SID: simB, UniqueName: "meter-1", ICCID: "8988307000000000011", FleetSID: fleetB}},
		NetworkList: networks,
		Usage: byTable(map[string][]twiliotest.Segment{
			at(simB, "2004-03-15 10:00"): {{NetworkSID: network2, Upload: 9007199254740, Download: 64, MicroCost: 1500000}},
		}),
	}
	simulators := make(map[string]*twiliotest.Simulator)
	for name, accounts := range map[string][]twiliotest.Account{"a": {a, child}, "b": {b}} {
		o.Accounts = accounts
		simulators[name] = twiliotest.New(o)
	}
	return simulators
}

const bothAccounts = "accounts:" + twilioAccount + koreAccount

// noon is when tests of the hand-made world begin.
func noon(t *testing.T) { until(t, "2004-03-15 12:02:00") }

// handler serves a process's metrics as the program does.
func (p *process) handler() http.Handler { return p.exporter.Handler(exporter.HandlerOptions{}) }

func get(h http.Handler, path, accept string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// golden is compared with the file, or written to it.
func golden(t *testing.T, file, have string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(content), "\n")
	for i, line := range strings.Split(have, "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("%s:%d: want %q, have %q; UPDATE_GOLDEN=1 rewrites it", file, i+1, append(want, "the end")[min(i, len(want))], line)
		}
	}
	if have != string(content) {
		t.Fatalf("%s: it has more lines than there are", file)
	}
}

// scrape is one of the process in the text format, without the metrics of the
// handler itself.
func (p *process) scrape() string {
	p.t.Helper()
	return promhttpLines.ReplaceAllString(body(p.t, get(p.handler(), "/metrics", "")), "")
}

var (
	promhttpLines = regexp.MustCompile(`(?m)^(# (HELP|TYPE) )?promhttp_.*\n`)
	// Of a histogram of times that are all 0 the last bucket says enough, and
	// which build this is changes.
	repetitive = regexp.MustCompile(`(?m)^.*_bucket\{.*le="[0-9].*\n|^(# (HELP|TYPE) )?twilio_exporter_build_info.*\n`)
)

// TestExposition compares everything on /metrics with a file whose values have
// been worked out by hand, and two scrapes with one another.
func TestExposition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, bothAccounts, handMade())
		defer p.stop()
		until(t, "2004-03-15 12:03:00")
		first := p.scrape()
		golden(t, "testdata/exposition.txt", repetitive.ReplaceAllString(first, ""))
		if second := p.scrape(); second != first {
			t.Errorf("want two scrapes to be the same, have %s and %s", first, second)
		}
	})
}

const allGroups = "account, sim, fleet, network, country, sim_network"

// TestExpositionIsTheTable: what is exposed is what the table of families says.
func TestExpositionIsTheTable(t *testing.T) {
	for _, iccid := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			noon(t)
			simulators := handMade()
			simulators["a/Meters"] = simulators["a"]
			p := launch(t, stored(withParent(bothAccounts)+fmt.Sprintf("collectors: {supersim_inventory: {iccid: %t}, supersim_usage: {groups: [%s]}, supersim_data_limits: {enabled: true, watch_from: 0.000001}}\napi: {max_requests_per_hour: 1000}\n", iccid, allGroups), t.TempDir()), simulators)
			defer p.stop()
			until(t, "2004-03-17 12:03:00") // usage that is two days old has lateness
			parser := expfmt.NewTextParser(model.UTF8Validation)
			have, err := parser.TextToMetricFamilies(strings.NewReader(p.scrape()))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range families(iccid) {
				f := have[want.Name]
				if f == nil {
					t.Errorf("%s is not exposed", want.Name)
					continue
				}
				delete(have, want.Name)
				if f.GetHelp() != want.Help || want.Help == "" {
					t.Errorf("%s: want help %q, have %q", want.Name, want.Help, f.GetHelp())
				}
				if typ := strings.ToLower(f.GetType().String()); typ != string(want.Type) {
					t.Errorf("%s: want type %s, have %s", want.Name, want.Type, typ)
				}
				labels := slices.Clone(want.Labels)
				if want.PerAccount {
					labels = append(labels, "account")
				}
				slices.Sort(labels)
				for _, m := range f.Metric {
					var names []string
					for _, l := range m.Label {
						names = append(names, l.GetName())
					}
					slices.Sort(names)
					if !slices.Equal(names, labels) {
						t.Errorf("%s: want labels %v, have %v", want.Name, labels, names)
					}
				}
			}
			for name := range have {
				t.Errorf("%s is exposed and not in the table", name)
			}
		})
	}
}

// TestExpositionBySIMAndNetwork compares what the group sim_network exposes with what
// has been worked out by hand, line by line in the order of the labels.
func TestExpositionBySIMAndNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		p := launch(t, bothAccounts+"collectors: {supersim_usage: {groups: [sim_network]}}\n", simulators)
		defer p.stop()
		until(t, "2004-03-15 12:03:00")
		var have strings.Builder
		for line := range strings.Lines(p.scrape()) {
			if strings.HasPrefix(line, "twilio_supersim_sim_network_") {
				have.WriteString(line)
			}
		}
		golden(t, "testdata/exposition_sim_network.txt", have.String())
	})
}

// TestFamiliesWithoutSeries: a family that nothing is known of is not there at
// all.
func TestFamiliesWithoutSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, "accounts:"+koreAccount+"collectors: {supersim_usage: {groups: [sim]}, supersim_inventory: {enabled: false}}\n", handMade())
		defer p.stop()
		until(t, "2004-03-15 12:03:00")
		text := p.scrape()
		if want := "# HELP twilio_supersim_sim_upload_bytes_total "; !strings.Contains(text, want) {
			t.Errorf("want %q", want)
		}
		for _, name := range []string{"twilio_supersim_fleet_", "twilio_supersim_sim_info", "twilio_account_balance", "twilio_account_usage", "twilio_account_cost"} {
			if strings.Contains(text, name) {
				t.Errorf("%s… has no series and is exposed", name)
			}
		}
	})
}

// TestLint has promlint look at all that the program exposes.
func TestLint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, bothAccounts+"collectors: {supersim_inventory: {iccid: true}, supersim_data_limits: {enabled: true, watch_from: 0.000001}}\n", handMade())
		defer p.stop()
		p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		until(t, "2004-03-15 12:03:00")
		get(p.handler(), "/metrics", "") // so that the handler has metrics to look at
		text := body(t, get(p.handler(), "/metrics", ""))
		for _, name := range []string{"go_goroutines", "process_open_fds", "promhttp_metric_handler_requests_total"} {
			if !strings.Contains(text, "\n"+name) {
				t.Errorf("%s is not there", name)
			}
		}
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	})
}

func TestOpenMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, bothAccounts, handMade())
		defer p.stop()
		until(t, "2004-03-15 12:03:00")
		resp := get(p.handler(), "/metrics", "application/openmetrics-text;version=1.0.0")
		if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/openmetrics-text; version=1.0.0") {
			t.Errorf("have Content-Type %q", kind)
		}
		text := body(t, resp)
		if strings.Count(text, "# EOF\n") != 1 || !strings.HasSuffix(text, "\n# EOF\n") {
			t.Error("want # EOF once, at the end")
		}
		if i := strings.Index(text, "_created"); i >= 0 {
			t.Errorf("have a line about %.80s", text[i-40:])
		}
		// The family of a counter has no _total there.
		for _, want := range []string{
			"# TYPE twilio_supersim_sim_upload_bytes counter\n",
			"# UNIT twilio_supersim_sim_upload_bytes bytes\n",
			"# UNIT twilio_supersim_fleet_hour_download_bytes bytes\n",
			"# UNIT twilio_supersim_hour_end_timestamp_seconds seconds\n",
			"# UNIT twilio_exporter_poll_duration_seconds seconds\n",
			"# UNIT twilio_exporter_api_request_duration_seconds seconds\n",
			`twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"} 1033.0` + "\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("want %q", want)
			}
		}
		// What is counted in a label's unit, or in none, has none in the metadata.
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			if fields[1] == "UNIT" && strings.HasPrefix(fields[2], "twilio_") && !strings.HasSuffix(fields[2], "_"+fields[3]) {
				t.Errorf("have %q, a unit that the name does not end in", line)
			}
		}
	})
}

func TestTextFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, bothAccounts, handMade())
		defer p.stop()
		resp := get(p.handler(), "/metrics", "")
		if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
			t.Errorf("have Content-Type %q", kind)
		}
		if text := body(t, resp); strings.Contains(text, "# EOF") {
			t.Error("have OpenMetrics' end")
		}
	})
}

func TestCompressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, bothAccounts, handMade())
		defer p.stop()
		until(t, "2004-03-15 12:03:00")
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		p.handler().ServeHTTP(w, r)
		if have := w.Header().Get("Content-Encoding"); have != "gzip" {
			t.Fatalf("want gzip, have %q", have)
		}
		plain, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(plain)
		if err != nil {
			t.Fatal(err)
		}
		if have, want := promhttpLines.ReplaceAllString(string(text), ""), p.scrape(); have != want {
			t.Errorf("it is not what comes uncompressed: %s", have)
		}
	})
}

// TestProtobuf looks at the created timestamps, which only protobuf carries.
func TestProtobuf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Byte counters have left February, cost counters have not.
		until(t, "2004-03-01 12:02:00")
		p := launch(t, bothAccounts, handMade())
		defer p.stop()
		until(t, "2004-03-01 12:03:00")
		const accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
		resp := get(p.handler(), "/metrics", accept)
		format := expfmt.ResponseFormat(resp.Header)
		if format.FormatType() != expfmt.TypeProtoDelim {
			t.Fatalf("have format %q", format)
		}
		created := map[string]string{
			"twilio_supersim_sim_upload_bytes_total": "2004-03-01 02:00",
			"twilio_supersim_sim_cost_total":         "2004-02-02 00:00",
			"twilio_account_usage_total":             "2004-02-02 00:00",
			"twilio_account_usage_events_total":      "2004-02-02 00:00",
		}
		decoder := expfmt.NewDecoder(resp.Body, format)
		for {
			var f dto.MetricFamily
			if err := decoder.Decode(&f); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			want, ok := created[f.GetName()]
			if !ok {
				continue
			}
			delete(created, f.GetName())
			for _, m := range f.Metric {
				if have := m.Counter.GetCreatedTimestamp().AsTime(); !have.Equal(date(want)) {
					t.Errorf("%s: want created %s, have %s", series(&f, m), want, have)
				}
			}
		}
		for name := range created {
			t.Errorf("%s was not sent", name)
		}
	})
}
