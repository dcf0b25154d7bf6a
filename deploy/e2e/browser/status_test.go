package browser_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const (
	production = "AC000000000000000000000000000000e1"
	broken     = "AC000000000000000000000000000000e2"
	sensors    = "AC000000000000000000000000000000e3"
)

// A site is an exporter with three accounts, one of which fails, and perhaps more.
type site struct {
	url        string
	file       string                           // its configuration
	simulators map[string]*twiliotest.Simulator // by account
	stop       func()
}

// steady is usage that the API reports at once: a SIM's number of kilobytes in every
// hour, so that nothing changes while a test looks.
func steady(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
	n, _ := strconv.ParseInt(sim.SID[len(sim.SID)-2:], 16, 64)
	busy := 1 + (int64(hour.Hour())*n)%7
	return []twiliotest.Segment{{Upload: 1000 * n * busy, Download: 9000 * n * busy, MicroCost: 100 * n * busy}}
}

func simulate(t *testing.T, accounts ...twiliotest.Account) (*twiliotest.Simulator, string) {
	t.Helper()
	for i := range accounts {
		accounts[i].Usage = steady
	}
	s := twiliotest.New(twiliotest.Options{Accounts: accounts})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

var listening = regexp.MustCompile(`[Ll]istening on".* address=(127\.0\.0\.1:[1-9]\d*)`)

// start starts the exporter with so many more accounts than three.
func start(t *testing.T, more int) *site {
	t.Helper()
	s := &site{simulators: make(map[string]*twiliotest.Simulator)}
	config := "accounts:\n"
	for _, a := range []struct{ name, sid string }{{"production", production}, {"broken <b>&amp;", broken}} {
		simulator, url := simulate(t, twiliotest.Account{SID: a.sid, AuthToken: "token", Seed: 1, SIMs: 30, Fleets: 2})
		s.simulators[a.sid] = simulator
		config += fmt.Sprintf("- name: %q\n  account_sid: %s\n  basic_auth: {username: %[2]s, password: token}\n  supersim_url: %[3]s\n  api_url: %[3]s\n", a.name, a.sid, url)
	}
	simulator, url := simulate(t, twiliotest.Account{SID: sensors, Provider: twiliotest.KORE, ClientID: "id", ClientSecret: "secret", Seed: 2, SIMs: 10, Fleets: 1, Currency: "EUR"})
	s.simulators[sensors] = simulator
	config += fmt.Sprintf("- name: sensors\n  provider: kore\n  oauth2: {client_id: id, client_secret: secret, token_url: %[1]s/api-services/v1/auth/token}\n  supersim_url: %[1]s\n", url)
	spare := make([]twiliotest.Account, more)
	for i := range spare {
		spare[i] = twiliotest.Account{SID: fmt.Sprintf("AC%032x", i), AuthToken: "token", SIMs: 1, Fleets: 1}
	}
	_, url = simulate(t, spare...)
	for i, a := range spare {
		config += fmt.Sprintf("- name: spare-%02d\n  account_sid: %s\n  basic_auth: {username: %[2]s, password: token}\n  supersim_url: %[3]s\n  api_url: %[3]s\n", i, a.SID, url)
	}
	config += "collectors:\n  supersim_usage: {interval: 3s}\n  supersim_inventory: {interval: 3s}\n  account_usage: {interval: 3s}\n  account_balance: {interval: 3s}\n"
	s.simulators[broken].Inject(twiliotest.Fault{Kind: twiliotest.Forbidden})
	s.file = filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(s.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log := s.run(t, "127.0.0.1:0")
	for end := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		if d := s.document(t); d.Ready && d.account("production").Traffic.Previous != nil && d.account("sensors").Traffic.Previous != nil {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("the exporter is not ready: %s", log)
		}
	}
}

// run runs the exporter at an address until it is stopped, and returns its log.
func (s *site) run(t *testing.T, address string) *output {
	t.Helper()
	program, err := programs.BuildExporter(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "--config.file="+s.file, "--web.listen-address="+address, "--web.route-prefix=/twilio")
	log := new(output)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	t.Cleanup(s.stop)
	for end := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		if found := listening.FindStringSubmatch(log.String()); found != nil {
			s.url = "http://" + found[1] + "/twilio/"
			return log
		}
		if time.Now().After(end) {
			t.Fatalf("the exporter does not listen: %s", log)
		}
	}
}

