package monitoring_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// growing is an account with three SIMs. What a SIM uses in the first hour of a month is
// more than in the whole month before, so that Prometheus sees no counter fall where it
// misses the passage through 0.
func growing(start, end time.Time) twiliotest.Options {
	account := world(start, end, nil).Accounts[0]
	account.SIMList = account.SIMList[:3]
	account.Usage = func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if hour.Before(start) || !hour.Before(end) {
			return nil
		}
		base := 1_000_000 + 10_000*int64(sim.SID[len(sim.SID)-1])
		bytes := base / 1000
		if hour.Day() == 1 && hour.Hour() == 0 {
			bytes = base << monthsAfter(start, hour)
		}
		segment := func(network string, bytes int64) twiliotest.Segment {
			return twiliotest.Segment{
				NetworkSID: network, Upload: bytes, Download: 2 * bytes, MicroCost: bytes / 5,
				ByteDelay: 10 * time.Minute, BillDelay: 40 * time.Minute,
			}
		}
		return []twiliotest.Segment{segment(homeNetwork, bytes-bytes/10), segment(roamingNetwork, bytes/10)}
	}
	account.Monthly = func(month, _ time.Time) []twiliotest.MonthlyRecord {
		n := strconv.Itoa(messages(start, end, month))
		return []twiliotest.MonthlyRecord{{
			Category: "sms", Description: "SMS", Count: n, CountUnit: "messages", Usage: n, UsageUnit: "messages", Price: "1", PriceUnit: "usd",
		}}
	}
	return twiliotest.Options{Accounts: []twiliotest.Account{account}}
}

