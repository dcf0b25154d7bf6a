package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/simulator"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the service until the end of the test, and returns the account of the
// configuration that it printed.
func start(t *testing.T, o simulator.Options) config.Account {
	t.Helper()
	o.ListenAddress = "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	printed, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- simulator.Run(ctx, o, stdout) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the end of the context is no failure: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	b := make([]byte, 4096)
	n, err := printed.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("printed.yml", b[:n])
	if err != nil {
		t.Fatalf("%v in:\n%s", err, b[:n])
	}
	return cfg.Accounts()[0]
}

// do sends a request and returns the response.
func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	r.Header.Set("User-Agent", "test")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fleets asks a Twilio account for its fleets.
func fleets(t *testing.T, a config.Account) (status, records int) {
	t.Helper()
	r := request(t, http.MethodGet, a.SuperSIMURL+"/v1/Fleets", "")
	r.SetBasicAuth(a.HTTPClient.BasicAuth.Username, string(a.HTTPClient.BasicAuth.Password))
	status, body := do(t, r)
	var list struct{ Fleets []any }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	return status, len(list.Fleets)
}

// TestTwilio: what is printed opens the account, whose size is that of the options.
func TestTwilio(t *testing.T) {
	a := start(t, simulator.Options{SIMs: 5, Fleets: 3, Seed: 7, Provider: twiliotest.Twilio})
	if status, n := fleets(t, a); status != http.StatusOK || n != 3 || a.Name != "simulated-7" || a.APIURL != a.SuperSIMURL {
		t.Errorf("have status %d, %d fleets, name %q", status, n, a.Name)
	}
}

// TestKORE: likewise, by a token.
func TestKORE(t *testing.T) {
	a := start(t, simulator.Options{SIMs: 5, Fleets: 3, Provider: twiliotest.KORE})
	o := a.HTTPClient.OAuth2
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {o.ClientID}, "client_secret": {string(o.ClientSecret)}}
	r := request(t, http.MethodPost, o.TokenURL, form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if status, body := do(t, r); status != http.StatusOK || a.Provider != "kore" {
		t.Errorf("have status %d: %s", status, body)
	}
}

// TestSeed: equal seeds have equal worlds, others have others.
func TestSeed(t *testing.T) {
	sims := func(seed uint64) string {
		a := start(t, simulator.Options{SIMs: 5, Fleets: 3, Seed: seed, Provider: twiliotest.Twilio})
		r := request(t, http.MethodGet, a.SuperSIMURL+"/v1/Sims", "")
		r.SetBasicAuth(a.HTTPClient.BasicAuth.Username, string(a.HTTPClient.BasicAuth.Password))
		_, body := do(t, r)
		return strings.NewReplacer(a.SuperSIMURL, "", a.AccountSID, "").Replace(body)
	}
	first := sims(1)
	if sims(1) != first || sims(2) == first {
		t.Error("the world does not depend on the seed alone")
	}
	if n := strings.Count(first, `"iccid"`); n != 5 {
		t.Errorf("%d SIMs", n)
	}
}

// TestFaults: they are listed, injected and cleared.
func TestFaults(t *testing.T) {
	a := start(t, simulator.Options{SIMs: 5, Fleets: 3, Provider: twiliotest.Twilio})
	admin := a.SuperSIMURL + "/-/faults"
	for _, step := range []struct {
		method, body string
		status       int
		has          string
		fleets       int // status of a request for fleets after it
	}{
		{"GET", "", 200, `"injected": []`, 200},
		{"POST", `{"kind": "rate_limit", "endpoint": "sims"}`, 201, `"endpoint": "sims"`, 200},
		{"POST", `{"kind": "refusal", "endpoint": "sims", "status": 200}`, 201, `"status": 200`, 200},
		{"POST", `{"kind": "server_error", "status": 503, "after": 1}`, 201, `"after": 1`, 200},
		{"GET", "", 200, `"server_error": 0`, 503},
		{"GET", "", 200, `"server_error": 1`, 503},
		{"DELETE", "", 204, "", 200},
		{"GET", "", 200, `"injected": []`, 200},
		{"PUT", "", 405, "", 200},
	} {
		status, body := do(t, request(t, step.method, admin, step.body))
		if status != step.status || !strings.Contains(body, step.has) {
			t.Errorf("%s %s: have status %d: %s", step.method, step.body, status, body)
		}
		if status, _ := fleets(t, a); status != step.fleets {
			t.Errorf("after %s %s: want fleets with status %d, have %d", step.method, step.body, step.fleets, status)
		}
	}
	r := request(t, http.MethodPost, admin, `{"kind": "rate_limit"}`)
	r.Header.Set("Origin", "https://example.com")
	if status, _ := do(t, r); status != http.StatusForbidden {
		t.Errorf("want status 403 for a page of another site, have %d", status)
	}
}

