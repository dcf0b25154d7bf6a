package exposition_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/twilio-exporter/twilio_exporter/collector/exposition"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// TestAllocations: a scrape allocates the same whatever the number of series,
// and a poll that found nothing new renders and compresses nothing.
func TestAllocations(t *testing.T) {
	scrapes := make(map[int]float64)
	for _, sims := range []int{1000, 20_000} {
		x, source := shown(sims)
		h := handler(x, nil)
		r := scrapeRequest(accepts[2], "gzip")
		scrapes[sims] = testing.AllocsPerRun(20, func() { h.ServeHTTP(&sink{header: make(http.Header)}, r) })

		same, changed := fleet(sims), fleet(sims)
		changed[0].Values = metric.Const(1.0)
		x.Show(source, same, time.Now())
		if without := bytesOf(func() { x.Show(source, same, time.Now()) }); without > 50_000 {
			t.Errorf("%d SIMs: a poll without news allocates %d bytes", sims, without)
		}
		if with := bytesOf(func() { x.Show(source, changed, time.Now()) }); with < 50_000 {
			t.Errorf("%d SIMs: a poll with news allocates only %d bytes, so this test proves nothing", sims, with)
		}
	}
	// The race detector has pools forget at random.
	if few, many := scrapes[1000], scrapes[20_000]; many > few+50 || many > 200 {
		t.Errorf("a scrape of 6,000 series allocates %v times, one of 120,000 series %v times", few, many)
	}
}

// TestHeaders: nothing is kept of what clients send.
func TestHeaders(t *testing.T) {
	x, _ := shown(1)
	h := handler(x, nil)
	request := func(i int) {
		r := scrapeRequest("text/plain;version="+strings.Repeat(fmt.Sprint(i%10), 900_000), "gzip,"+strings.Repeat("x", 1+i))
		h.ServeHTTP(&sink{header: make(http.Header)}, r)
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // empties pools, too
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	request(0)
	before := heap()
	for i := range 20 {
		request(i)
	}
	if after := heap(); after > before+1e6 {
		t.Errorf("20 requests with large headers keep %d bytes", after-before)
	}
	runtime.KeepAlive(h)
}

// bytesOf are those that something allocates.
func bytesOf(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestManySelfMetrics: in between a large body, self-metrics of any size.
func TestManySelfMetrics(t *testing.T) {
	x, _ := shown(17_000)
	much := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "twilio_self", Help: "A gauge."}, []string{"label"})
	for i := range 2000 {
		much.WithLabelValues(fmt.Sprintf("%0100d", i)).Set(float64(i))
	}
	h := handler(x, append(selfMetrics(), much))
	_, want := scrape(t, h, accepts[2], "identity", "")
	header, have := scrape(t, h, accepts[2], "gzip", "")
	if header.Get("Content-Encoding") != "gzip" || !bytes.Equal(have, want) {
		t.Error(difference(want, have))
	}
}

func TestHead(t *testing.T) {
	x, _ := shown(100)
	h := handler(x, selfMetrics())
	for _, coding := range []string{"gzip", "identity"} {
		r := httptest.NewRequest(http.MethodHead, "/metrics", nil)
		r.Header.Set("Accept-Encoding", coding)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.Len() > 0 || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: status %d, %d bytes, headers %v", coding, w.Code, w.Body.Len(), w.Header())
		}
	}
}

func TestDisableCompression(t *testing.T) {
	x, _ := shown(100)
	h := x.Handler(exposition.HandlerOptions{SelfMetrics: prometheus.NewRegistry(), Registry: prometheus.NewRegistry(), DisableCompression: true})
	header, body := scrape(t, h, "", "gzip", "")
	if header.Get("Content-Encoding") != "" || strings.Contains(strings.Join(header.Values("Vary"), ","), "Encoding") || !bytes.Contains(body, []byte("twilio_supersim_sim_info{")) {
		t.Errorf("headers %v, body %.100q", header, body)
	}
}

// held is a gatherer that waits.
type held struct{ entered, release chan struct{} }

