package monitoring_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/grafana"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// TestShipped runs everything that is shipped together, and checks it through its
// public interfaces. The parts depend on each other: first everything works, then
// the API stops, then a SIM uses far more data than usual.
func TestShipped(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Minute)
	s := startStack(t, now)
	s.settled(t)
	for _, part := range []struct {
		name string
		test func(*testing.T)
	}{
		{"Targets", s.targets},
		{"TLS", s.tls},
		{"CheckMetrics", s.checkMetrics},
		{"Metadata", s.prometheus.metadata},
		{"Fresh", s.fresh},
		{"Rules", s.rules},
		{"Dashboards", s.dashboards},
		{"Quiet", s.quiet},
		{"APIStops", s.apiStops},
		{"SIMAboveHabit", s.simAboveHabit},
		{"Logs", s.logs},
	} {
		t.Run(part.name, part.test)
	}
}

// settled waits until every rule has been evaluated often enough for the rules that
// depend on others.
func (s *stack) settled(t *testing.T) {
	t.Helper()
	eventually(t, "a scrape", func() bool { return s.prometheus.has(t, `up{job="twilio"} == 1`) })
	scraped := time.Now()
	eventually(t, "the rules to be evaluated", func() bool {
		found, err := s.prometheus.api.Rules(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range found.Groups {
			for _, r := range group.Rules {
				var last time.Time
				switch r := r.(type) {
				case v1.RecordingRule:
					last = r.LastEvaluation
				case v1.AlertingRule:
					last = r.LastEvaluation
				}
				if last.Before(scraped.Add(8 * time.Second)) {
					return false
				}
			}
		}
		return true
	})
}

// targets checks that the target is up and its last scrape had no error.
func (s *stack) targets(t *testing.T) {
	found, err := s.prometheus.api.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Active) != 1 || len(found.Dropped) != 0 {
		t.Fatalf("have %d targets and %d dropped ones", len(found.Active), len(found.Dropped))
	}
	target := found.Active[0]
	if target.Health != v1.HealthGood || target.LastError != "" || !strings.HasPrefix(target.ScrapeURL, "https://") {
		t.Errorf("%s is %s: %s", target.ScrapeURL, target.Health, target.LastError)
	}
	managers, err := s.prometheus.api.AlertManagers(t.Context())
	if err != nil || len(managers.Active) != 1 || len(managers.Dropped) != 0 {
		t.Errorf("have Alertmanagers %v, %v", managers, err)
	}
}

// tls checks that a client without the password gets no metrics.
func (s *stack) tls(t *testing.T) {
	if body := get(t, s.scraper, "https://"+s.exporter.address+"/metrics"); !strings.Contains(body, "twilio_supersim_sim_info") {
		t.Error("with the password: no metrics")
	}
	for _, scheme := range []string{"https", "http"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+s.exporter.address+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.anonymous.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if want := map[string]int{"https": http.StatusUnauthorized, "http": http.StatusBadRequest}[scheme]; response.StatusCode != want {
			t.Errorf("%s without a password: have %s, want %d", scheme, response.Status, want)
		}
	}
}