// rename renames an account and reloads the configuration.
func (s *site) rename(t *testing.T, account, to string) {
	t.Helper()
	config, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("name: "+account), []byte("name: "+to), 1)
	if err := os.WriteFile(s.file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"-/reload", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the reload failed: %s", response.Status)
	}
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// account is the part of one in it.
type account struct {
	Name    string
	Traffic struct {
		Month    string
		Until    time.Time
		Upload   float64  `json:"upload_bytes"`
		Download float64  `json:"download_bytes"`
		Previous *float64 `json:"previous_bytes"`
	}
}

// document is the part of /api/v1/status that the tests look at.
type document struct {
	Ready       bool
	Accounts    []account
	BusiestSIMs []struct {
		SID   string `json:"sim_sid"`
		Bytes float64
	} `json:"busiest_sims"`
}

func (s *site) get(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", path, response.Status, err, body)
	}
	return string(body)
}

func (s *site) document(t *testing.T) (d document) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.get(t, "api/v1/status")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d document) account(name string) (found account) {
	for _, a := range d.Accounts {
		if a.Name == name {
			return a
		}
	}
	return found
}

// TestStatusPage looks at the page on a phone and a desk, light and dark.
func TestStatusPage(t *testing.T) {
	script := axe(t)
	s := start(t, 0)
	for _, x := range []struct {
		name          string
		width, height int
		phone         bool
		scheme        string
	}{
		{"phone-light", 390, 844, true, "light"},
		{"phone-dark", 390, 844, true, "dark"},
		{"desk-light", 1440, 900, false, "light"},
		{"desk-dark", 1440, 900, false, "dark"},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := browse(t, x.width, x.height, x.phone, x.scheme)
			run(b, chromedp.Navigate(s.url))
			b.await(`document.body.classList.contains("live")`)
			b.picture(x.name)
			if wide := eval[float64](b, "document.documentElement.scrollWidth"); wide > float64(x.width) {
				t.Errorf("the page is %v pixels wide", wide)
			}
			if violations := b.violations(script); len(violations) > 0 {
				t.Errorf("axe-core finds: %s", strings.Join(violations, "\n"))
			}
			ground := eval[string](b, "getComputedStyle(document.body).backgroundColor")
			var red int
			if _, err := fmt.Sscanf(ground, "rgb(%d,", &red); err != nil || (red < 128) != (x.scheme == "dark") {
				t.Errorf("the ground is %s, %v", ground, err)
			}
			b.do(`document.querySelector("#busiest").scrollIntoView()`)
			b.picture(x.name + "-sims")
			b.quiet(s.url)
		})
	}
}