func (g held) Gather() ([]*dto.MetricFamily, error) {
	g.entered <- struct{}{}
	<-g.release
	return nil, nil
}

func TestMaxRequestsInFlight(t *testing.T) {
	x, _ := shown(1)
	g := held{make(chan struct{}), make(chan struct{})}
	registry := prometheus.NewRegistry()
	h := x.Handler(exposition.HandlerOptions{SelfMetrics: g, Registry: registry, MaxRequestsInFlight: 2})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() { scrape(t, h, "", "", "") })
		<-g.entered
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Limit of concurrent requests reached (2)") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	close(g.release)
	wait.Wait()
	want := map[string]float64{"200": 2, "500": 0, "503": 1}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "promhttp_metric_handler_requests_total" {
			for _, m := range f.Metric {
				if code := m.Label[0].GetValue(); m.Counter.GetValue() != want[code] {
					t.Errorf("code %s: want %v, have %v", code, want[code], m.Counter.GetValue())
				}
			}
			return
		}
	}
	t.Error("promhttp's metrics are missing")
}

// failing is a gatherer that has something wrong in it.
type failing struct{ families []*dto.MetricFamily }

func (g failing) Gather() ([]*dto.MetricFamily, error) {
	return g.families, errors.New("something is wrong")
}

type lines struct{ bytes.Buffer }

func (l *lines) Println(v ...any) { fmt.Fprintln(l, v...) }

// TestErrors: what can be shown is shown, and what cannot is counted and logged.
func TestErrors(t *testing.T) {
	x, source := shown(1)
	var log lines
	registry := prometheus.NewRegistry()
	h := x.Handler(exposition.HandlerOptions{SelfMetrics: failing{}, Registry: registry, ErrorLog: &log})
	if _, body := scrape(t, h, "", "", ""); !bytes.Contains(body, []byte("twilio_supersim_sim_info{")) {
		t.Errorf("body %.200q", body)
	}
	x.Show(source, []metric.Batch{
		metric.NewBatch(family("twilio_supersim_fleet_info"), []metric.Sample{{Labels: []string{"a", "\xff"}, Value: 1}, {Labels: []string{"b", "b"}, Value: 1}}),
		metric.NewBatch(family("twilio_supersim_fleet_data_limit_bytes"), []metric.Sample{{Labels: []string{"a", "too many"}, Value: 1}}),
		metric.NewBatch(metric.Gauge("twilio_account_balance", "Help.", "colour"), []metric.Sample{{Labels: []string{"red"}, Value: 1}}),
		metric.NewBatch(metric.Gauge("twilio_forgotten", "Help."), []metric.Sample{{Value: 1}}),
	}, time.Now())
	_, body := scrape(t, h, "", "gzip", "")
	if have := strings.Count(string(body), "\ntwilio_"); have != 1 || !bytes.Contains(body, []byte(`unique_name="b"`)) {
		t.Errorf("%d series in %.300q", have, body)
	}
	for _, want := range []string{"something is wrong", `"\xff" of label unique_name is not valid UTF-8`, "samples have 2 labels instead of 1", "samples have the label colour, which the family has not", `twilio_forgotten of account "production": the family is not in the table of families`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("want %q in the log %s", want, log.String())
		}
	}
	x.Show(source, nil, time.Now())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "something is wrong") {
		t.Errorf("nothing to show: status %d: %s", w.Code, w.Body)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "promhttp_metric_handler_errors_total" && f.Metric[1].Counter.GetValue() != 4 { // encoding, gathering
			t.Errorf("want 4 errors of gathering, have %v", f.Metric)
		}
	}
}

// TestScrapeTimeout: a scraper that reads nothing is served no longer than
// it said, and what it got of the body does not look whole.
func TestScrapeTimeout(t *testing.T) {
	x, _ := shown(20_000)
	served := make(chan struct{})
	h := handler(x, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.2\r\n\r\n")
	<-served
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%d bytes that look whole", len(body))
	}
}

