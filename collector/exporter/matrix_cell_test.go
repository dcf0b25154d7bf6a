package exporter_test

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A requestCounter counts the requests for one endpoint as they leave the client, by
// listing: a listing's pages and further attempts count for it.
type requestCounter struct {
	endpoint twiliotest.Endpoint
	mu       sync.Mutex
	total    int
	listings map[string]int
}

func newRequestCounter(e twiliotest.Endpoint) *requestCounter {
	return &requestCounter{endpoint: e, listings: make(map[string]int)}
}

func (c *requestCounter) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if endpointOf(r.URL.Path) == c.endpoint {
			query := r.URL.Query()
			listing := query.Get("Group") + query.Get("Granularity") + query.Get("StartTime") + query.Get("EndTime")
			c.mu.Lock()
			c.total++
			c.listings[listing]++
			c.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (c *requestCounter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total, c.listings = 0, make(map[string]int)
}

func (c *requestCounter) most() (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.listings {
		most = max(most, n)
	}
	return most
}

func endpointOf(path string) twiliotest.Endpoint {
	for end, endpoint := range map[string]twiliotest.Endpoint{
		"/UsageRecords": twiliotest.UsageRecords, "/Sims": twiliotest.Sims, "/Fleets": twiliotest.Fleets,
		"/Networks": twiliotest.Networks, "/BillingPeriods": twiliotest.BillingPeriods, "/Monthly.json": twiliotest.Monthly, "/Balance.json": twiliotest.Balance,
		"/Accounts.json": twiliotest.Accounts,
		"/token":         twiliotest.Token,
	} {
		if strings.HasSuffix(path, end) {
			return endpoint
		}
	}
	return ""
}

// requestsOf is how many requests for an endpoint the metrics have counted.
func (p *process) requestsOf(c column) (total float64) {
	for name, v := range p.gather() {
		if strings.HasPrefix(name, "twilio_exporter_api_requests_total{account=\""+c.account+"\"") &&
			strings.Contains(name, `endpoint="`+string(c.label)+`"`) {
			total += v
		}
	}
	return total
}

func (p *process) pollDuration(c column) time.Duration {
	seconds := p.gather()[pollSeries("twilio_exporter_poll_duration_seconds", c.account, c.polls[0])]
	return time.Duration(seconds * float64(time.Second))
}

// changeOf limits a change to the account of a column.
func (p *process) changeOf(c column, change func(string, float64) float64) func(string, float64) float64 {
	if change == nil {
		return nil
	}
	return func(series string, v float64) float64 {
		if strings.Contains(series, `account="`+c.account+`"`) {
			return change(series, v)
		}
		return v
	}
}

// wantRequests compares the attempts with what the reason demands: what another attempt
// may mend is attempted again, everything else is not.
func (f fault) wantRequests(t *testing.T, c column, want effect, have outcomeAt) {
	t.Helper()
	requests := want.requests
	if requests == 0 {
		requests = 1
		if slices.Contains(twilio.RetryReasons(), twilio.Reason(want.reason)) {
			requests = 1 + retries
		}
	}
	switch {
	case want.requests == unlimited:
	case c.endpoint == twiliotest.Token && want.reason != "":
		// The listings of two polls share a token, and waits between requests for it.
		if have.made < 1 || have.made > 40 {
			t.Errorf("have %d token requests", have.made)
		}
	case have.made != requests:
		t.Errorf("want %d requests of a listing, have %d", requests, have.made)
	}
	// Each wait may be a tenth longer, so that clients do not come back together.
	if least := time.Duration(requests-1) * f.waits; have.took < least || f.waits > 0 && have.took > least*11/10+time.Second {
		t.Errorf("want the poll to take %s and at most a tenth more, it took %s", least, have.took)
	}
}

// allPolls are those while a column is tested.
func (c column) allPolls() [][2]string {
	all := polls()
	if name, _, ok := strings.Cut(c.on, ":"); ok {
		all = append(all, [2]string{"a", name}, [2]string{"b", name})
	}
	if c.endpoint == twiliotest.Accounts {
		all = append(all, [2]string{"a", "subaccounts"}, [2]string{"a/Meters", "account_usage"})
	}
	return all
}

// wantOutcomes wants the polls of a column's collectors to have failed for the reason,
// and all others, or all if there is no reason, to have succeeded.
func (p *process) wantOutcomes(n int, c column, reason string) {
	p.t.Helper()
	have := p.gather()
	for _, poll := range c.allPolls() {
		failed := reason != "" && poll[0] == c.account && slices.Contains(c.polls, poll[1])
		success := 1.0
		if failed {
			success = 0
		}
		p.want(map[string]float64{
			pollSeries("twilio_exporter_poll_success", poll[0], poll[1]): success,
			pollSeries("twilio_exporter_polls_total", poll[0], poll[1]):  float64(n),
		})
		prefix := strings.TrimSuffix(pollSeries("twilio_exporter_poll_failures_total", poll[0], poll[1]), "}")
		for series, v := range have {
			if !strings.HasPrefix(series, prefix) {
				continue
			}
			want := 0.0
			if failed && strings.HasSuffix(series, `,reason="`+reason+`"}`) {
				want = 1
			}
			if v != want {
				p.t.Errorf("%s: want %v, have %v", series, want, v)
			}
		}
	}
}

// wantResults compares all results with those before the fault.
func (p *process) wantResults(before map[string]float64, change func(string, float64) float64, fresh string) {
	p.t.Helper()
	have := p.results()
	for series, v := range before {
		want := v
		if change != nil {
			want = change(series, v)
		}
		now, ok := have[series]
		delete(have, series)
		switch {
		case want == unchecked:
		case math.IsNaN(want) && ok:
			p.t.Errorf("%s: %s: want no series, have %v", stamp(), series, now)
		case !math.IsNaN(want) && !ok:
			p.t.Errorf("%s: %s: want %v, have no series", stamp(), series, want)
		case ok && now != want && math.Abs(now-want) > 1e-9*math.Abs(want):
			p.t.Errorf("%s: %s: was %v, want %v, have %v", stamp(), series, v, want, now)
		}
	}
	for series, v := range have {
		if fresh == "" || !strings.Contains(series, fresh) {
			p.t.Errorf("%s: %s: a new series, at %v", stamp(), series, v)
		}
	}
}

// logLine is what a line of the log says, as far as the matrix shows it.
type logLine struct {
	Level, Msg, Account, Collector, Reason, Err, Advice, Warning string
}

// wantLog wants one line for each poll that failed, or for a warning, and none else. It
// returns the error of the last one.
func (p *process) wantLog(c column, want effect) (err, advice string) {
	p.t.Helper()
	var lines []logLine
	for text := range strings.Lines(p.log.String()) {
		var line logLine
		if e := json.Unmarshal([]byte(text), &line); e != nil {
			p.t.Errorf("%s: %q", e, text)
		}
		if line.Level == "error" || line.Level == "warn" {
			lines = append(lines, line)
		}
	}
	level, n := "error", len(c.polls)
	switch {
	case want.warns:
		level, n = "warn", 1
	case want.reason == "":
		n = 0
	}
	if len(lines) != n {
		p.t.Errorf("want %d lines of level %s, have %+v", n, level, lines)
		return "", ""
	}
	for _, line := range lines {
		message := "poll failed; earlier results stay exposed"
		if want.warns {
			message = "poll succeeded with a warning"
		}
		if line.Level != level || line.Msg != message || line.Account != c.account || !slices.Contains(c.polls, line.Collector) ||
			line.Reason != want.reason || want.reason != "" && line.Advice == "" {
			p.t.Errorf("want a line of level %s with the reason %q and advice, have %+v", level, want.reason, line)
		}
		for _, part := range want.log {
			if !strings.Contains(line.Err+line.Warning, part) {
				p.t.Errorf("want %q in %+v", part, line)
			}
		}
		// The shortest: the collector of usage adds which usage it is.
		if text := withoutDetails(line.Err+line.Warning, c); err == "" || len(text) < len(err) {
			err, advice = text, line.Advice
		}
	}
	return err, advice
}

// details are what changes from run to run or from endpoint to endpoint.
var details = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`^usage by \w+ from \S+ to \S+: |^billing period of sim \S+: `), ""},
	{regexp.MustCompile(`RQ[0-9a-f]{32}`), "RQ…"},
	{regexp.MustCompile(`\w+ (bytes|cost) of \w+ "[^"]*"|of category "[^"]*"`), "…"},
	{regexp.MustCompile(`(account )?"[^"]*" (from \S+ on )?is listed twice|category "[^"]*" of \S+ is listed twice`), "… is listed twice"},
	{regexp.MustCompile(`[a-z_]+: "[^"]*" is not`), "…: … is not"},
	{regexp.MustCompile(`[a-z_]+: longer than`), "…: longer than"},
	{regexp.MustCompile(`(record|page) [0-9]+ of`), "$1 … of"},
	{regexp.MustCompile(`missing list "[^"]*"`), "missing list …"},
	{regexp.MustCompile(`member name "[^"]*"`), "member name …"},
	{regexp.MustCompile(`within "[^"]*"`), "within …"},
	{regexp.MustCompile(`offset [0-9]+`), "offset …"},
	{regexp.MustCompile(`at byte [0-9]+`), "at byte …"},
	{regexp.MustCompile(`"[^"]*": the sum of`), "…: the sum of"},
	{regexp.MustCompile(`[a-z_]+: found`), "…: found"},
	// A token request and the attempt that it is for time out at the same moment.
	{regexp.MustCompile(`^\S+: (context deadline exceeded|no complete response within 2s)`), "ENDPOINT: no complete response within 2s"},
}

func withoutDetails(text string, c column) string {
	text = strings.Replace(text, string(c.label)+": ", "ENDPOINT: ", 1)
	for _, d := range details {
		text = d.pattern.ReplaceAllString(text, d.instead)
	}
	return text
}