// TestBadFaults: what makes no sense is refused with the reason.
func TestBadFaults(t *testing.T) {
	h := simulator.Handler(twiliotest.New(twiliotest.Options{}), true)
	for body, want := range map[string]string{
		``:                                   "not the JSON of a fault",
		`{"kind": "rate_limit"} {}`:          "one at a time",
		`{"kind": "rate_limit", "often": 1}`: `unknown field "often"`,
		`{"kind": "boredom"}`:                `kind "boredom" is not one of ["rate_limit"`,
		`{"kind": "dns_failure"}`:            `kind "dns_failure" is not one of`, // does nothing over sockets
		`{"kind": "rate_limit", "endpoint": "x"}`:                           `endpoint "x" is not one of ["usage_records"`,
		`{"kind": "rate_limit", "times": -1}`:                               "must not be negative",
		`{"kind": "rate_limit", "chance": 1.5}`:                             "chance must be",
		`{"kind": "server_error", "status": 199}`:                           "status must be",
		`{"kind": "server_error", "status": 600}`:                           "status must be",
		`{"kind": "rate_limit", "after": -1}`:                               "must not be negative",
		`{"kind": "refusal", "code": -1}`:                                   "must not be negative",
		`{"kind": "rate_limit", "chance": -0.5}`:                            "chance must be",
		`{"kind": "slow_body"}`:                                             "slow_body needs a delay",
		`{"kind": "refusal", "body": "` + strings.Repeat("x", 1<<20) + `"}`: "too large",
		`{"kind": "slow"}`:                                                  `slow needs a delay`,
		`{"kind": "slow", "delay": "soon"}`:                                 "not the JSON of a fault",
		`{"kind": "slow", "delay": 5}`:                                      "not the JSON of a fault",
		`{"kind": "rate_limit", "account": "AC00"}`:                         `unknown field "account"`,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/-/faults", strings.NewReader(body)))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: want %q, have status %d: %s", body, want, w.Code, w.Body)
		}
	}
}

// TestEveryKind: each kind that GET lists can be injected.
func TestEveryKind(t *testing.T) {
	h := simulator.Handler(twiliotest.New(twiliotest.Options{}), true)
	get := func() (s struct {
		Kinds    []string
		Injected []struct{ Kind, Delay string }
	}) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/faults", nil))
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	kinds := get().Kinds
	for _, kind := range kinds {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/-/faults", strings.NewReader(`{"kind": "`+kind+`", "delay": "5s"}`)))
		if w.Code != http.StatusCreated {
			t.Errorf("%s: status %d: %s", kind, w.Code, w.Body)
		}
	}
	injected := get().Injected
	if len(kinds) < 50 || len(injected) != len(kinds) {
		t.Fatalf("%d kinds, %d injected", len(kinds), len(injected))
	}
	for i, kind := range kinds {
		if injected[i].Kind != kind || injected[i].Delay != "5s" {
			t.Errorf("want %s, have %v", kind, injected[i])
		}
	}
}

// TestLoopback: elsewhere, /-/faults takes a flag, and says which.
func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1": true, "127.9.9.9": true, "::1": true, "0.0.0.0": false, "::": false, "192.0.2.1": false} {
		tcp := &net.TCPAddr{IP: net.ParseIP(address)}
		if simulator.HasFaults(simulator.Options{}, tcp) != want || !simulator.HasFaults(simulator.Options{RemoteFaults: true}, tcp) {
			t.Errorf("%s: want %v, and with the flag true", address, want)
		}
	}
	w := httptest.NewRecorder()
	simulator.Handler(twiliotest.New(twiliotest.Options{}), false).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/-/faults", strings.NewReader(`{"kind": "rate_limit"}`)))
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "--remote-faults") {
		t.Errorf("have status %d: %s", w.Code, w.Body)
	}
}

// TestConfiguration: it says what is simulated, and names an address that a client on this
// machine can reach.
func TestConfiguration(t *testing.T) {
	o := simulator.Options{SIMs: 5, Fleets: 3, Seed: 255, Provider: twiliotest.Twilio}
	for address, url := range map[string]string{"127.0.0.1": "http://127.0.0.1:9861", "0.0.0.0": "http://localhost:9861", "::": "http://localhost:9861", "::1": "http://[::1]:9861"} {
		for _, hasFaults := range []bool{true, false} {
			have := simulator.Configuration(o, &net.TCPAddr{IP: net.ParseIP(address), Port: 9861}, hasFaults)
			if !strings.HasPrefix(have, "# The simulated API of twilio at "+url+": 5 SIMs in 3 fleets.\n") ||
				strings.Contains(have, "\n# Its faults: curl "+url+"/-/faults\n") != hasFaults || strings.Count(have, "_url: "+url+"\n") != 2 ||
				!strings.Contains(have, "account_sid: AC000000000000000000000000000000ff\n") {
				t.Errorf("%s: have\n%s", address, have)
			}
		}
	}
}