// TestTimeIsOver: a response that would begin after the timeout is an error.
func TestTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, _ := shown(1)
		g := held{make(chan struct{}, 1), make(chan struct{})}
		h := x.Handler(exposition.HandlerOptions{SelfMetrics: g, Registry: prometheus.NewRegistry()})
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "2.5")
		time.AfterFunc(3*time.Second, func() { close(g.release) })
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d", w.Code)
		}
	})
}

// TestMaxAge: results vanish when they are too old, be they scraped compressed
// or not, and those of others stay.
func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := exposition.New()
		old, young := exposition.NewSource("old", 3*time.Hour), exposition.NewSource("young", 0)
		x.Replace(fleetTable(false), []*exposition.Source{old, young})
		x.Show(old, fleet(600), time.Now())
		x.Show(young, fleet(600), time.Now())
		h := handler(x, nil)
		count := func(coding, account string) int {
			_, body := scrape(t, h, accepts[2], coding, "")
			return bytes.Count(body, []byte(`{account="`+account+`"`))
		}
		for _, x := range []struct {
			after   time.Duration
			old     int
			message string
		}{{0, 3600, "at once"}, {3 * time.Hour, 3600, "at its last moment"}, {1, 0, "after it"}} {
			time.Sleep(x.after)
			for _, coding := range []string{"gzip", "identity"} {
				if have := count(coding, "old"); have != x.old {
					t.Errorf("%s: want %d old series, have %d", x.message, x.old, have)
				}
				if have := count(coding, "young"); have != 3600 {
					t.Errorf("%s: have %d young series", x.message, have)
				}
			}
		}
		x.Show(old, fleet(600), time.Now())
		if have := count("gzip", "old"); have != 3600 {
			t.Errorf("back again: have %d series", have)
		}
		// A poll of another source, of other families, keeps nothing alive.
		x.Show(young, []metric.Batch{}, time.Now())
		time.Sleep(3*time.Hour + 1)
		x.Show(young, []metric.Batch{metric.NewBatch(family("twilio_account_info"), []metric.Sample{{Labels: []string{"AC1", "kore"}, Value: 1}})}, time.Now())
		if old, young := count("gzip", "old"), count("gzip", "young"); old != 0 || young != 1 {
			t.Errorf("after a poll of other families: have %d old and %d young series", old, young)
		}
	})
}

// TestReplace: a source exposes the samples that it adopted, unless their
// labels have changed.
func TestReplace(t *testing.T) {
	x, source := shown(600)
	next, other := exposition.NewSource("production", 0), exposition.NewSource("other", 0)
	x.Show(other, []metric.Batch{metric.NewBatch(family("twilio_account_info"), []metric.Sample{{Labels: []string{"AC1", "kore"}, Value: 1}})}, time.Now())
	next.Adopt(source, fleetTable(true))
	x.Replace(fleetTable(true), []*exposition.Source{other, next})
	_, body := scrape(t, handler(x, nil), "", "gzip", "")
	for want, n := range map[string]int{
		"twilio_supersim_sim_cost_total{": 600, "twilio_supersim_sim_info{": 0,
		`twilio_account_info{account="other",account_sid="AC1",provider="kore"} 1`: 1,
	} {
		if have := bytes.Count(body, []byte(want)); have != n {
			t.Errorf("want %d of %s, have %d", n, want, have)
		}
	}
	x.Replace(fleetTable(true), nil)
	if _, body := scrape(t, handler(x, nil), "", "gzip", ""); len(body) > 0 {
		t.Errorf("have %.100q although nothing is left", body)
	}
}