// TestStatusContent: what the page says is what /metrics says, and that is the
// simulator's truth. All of it is there without script.
func TestStatusContent(t *testing.T) {
	s := start(t, 0)
	b := browse(t, 1440, 900, false, "light")
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	for range 10 { // until no whole hour has come between two of the answers
		d := s.document(t)
		run(b, chromedp.Navigate(s.url))
		metrics := s.get(t, "metrics")
		same := func(x, y account) bool { return x.Name == y.Name && x.Traffic.Until.Equal(y.Traffic.Until) }
		if !slices.EqualFunc(d.Accounts, s.document(t).Accounts, same) {
			continue
		}
		text := eval[string](b, `document.querySelector("main").innerText`)
		values := eval[[]string](b, `[...document.querySelectorAll("data")].map(d => d.value)`)
		for name, sid := range map[string]string{"production": production, "sensors": sensors} {
			traffic := d.account(name).Traffic
			month, err := time.Parse("2006-01", traffic.Month)
			if err != nil {
				t.Fatal(err)
			}
			truth := s.simulators[sid].Final(sid, twiliotest.Filter{}, month, traffic.Until)
			want := strconv.FormatInt(truth.Upload+truth.Download, 10)
			if !slices.Contains(values, want) {
				t.Errorf("%s: want %s bytes up to %s on the page, have %q", name, want, traffic.Until, values)
			}
			if truth.Upload != int64(traffic.Upload) || truth.Download != int64(traffic.Download) {
				t.Errorf("%s: want %+v, have %+v", name, truth, traffic)
			}
			for direction, bytes := range map[string]int64{"upload": truth.Upload, "download": truth.Download} {
				series := fmt.Sprintf(`twilio_supersim_account_%s_bytes_total{account=%q,account_sid=%q} `, direction, name, sid)
				_, value, found := strings.Cut(metrics, series)
				value, _, _ = strings.Cut(value, "\n")
				if v, err := strconv.ParseFloat(value, 64); !found || err != nil || v != float64(bytes) {
					t.Errorf("want %s%d in /metrics, have %q", series, bytes, value)
				}
			}
			// The days of the month before are whole but for the last one.
			before, elapsed := month.AddDate(0, -1, 0), traffic.Until.Sub(month)
			day := before.Add(elapsed.Truncate(24 * time.Hour))
			if !day.Before(month) { // it is shorter
				continue
			}
			whole := s.simulators[sid].Final(sid, twiliotest.Filter{}, before, day)
			part := s.simulators[sid].Final(sid, twiliotest.Filter{}, day, day.AddDate(0, 0, 1))
			previous := float64(whole.Upload+whole.Download) + float64(part.Upload+part.Download)*float64(elapsed%(24*time.Hour))/float64(24*time.Hour)
			if math.Abs(*traffic.Previous-previous) > 1 {
				t.Errorf("%s: want %v bytes in the month before, have %v", name, previous, *traffic.Previous)
			}
		}
		if len(d.BusiestSIMs) != 10 {
			t.Errorf("have %d busy SIMs", len(d.BusiestSIMs))
		}
		for _, sim := range d.BusiestSIMs {
			if !strings.Contains(text, sim.SID) || !slices.Contains(values, strconv.FormatFloat(sim.Bytes, 'f', -1, 64)) {
				t.Errorf("want %+v on the page %s", sim, text)
			}
		}
		for _, want := range []string{"3 accounts: 1 failing, 2 ok.", "broken <b>&amp;", "failed (permission)", "Code 70051.", "Reload the page to update it.", "There are no results yet."} {
			if !strings.Contains(text, want) {
				t.Errorf("want %q on the page %s", want, text)
			}
		}
		if iccid := regexp.MustCompile(`\b89\d{16,18}\b`).FindString(text); iccid != "" || strings.Contains(text, "token\n") {
			t.Errorf("the page shows %s: %s", iccid, text)
		}
		b.quiet(s.url)
		return
	}
	t.Error("the exporter's answers changed all the time")
}

// TestStatusLives: the page updates itself without losing what its reader does, can be
// used by keyboard, follows a reload, and says when it is out of touch and when not any
// more.
func TestStatusLives(t *testing.T) {
	s := start(t, 0)
	b := browse(t, 1440, 900, false, "light")
	run(b, chromedp.Navigate(s.url))
	b.await(`document.body.classList.contains("live")`)
	const update = `dispatchEvent(new Event("online"))` // at once instead of after 15 s

	// By keyboard to the first account, which fails, and closed.
	const focused = `document.activeElement.closest("article")?.querySelector("h3").textContent ?? ""`
	for presses := 0; eval[string](b, focused) != "broken <b>&amp;"; presses++ {
		if presses > 20 {
			t.Fatalf("no way by keyboard to the first account")
		}
		run(b, chromedp.KeyEvent(kb.Tab))
	}
	run(b, chromedp.KeyEvent(kb.Enter))
	b.await(`!document.querySelector("article.failing details").open`)

	// It recovers, and stays closed and focused.
	s.simulators[broken].ClearFaults()
	for end := time.Now().Add(timeout); eval[int](b, `document.querySelectorAll("article.ok").length`) < 3; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the page does not update itself")
		}
		b.do(update)
	}
	if open := eval[[]string](b, `[...document.querySelectorAll("article")].filter(a => a.querySelector("details").open).map(a => a.querySelector("h3").textContent)`); !slices.Equal(open, []string{"production", "sensors"}) {
		t.Errorf("open are %q", open)
	}
	if have := eval[string](b, focused); have != "broken <b>&amp;" {
		t.Errorf("the focus is on %q", have)
	}
	if lead := eval[string](b, `document.querySelector(".lead").textContent`); lead != "All 3 accounts are polled successfully." {
		t.Errorf("have %q", lead)
	}

	// The filter works while it is typed, and is in the address.
	b.do(`document.querySelector("input[name=name]").focus()`)
	run(b, chromedp.KeyEvent("SENS"))
	b.await(`document.querySelectorAll("article").length === 1 && location.search === "?name=SENS"`)
	if shown := eval[string](b, `document.querySelector("#shown").textContent`); shown != "1 of 3 accounts" {
		t.Errorf("have %q", shown)
	}
	b.do(`document.querySelector("input[name=name]").value = ""; document.querySelector("form").dispatchEvent(new Event("input"))`)
	b.await(`document.querySelectorAll("article").length === 3 && location.search === ""`)
	// A reload changes the accounts.
	s.rename(t, "sensors", "meters")
	b.do(update)
	b.await(`[...document.querySelectorAll("h3")].map(h => h.textContent).sort().join() === "broken <b>&amp;,meters,production"`)
	b.quiet(s.url)

	s.stop()
	b.do(update)
	b.await(`!document.querySelector("#touch").hidden && document.body.classList.contains("stale")`)
	if text := eval[string](b, `document.querySelector("#touch").textContent`); !strings.HasPrefix(text, "Out of touch with the exporter since ") {
		t.Errorf("have %q", text)
	}
	b.picture("out-of-touch")
	s.run(t, strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/twilio/"))
	b.do(update)
	b.await(`document.querySelector("#touch").hidden && !document.body.classList.contains("stale")`)
}