// growingConfig is a configuration for this account.
func growingConfig(t *testing.T, collectors string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("created.yml", fmt.Appendf(nil, `
accounts:
  - name: production
    account_sid: %[1]s
    basic_auth: {username: %[1]s, password: %[2]q}
    supersim_url: http://simulator
    api_url: http://simulator
%[3]s`, production, token, collectors))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// messages is the account usage of a month. It is complete at the month's start.
func messages(start, end, month time.Time) int {
	if month.Before(start) || !month.Before(end) {
		return 0
	}
	return 1000 << monthsAfter(start, month)
}

func monthsAfter(start, t time.Time) int {
	return 12*(t.Year()-start.Year()) + int(t.Month()) - int(start.Month())
}

// When the passages through 0 begin, after the start of a month: at an hour of the day
// just before which a scrape can be placed that comes every four hours.
const usageSettle, costSettle = 13 * time.Hour, 25 * time.Hour

// TestCreatedTimestamps scrapes the exporter for ten months with the scrape manager of
// Prometheus, once so that every passage of the counters through 0 is seen and twice so
// that every one is missed, and lets a real Prometheus evaluate increase() and rate().
// With its features for created timestamps they are what was used, to the byte, and
// nothing warns.
func TestCreatedTimestamps(t *testing.T) {
	const (
		seen     = "seen"   // scraped in each passage, 10 minutes after its begin
		rare     = "rare"   // scraped 40 minutes after the begin of each passage, which takes 15
		outage   = "outage" // the same, but scrapes fail from before each passage to its end
		interval = 4 * time.Hour
	)
	begin, start, end := date(t, "2026-01-20 00:00"), date(t, "2026-01-25 00:00"), date(t, "2026-12-01 00:00")
	stop := end.Add(costSettle)
	phases := map[string]time.Duration{seen: time.Hour + 10*time.Minute, rare: time.Hour + 40*time.Minute, outage: time.Hour + 40*time.Minute}
	variants := []struct {
		startTimestamps
		jobs []string
	}{
		{startTimestamps{name: "zero ingestion", zero: true}, []string{seen, rare, outage}},
		{startTimestamps{name: "start timestamps", keep: true, use: true}, []string{seen, rare, outage}},
		{startTimestamps{name: "both", zero: true, keep: true, use: true}, []string{rare}},
	}
	directory := t.TempDir()
	data := func(i int) string { return filepath.Join(directory, strconv.Itoa(i)) }
	truth := twiliotest.New(growing(start, end))
	counters := everyCounter(truth, start, end)

	var missed atomic.Int64
	bubble(t, begin, func(t *testing.T) {
		cfg := growingConfig(t, `
collectors:
  supersim_usage: {interval: 2h, settle: {usage: 13h, cost: 25h}}
  supersim_inventory: {interval: 6h}
  account_usage: {interval: 6h, settle: 25h}
  account_balance: {enabled: false}
max_age: 13h
`)
		n := &network{listeners: make(map[string]*listener), unreachable: func(host string, now time.Time) bool {
			if host != outage {
				return false
			}
			month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
			for _, settle := range []time.Duration{usageSettle, costSettle} {
				if edge := month.Add(settle); now.After(edge.Add(-interval)) && now.Before(edge.Add(20*time.Minute)) {
					missed.Add(1)
					return true
				}
			}
			return false
		}}
		offsets := make(map[string]time.Duration)
		for name, want := range phases {
			offsets[name] = (want - phase(t, job{name, interval, []string{name}}) + interval) % interval
		}
		var scrapers []*scraper
		for _, v := range variants {
			s := newScraper(t, n, v.startTimestamps)
			for _, name := range v.jobs {
				s.start(t, job{name, interval, []string{name}}, offsets[name])
			}
			scrapers = append(scrapers, s)
		}
		simulator := twiliotest.New(growing(start, end))
		stopExporter := n.run(t, cfg, simulator, seen, rare, outage)
		// Restarts: within a month, and in turn shortly before, in and after a passage.
		for month := begin.AddDate(0, 0, 12); month.Before(stop); month = month.AddDate(0, 1, 0) {
			near := []time.Duration{-3 * time.Minute, 5 * time.Minute, 18 * time.Minute}[month.Month()%3]
			for _, restart := range []time.Duration{usageSettle + near, costSettle + near, 13*24*time.Hour + 11*time.Hour + 34*time.Minute} {
				at := month.Add(restart)
				if !at.Before(stop) {
					continue
				}
				time.Sleep(time.Until(at))
				stopExporter()
				stopExporter = n.run(t, cfg, simulator, seen, rare, outage)
			}
		}
		time.Sleep(time.Until(stop))
		for i, s := range scrapers {
			s.block(t, data(i))
		}
		stopExporter()
		if n.other != 0 {
			t.Errorf("%d scrapes were not in protobuf", n.other)
		}
	})
	if missed.Load() == 0 {
		t.Error("no scrape failed")
	}
	for i, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			p := startQueries(t, data(i), v.startTimestamps)
			for _, job := range v.jobs {
				p.compare(t, job, counters, interval, start, end)
			}
			p.quiet(t)
		})
	}
	// The same samples without a look at their start timestamps: only passages that were
	// seen are counted right, so the passages that were missed did matter.
	t.Run("start timestamps not used", func(t *testing.T) {
		p := startQueries(t, data(1), startTimestamps{keep: true})
		p.compare(t, seen, counters, interval, start, end)
		for _, job := range []string{rare, outage} {
			for _, c := range counters {
				series := c.series(job)
				for member, have := range p.values(t, "increase("+series+"[300d])", c.label, p.last(t, series, end.Add(c.settle-interval-time.Minute))) {
					if want, ok := c.want(member, start, end); ok && want > 0 && have > 0.6*want {
						t.Errorf("increase of %s of %s: have %f of %f, want less", series, member, have, want)
					}
				}
			}
		}
		p.quiet(t)
	})
}

