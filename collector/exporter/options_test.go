package exporter_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// withOptions is the configuration of both accounts, with options of their own and the
// top level's, in the flow style of YAML.
func withOptions(a, b, top string) string {
	own := func(options string) string {
		if options == "" {
			return ""
		}
		return "  collectors: {" + options + "}\n"
	}
	return "accounts:" + twilioAccount + own(a) + koreAccount + own(b) + "collectors: {" + top + "}\napi: {timeout: 2s, max_retries: 2}\n"
}

// each is the interval of every collector.
func each(interval string) string {
	return strings.ReplaceAll("supersim_usage: {interval: X}, supersim_inventory: {interval: X}, account_usage: {interval: X}, account_balance: {interval: X}", "X", interval)
}

// TestAccountOptions: one account polls by its own options and the other one by those
// of the top level.
func TestAccountOptions(t *testing.T) {
	const own = "supersim_usage: {interval: 1h, groups: [fleet]}, supersim_inventory: {iccid: true}, account_balance: {enabled: false}"
	reloading(t, withOptions(own, "", each("5m")), func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		until(t, "2004-03-15 12:30:00")
		const sim = `fleet_sid="%s",iccid="%s",sim_sid="%s",status="active",unique_name="%s"}`
		p.want(map[string]float64{
			pollSeries("twilio_exporter_polls_total", "a", "supersim_usage"):                                           1,
			pollSeries("twilio_exporter_polls_total", "a", "supersim_inventory"):                                       6,
			pollSeries("twilio_exporter_polls_total", "b", "supersim_usage"):                                           6,
			pollSeries("twilio_exporter_polls_total", "a", "account_balance"):                                          math.NaN(),
			`twilio_supersim_fleet_upload_bytes_total{account="a",fleet_sid="` + fleet1 + `"}`:                         1033,
			`twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`:                               math.NaN(),
			`twilio_supersim_sim_upload_bytes_total{account="b",sim_sid="` + simB + `"}`:                               9007199254740,
			`twilio_supersim_sim_info{account="a",` + fmt.Sprintf(sim, fleet1, "8988307000000000001", sim1, "truck-1"): 1,
			`twilio_supersim_sim_info{account="b",` + fmt.Sprintf(sim, fleetB, "", simB, "meter-1"):                    1,
		})
		if have := simulators["a"].Requests(twiliotest.Balance); have != 0 {
			t.Errorf("want no request for a balance, have %d", have)
		}
	})
}

// TestReloadOfOneAccountsOptions: an account that keeps its options is not disturbed,
// whatever changes for another one or at the top level.
func TestReloadOfOneAccountsOptions(t *testing.T) {
	a := strings.ReplaceAll(each("6m"), "inventory: {", "inventory: {iccid: false, ")
	for name, x := range map[string]struct{ before, b, top string }{
		"an interval":                  {"", "supersim_usage: {interval: 1h}", each("5m")},
		"a collector":                  {"", "account_usage: {enabled: false}, supersim_usage: {enabled: false}", each("5m")},
		"a group":                      {"supersim_usage: {groups: [account]}", "supersim_usage: {groups: [account, sim]}", each("5m")},
		"a label":                      {"", "supersim_inventory: {iccid: true}", each("5m")},
		"a label that goes":            {"supersim_inventory: {iccid: true}", "", each("5m")},
		"an interval of the top level": {"", "", each("7m")},
		"a label of the top level":     {"", "", strings.ReplaceAll(each("5m"), "inventory: {", "inventory: {iccid: true, ")},
	} {
		t.Run(name, func(t *testing.T) {
			reloading(t, withOptions(a, x.before, each("5m")), func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
				unlabelled := func() map[string]float64 {
					all := make(map[string]float64)
					for series, v := range p.gather() {
						if strings.Contains(series, `account="a"`) {
							all[strings.Replace(series, `iccid="",`, "", 1)] = v
						}
					}
					return all
				}
				good := unlabelled()
				for _, s := range simulators {
					s.ResetCounts()
				}
				p.reload(withOptions(a, x.b, x.top))
				until(t, "2004-03-15 12:05:00")
				if have := unlabelled(); !maps.Equal(have, good) {
					t.Errorf("want %v, have %v", good, have)
				}
				for _, e := range []twiliotest.Endpoint{twiliotest.Sims, twiliotest.UsageRecords, twiliotest.Monthly, twiliotest.Balance} {
					if have := starts(simulators["a"], e); len(have) > 0 {
						t.Errorf("want no request for the account that stayed the same, have %s at %v", e, have)
					}
				}
				if have := starts(simulators["b"], twiliotest.Token); len(have) == 0 {
					t.Error("want requests for the account that changed")
				}
				until(t, "2004-03-15 12:08:30")
				if have, want := starts(simulators["a"], twiliotest.Sims), []string{"12:08:00.0"}; !slices.Equal(have, want) {
					t.Errorf("want the poll when it was due, with requests at %v, have them at %v", want, have)
				}
			})
		})
	}
}