// TestLabelOfSome: a label that only some accounts have is empty for the others, whose
// samples stay when it comes and when it goes.
func TestLabelOfSome(t *testing.T) {
	x, source := shown(600)
	h, first := handler(x, nil), func(body []byte) string {
		i := bytes.Index(body, []byte("twilio_supersim_sim_info{"))
		line, _, _ := strings.Cut(string(body[max(i, 0):]), "\n")
		return line
	}
	_, before := scrape(t, h, "", "gzip", "")
	without := first(before)
	with := strings.Replace(without, ",sim_sid=", `,iccid="",sim_sid=`, 1)
	if with == without {
		t.Fatalf("have %s", without)
	}
	other := exposition.NewSource("some", 0)
	info := fleetTable(true)[slices.IndexFunc(fleetTable(true), func(f metric.Family) bool { return f.Name == "twilio_supersim_sim_info" })]
	show := func(s *exposition.Source, batches []metric.Batch) { x.Show(s, batches, time.Now()) }
	for _, again := range []bool{false, true} {
		x.Replace(fleetTable(true), []*exposition.Source{source, other})
		show(other, []metric.Batch{metric.NewBatch(info, []metric.Sample{{Labels: []string{"HS1", "name", "HF1", "active", "8988"}, Value: 1}})})
		if again {
			show(source, fleet(600)) // as it is after its next poll
		}
		for _, accept := range accepts[:3] {
			_, body := scrape(t, h, accept, "gzip", "?name[]=twilio_supersim_sim_info")
			want := 601
			if have := bytes.Count(body, []byte("iccid=")); have != want || !strings.Contains(string(body), with[:strings.LastIndex(with, " ")]) || !bytes.Contains(body, []byte(`iccid="8988"`)) {
				t.Errorf("%s: want %d series with the label, such as %s, have %d, such as %s", accept, want, with, have, first(body))
			}
		}
		x.Replace(fleetTable(false), []*exposition.Source{source, other})
		if _, body := scrape(t, h, "", "gzip", ""); !bytes.Equal(body, before) {
			t.Errorf("after the label is gone: have %d bytes instead of %d, such as %s", len(body), len(before), first(body))
		}
	}
	next := exposition.NewSource("some", 0)
	next.Adopt(other, fleetTable(false))
	x.Replace(fleetTable(true), []*exposition.Source{next})
	if _, body := scrape(t, h, "", "gzip", ""); bytes.Contains(body, []byte("8988")) {
		t.Error("a source that has lost the label shows it")
	}
}

// TestNeighbours: a large account's compressed samples are right wherever it stands
// in its family, first, last or alone.
func TestNeighbours(t *testing.T) {
	samples := func(factor float64) []metric.Batch {
		ids, values := make([]string, 9000), make([]float64, 9000)
		for i := range ids {
			ids[i], values[i] = fmt.Sprintf("HS%032x", i), factor*float64(i)
		}
		return []metric.Batch{{Family: family("sent_bytes_total"), Len: len(ids), Labels: []metric.Column[string]{metric.Values(ids)}, Values: metric.Values(values)}}
	}
	all := world{"a": samples(1), "b": samples(3), "c": samples(7)}
	x := exposition.New()
	x.Replace(table(), nil)
	sources := make(map[string]*exposition.Source)
	for account := range all {
		sources[account] = exposition.NewSource(account, 0)
		x.Show(sources[account], all[account], time.Now())
	}
	h := handler(x, nil)
	for _, accounts := range []string{"b", "bc", "abc", "ab", "b", "bc", "ac", "a"} {
		w := make(world)
		var chosen []*exposition.Source
		for account := range strings.SplitSeq(accounts, "") {
			w[account] = all[account]
			chosen = append(chosen, sources[account])
		}
		x.Replace(table(), chosen)
		for _, accept := range []string{accepts[1], accepts[2], accepts[5]} {
			_, want := scrape(t, reference{world: w}.handler(), accept, "", "")
			for range 3 {
				if _, have := scrape(t, h, accept, "gzip", ""); !bytes.Equal(have, want) {
					t.Errorf("%s: %q: %s", accounts, accept, difference(want, have))
				}
				x.Wait() // it is compressed from now on
			}
		}
	}
	// An exporter that was told other words has them.
	other := table()
	for i := range other {
		other[i].Help = "Other words."
	}
	x.Replace(other, []*exposition.Source{sources["a"]})
	for _, accept := range accepts[:6] {
		if _, body := scrape(t, h, accept, "gzip", ""); !bytes.Contains(body, []byte("Other words.")) || bytes.Contains(body, []byte("Help of")) {
			t.Errorf("%q: the help is not what it is now: %.200q", accept, body)
		}
	}
}