// TestOutagesInPassage has scrapes fail so that Prometheus cannot store a 0 at the time of
// the reset: it takes no sample that is older than an hour, or than the marker that a
// failed scrape leaves. Start timestamps that are stored beside the samples still tell of
// the reset.
func TestOutagesInPassage(t *testing.T) {
	const interval = 15 * time.Minute
	begin, start, end := date(t, "2026-01-29 00:00"), date(t, "2026-01-29 12:00"), date(t, "2026-03-01 00:00")
	reset, stop := date(t, "2026-02-01 02:00"), date(t, "2026-02-01 12:00")
	outages := map[string]struct{ from, to time.Duration }{ // after the reset
		"long": {-40 * time.Minute, 2 * time.Hour},
		"late": {5 * time.Minute, 35 * time.Minute},
	}
	variants := []startTimestamps{{name: "zero ingestion", zero: true}, {name: "start timestamps", keep: true, use: true}}
	directory := t.TempDir()
	data := func(i int) string { return filepath.Join(directory, strconv.Itoa(i)) }
	bubble(t, begin, func(t *testing.T) {
		cfg := growingConfig(t, "collectors: {supersim_usage: {interval: 1h}, account_usage: {enabled: false}, account_balance: {enabled: false}}")
		n := &network{listeners: make(map[string]*listener), unreachable: func(host string, now time.Time) bool {
			after := now.Sub(reset)
			return after > outages[host].from && after < outages[host].to
		}}
		var scrapers []*scraper
		for _, v := range variants {
			scrapers = append(scrapers, newScraper(t, n, v))
		}
		for host := range outages {
			j := job{host, interval, []string{host}}
			offset := (10*time.Minute - phase(t, j) + interval) % interval
			for _, s := range scrapers {
				s.start(t, j, offset)
			}
		}
		stopExporter := n.run(t, cfg, twiliotest.New(growing(start, end)), "long", "late")
		time.Sleep(time.Until(stop))
		for i, s := range scrapers {
			s.block(t, data(i))
		}
		stopExporter()
	})
	january := float64(twiliotest.New(growing(start, end)).Final(production, twiliotest.Filter{}, start, date(t, "2026-02-01 00:00")).Upload)
	for i, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			p := startQueries(t, data(i), v)
			for host := range outages {
				series := fmt.Sprintf("twilio_supersim_account_upload_bytes_total{job=%q}", host)
				last := p.last(t, series, stop)
				want := p.scalar(t, series, last) // the reset is not seen
				if v.use {
					want += january
				}
				if have := p.values(t, "increase("+series+"[4d])", "job", last)[host]; have != want {
					t.Errorf("outage %s: have an increase of %f, want %f", host, have, want)
				}
			}
			p.quiet(t)
		})
	}
}

// startQueries starts a Prometheus that answers queries about blocks. An instant query
// finds samples of the last hours.
func startQueries(t *testing.T, data string, s startTimestamps) *server {
	t.Helper()
	config := write(t, t.TempDir(), "prometheus.yml", "global: {}\n")
	return startPrometheus(t, config, data, append(s.flags(), "--query.lookback-delta=5h")...)
}

// quiet checks that Prometheus logged no warning.
func (s *server) quiet(t *testing.T) {
	t.Helper()
	if lines := s.log.lines(`level=(WARN|ERROR)`); len(lines) > 0 {
		t.Errorf("Prometheus logged %d warnings and errors, such as %s", len(lines), lines[0])
	}
}

// A counted is a family of counters, with what its members have counted.
type counted struct {
	name, matchers, label string
	settle                time.Duration
	unit                  float64 // how many of what is counted are 1
	members               map[string]func(from, to time.Time) int64
}

// series selects the counters that a job has scraped.
func (c counted) series(job string) string {
	return fmt.Sprintf(`%s{job=%q,%s}`, c.name, job, c.matchers)
}

// want is what a member counts from one time to another. It reports whether there is
// such a member.
func (c counted) want(member string, from, to time.Time) (float64, bool) {
	f, ok := c.members[member]
	if !ok {
		return 0, false
	}
	return float64(f(from, to)) / c.unit, true
}

// agrees reports whether a result is exact: bytes are equal, and amounts differ by less
// than half of the millionth in which they are counted.
func (c counted) agrees(have, want float64) bool {
	return have == want || c.unit != 1 && math.Abs(have-want) < 0.5/c.unit
}

// countedBy returns the counters of an account.
func countedBy(truth *twiliotest.Simulator, account, sid, currency string, of []dimension) []counted {
	var all []counted
	for _, d := range of {
		for _, what := range []struct {
			name, matchers string
			settle         time.Duration
			unit           float64
			of             func(twiliotest.Usage) int64
		}{
			{"upload_bytes", "", usageSettle, 1, func(u twiliotest.Usage) int64 { return u.Upload }},
			{"download_bytes", "", usageSettle, 1, func(u twiliotest.Usage) int64 { return u.Download }},
			{"cost", fmt.Sprintf(`,currency=%q`, currency), costSettle, 1e6, func(u twiliotest.Usage) int64 { return u.MicroCost }},
		} {
			c := counted{
				name: "twilio_supersim_" + d.name + "_" + what.name + "_total", label: d.label,
				matchers: fmt.Sprintf("account=%q", account) + what.matchers, settle: what.settle, unit: what.unit,
				members: make(map[string]func(from, to time.Time) int64),
			}
			for member, filter := range d.of {
				c.members[member] = func(from, to time.Time) int64 { return what.of(truth.Final(sid, filter, from, to)) }
			}
			all = append(all, c)
		}
	}
	return all
}

