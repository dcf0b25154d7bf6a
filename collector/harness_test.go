package collector_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Names of the hand-made world.
const (
	accountSID = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	talker     = "HS11111111111111111111111111111111" // active, in the fleet
	silent     = "HS22222222222222222222222222222222" // ready, in the fleet
	off        = "HS33333333333333333333333333333333" // inactive, in no fleet
	fleet      = "HF11111111111111111111111111111111"
	home       = "HW11111111111111111111111111111111" // in DE
	away       = "HW22222222222222222222222222222222" // in FR
)

// usage is what the talker uses, by the hour's start.
type usage map[string][]twiliotest.Segment

func world(u usage) twiliotest.Account {
	return twiliotest.Account{
		SID: accountSID, AuthToken: "token",
		SIMList: []twiliotest.SIM{
			{SID: talker, UniqueName: "talker", Status: "active", FleetSID: fleet},
			{SID: silent, Status: "ready", FleetSID: fleet},
			{SID: off, Status: "inactive"},
		},
		FleetList: []twiliotest.Fleet{{SID: fleet, UniqueName: "trucks", DataLimitMB: 250}},
		NetworkList: []twiliotest.Network{
			{SID: home, FriendlyName: "Home", ISOCountry: "DE", MCC: "262", MNC: "01"},
			{SID: away, FriendlyName: "Away", ISOCountry: "FR", MCC: "208", MNC: "01"},
		},
		Usage: func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
			if sim.SID == talker {
				return u[hour.UTC().Format("2006-01-02 15h")]
			}
			return nil
		},
	}
}

// rig is one collector's surroundings: an account at a simulator.
type rig struct {
	t         *testing.T
	simulator *twiliotest.Simulator
	account   *collector.Account
	// maxRecords bounds listings and memory; 0: the client's default
	maxRecords int
	last       collector.Result
	err        error
}

func newRig(t *testing.T, o twiliotest.Options) *rig {
	t.Helper()
	r := &rig{t: t, simulator: twiliotest.New(o)}
	r.restart()
	return r
}

// client is one of the simulator.
func (r *rig) client() *twilio.Client {
	client, err := twilio.New(twilio.Options{
		AccountSID: accountSID, SuperSIMURL: "http://simulator", APIURL: "http://simulator", UserAgent: "test", MaxRecords: r.maxRecords,
		Transport: promconfig.NewBasicAuthRoundTripper(
			promconfig.NewInlineSecret(accountSID), promconfig.NewInlineSecret("token"), r.simulator.Transport()),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return client
}

// restart forgets everything, as a new process has.
func (r *rig) restart() {
	r.account = &collector.Account{
		Client: r.client(), Inventory: new(collector.Inventory),
		Rollover: 15 * time.Minute, MaxAge: 3 * time.Hour, Started: time.Now().UTC(),
	}
}

func superSIMUsage() config.SuperSIMUsage {
	return config.SuperSIMUsage{
		Groups:    []string{"account", "sim", "fleet", "network", "country"},
		HourDelay: time.Hour,
		Settle:    config.Settle{Usage: 2 * time.Hour, Cost: 24 * time.Hour},
	}
}

// inventory lists the inventory once.
func (r *rig) inventory() collector.Result {
	r.t.Helper()
	result, err := collector.NewSuperSIMInventory(r.account, config.SuperSIMInventory{}).Poll(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return result
}

// poll does what a schedule does: turn the month if it is time, then ask.
func (r *rig) poll(c collector.Collector) {
	r.t.Helper()
	if clocked, ok := c.(collector.Clocked); ok {
		if result, changed := clocked.Advance(time.Now().UTC()); changed {
			r.last = result
		}
	}
	var result collector.Result
	if result, r.err = c.Poll(context.Background()); r.err == nil {
		r.last = result
	}
}

// good polls and does not take no for an answer.
func (r *rig) good(c collector.Collector) {
	r.t.Helper()
	if r.poll(c); r.err != nil {
		r.t.Fatalf("%s: %v", stamp(), r.err)
	}
}

// rows reads the last result by family and labels.
func (r *rig) rows() map[string]float64 {
	all := make(map[string]float64)
	for _, b := range r.last.Batches {
		for s := range b.All() {
			name := strings.TrimPrefix(b.Family.Name, "twilio_") + " " + strings.Join(s.Labels, " ")
			if _, twice := all[name]; twice {
				r.t.Errorf("%s comes twice", name)
			}
			all[name] = s.Value
		}
	}
	return all
}

// want compares rows; one that must not be there has the value none.
func (r *rig) want(want map[string]float64) {
	r.t.Helper()
	have := r.rows()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		v, ok := have[name]
		switch {
		case want[name] == none && ok:
			r.t.Errorf("%s: %s: want no row, have %v", stamp(), name, v)
		case want[name] == none:
		case !ok:
			r.t.Errorf("%s: %s: want %v, have no row", stamp(), name, want[name])
		case v != want[name]:
			r.t.Errorf("%s: %s: want %v, have %v", stamp(), name, want[name], v)
		}
	}
}

const none = -1

// created reads a family's created timestamp.
func (r *rig) created(family string) string {
	for _, b := range r.last.Batches {
		if b.Family.Name == family {
			return b.Created.Format("2006-01-02 15:04")
		}
	}
	return "no " + family
}

func until(t *testing.T, moment string) {
	t.Helper()
	if wait := time.Until(date(moment)); wait > 0 {
		time.Sleep(wait)
	}
}

func date(moment string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", moment)
	if err != nil {
		panic(err)
	}
	return t
}

func unix(moment string) float64 { return float64(date(moment).Unix()) }

func stamp() string { return time.Now().UTC().Format("2006-01-02 15:04:05") }

func options(u usage) twiliotest.Options {
	return twiliotest.Options{Accounts: []twiliotest.Account{world(u)}}
}

func seg(network string, up, down, micro int64, delays ...time.Duration) twiliotest.Segment {
	s := twiliotest.Segment{NetworkSID: network, Upload: up, Download: down, MicroCost: micro}
	if len(delays) == 2 {
		s.ByteDelay, s.BillDelay = delays[0], delays[1]
	}
	return s
}
