package exporter_test

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// crowdRun is a run of many accounts, some of which do not work.
type crowdRun struct {
	accounts, hang, fail, limited int // the last three are of the first accounts
	from, until                   string
	collectors                    string
	edges                         []string // moments at which all poll at once
}

// TestFairShare: accounts that hang, fail or are rate limited keep no other from its
// results, although there are enough of them to take all requests. Never are there more
// than 100 under way.
//
// With FULL_MEASUREMENT=1, it is 500 accounts with all collectors while bytes leave the
// month, which takes some minutes.
func TestFairShare(t *testing.T) {
	run := crowdRun{
		accounts: 200, hang: 120, fail: 10, limited: 10,
		from: "2004-03-15 12:02:00", until: "2004-03-15 12:50:00",
		collectors: only("supersim_usage: {groups: [account]}", "account_balance: {interval: 15m}"),
	}
	if os.Getenv("FULL_MEASUREMENT") != "" {
		run = crowdRun{
			accounts: 500, hang: 50, fail: 50, limited: 50,
			from: "2004-04-01 01:20:00", until: "2004-04-01 02:20:00",
			edges: []string{"2004-04-01 01:45:00", "2004-04-01 02:00:00", "2004-04-01 02:15:00"},
		}
	}
	synctest.Test(t, run.run)
}

func (r crowdRun) run(t *testing.T) {
	until(t, r.from)
	yaml, worlds := crowd(r.accounts)
	for i := range worlds {
		worlds[i].SIMs = 5
	}
	s := twiliotest.New(twiliotest.Options{Accounts: worlds, Latency: 200 * time.Millisecond})
	works := make(map[string]bool)
	for i, w := range worlds {
		fault := twiliotest.Fault{Account: w.SID}
		switch {
		case i < r.hang:
			fault.Kind, fault.Delay = twiliotest.Slow, 24*time.Hour
		case i < r.hang+r.fail:
			fault.Kind = twiliotest.ServerError
		case i < r.hang+r.fail+r.limited:
			fault.Kind = twiliotest.RateLimit
		default:
			works[fmt.Sprintf("a%03d", i)] = true
			continue
		}
		s.Inject(fault)
	}
	var traffic concurrentRequests
	p := launchCrowd(t, yaml+r.collectors, traffic.count(s.Transport()))
	defer p.stop()
	started := time.Now()
	end, edges := date(strings.TrimSuffix(r.until, ":00")), r.edges
	var first time.Duration
	var oldest float64
	var goroutines int
	var memory runtime.MemStats
	for time.Now().Before(end) {
		time.Sleep(5 * time.Second)
		synctest.Wait()
		missing, share, about := r.oldest(p, works)
		if missing > 0 {
			if time.Since(started) > 2*time.Minute {
				t.Fatalf("%s: %d collectors of accounts that work have no results", stamp(), missing)
			}
			continue
		}
		if first == 0 {
			first = time.Since(started)
		}
		if share > 1.5 {
			t.Fatalf("%s: the last success of %s is %.2f intervals old", stamp(), about, share)
		}
		oldest = max(oldest, share)
		goroutines = max(goroutines, runtime.NumGoroutine())
		if len(edges) > 0 && time.Since(date(strings.TrimSuffix(edges[0], ":00"))) >= time.Minute {
			r.checkEdge(t, p, works, edges[0])
			edges = edges[1:]
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if traffic.most > 100 || traffic.most < 60 {
		t.Errorf("want at most 100 requests at a time, and about as many, have %d", traffic.most)
	}
	t.Logf("%d accounts: first results of all that work after %s; oldest last success %.2f intervals; %d goroutines, %d MB of heap, simulator included; %d requests at a time",
		r.accounts, first, oldest, goroutines, memory.HeapAlloc>>20, traffic.most)
}

// oldest finds, of the accounts that work, how many collectors have no result, and the
// age of the oldest in intervals.
func (r crowdRun) oldest(p *process, works map[string]bool) (missing int, share float64, about string) {
	for _, status := range p.exporter.Status() {
		switch {
		case !works[status.Account]:
		case status.Outcome == nil || status.Outcome.LastSuccess.IsZero():
			missing++
		default:
			if age := float64(time.Since(status.Outcome.LastSuccess)) / float64(status.Interval); age > share {
				share, about = age, status.Collector+" of "+status.Account
			}
		}
	}
	return missing, share, about
}

// checkEdge wants all usage to have been polled within a minute of an edge.
func (r crowdRun) checkEdge(t *testing.T, p *process, works map[string]bool, edge string) {
	t.Helper()
	at := date(strings.TrimSuffix(edge, ":00"))
	var last *exporter.Outcome
	for _, status := range p.exporter.Status() {
		if !works[status.Account] || status.Collector != "supersim_usage" {
			continue
		}
		if status.Outcome.LastSuccess.Before(at) {
			t.Errorf("%s: account %s was not polled within a minute", edge, status.Account)
		}
		if last == nil || status.Outcome.LastSuccess.After(last.LastSuccess) {
			last = status.Outcome
		}
	}
	t.Logf("%s: the last account was polled %s later", edge, last.LastSuccess.Sub(at))
}

// concurrentRequests counts the requests under way.
type concurrentRequests struct {
	mu             sync.Mutex
	underWay, most int
}

func (c *concurrentRequests) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		c.add(1)
		defer c.add(-1)
		return next.RoundTrip(r)
	})
}

func (c *concurrentRequests) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay += n
	c.most = max(c.most, c.underWay)
}