// TestReloadICCIDOfOneAccount: ICCIDs that an account must no longer expose are gone at
// once, although another account exposes its own.
func TestReloadICCIDOfOneAccount(t *testing.T) {
	const iccid = "supersim_inventory: {iccid: true}"
	reloading(t, withOptions(iccid, iccid, each("5m")), func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		const ofA, ofB = `iccid="8988307000000000001"`, `iccid="8988307000000000011"`
		if text := p.scrape(); !strings.Contains(text, ofA) || !strings.Contains(text, ofB) {
			t.Error("the ICCIDs are not there")
		}
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Forbidden})
		p.reload(withOptions("", iccid, each("5m")))
		if text := p.scrape(); strings.Contains(text, ofA) || !strings.Contains(text, ofB) {
			t.Error("want the ICCIDs of account b alone")
		}
	})
}

// TestReloadGroupsOfOneAccount: a group that an account adds begins at 0, and its other
// groups go on.
func TestReloadGroupsOfOneAccount(t *testing.T) {
	groups := func(list string) string {
		return withOptions("supersim_usage: {groups: ["+list+"]}", "", each("5m"))
	}
	reloading(t, groups("account, network"), func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		const (
			total   = `twilio_supersim_account_upload_bytes_total{account="a",account_sid="` + sidA + `"}`
			network = `twilio_supersim_network_upload_bytes_total{account="a",network_sid="` + network1 + `"}`
			sim     = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`
			cost    = `twilio_supersim_sim_cost_total{account="a",currency="USD",sim_sid="` + sim1 + `"}`
			ofB     = `twilio_supersim_sim_upload_bytes_total{account="b",sim_sid="` + simB + `"}`
		)
		p.want(map[string]float64{total: 1040, network: 1003, sim: math.NaN(), ofB: 9007199254740})
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals}) // so that values are held
		p.reload(groups("sim, account, network"))
		p.want(map[string]float64{total: 1040, network: 1003})
		until(t, "2004-03-15 12:18:59")
		p.want(map[string]float64{total: 1040, network: 1003, sim: 0, cost: 0, ofB: 9007199254740})
		until(t, "2004-03-15 12:21:00")
		p.want(map[string]float64{total: 1040, network: 1003, sim: 929, ofB: 9007199254740})
	})
}

// TestReloadFilter: with a filter that admits all that the one before did, counters go
// on, and what is new begins at 0; with any other they start anew. The API reports less
// after the reload, so that what goes on shows a value that is held.
func TestReloadFilter(t *testing.T) {
	const (
		one = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`
		two = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim2 + `"}`
	)
	none := math.NaN()
	for _, x := range []struct {
		before, after           string
		had, one, two, twoLater float64
	}{
		{"sim: truck-1", "", 1033, 1033, 0, 6},
		{"sim: truck-1", "sim: " + sim1, 1033, 1033, none, none},
		{"sim: truck-1", "fleet: trackers", 1033, 1033, none, none},
		{"sim: " + sim1, "fleet: " + fleet1, 1033, 1033, none, none},
		{"fleet: trackers", "fleet: " + fleet1, 1033, 1033, none, none},
		{"fleet: trackers, iso_country: US", "fleet: trackers", 1003, 1003, none, none},
		{"iso_country: US", "", 1003, 1003, 6, 6}, // the SIM was silent with this filter, so it had a counter
		{"network: " + network1, "", 1003, 1003, 6, 6},
		// Narrower, or just other usage.
		{"", "sim: truck-1", 1033, 929, none, none},
		{"fleet: trackers", "sim: truck-1", 1033, 929, none, none},
		{"fleet: trackers", "fleet: trackers, iso_country: US", 1033, 902, none, none},
		{"sim: truck-1", "fleet: " + fleet2, 1033, none, none, none},
		{"fleet: trackers", "fleet: " + fleet2, 1033, none, none, none},
		{"network: " + network1, "iso_country: US", 1003, 902, 0, 0},
	} {
		t.Run(x.before+" to "+x.after, func(t *testing.T) {
			filter := func(f string) string {
				return withOptions("supersim_usage: {filter: {"+f+"}}", "", each("5m"))
			}
			reloading(t, filter(x.before), func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
				p.want(map[string]float64{one: x.had})
				simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals})
				p.reload(filter(x.after))
				until(t, "2004-03-15 12:05:00")
				p.want(map[string]float64{one: x.one, two: x.two})
				until(t, "2004-03-15 12:18:59")
				p.want(map[string]float64{one: x.one, two: x.two})
				until(t, "2004-03-15 12:30:00")
				p.want(map[string]float64{one: x.one, two: x.twoLater})
			})
		})
	}
}