// everyCounter returns all counters of usage.
func everyCounter(truth *twiliotest.Simulator, start, end time.Time) []counted {
	all := countedBy(truth, "production", production, "USD", dimensions(production, []string{meters, cameras}, []string{simSID(1), simSID(2), simSID(3)}))
	for _, name := range []string{"twilio_account_usage_total", "twilio_account_usage_events_total"} {
		all = append(all, counted{
			name: name, label: "account_sid", matchers: `account="production",category="sms"`, settle: costSettle, unit: 1,
			members: map[string]func(from, to time.Time) int64{production: func(from, to time.Time) (n int64) {
				for month := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); month.Before(to); month = month.AddDate(0, 1, 0) {
					n += int64(messages(start, end, month))
				}
				return n
			}},
		})
	}
	return all
}

// compare compares increase() and rate() with the truth: over all months, and for each
// month from one reset to the next. They extrapolate to the edges of their range, so the
// ranges here begin at a reset and end with a sample.
func (s *server) compare(t *testing.T, job string, all []counted, interval time.Duration, start, end time.Time) {
	t.Helper()
	compared := 0
	for _, c := range all {
		series := c.series(job)
		check := func(function string, from, last time.Time, wantFrom, wantTo time.Time) {
			t.Helper()
			milliseconds := last.Sub(from).Milliseconds() + 1 // a range excludes its start
			expr := fmt.Sprintf("%s(%s[%dms])", function, series, milliseconds)
			for member, have := range s.values(t, expr, c.label, last) {
				want, ok := c.want(member, wantFrom, wantTo)
				if !ok {
					continue
				}
				compared++
				if function == "rate" { // the division is not exact
					have = math.Round(have*float64(milliseconds)/1000*c.unit) / c.unit
				}
				if !c.agrees(have, want) {
					t.Errorf("%s of %s at %s: have %f, want %f", expr, member, last.UTC(), have, want)
				}
			}
		}
		// By then the month has been read to its end, and an outage has not begun.
		settled := c.settle - interval - time.Minute
		last := s.last(t, series, end.Add(settled))
		check("increase", start.AddDate(0, 0, -3), last, start, end)
		check("rate", start.AddDate(0, 0, -3), last, start, end)
		for month := time.Date(start.Year(), start.Month()+1, 1, 0, 0, 0, 0, time.UTC); month.Before(end); month = month.AddDate(0, 1, 0) {
			next := month.AddDate(0, 1, 0)
			check("increase", month.Add(c.settle), s.last(t, series, next.Add(settled)), month, next)
		}
	}
	if want := (2 + 10) * (3*(1+2+3+2+2) + 2); compared != want {
		t.Errorf("%s: compared %d results, want %d", job, compared, want)
	}
}

// last returns the time of the last sample of series that were scraped together.
func (s *server) last(t *testing.T, series string, at time.Time) time.Time {
	t.Helper()
	var last time.Time
	for _, v := range s.values(t, "timestamp("+series+")", "", at) {
		last = time.UnixMilli(int64(math.Round(v * 1000)))
	}
	if last.IsZero() {
		t.Fatalf("%s has no sample at %s", series, at)
	}
	return last
}

// values evaluates an instant query and returns its values by a label. A warning or
// info of Prometheus fails the test.
func (s *server) values(t *testing.T, expr, label string, at time.Time) map[string]float64 {
	t.Helper()
	found, notes := s.annotated(t, expr, at)
	if len(notes) > 0 {
		t.Errorf("%s at %s: Prometheus warns: %q", expr, at.UTC(), notes)
	}
	values := make(map[string]float64)
	for _, sample := range found {
		values[string(sample.Metric[model.LabelName(label)])] = float64(sample.Value)
	}
	return values
}

// annotated evaluates an instant query. It returns Prometheus's warnings and infos, too.
func (s *server) annotated(t *testing.T, expr string, at time.Time) (model.Vector, []string) {
	t.Helper()
	form := url.Values{"query": {expr}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.address+"/api/v1/query", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body struct {
		Data struct {
			Result model.Vector `json:"result"`
		} `json:"data"`
		Error    string   `json:"error"`
		Warnings []string `json:"warnings"`
		Infos    []string `json:"infos"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v, %s", expr, response.Status, err, body.Error)
	}
	return body.Data.Result, append(body.Warnings, body.Infos...)
}