// TestOptions: what makes no sense is named.
func TestOptions(t *testing.T) {
	const most = simulator.MaxSize
	for _, x := range []struct {
		options simulator.Options
		want    string
	}{
		{simulator.Options{SIMs: 1, Fleets: 1}, ""},
		{simulator.Options{SIMs: most, Fleets: most}, ""},
		{simulator.Options{SIMs: 0, Fleets: 1}, "--sims"},
		{simulator.Options{SIMs: most + 1, Fleets: 1}, "--sims"},
		{simulator.Options{SIMs: 1, Fleets: 0}, "--fleets"},
		{simulator.Options{SIMs: 1, Fleets: most + 1}, "--fleets"},
		{simulator.Options{SIMs: 1, Fleets: 1, Latency: -1}, "--latency"},
	} {
		if err := x.options.Check(); (err != nil) != (x.want != "") || err != nil && !strings.HasPrefix(err.Error(), x.want+" must") {
			t.Errorf("%+v: want %q, have %v", x.options, x.want, err)
		}
	}
}

// TestConcurrency: of five requests that take their time, one is too many.
func TestConcurrency(t *testing.T) {
	a := start(t, simulator.Options{SIMs: 5, Fleets: 3, Provider: twiliotest.Twilio, Latency: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	statuses := make(chan int, 5)
	var requests sync.WaitGroup
	for range 5 {
		r := request(t, http.MethodGet, a.SuperSIMURL+"/v1/Fleets", "").WithContext(ctx)
		r.SetBasicAuth(a.HTTPClient.BasicAuth.Username, string(a.HTTPClient.BasicAuth.Password))
		r.Header.Set("User-Agent", "test")
		requests.Go(func() {
			if resp, err := http.DefaultClient.Do(r); err == nil {
				statuses <- resp.StatusCode
				resp.Body.Close()
			}
		})
	}
	if status := <-statuses; status != http.StatusTooManyRequests {
		t.Errorf("the first response has status %d", status)
	}
	cancel()
	requests.Wait()
	if n := len(statuses); n > 0 {
		t.Errorf("%d responses more", n)
	}
}

// TestFullFault: everything that is posted is injected.
func TestFullFault(t *testing.T) {
	const posted = `{"kind":"slow","endpoint":"sims","query":"a=b","times":2,"after":3,"chance":0.5,"retry_after":"4","delay":"5s","status":599,"code":6,"body":"7"}`
	s := twiliotest.New(twiliotest.Options{})
	w := httptest.NewRecorder()
	simulator.Handler(s, true).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/-/faults", strings.NewReader(posted)))
	want := twiliotest.Fault{
		Kind: twiliotest.Slow, Endpoint: twiliotest.Sims, Query: "a=b", Times: 2, After: 3, Chance: 0.5, RetryAfter: "4", Delay: 5 * time.Second, Status: 599, Code: 6, Body: "7",
	}
	if have := s.Injected(); len(have) != 1 || have[0] != want {
		t.Errorf("want %+v, have %+v", want, have)
	}
	if have := w.Header().Get("Content-Type"); have != "application/json" || w.Code != http.StatusCreated {
		t.Errorf("have status %d of %s", w.Code, have)
	}
	var shown struct{ Injected []json.RawMessage }
	var compact bytes.Buffer
	if err := json.Unmarshal(w.Body.Bytes(), &shown); err != nil || len(shown.Injected) != 1 || json.Compact(&compact, shown.Injected[0]) != nil || compact.String() != posted {
		t.Errorf("%v: posted %s, shown %s", err, posted, compact.String())
	}
}

// TestFullDisk: a configuration that cannot be printed is an error.
func TestFullDisk(t *testing.T) {
	err := simulator.Run(t.Context(), simulator.Options{ListenAddress: "127.0.0.1:0", SIMs: 1, Fleets: 1, Provider: twiliotest.Twilio}, full{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("have %v", err)
	}
}

// full is where nothing can be written.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestCannotListen: a port that is taken is an error, and nothing is printed.
func TestCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var stdout bytes.Buffer
	err = simulator.Run(t.Context(), simulator.Options{ListenAddress: taken.Addr().String(), SIMs: 1, Fleets: 1}, &stdout)
	if err == nil || !strings.Contains(err.Error(), "cannot listen") || stdout.Len() > 0 {
		t.Errorf("have %v, %q", err, stdout.String())
	}
}

// FuzzFault: whatever is posted, the service stays.
func FuzzFault(f *testing.F) {
	for _, seed := range []string{`{"kind": "rate_limit"}`, `{"kind": "slow", "delay": "5s", "chance": 0.5}`, `[]`, `{"kind": "refusal", "status": 418, "code": 1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := twiliotest.New(twiliotest.Options{})
		w := httptest.NewRecorder()
		simulator.Handler(s, true).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/-/faults", strings.NewReader(body)))
		if ok := w.Code == http.StatusCreated; ok != (len(s.Injected()) == 1) || !ok && w.Code != http.StatusBadRequest {
			t.Errorf("%q: status %d with %d faults", body, w.Code, len(s.Injected()))
		}
	})
}