// TestStatusOfMany: an account that is closed is asked for when it is opened, by keyboard
// and script, or by the link in it without script.
func TestStatusOfMany(t *testing.T) {
	script := axe(t)
	s := start(t, 12)
	b := browse(t, 390, 844, true, "light")
	run(b, chromedp.Navigate(s.url+"?name=s"))
	b.await(`document.body.classList.contains("live")`)
	if open := eval[int](b, `document.querySelectorAll("details[open]").length`); open != 0 {
		t.Errorf("%d accounts are open", open)
	}
	if tables := eval[int](b, `document.querySelectorAll("#list table").length`); tables != 0 {
		t.Errorf("there are %d tables in closed accounts", tables)
	}
	b.picture("many")
	const card = `[...document.querySelectorAll("article")].find(a => a.querySelector("h3").textContent === "spare-07")`
	b.do(card + `.querySelector("summary").focus()`)
	run(b, chromedp.KeyEvent(kb.Enter))
	b.await(card + `.querySelector("details").open && ` + card + `.querySelectorAll("table").length === 2`)
	if !eval[bool](b, `document.activeElement === `+card+`.querySelector("summary")`) {
		t.Errorf("the focus is on %s", eval[string](b, "document.activeElement.outerHTML"))
	}
	if violations := b.violations(script); len(violations) > 0 {
		t.Errorf("axe-core finds: %s", strings.Join(violations, "\n"))
	}
	// It stays open when the page updates itself.
	polled := card + `.querySelector("time.past").dateTime`
	before := eval[string](b, polled)
	for end := time.Now().Add(timeout); eval[string](b, polled) == before; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the page does not update itself")
		}
		b.do(`dispatchEvent(new Event("online"))`)
	}
	if open := eval[[]string](b, `[...document.querySelectorAll("details[open] h3")].map(h => h.textContent)`); !slices.Equal(open, []string{"spare-07"}) {
		t.Errorf("open are %q", open)
	}
	run(b, chromedp.KeyEvent(kb.Enter))
	b.await(`!` + card + `.querySelector("details").open`)
	if search := eval[string](b, "location.search"); search != "?name=s" {
		t.Errorf("the address is %s", search)
	}

	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	run(b, chromedp.Navigate(s.url+"?name=s"))
	run(b, chromedp.Navigate(eval[string](b, card+`.querySelector(".more a").href`)))
	if have := eval[[]string](b, `[...document.querySelectorAll("details[open] h3")].map(h => h.textContent)`); !slices.Equal(have, []string{"spare-07"}) || eval[int](b, card+`.querySelectorAll("table").length`) != 2 {
		t.Errorf("open are %q", have)
	}
	if shown := eval[string](b, `document.querySelector("#shown").textContent`); shown != "13 of 15 accounts" {
		t.Errorf("have %q", shown)
	}
	b.quiet(s.url)
}