// TestSwitch: a scrape sees all of a poll or nothing of it.
func TestSwitch(t *testing.T) {
	x, source := exposition.New(), exposition.NewSource("a", 0)
	x.Replace(fleetTable(false), []*exposition.Source{source})
	batches := func(poll int) []metric.Batch {
		all := fleet(600 + poll%3)
		for i := range all {
			all[i].Values = metric.Const(float64(poll))
		}
		return all
	}
	x.Show(source, batches(0), time.Now())
	h := handler(x, nil)
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() {
			for ctx.Err() == nil {
				coding := "gzip"
				if i == 0 {
					coding = "identity"
				}
				_, body := scrape(t, h, "", coding, "")
				seen := make(map[string]bool)
				samples := 0
				for line := range strings.Lines(string(body)) {
					if !strings.HasPrefix(line, "#") {
						samples++
						seen[line[strings.LastIndexByte(line, ' '):]] = true
					}
				}
				if len(seen) != 1 || samples%6 != 0 {
					t.Errorf("%d samples of %d polls in one response", samples, len(seen))
				}
			}
		})
	}
	for poll := range 10 {
		x.Show(source, batches(poll), time.Now())
	}
	stop()
	wait.Wait()
}

// FuzzAcceptEncoding compares the choice of a coding with promhttp's.
func FuzzAcceptEncoding(f *testing.F) {
	for _, s := range []string{"", "gzip", "identity", "gzip, identity", "gzip;q=0.5, identity;q=0.2", "*", "gzip;q=0", "identity;q=0, *", "zstd,gzip", "zstd", "br, gzip;q=1.0, *;q=0.1", "GZIP", "gzip;q=2", "gzip ; q = 0.3", ",", "gzip;q=0.001,identity;q=0.01"} {
		f.Add(s)
	}
	none := prometheus.NewRegistry()
	theirs := promhttp.HandlerFor(none, promhttp.HandlerOpts{})
	x := exposition.New()
	ours := handler(x, nil)
	f.Fuzz(func(t *testing.T, accept string) {
		ask := func(h http.Handler) string {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.Header["Accept-Encoding"] = []string{accept}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Header().Get("Content-Encoding") == "gzip" {
				if _, err := gzip.NewReader(w.Body); err != nil {
					t.Error(err)
				}
			}
			return w.Header().Get("Content-Encoding")
		}
		if want, have := ask(theirs), ask(ours); have != want {
			t.Errorf("%q: want %q, have %q", accept, want, have)
		}
	})
}

// TestStalledScrapers: scrapers that read nothing keep no others waiting.
func TestStalledScrapers(t *testing.T) {
	x, _ := shown(100_000) // more than any buffer on the way holds
	h := x.Handler(exposition.HandlerOptions{
		SelfMetrics: prometheus.NewRegistry(), Registry: prometheus.NewRegistry(), MaxRequestsInFlight: 2,
	})
	server := httptest.NewServer(h)
	defer server.Close()
	for range 5 {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	// While they are rendered for, there may be no room.
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusOK && n > 1<<20 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("want the metrics, have status %d", resp.StatusCode)
		}
	}
}

// deadlines is a response that notes the deadlines of its writes.
type deadlines struct {
	http.ResponseWriter
	left []time.Duration
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.left = append(d.left, time.Until(t))
	return nil
}

// TestWriteDeadlines: each write has a deadline; the scraper may shorten that of
// the response, but not put it off.
func TestWriteDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, _ := shown(2000)
		h := handler(x, nil)
		for wish, want := range map[string]time.Duration{"": 10 * time.Second, "3.5": 3500 * time.Millisecond, "1000000": 10 * time.Second, "-1": 10 * time.Second, "NaN": 10 * time.Second} {
			w := &deadlines{ResponseWriter: httptest.NewRecorder()}
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", wish)
			h.ServeHTTP(w, r)
			if len(w.left) < 2 {
				t.Errorf("%q: %d deadlines", wish, len(w.left))
			}
			for _, left := range w.left {
				if left != want {
					t.Errorf("%q: want %s, have %s", wish, want, left)
				}
			}
		}
	})
}