// checkMetrics checks the metrics with promtool.
func (s *stack) checkMetrics(t *testing.T) {
	metrics := get(t, s.scraper, "https://"+s.exporter.address+"/metrics")
	if out, err := run(t, strings.NewReader(metrics), programs.Promtool, "check", "metrics"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// absent reports whether a family is of something that the stack does not have.
func absent(family string) bool {
	return slices.ContainsFunc([]string{
		"twilio_supersim_late_",                // an exporter that has run for two days
		"twilio_exporter_storage_",             // a folder
		"twilio_exporter_subaccount_",          // a parent account
		"twilio_exporter_api_requests_budget_", // a bound on its requests
	}, func(prefix string) bool { return strings.HasPrefix(family, prefix) })
}

// metadata checks that every family can be queried, and that Prometheus knows its
// type, unit and help text.
func (s *server) metadata(t *testing.T) {
	t.Helper()
	all, err := s.api.Metadata(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	families := exporter.Families(config.Collectors{})
	for _, f := range families {
		if absent(f.Name) {
			continue
		}
		// A counter's family name ends in _total in protobuf, but not in OpenMetrics.
		entries := append(all[f.Name], all[strings.TrimSuffix(f.Name, "_total")]...)
		if !strings.HasSuffix(f.Name, "_total") {
			entries = all[f.Name]
		}
		if len(entries) != 1 {
			t.Errorf("%s: have metadata %v", f.Name, entries)
			continue
		}
		have, want := entries[0], v1.Metadata{Type: v1.MetricType(f.Type), Help: f.Help, Unit: f.Unit()}
		if have != want {
			t.Errorf("%s: have metadata %+v, want %+v", f.Name, have, want)
		}
		name := f.Name
		if f.Type == metric.TypeHistogram {
			name += "_count"
		}
		if !s.has(t, name) {
			t.Errorf("%s: no series", name)
		}
	}
	if len(families) < 40 {
		t.Errorf("only %d families", len(families))
	}
}

// fresh checks a Prometheus without history, with the default flags and with the
// feature that ingests created timestamps.
func (s *stack) fresh(t *testing.T) {
	shipped, err := os.ReadFile(filepath.Join(s.config, "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(shipped), "rule_files:")
	_, scrapes, ok := strings.Cut(rest, "\nscrape_configs:")
	if !ok {
		t.Fatal("prometheus.yml has no scrape_configs after its rule_files")
	}
	config := write(t, s.config, "scrapes-only.yml", head+"\nscrape_configs:"+scrapes)
	for _, test := range []struct {
		name  string
		flags []string
		zero  bool
	}{
		{"by default", nil, false},
		{"with created timestamps", []string{"--enable-feature=created-timestamp-zero-ingestion"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startPrometheus(t, config, t.TempDir(), test.flags...)
			eventually(t, "three scrapes", func() bool { return p.has(t, `count_over_time(up[1m]) >= 3`) })
			p.metadata(t)
			// The exporter has polled for a while, so without its created timestamp the
			// counter would begin at more than 0.
			value, _, err := p.api.Query(t.Context(), `twilio_exporter_polls_total{account="production",collector="supersim_usage"}[1h]`, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			matrix, ok := value.(model.Matrix)
			if !ok || len(matrix) != 1 || len(matrix[0].Values) < 3 {
				t.Fatalf("have %v", value)
			}
			first, second := matrix[0].Values[0], matrix[0].Values[1]
			created := p.scalar(t, "process_start_time_seconds", time.Now())
			since := float64(first.Timestamp)/1000 - created
			if zero := first.Value == 0 && since > -1 && since < 5; zero != test.zero || second.Value == 0 {
				t.Errorf("the first samples are %v and %v, the exporter was started at %f", first, second, created)
			}
			p.stop()
			s.calm(t, p)
		})
	}
}

// calm checks that a Prometheus logged no warning or error.
func (s *stack) calm(t *testing.T, p *server) {
	t.Helper()
	for _, line := range p.log.lines(`level=(WARN|ERROR)|[Dd]uplicate|out.of.order|out of bounds`) {
		// Its history consists of overlapping blocks, and the test stops it.
		if !strings.Contains(line, "Overlapping blocks found") && !strings.Contains(line, "exiting gracefully") {
			t.Errorf("Prometheus: %s", line)
		}
	}
}

// rules checks that all rules evaluate without error, and that recording rules
// record series.
func (s *stack) rules(t *testing.T) {
	found, err := s.prometheus.api.Rules(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	recording, alerting := 0, 0
	for _, group := range found.Groups {
		for _, r := range group.Rules {
			switch r := r.(type) {
			case v1.RecordingRule:
				recording++
				if r.Health != v1.RuleHealthGood || r.LastError != "" {
					t.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
				}
				if !s.prometheus.has(t, r.Name) && !(young() && needsMonth.MatchString(r.Name)) {
					t.Errorf("%s: nothing recorded", r.Name)
				}
			case v1.AlertingRule:
				alerting++
				if r.Health != v1.RuleHealthGood || r.LastError != "" {
					t.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
				}
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(s.config, "rules", "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if want := len(rulesOf(t, files...)); recording+alerting != want || alerting < 20 {
		t.Errorf("Prometheus has %d recording and %d alerting rules, the files have %d", recording, alerting, want)
	}
}

// young reports whether the month has just begun, so that there are no forecasts yet
// and the cost of the previous month is still settling.
func young() bool { return time.Now().UTC().Day() <= 2 }

// needsMonth matches the series that are absent then.
var needsMonth = regexp.MustCompile(`:(forecast_month|per_day|steady_per_day|seconds1d)$|:twilio_supersim_megabyte_cost:ratio$`)

// quiet checks that there are no notifications while everything works.
func (s *stack) quiet(t *testing.T) {
	if firing := s.prometheus.query(t, `ALERTS{alertstate="firing"}`, time.Now()); len(firing) > 0 {
		t.Errorf("firing: %v", firing)
	}
	s.receiver.mu.Lock()
	defer s.receiver.mu.Unlock()
	for _, m := range s.receiver.chat {
		t.Errorf("the chat received %q", m.Title)
	}
	for _, d := range s.receiver.pager {
		t.Errorf("the pager received %v", d.GroupLabels)
	}
}

// apiStops checks that the chat receives one message for each account while polls
// fail, and one when they succeed again. The pager receives nothing.
func (s *stack) apiStops(t *testing.T) {
	const alert = "TwilioExporterPollFailing"
	s.api.stop()
	for _, account := range []string{"production", "sensors"} {
		eventually(t, "a chat message about "+account, func() bool { return len(s.receiver.messages(alert, account)) > 0 })
		m := s.receiver.messages(alert, account)[0]
		if m.Color != "warning" || !strings.Contains(m.Text, "keep failing") || !strings.Contains(m.Text, "network") ||
			!strings.Contains(m.Text, "Runbook: https://") || strings.Contains(m.Text, "<no value>") {
			t.Errorf("the chat received %+v", m)
		}
		t.Logf("%s\n%s", m.Title, m.Text)
	}
	s.reconsidered(t)
	for _, account := range []string{"production", "sensors"} {
		if messages := s.receiver.messages(alert, account); len(messages) != 1 {
			t.Errorf("the chat received %d messages about %s: %+v", len(messages), account, messages)
		}
	}
	s.api.start()
	for _, account := range []string{"production", "sensors"} {
		eventually(t, "a chat message that "+account+" has recovered", func() bool {
			messages := s.receiver.messages(alert, account)
			return messages[len(messages)-1].Color == "good"
		})
		messages := s.receiver.messages(alert, account)
		m := messages[len(messages)-1]
		if !strings.HasPrefix(m.Title, "RESOLVED: ") || !strings.Contains(m.Text, "Active from ") {
			t.Errorf("the chat received %+v", m)
		}
	}
	if paged := s.receiver.paged(alert, "production"); len(paged) > 0 {
		t.Errorf("the pager received %+v", paged)
	}
}

// simAboveHabit checks that a SIM that uses far more data than usual is paged once,
// and resolved once. The alert that compares it with its fleet is inhibited.
func (s *stack) simAboveHabit(t *testing.T) {
	const alert, account = "TwilioSIMAboveHabit", "production"
	began := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	start := began.AddDate(0, -3, 0)
	s.api.become(world(start, time.Time{}, func(hour time.Time) bool { return !hour.Before(began) }))
	eventually(t, "a page", func() bool { return len(s.receiver.paged(alert, account)) > 0 })
	paged := s.receiver.paged(alert, account)[0]
	if len(paged.Alerts) != 1 || paged.Status != "firing" || paged.Alerts[0].Labels["sim_sid"] != wildSIM {
		t.Fatalf("the pager received %+v", paged)
	}
	annotations := paged.Alerts[0].Annotations
	if want := "SIM " + wildSIM + " (device-02) of production uses far more data than usual"; annotations["summary"] != want {
		t.Errorf("the summary is %q, want %q", annotations["summary"], want)
	}
	if want := regexp.MustCompile(`^In the last closed hour the SIM sent and received 900MB\. Its usual hour is 2\.(09|10)\d?MB\.$`); !want.MatchString(annotations["description"]) {
		t.Errorf("the description is %q, want %s", annotations["description"], want)
	}
	eventually(t, "a chat message", func() bool { return len(s.receiver.messages(alert, account)) > 0 })
	if m := s.receiver.messages(alert, account)[0]; m.Color != "danger" || m.Title != "CRITICAL: "+annotations["summary"] ||
		!strings.Contains(m.Text, annotations["description"]) {
		t.Errorf("the chat received %+v", m)
	} else {
		t.Logf("%s\n%s", m.Title, m.Text)
	}
	eventually(t, "the alert on the fleet to be inhibited", func() bool {
		var alerts []models.GettableAlert
		body := get(t, http.DefaultClient, "http://"+s.alertmanager.address+"/api/v2/alerts?filter=alertname%3DTwilioSIMAboveFleet")
		if err := json.Unmarshal([]byte(body), &alerts); err != nil {
			t.Fatal(err)
		}
		return len(alerts) == 1 && alerts[0].Labels["sim_sid"] == wildSIM && len(alerts[0].Status.InhibitedBy) > 0
	})
	s.reconsidered(t)

	// The same usage, but earlier.
	s.api.become(world(start, time.Time{}, func(hour time.Time) bool {
		return !hour.Before(began.Add(-3*time.Hour)) && hour.Before(began)
	}))
	eventually(t, "the page to resolve", func() bool {
		paged := s.receiver.paged(alert, account)
		return paged[len(paged)-1].Status == "resolved"
	})
	eventually(t, "the chat message to resolve", func() bool {
		messages := s.receiver.messages(alert, account)
		return messages[len(messages)-1].Color == "good"
	})
	if paged := s.receiver.paged(alert, account); len(paged) != 2 {
		t.Errorf("the pager received %d notifications: %+v", len(paged), paged)
	}
	if messages := s.receiver.messages(alert, account); len(messages) != 2 {
		t.Errorf("the chat received %d messages: %+v", len(messages), messages)
	}
	if paged := s.receiver.paged("TwilioSIMAboveFleet", account); len(paged) != 0 {
		t.Errorf("the pager was also notified about the fleet: %+v", paged)
	}
}

// reconsidered waits until Alertmanager has looked into its notification log six more
// times, which it does every group interval for each group and receiver. By then it
// would have sent any duplicate notification.
func (s *stack) reconsidered(t *testing.T) {
	t.Helper()
	queries := func() float64 {
		found := nflogQueries.FindStringSubmatch(get(t, http.DefaultClient, "http://"+s.alertmanager.address+"/metrics"))
		if found == nil {
			t.Fatal("Alertmanager exposes no alertmanager_nflog_queries_total")
		}
		n, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := queries()
	eventually(t, "Alertmanager to reconsider its groups", func() bool { return queries() >= before+6 })
}

var nflogQueries = regexp.MustCompile(`(?m)^alertmanager_nflog_queries_total (\S+)$`)

// logs checks that no program logged an unexpected warning or error, or a secret.
func (s *stack) logs(t *testing.T) {
	s.calm(t, s.prometheus)
	if lines := s.alertmanager.log.lines(`level=(WARN|ERROR)`); len(lines) > 0 {
		t.Errorf("Alertmanager logged %d warnings and errors, such as %s", len(lines), lines[0])
	}
	// Expected are warnings about the stopped API and about usage that decreased.
	for _, line := range s.exporter.log.lines(`level=(warn|error)`) {
		if !strings.Contains(line, "connection refused") && !strings.Contains(line, "EOF") && !strings.Contains(line, "lower than before") {
			t.Errorf("the exporter: %s", line)
		}
	}
	for _, secret := range []string{token, secret, "a password for scrapes"} {
		for _, p := range []*process{s.prometheus.process, s.alertmanager, s.exporter} {
			if strings.Contains(p.log.text(), secret) {
				t.Errorf("%s logs a secret", p.name)
			}
		}
	}
}

// dashboards checks that every query of every dashboard returns data, without a
// warning or info from Prometheus. With nine days of history, only the queries that
// are expected to be empty on a healthy installation may return nothing.
func (s *stack) dashboards(t *testing.T) {
	all, err := grafana.Load(filepath.Join(programs.Root(t), "deploy", "grafana", "dashboards"))
	if err != nil {
		t.Fatal(err)
	}
	empty := map[string]bool{grafana.NothingWrong: true, grafana.NotSet: true, grafana.NoneSilent: true, grafana.NeedsTwoDays: true}
	if young() {
		empty[grafana.MonthYoung], empty[grafana.NeedsBillPace], empty[grafana.NeedsDay] = true, true, true
	}
	expected := grafana.ExpectedEmpty()
	values := grafana.Vars()
	values["sim"] = wildSIM
	for _, dashboard := range all {
		run, without := 0, 0
		for _, q := range dashboard.Queries() {
			run++
			found, notes := s.evaluate(t, q.Fill(values), q.Instant)
			if len(notes) > 0 {
				t.Errorf("%v: Prometheus warns: %q", q.Key(), notes)
			}
			if found > 0 {
				continue
			}
			without++
			if reason := expected[q.Key()]; !empty[reason] {
				t.Errorf("%v returns nothing (%q): %s", q.Key(), reason, q.Fill(values))
			}
		}
		t.Logf("%s: %d panels, %d queries, %d of them empty as expected", dashboard.Title, len(dashboard.Panels), run, without)
		if run < 20 {
			t.Errorf("%s has %d queries", dashboard.Title, run)
		}
	}
}

// evaluate runs an instant query now, or a range query over the last hour. It
// returns the number of series, and the warnings and infos of Prometheus.
func (s *stack) evaluate(t *testing.T, expr string, instant bool) (int, []string) {
	t.Helper()
	parameters := url.Values{"query": {expr}}
	path := "/api/v1/query?"
	if !instant {
		path = "/api/v1/query_range?"
		now := time.Now()
		parameters.Set("start", fmt.Sprint(now.Add(-time.Hour).Unix()))
		parameters.Set("end", fmt.Sprint(now.Unix()))
		parameters.Set("step", "60")
	}
	var response struct {
		Data struct {
			Result []any `json:"result"`
		} `json:"data"`
		Warnings []string `json:"warnings"`
		Infos    []string `json:"infos"`
	}
	body := get(t, http.DefaultClient, "http://"+s.prometheus.address+path+parameters.Encode())
	if err := json.Unmarshal([]byte(body), &response); err != nil {
		t.Fatalf("%s: %v: %s", expr, err, body)
	}
	return len(response.Data.Result), append(response.Warnings, response.Infos...)
}