// TestReloadWiderFilter: what counts go on to count steps up by what the filter newly
// admits; what is new, be it silent this month, is at 0.
func TestReloadWiderFilter(t *testing.T) {
	reloading(t, withOptions("supersim_usage: {filter: {sim: truck-1}}", "", each("5m")), func(t *testing.T, p *process, _ map[string]*twiliotest.Simulator) {
		total := `twilio_supersim_account_upload_bytes_total{account="a",account_sid="` + sidA + `"}`
		cost := `twilio_supersim_account_cost_total{account="a",account_sid="` + sidA + `",currency="USD"}`
		network := func(sid string) string {
			return `twilio_supersim_network_upload_bytes_total{account="a",network_sid="` + sid + `"}`
		}
		const late = "twilio_supersim_late_bytes_ratio"
		p.want(map[string]float64{total: 1033, cost: 0.75, network(network1): 1003, network(""): math.NaN(), network(network3): math.NaN()})
		until(t, "2004-03-15 13:30:00")
		p.reload(withOptions("", "", each("5m")))
		until(t, "2004-03-15 13:31:00")
		p.want(map[string]float64{total: 1040, cost: 0.875, network(network1): 1003, network(network2): 30, network(""): 0, network(network3): 0})
		until(t, "2004-03-15 14:00:00")
		p.want(map[string]float64{total: 1040, cost: 0.875, network(network1): 1003, network(network2): 30, network(""): 7, network(network3): 0})
		// What the filter admits now was not reported late.
		p.reload(withOptions("supersim_usage: {groups: [account]}", "", each("90m")))
		until(t, "2004-03-17 12:30:00")
		for series, v := range holding(p.gather(), late) {
			if strings.Contains(series, `account="a"`) && v != 0 {
				t.Errorf("%s: have %v", series, v)
			}
		}
		if have := p.gather()[pollSeries("twilio_exporter_usage_decreases_total", "a", "supersim_usage")]; have != 0 {
			t.Errorf("have %v decreases", have)
		}
	})
}

// TestReloadCategories: categories that stay go on, new ones begin at 0, and others are
// not exposed. The subaccounts' usage is added to what was there; without it, everything
// starts anew.
func TestReloadCategories(t *testing.T) {
	options := func(o string) string { return withOptions("account_usage: {"+o+"}", "", each("5m")) }
	reloading(t, options("categories: [sms, pfax], include_subaccounts: false"), func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		usage := func(category, unit string) string {
			return `twilio_account_usage_total{account="a",account_sid="` + sidA + `",category="` + category + `",unit="` + unit + `"}`
		}
		sms, calls, fax := usage("sms", "segments"), usage("calls", "minutes"), usage("pfax", "pages")
		until(t, "2004-03-15 12:08:00") // by now the exporter knows that the lists are complete
		p.want(map[string]float64{sms: 40, fax: 0, calls: math.NaN()})
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals})
		p.reload(options("categories: [sms, calls], include_subaccounts: false"))
		p.want(map[string]float64{sms: 40})
		until(t, "2004-03-15 12:22:59")
		p.want(map[string]float64{sms: 40, calls: 0, fax: math.NaN()})
		until(t, "2004-03-15 12:35:00")
		p.want(map[string]float64{sms: 40, calls: 6.3, fax: math.NaN()})
		p.reload(options(""))
		until(t, "2004-03-15 12:36:00")
		p.want(map[string]float64{sms: 40, calls: 6.3, fax: 0})
		p.reload(options("include_subaccounts: false"))
		until(t, "2004-03-15 12:37:00")
		p.want(map[string]float64{sms: 36, calls: 6.3, fax: 0})
	})
}
