package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

const (
	sid   = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	token = "token-of-the-account"
)

// patience is how long a test waits for what should come at once.
const patience = 60 * time.Second

// buffer is where a program writes to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// a program is one run of the whole program.
type program struct {
	t              *testing.T
	stdout, stderr buffer
	hangup         chan os.Signal
	cancel         context.CancelFunc
	exit           chan int
	client         *http.Client
	scheme         string
	url            string // where it listens
}

type environment map[string]string

func (e environment) lookup(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
}

// runToEnd runs the program to its end.
func runToEnd(t *testing.T, env environment, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errors buffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	status = command(ctx, nil, args, env.lookup, &out, &errors)
	if ctx.Err() != nil {
		t.Errorf("%q did not end by itself", args)
	}
	return status, out.String(), errors.String()
}

// launch starts the program without waiting for anything.
func launch(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{
		t: t, hangup: make(chan os.Signal, 1), cancel: cancel, exit: make(chan int, 1), scheme: "http",
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	args = append(args, "--web.listen-address=127.0.0.1:0")
	go func() { p.exit <- command(ctx, p.hangup, args, environment{}.lookup, &p.stdout, &p.stderr) }()
	t.Cleanup(func() {
		cancel()
		if p.exit != nil {
			<-p.exit
		}
	})
	return p
}

// start starts the program and waits until it listens.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := launch(t, args...)
	listening := regexp.MustCompile(`(?m)^.*"Listening on".*$`)
	address := regexp.MustCompile(`address"?[=:]"?(127\.0\.0\.1:[0-9]+)`)
	p.await("it listens", func() bool {
		found := address.FindStringSubmatch(listening.FindString(p.stderr.String()))
		if found != nil {
			p.url = found[1]
		}
		return found != nil
	})
	return p
}

// await waits until something is the case.
func (p *program) await(what string, is func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		select {
		case status := <-p.exit:
			p.exit = nil
			p.t.Fatalf("it ended with status %d before %s: %s", status, what, p.stderr.String())
		default:
		}
		if time.Now().After(end) {
			text := p.stderr.String()
			p.t.Fatalf("it does not come to pass that %s: %s", what, text[max(len(text)-2000, 0):])
		}
	}
}

// stop ends the program and wants it to say that all is well.
func (p *program) stop() {
	p.t.Helper()
	p.cancel()
	select {
	case status := <-p.exit:
		if status != 0 {
			p.t.Errorf("want exit status 0, have %d: %s", status, p.stderr.String())
		}
	case <-time.After(patience):
		p.t.Fatalf("it does not end")
	}
	p.exit = nil
}

func (p *program) do(method, path string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.scheme+"://"+p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.send(r)
}

func (p *program) send(r *http.Request) (int, string) {
	p.t.Helper()
	resp, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// get wants an answer of status 200.
func (p *program) get(path string) string {
	p.t.Helper()
	status, body := p.do(http.MethodGet, path)
	if status != http.StatusOK {
		p.t.Errorf("GET %s: have status %d: %s", path, status, body)
	}
	return body
}

func (p *program) awaitReady() {
	p.t.Helper()
	p.await("it is ready", func() bool {
		status, _ := p.do(http.MethodGet, "/-/ready")
		return status == http.StatusOK
	})
}

// contains looks for parts of a text.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("want %q in %s", part, text[:min(len(text), 3000)])
		}
	}
}

func lacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if i := strings.Index(text, part); i >= 0 {
			t.Errorf("have %q in %q", part, text[max(i-150, 0):min(i+150, len(text))])
		}
	}
}

// simulate serves a simulated Twilio with one account.
func simulate(t *testing.T) (s *twiliotest.Simulator, url string) {
	t.Helper()
	s = twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{
		{SID: sid, AuthToken: token, SIMs: 5, Fleets: 2, Start: time.Now().UTC().Truncate(24 * time.Hour)},
	}})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// yaml is a configuration of one account at a simulator, followed by more.
func yaml(url, name string, more ...string) string {
	return fmt.Sprintf(`accounts:
- name: %s
  account_sid: %s
  basic_auth: {username: %[2]s, password: %s}
  supersim_url: %s
  api_url: %[4]s
`, name, sid, token, url) + strings.Join(more, "\n")
}

func write(t *testing.T, file, content string) string {
	t.Helper()
	if !filepath.IsAbs(file) {
		file = filepath.Join(t.TempDir(), file)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// absentFromDemo reports whether a family is of something that the demo does not have.
func absentFromDemo(family string) bool {
	for _, prefix := range []string{
		"twilio_supersim_late_",                // usage that was seen and is two days old
		"twilio_exporter_storage_",             // a folder
		"twilio_exporter_subaccount_",          // a parent account
		"twilio_exporter_api_requests_budget_", // a bound on its requests
	} {
		if strings.HasPrefix(family, prefix) {
			return true
		}
	}
	return false
}

// TestDemo sees every family that the demo can have, and numbers that move.
func TestDemo(t *testing.T) {
	p := start(t, "--demo")
	contains(t, p.stdout.String(), "http://127.0.0.1:0/metrics", "status page", "curl")
	// A value is a line without the families about the exporter.
	lines := regexp.MustCompile(`(?m)^twilio_(supersim|account)_\w+\{.*$`)
	values := func() string { return strings.Join(lines.FindAllString(p.get("/metrics"), -1), "\n") }
	p.await("every family has series", func() bool {
		text := p.get("/metrics")
		for _, f := range exporter.Families(config.Collectors{}) {
			if !absentFromDemo(f.Name) && !strings.Contains(text, "\n# TYPE "+f.Name+" "+string(f.Type)+"\n") {
				return false
			}
		}
		return true
	})
	p.awaitReady()
	first := values()
	p.await("values change", func() bool { return values() != first })
	contains(t, p.get("/metrics"), `twilio_exporter_poll_success{account="demo",collector="account_balance"} 1`,
		`twilio_exporter_poll_success{account="demo-kore",collector="supersim_usage"} 1`)
	contains(t, p.get("/"), "demo-kore", `href="./metrics"`)
	lacks(t, p.stderr.String(), "level=error")
	p.stop()
	contains(t, p.stderr.String(), "msg=stopped")
}

// TestStopWhilePolling: the end does not wait for an API that hangs.
func TestStopWhilePolling(t *testing.T) {
	s, url := simulate(t)
	s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Hour})
	p := start(t, "--config.file="+write(t, "a.yml", yaml(url, "a", "api: {timeout: 1h}")))
	p.await("requests are under way", func() bool { return s.MaxConcurrency() > 0 })
	p.stop()
	contains(t, p.stderr.String(), "msg=stopped")
	lacks(t, p.stderr.String(), "level=error")
}

func TestCommandLine(t *testing.T) {
	for _, x := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{[]string{"--version"}, 0, "twilio_exporter, version", ""},
		{[]string{"-v"}, 0, "twilio_exporter, version", ""},
		{[]string{"--help"}, 0, "config.check", ""},
		{[]string{"-h"}, 0, "--log.level=info", ""},
		{[]string{"--nonsense"}, 2, "", "--nonsense"},
		{[]string{"frobnicate"}, 2, "", "frobnicate"},
		{[]string{"--log.level=loud"}, 2, "", "debug,info,warn,error"},
		{[]string{"--log.format=xml"}, 2, "", "logfmt,json"},
		{[]string{"--config.watch"}, 2, "", "--config.watch needs --config.file"},
		{[]string{"--demo", "--config.watch"}, 2, "", "--config.watch needs --config.file"},
		{[]string{"--demo", "--config.file=a.yml"}, 2, "", "exclude each other"},
		{[]string{"--web.telemetry-path=metrics"}, 2, "", "--web.telemetry-path"},
		{[]string{"--web.telemetry-path=/-/ready"}, 2, "", "--web.telemetry-path"},
		{[]string{"--web.telemetry-path=/{x"}, 2, "", "--web.telemetry-path"},
		{[]string{"--web.telemetry-path=/a b"}, 2, "", "--web.telemetry-path"},
		{[]string{"--web.telemetry-path=/a/../b"}, 2, "", "--web.telemetry-path"},
		{[]string{"--web.route-prefix=/-/x"}, 2, "", "--web.route-prefix must be"},
		{[]string{"--web.route-prefix=/a/../b"}, 2, "", "--web.route-prefix must be"},
		{[]string{"--web.external-url=example.com/twilio"}, 2, "", "--web.external-url must be"},
		{[]string{"--web.external-url=https://example.com/?a=b"}, 2, "", "--web.external-url must be"},
		{[]string{"--total-shards=0"}, 2, "", "twilio_exporter: --total-shards must be"},
		{[]string{"--total-shards=-1"}, 2, "", "twilio_exporter: --total-shards must be"},
		{[]string{"--shard=1"}, 2, "", "twilio_exporter: --shard must be"},
		{[]string{"--shard=-1", "--total-shards=3"}, 2, "", "twilio_exporter: --shard must be"},
		{[]string{"--shard=3", "--total-shards=3"}, 2, "", "twilio_exporter: --shard must be"},
		{[]string{"--shard=1.5", "--total-shards=3"}, 2, "", "twilio_exporter: --shard must be"},
		{[]string{"--shard=", "--total-shards=3"}, 2, "", "twilio_exporter: --shard must be"}, // a pod without the label
		{[]string{"--shard=$(SHARD)", "--total-shards=3"}, 2, "", "twilio_exporter: --shard must be"},
		{[]string{"serve", "--config.check", "--demo"}, 0, "valid", ""},
		{[]string{"once", "--config.check", "--demo"}, 0, "valid", ""},
		{[]string{"check", "--config.check", "--config.file=nonexistent.yml"}, 1, "", "nonexistent.yml"},
		{[]string{"check", "--demo"}, 0, "Everything that is polled works.", ""},
		{[]string{"check", "--demo", "--format=json"}, 0, `"requests_per_hour":`, ""},
		{[]string{"check", "--demo", "--probe", "--probe-wait=0s"}, 0, "Account 2, provider kore", ""},
		{[]string{"check", "--demo", "--probe", "--probe-wait=0s", "--format=json"}, 0, `"consequence": `, ""},
		{[]string{"check", "--demo", "--probe", "--probe-wait=-1s"}, 2, "", "--probe-wait must not be negative"},
		{[]string{"check", "--demo", "--probe-wait=5"}, 2, "", "--probe-wait: time: missing unit"},
		{[]string{"check", "--demo", "--format=xml"}, 2, "", "--format: enum value must be one of text,json"},
		{[]string{"once", "--demo"}, 0, "# TYPE twilio_account_info gauge\n", ""},
		{[]string{"once", "--demo", "--format=openmetrics", "--shard=1", "--total-shards=2"}, 0, "\n# EOF\n", ""},
		{[]string{"once", "--demo", "--format=json"}, 2, "", "text,openmetrics"},
		{[]string{"once", "--demo", "--timeout=0s"}, 2, "", "--timeout must be"},
		{[]string{"once", "--demo", "--output=/nonexistent/a.prom"}, 1, "", "cannot write /nonexistent/a.prom: "},
		{[]string{"simulate", "--sims=0"}, 2, "", "--sims must be from 1 to 100000"},
		{[]string{"simulate", "--sims=1.5"}, 2, "", "1.5"},
		{[]string{"simulate", "--seed=-1"}, 2, "", "--seed: "},
		{[]string{"simulate", "--web.max-requests=-1"}, 2, "", "--web.max-requests must not be negative"},
		{[]string{"simulate", "--provider=acme"}, 2, "", "twilio,kore"},
		{[]string{"simulate", "--latency=-1s"}, 2, "", "--latency must not be negative"},
		{[]string{"simulate", "--listen-address=nonsense"}, 1, "", "cannot listen"},
		{[]string{"report", "--demo"}, 0, "Compared with all of ", ""},
		{[]string{"report", "--demo", "--format=csv", "--top=1"}, 0, "demo-kore,country,DE,Germany,", ""},
		{[]string{"report", "--demo", "--format=pdf"}, 2, "", "text,csv,json,html"},
		{[]string{"report", "--demo", "--month=2026-13"}, 2, "", "--month: a month looks like 2026-10"},
		{[]string{"report", "--demo", "--month=9999-01"}, 2, "", "has not begun"},
		{[]string{"report", "--demo", "--top=-1"}, 2, "", "--top must not be negative"},
		{[]string{"backfill", "--demo"}, 2, "", "required flag"},
		{[]string{"backfill", "--demo", "--from=2026-8-1", "--to=2026-09-01", "--output=x"}, 2, "", "--from: \"2026-8-1\" is not a date"},
		{[]string{"backfill", "--demo", "--from=2001-01-01", "--to=2001-02-01", "--output=x"}, 2, "", "the API keeps usage for 18 months"},
		{[]string{"backfill", "--demo", "--from=" + daysAgo(5), "--to=" + daysAgo(1), "--output=x", "--groups=sim,ship"}, 2, "", "there is no history of the group \"ship\""},
		{[]string{"backfill", "--demo", "--from=" + daysAgo(5), "--to=" + daysAgo(1), "--output=x"}, 2, "", "standard input is no terminal: --yes goes on"},
		{[]string{"--config.check", "--demo", "--shard=1", "--total-shards=2"}, 0, "\n2 of its 2 accounts fall to shard 1 of 0 to 1.\n", ""},
	} {
		status, stdout, stderr := runToEnd(t, nil, x.args...)
		if status != x.status {
			t.Errorf("%q: want exit status %d, have %d", x.args, x.status, status)
		}
		contains(t, stdout, x.stdout)
		contains(t, stderr, x.stderr)
		if x.status == 0 && stderr != "" || x.status != 0 && stdout != "" {
			t.Errorf("%q: have %q and %q", x.args, stdout, stderr)
		}
	}
}

// fullDisk is where nothing can be written.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestFullDisk: what could not be printed is a failure, and standard error says so.
func TestFullDisk(t *testing.T) {
	for _, args := range [][]string{
		{"--help"},
		{"--version"},
		{"help", "check"},
		{"--completion-script-bash"},
		{"--help-man"},
		{"--config.check", "--demo"},
		{"check", "--demo"},
		{"check", "--demo", "--format=json"},
		{"once", "--demo"},
		{"report", "--demo"},
		{"report", "--demo", "--format=html"},
		{"simulate", "--listen-address=127.0.0.1:0"},
	} {
		var stderr buffer
		if status := command(t.Context(), nil, args, environment{}.lookup, fullDisk{}, &stderr); status != 1 {
			t.Errorf("%q: have exit status %d", args, status)
		}
		contains(t, stderr.String(), syscall.ENOSPC.Error())
	}
}

// TestInterruptedCommand: a command that a signal ends before its time has failed, says so
// in one line, and writes no result.
func TestInterruptedCommand(t *testing.T) {
	for _, args := range [][]string{
		{"check"},
		{"check", "--format=json"},
		{"once"},
		{"report"},
		{"backfill", "--yes", "--from=" + daysAgo(5), "--to=" + daysAgo(1), "--output=" + t.TempDir()},
	} {
		t.Run(strings.Join(args[:min(len(args), 2)], " "), func(t *testing.T) {
			s, url := simulate(t)
			s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Hour})
			p := launch(t, append(args, "--config.file="+write(t, "a.yml", yaml(url, "a", "api: {timeout: 1h}")))...)
			p.await("requests are under way", func() bool { return s.MaxConcurrency() > 0 })
			p.cancel()
			status := <-p.exit
			p.exit = nil
			if status != 1 || p.stdout.String() != "" || strings.Count(p.stderr.String(), "\n") != 1 {
				t.Errorf("have exit status %d, %q and %q", status, p.stdout.String(), p.stderr.String())
			}
			contains(t, p.stderr.String(), "stopped")
		})
	}
}

// TestProbeWaitIsSaid: on standard error, and a signal ends it.
func TestProbeWaitIsSaid(t *testing.T) {
	_, url := simulate(t)
	p := launch(t, "check", "--probe", "--probe-wait=1h", "--config.file="+write(t, "a.yml", yaml(url, "a")))
	p.await("the wait is said", func() bool { return strings.Contains(p.stderr.String(), "Waiting 1h0m0s") })
	p.cancel()
	if status := <-p.exit; status != 1 || p.stdout.String() != "" {
		t.Errorf("have exit status %d and %q", status, p.stdout.String())
	}
	p.exit = nil
	contains(t, p.stderr.String(), "stopped before it was done")
}

func TestEnvironment(t *testing.T) {
	for _, x := range []struct {
		name   string
		env    environment
		args   []string
		status int
		parts  []string
	}{
		{"nothing", nil, nil, 1, []string{"--config.file", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET", "--demo"}},
		{"auth token", environment{"TWILIO_ACCOUNT_SID": sid, "TWILIO_AUTH_TOKEN": "x"}, []string{"--config.check"}, 0, nil},
		{"API key", environment{"TWILIO_ACCOUNT_SID": sid, "TWILIO_API_KEY": "SKx", "TWILIO_API_SECRET": "y"}, []string{"--config.check"}, 0, nil},
		{"half a key", environment{"TWILIO_ACCOUNT_SID": sid, "TWILIO_API_KEY": "SKx"}, []string{"--config.check"}, 1, []string{"TWILIO_API_SECRET"}},
		{"half of it", environment{"TWILIO_AUTH_TOKEN": "canary"}, []string{"--config.check"}, 1, []string{"TWILIO_ACCOUNT_SID"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			status, _, stderr := runToEnd(t, x.env, x.args...)
			if status != x.status {
				t.Errorf("want exit status %d, have %d", x.status, status)
			}
			contains(t, stderr, x.parts...)
			lacks(t, stderr, "canary")
		})
	}
}

func TestConfigCheck(t *testing.T) {
	dir := t.TempDir()
	good := write(t, filepath.Join(dir, "good.yml"), yaml("http://127.0.0.1:1", "a"))
	bad := write(t, filepath.Join(dir, "bad.yml"), `accounts:
- name: a
  account_sid: ACxx
  basic_auth: {username: u, password_file: absent}
api: {max_concurrency: 0}
nonsense: true
`)
	files := write(t, filepath.Join(dir, "files.yml"), strings.Replace(yaml("http://127.0.0.1:1", "a"), "password: "+token, "password_file: absent", 1))
	web := write(t, filepath.Join(dir, "web.yml"), "nonsense: 1\ntls_server_config: {min: x}\n")
	certificate := write(t, filepath.Join(dir, "certificate.yml"), "tls_server_config: {cert_file: absent.pem, key_file: absent.pem}\n")
	for _, x := range []struct {
		name  string
		args  []string
		lines []string // how each line on standard error begins
	}{
		{"good", []string{"--config.file=" + good}, nil},
		{"bad", []string{"--config.file=" + bad}, []string{
			bad + ":3: accounts[0].account_sid: ", bad + ":5: api.max_concurrency: ", bad + ":6: nonsense: ",
		}},
		{"a file is missing", []string{"--config.file=" + files}, []string{files + ":4: accounts[0].basic_auth.password_file: "}},
		{"no file", []string{"--config.file=" + filepath.Join(dir, "absent.yml")}, []string{filepath.Join(dir, "absent.yml") + ": cannot be read"}},
		{"bad web configuration", []string{"--config.file=" + good, "--web.config.file=" + web}, []string{web + ":1: ", web + ":2: "}},
		{"no certificate", []string{"--config.file=" + good, "--web.config.file=" + certificate}, []string{certificate + ": "}},
		{"both", []string{"--config.file=" + files, "--web.config.file=" + web}, []string{files + ":4: ", web + ":1: ", web + ":2: "}},
	} {
		t.Run(x.name, func(t *testing.T) {
			status, stdout, stderr := runToEnd(t, nil, append(x.args, "--config.check")...)
			want := 0
			if len(x.lines) > 0 {
				want = 1
			}
			if status != want || (stdout != "") != (want == 0) {
				t.Errorf("want exit status %d, have %d and %q", want, status, stdout)
			}
			have := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			if stderr == "" {
				have = nil
			}
			if len(have) != len(x.lines) {
				t.Fatalf("want lines that begin with %q, have %q", x.lines, have)
			}
			for i := range have {
				if !strings.HasPrefix(have[i], x.lines[i]) {
					t.Errorf("want a line that begins with %q, have %q", x.lines[i], have[i])
				}
			}
			if want == 0 {
				effective := "The configuration is valid.\n\nWith its defaults, and without its secrets, it is:\n\n"
				if !strings.HasPrefix(stdout, effective+"accounts:\n    - name: a\n") {
					t.Errorf("want the effective configuration, have %q", stdout)
				}
				contains(t, stdout, "password: <secret>\n", "\nmax_age: 3h\n")
				lacks(t, stdout, token)
			}
			// Without --config.check it does not start either.
			if want == 1 {
				if status, _, again := runToEnd(t, nil, append(x.args, "--web.listen-address=127.0.0.1:0")...); status != 1 || again != stderr {
					t.Errorf("want the same without --config.check, have %d and %q", status, again)
				}
			}
		})
	}
}

// TestReload goes through good and bad reloads by signal and by request.
func TestReload(t *testing.T) {
	s, url := simulate(t)
	file := write(t, "a.yml", yaml(url, "one"))
	p := start(t, "--config.file="+file)
	p.awaitReady()
	const success, info = "twilio_exporter_config_last_reload_successful ", `twilio_account_info{account="%s",account_sid="` + sid + `",provider="twilio"} 1`
	contains(t, p.get("/metrics"), success+"1", fmt.Sprintf(info, "one"))

	// Scrapes ask nobody.
	requests := s.TotalRequests()
	for range 3 {
		p.get("/metrics")
	}
	if have := s.TotalRequests(); have != requests {
		t.Errorf("want scrapes to send nothing, have %d requests more", have-requests)
	}

	write(t, file, yaml(url, "two"))
	if status, body := p.do(http.MethodGet, "/-/reload"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: want status 405, have %d: %s", status, body)
	}
	contains(t, p.get("/metrics"), fmt.Sprintf(info, "one"))
	if status, body := p.do(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Errorf("POST: want status 200, have %d: %s", status, body)
	}
	p.awaitReady()
	text := p.get("/metrics")
	contains(t, text, success+"1", fmt.Sprintf(info, "two"))
	lacks(t, text, `account="one"`)

	write(t, file, "accounts: []\nnonsense: 1\n")
	_, _, faults := runToEnd(t, nil, "--config.check", "--config.file="+file)
	status, body := p.do(http.MethodPost, "/-/reload")
	if status != http.StatusInternalServerError || body != faults || !strings.Contains(body, file+":2: nonsense: ") {
		t.Errorf("want status 500 and %q, have %d and %q", faults, status, body)
	}
	contains(t, p.get("/metrics"), success+"0", fmt.Sprintf(info, "two"), `twilio_supersim_sim_info{account="two"`)
	if status, _ := p.do(http.MethodGet, "/-/healthy"); status != http.StatusOK {
		t.Errorf("want it to be healthy, have %d", status)
	}
	if status, _ := p.do(http.MethodGet, "/-/ready"); status != http.StatusOK {
		t.Errorf("want it to be ready, have %d", status)
	}

	write(t, file, yaml(url, "three"))
	p.hangup <- os.Interrupt // whichever: the channel says it
	p.await("the signal has reloaded", func() bool { return strings.Contains(p.get("/metrics"), fmt.Sprintf(info, "three")) })
	contains(t, p.get("/metrics"), success+"1")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.hangup <- os.Interrupt
	p.await("the signal has failed to reload", func() bool { return strings.Contains(p.get("/metrics"), success+"0") })
	contains(t, p.get("/metrics"), fmt.Sprintf(info, "three"))
	contains(t, p.stderr.String(), "configuration not reloaded", "does not exist")
	p.stop()
}

// TestWatch: with --config.watch a change of the file is a reload, without it none. Here
// the file is in a ConfigMap of Kubernetes.
func TestWatch(t *testing.T) {
	_, url := simulate(t)
	dir := t.TempDir()
	version := 0
	swap := func(content string) {
		t.Helper()
		version++
		name := fmt.Sprintf("..%d", version)
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "config.yml"), content)
		if err := os.Symlink(name, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..%d", version-1))); err != nil {
			t.Fatal(err)
		}
	}
	swap(yaml(url, "one"))
	file := filepath.Join(dir, "config.yml")
	if err := os.Symlink("..data/config.yml", file); err != nil {
		t.Fatal(err)
	}
	const success, info = "twilio_exporter_config_last_reload_successful ", `twilio_account_info{account="%s",`
	still, p := start(t, "--config.file="+file), start(t, "--config.file="+file, "--config.watch")
	p.awaitReady()
	still.awaitReady()
	swap(yaml(url, "two"))
	p.await("the change is loaded", func() bool { return strings.Contains(p.get("/metrics"), fmt.Sprintf(info, "two")) })
	lacks(t, p.get("/metrics"), `account="one"`)
	swap(yaml(url, "three", "nonsense: 1"))
	p.await("the change is refused", func() bool { return strings.Contains(p.get("/metrics"), success+"0") })
	contains(t, p.get("/metrics"), fmt.Sprintf(info, "two"))
	contains(t, p.stderr.String(), "configuration not reloaded; the one before stays", file+":7: nonsense: unknown key")
	swap(yaml(url, "three"))
	p.await("the mended file is loaded", func() bool { return strings.Contains(p.get("/metrics"), fmt.Sprintf(info, "three")) })
	contains(t, p.get("/metrics"), success+"1")
	contains(t, still.get("/metrics"), fmt.Sprintf(info, "one"), success+"1")
	p.stop()
	still.stop()
	lacks(t, still.stderr.String(), "reloaded")
}

// TestReady: the program is healthy at once, and ready once all have polled,
// even where all of them fail.
func TestReady(t *testing.T) {
	s, url := simulate(t)
	s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Hour})
	p := start(t, "--config.file="+write(t, "a.yml", yaml(url, "a")))
	p.await("requests are under way", func() bool { return s.MaxConcurrency() > 0 })
	p.get("/-/healthy")
	if status, body := p.do(http.MethodGet, "/-/ready"); status != http.StatusServiceUnavailable {
		t.Errorf("want status 503 while polls are under way, have %d: %s", status, body)
	}
	contains(t, p.get("/"), "under way")
	p.stop()

	s.ClearFaults()
	s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden})
	p = start(t, "--config.file="+write(t, "a.yml", yaml(url, "a")))
	p.awaitReady()
	contains(t, p.get("/metrics"), `twilio_exporter_poll_success{account="a",collector="supersim_usage"} 0`,
		`twilio_exporter_poll_failures_total{account="a",collector="account_usage",reason="permission"} 1`)
	contains(t, p.get("/"), "failed (permission)", "code 70051")
	p.stop()
}

func TestTelemetryPath(t *testing.T) {
	_, url := simulate(t)
	p := start(t, "--web.telemetry-path=/foo", "--config.file="+write(t, "a.yml", yaml(url, `"<i>A & B</i>"`)))
	contains(t, p.get("/foo"), `account="<i>A & B</i>"`)
	page := p.get("/")
	contains(t, page, `href="./foo"`, "&lt;i&gt;A &amp; B&lt;/i&gt;")
	lacks(t, page, "<i>A", `href="./metrics"`, "debug/pprof")
	if status, _ := p.do(http.MethodGet, "/metrics"); status != http.StatusNotFound {
		t.Errorf("want status 404 at /metrics, have %d", status)
	}
	p.stop()
}

// TestRoutePrefix: the path of the external URL is the prefix, unless another is
// given.
func TestRoutePrefix(t *testing.T) {
	_, url := simulate(t)
	file := "--config.file=" + write(t, "a.yml", yaml(url, "a"))
	for _, x := range []struct {
		args []string
		path string
	}{
		{[]string{"--web.external-url=https://example.com/twilio/"}, "/twilio/metrics"},
		{[]string{"--web.external-url=https://example.com/twilio/", "--web.route-prefix=/"}, "/metrics"},
		{[]string{"--web.route-prefix=a/b/"}, "/a/b/metrics"},
	} {
		p := start(t, append(x.args, file)...)
		contains(t, p.get(x.path), "twilio_account_info")
		p.stop()
	}
}

// TestUserAgent: requests say who asks.
func TestUserAgent(t *testing.T) {
	s, _ := simulate(t)
	agents := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agents <- r.UserAgent()
		s.ServeHTTP(w, r)
	}))
	defer server.Close()
	p := start(t, "--config.file="+write(t, "a.yml", yaml(server.URL, "a")))
	p.awaitReady()
	p.stop()
	if len(agents) == 0 {
		t.Error("nothing was asked")
	}
	for range len(agents) {
		if agent := <-agents; !regexp.MustCompile(`^twilio_exporter/\S* \(go1\.\S+; \w+/\w+\)$`).MatchString(agent) {
			t.Errorf("have User-Agent %q", agent)
		}
	}
}

// certify makes a certificate for 127.0.0.1 and returns its files.
func certify(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}

// TestWebConfig serves by TLS, and to those only who know the password.
func TestWebConfig(t *testing.T) {
	_, url := simulate(t)
	cert, key := certify(t)
	// bcrypt of "open sesame"
	web := write(t, "web.yml", fmt.Sprintf(`tls_server_config: {cert_file: %s, key_file: %s}
basic_auth_users: {ali: $2a$04$a/9qCrfiJ2ZGT70CdxCXCuEA9Gm1sICPvQAfgniK0haYOG0TELJp.}
`, cert, key))
	p := start(t, "--web.config.file="+web, "--config.file="+write(t, "a.yml", yaml(url, "a")))
	content, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	p.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	p.scheme = "https"
	for _, x := range []struct {
		method, path, password string
		want                   int
	}{
		{http.MethodGet, "/metrics", "", 401},
		{http.MethodGet, "/metrics", "wrong", 401},
		{http.MethodPost, "/-/reload", "", 401},
		{http.MethodGet, "/metrics", "open sesame", 200},
		{http.MethodPost, "/-/reload", "open sesame", 200},
	} {
		r, err := http.NewRequestWithContext(t.Context(), x.method, "https://"+p.url+x.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if x.password != "" {
			r.SetBasicAuth("ali", x.password)
		}
		if have, body := p.send(r); have != x.want {
			t.Errorf("%s %s with password %q: want status %d, have %d: %s", x.method, x.path, x.password, x.want, have, body)
		}
	}
	p.stop()
}

// TestLogFormat: with json, every line is, those of the web toolkit too.
func TestLogFormat(t *testing.T) {
	s, url := simulate(t)
	s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Balance})
	p := start(t, "--log.format=json", "--log.level=debug", "--config.file="+write(t, "a.yml", yaml(url, "a")))
	p.awaitReady()
	p.do(http.MethodPost, "/-/reload")
	p.stop()
	levels := make(map[string]bool)
	messages := make(map[string]bool)
	for line := range strings.Lines(p.stderr.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if _, ok := fields["ts"]; !ok { // the web toolkit's key is another
			fields["ts"] = fields["time"]
		}
		for _, key := range []string{"ts", "caller", "level", "msg"} {
			if s, ok := fields[key].(string); !ok || s == "" {
				t.Errorf("want a text %s in %q", key, line)
			}
		}
		levels[fmt.Sprint(fields["level"])] = true
		messages[fmt.Sprint(fields["msg"])] = true
	}
	for _, level := range []string{"debug", "info", "error"} {
		if !levels[level] {
			t.Errorf("want lines of level %s, have %v", level, levels)
		}
	}
	for _, msg := range []string{"starting twilio_exporter", "Listening on", "TLS is disabled.", "poll succeeded", "stopped", "configuration reloaded"} {
		if !messages[msg] {
			t.Errorf("want a line %q, have %v", msg, messages)
		}
	}
}

// TestLogLevel: what is less severe is not logged, by the web toolkit neither.
func TestLogLevel(t *testing.T) {
	for _, x := range []struct {
		level string
		lacks []string
		has   []string
	}{
		{"error", []string{"level=debug", "level=info", "level=warn", "Listening on"}, []string{"level=error"}},
		{"warn", []string{"level=debug", "level=info", "Listening on"}, []string{"level=warn", "level=error"}},
		{"info", []string{"level=debug"}, []string{"level=warn", "level=error", "level=info", "Listening on"}},
		{"debug", nil, []string{"level=debug", "level=warn", "level=error", "level=info", "Listening on"}},
	} {
		t.Run(x.level, func(t *testing.T) {
			t.Parallel()
			s, url := simulate(t)
			s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Balance})
			p := launch(t, "--log.level="+x.level, "--config.file="+write(t, "a.yml", yaml(url, "a", "collectors: {account_usage: {interval: 1s}}")))
			p.await("a poll has failed", func() bool { return strings.Contains(p.stderr.String(), "level=error") })
			// Counters that the API reports lower than before are worth a warning.
			p.await("account usage has been polled, and is polled again", func() bool { return s.Requests(twiliotest.Monthly) > 1 })
			s.Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals, Endpoint: twiliotest.Monthly})
			before := s.Requests(twiliotest.Monthly)
			p.await("account usage has been polled with less", func() bool { return s.Requests(twiliotest.Monthly) > before+1 })
			p.stop()
			contains(t, p.stderr.String(), x.has...)
			lacks(t, p.stderr.String(), x.lacks...)
		})
	}
}

// TestPortInUse: what cannot listen ends, and says why.
func TestPortInUse(t *testing.T) {
	_, url := simulate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	status, _, stderr := runToEnd(t, nil, "--config.file="+write(t, "a.yml", yaml(url, "a")), "--web.listen-address="+l.Addr().String())
	if status != 1 {
		t.Errorf("want exit status 1, have %d", status)
	}
	contains(t, stderr, "cannot serve", "address already in use")
}

// TestSecrets gives secrets in every way there is, to an API that repeats them,
// to one that refuses them and to proxies that cannot be reached, and looks for
// them in whatever gets out.
func TestSecrets(t *testing.T) {
	var secrets []string
	secret := func(name string) string {
		s := "canary-" + name + "-Zm9vYmFy"
		secrets = append(secrets, s)
		return s
	}
	var mu sync.Mutex
	tokens := make(map[string]bool)
	s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{
		{SID: sid, AuthToken: secret("token"), KeySID: "SKkey", KeySecret: secret("key"), SIMs: 2, Fleets: 1},
		{SID: strings.Replace(sid, "aa", "bb", 1), Provider: twiliotest.KORE, ClientID: "client", ClientSecret: secret("client"), SIMs: 2, Fleets: 1},
	}})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			mu.Lock()
			tokens[bearer] = true
			mu.Unlock()
		}
		if echoed := r.Header.Get("X-Inline") + r.Header.Get("X-File"); echoed != "" {
			w.Header().Set("Twilio-Request-Id", echoed)
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"code": 20001, "message": "Cannot make sense of X-Any: %s", "more_info": "https://example.com/%[1]s"}`, echoed)
			return
		}
		s.ServeHTTP(w, r)
	}))
	defer server.Close()
	dir := t.TempDir()
	inFile := func(name, content string) string { return write(t, filepath.Join(dir, name), content) }
	accounts := []struct{ name, yaml string }{
		{"inline", "api_url: API, account_sid: " + sid + ", basic_auth: {username: " + sid + ", password: " + secrets[0] + "}"},
		{"key", "api_url: API, account_sid: " + sid + ", basic_auth: {username: SKkey, password_file: " + inFile("key", secrets[1]) + "}"},
		{"kore", "provider: kore, oauth2: {client_id: client, token_url: TOKEN, client_secret: " + secrets[2] + "}"},
		{"kore-file", "provider: kore, oauth2: {client_id: client, token_url: TOKEN, client_secret_file: " + inFile("client", secrets[2]) + "}"},
		{"kore-wrong", "provider: kore, oauth2: {client_id: client, token_url: TOKEN, client_secret: " + secret("wrong") + "}"},
		{"bearer", "api_url: API, account_sid: " + sid + ", authorization: {credentials: " + secret("bearer") + "}"},
		{"bearer-file", "api_url: API, account_sid: " + sid + ", authorization: {credentials_file: " + inFile("bearer", secret("bearerfile")) + "}"},
		{"header", "api_url: API, account_sid: " + sid + ", basic_auth: {username: u, password: " + secrets[0] + "}, http_headers: {X-Inline: {secrets: [" + secret("header") + "]}}"},
		{"header-file", "api_url: API, account_sid: " + sid + ", basic_auth: {username: u, password: " + secrets[0] + "}, http_headers: {X-File: {files: [" + inFile("header", secret("headerfile")) + "]}}"},
		{"proxy", "api_url: API, account_sid: " + sid + ", basic_auth: {username: u, password: " + secret("behind") + "}, proxy_url: http://user:" + secret("proxy") + "@127.0.0.1:1"},
		{"kore-proxy", "provider: kore, oauth2: {client_id: client, token_url: TOKEN, client_secret: " + secrets[2] + ", proxy_url: http://user:" + secret("tokenproxy") + "@127.0.0.1:1}"},
		{"tls-proxy", "api_url: API, account_sid: " + sid + ", basic_auth: {username: u, password: " + secrets[0] + "}, proxy_url: https://user:" + secret("tlsproxy") + "@" + server.Listener.Addr().String()},
	}
	text := "collectors: {supersim_usage: {interval: 1s}, supersim_inventory: {interval: 1s}, account_usage: {interval: 1s}, account_balance: {interval: 1s}}\napi: {max_retries: 0, timeout: 5s}\naccounts:\n"
	for _, a := range accounts {
		text += "- {name: " + a.name + ", supersim_url: " + server.URL + ", " + strings.NewReplacer("TOKEN", server.URL+"/api-services/v1/auth/token", "API", server.URL).Replace(a.yaml) + "}\n"
	}
	file := inFile("a.yml", text)
	var out strings.Builder
	for _, format := range []string{"logfmt", "json"} {
		s.ClearFaults()
		p := start(t, "--log.level=debug", "--log.format="+format, "--config.file="+file)
		p.awaitReady()
		for _, kind := range []twiliotest.FaultKind{twiliotest.EchoCredentials, twiliotest.Unauthorized, ""} {
			s.ClearFaults()
			s.RevokeTokens()
			before := s.TotalRequests()
			if kind != "" {
				s.Inject(twiliotest.Fault{Kind: kind})
			}
			p.await("all have polled again", func() bool { return s.TotalRequests() > before+30 })
			for _, accept := range []string{"", "application/openmetrics-text", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.url+"/metrics", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Accept", accept)
				_, body := p.send(r)
				out.WriteString(body)
			}
			out.WriteString(p.get("/"))
		}
		inFile("a.yml", strings.ReplaceAll(text, "password: ", "passwort: ")+"basic_auth: "+secrets[0]+"\n")
		status, body := p.do(http.MethodPost, "/-/reload")
		if status != http.StatusInternalServerError {
			t.Errorf("want status 500, have %d: %s", status, body)
		}
		_, stdout, stderr := runToEnd(t, nil, "--config.check", "--config.file="+file)
		inFile("a.yml", text)
		p.stop()
		out.WriteString(body + stdout + stderr + p.stdout.String() + p.stderr.String())
	}
	contains(t, out.String(), "Cannot make sense of Authorization", "Cannot make sense of X-Any: <secret>", "<secret>", "passwort", "connection refused", "reason=authentication", `"reason":"authentication"`)
	mu.Lock()
	for bearer := range tokens {
		secrets = append(secrets, bearer)
	}
	mu.Unlock()
	if len(secrets) < 12 {
		t.Errorf("have seen %d secrets only", len(secrets))
	}
	for _, s := range secrets {
		lacks(t, out.String(), s)
	}
	for _, pair := range []string{sid + ":" + secrets[0], "SKkey:" + secrets[1], "client:" + secrets[2], "user:canary-proxy-Zm9vYmFy"} {
		lacks(t, out.String(), base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	lacks(t, out.String(), "canary-")
}

// TestShards: three processes divide the accounts of one file, by flags alone,
// at the start and at a reload.
func TestShards(t *testing.T) {
	_, url := simulate(t)
	several := func(names ...string) string {
		text := "accounts:\n"
		for _, name := range names {
			text += strings.TrimPrefix(yaml(url, name), "accounts:\n")
		}
		return text
	}
	label := regexp.MustCompile(`(?m)^twilio_account_info\{account="([^"]*)"`)
	served := func(p *program) (names string) {
		for _, found := range label.FindAllStringSubmatch(p.get("/metrics"), -1) {
			names += found[1] + " "
		}
		return names
	}
	file := write(t, "a.yml", several("a", "b"))
	var shards []*program
	for i, want := range []string{"b ", "", "a "} {
		p := start(t, "--config.file="+file, fmt.Sprintf("--shard=%d", i), "--total-shards=3")
		p.awaitReady()
		if have := served(p); have != want {
			t.Errorf("shard %d: want the accounts %q, have %q", i, want, have)
		}
		shards = append(shards, p)
	}
	empty := shards[1]
	lacks(t, empty.get("/metrics"), `account="`)
	contains(t, empty.get("/"), "<html")
	if have := strings.Count(empty.stderr.String(), `msg="none of the accounts fall to this shard" shard=1 total_shards=3 accounts=0 of=2`); have != 1 {
		t.Errorf("want one line about it in the log, have %d: %s", have, empty.stderr.String())
	}

	write(t, file, several("sensors", "b", "production", "a", "demo"))
	for i, want := range []string{"b production ", "sensors ", "a demo "} {
		if status, body := shards[i].do(http.MethodPost, "/-/reload"); status != http.StatusOK {
			t.Errorf("want status 200, have %d: %s", status, body)
		}
		if have := served(shards[i]); have != want {
			t.Errorf("shard %d, reloaded: want the accounts %q, have %q", i, want, have)
		}
		shards[i].stop()
	}

	// The whole file is checked, whichever shard it is for.
	for i, want := range []int{2, 1, 2} {
		_, stdout, _ := runToEnd(t, nil, "--config.check", "--config.file="+file, fmt.Sprintf("--shard=%d", i), "--total-shards=3")
		contains(t, stdout, "valid", fmt.Sprintf("\n%d of its 5 accounts fall to shard %d of 0 to 2.\n", want, i))
	}
	_, stdout, _ := runToEnd(t, environment{"TWILIO_ACCOUNT_SID": sid, "TWILIO_AUTH_TOKEN": "x"}, "--config.check", "--total-shards=3")
	contains(t, stdout, "\n0 of its 1 accounts fall to shard 0 of 0 to 2.\n")
	write(t, file, several("sensors")+strings.Replace(strings.TrimPrefix(yaml(url, "b"), "accounts:\n"), "password: "+token, "password_file: absent", 1))
	for _, args := range [][]string{{"--config.check"}, {"--web.listen-address=127.0.0.1:0"}} {
		status, _, stderr := runToEnd(t, nil, append(args, "--config.file="+file, "--shard=1", "--total-shards=3")...)
		if status != 1 {
			t.Errorf("%q: want exit status 1, have %d", args, status)
		}
		contains(t, stderr, file+":9: accounts[1].basic_auth.password_file: ")
	}
}

// asProgram is a variable of the environment that makes the test binary the
// program.
const asProgram = "TWILIO_EXPORTER_TEST_MAIN"

// pipe makes a pipe that nobody writes to: to open it takes for ever, until the
// test ends.
func pipe(t *testing.T, file string) string {
	t.Helper()
	if !filepath.IsAbs(file) {
		file = filepath.Join(t.TempDir(), file)
	}
	_ = os.Remove(file)
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for { // whoever opens it now reads nothing
			f, err := os.OpenFile(file, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				return // nobody reads any more
			}
			f.Close()
			time.Sleep(time.Millisecond)
		}
	})
	return file
}

// TestIrregularFiles: configuration and secrets are read from regular files only.
func TestIrregularFiles(t *testing.T) {
	password := strings.Replace(yaml("http://127.0.0.1:1", "a"), "password: "+token, "password_file: "+pipe(t, "password"), 1)
	file := write(t, "a.yml", password)
	config := pipe(t, "config")
	for _, x := range []struct{ file, want string }{
		{config, config + ": cannot be read: not a regular file\n"},
		{file, file + ":4: accounts[0].basic_auth.password_file: must be a regular file, because it is read repeatedly\n"},
	} {
		for _, args := range [][]string{{"--config.check"}, {"--web.listen-address=127.0.0.1:0"}} {
			start := time.Now()
			status, _, stderr := runToEnd(t, nil, append(args, "--config.file="+x.file)...)
			if status != 1 || stderr != x.want {
				t.Errorf("%q: want exit status 1 and %q, have %d and %q", args, x.want, status, stderr)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%q: it took %s", args, took)
			}
		}
	}
}

// TestStopWhileReading: the end does not wait for a file whose read hangs. The web
// toolkit opens a pipe, and so hangs as on a dead mount.
func TestStopWhileReading(t *testing.T) {
	_, url := simulate(t)
	config := "--config.file=" + write(t, "a.yml", yaml(url, "a"))
	stop := func(p *program) {
		p.t.Helper()
		start := time.Now()
		p.stop()
		if took := time.Since(start); took > 10*time.Second {
			p.t.Errorf("it took %s to end", took)
		}
	}
	t.Run("at the start", func(t *testing.T) {
		t.Parallel()
		p := launch(t, config, "--web.config.file="+pipe(t, "web.yml"))
		time.Sleep(100 * time.Millisecond)
		stop(p)
		contains(t, p.stderr.String(), "stopped while the configuration and its files were read")
	})
	t.Run("at a reload", func(t *testing.T) {
		t.Parallel()
		web := write(t, "web.yml", "{}")
		p := start(t, config, "--web.config.file="+web)
		p.awaitReady()
		pipe(t, web)
		p.hangup <- os.Interrupt
		requested := make(chan error, 1)
		go func() { // for which the toolkit reads the file, too
			resp, err := p.client.Post("http://"+p.url+"/-/reload", "", nil)
			if err == nil {
				resp.Body.Close()
			}
			requested <- err
		}()
		time.Sleep(100 * time.Millisecond)
		stop(p)
		if err := <-requested; err == nil {
			t.Error("want the request to be cut short")
		}
		contains(t, p.stderr.String(), "msg=stopped")
	})
	t.Run("not at all", func(t *testing.T) {
		t.Parallel()
		if testing.Short() {
			t.Skip("takes 10 seconds")
		}
		web := pipe(t, "web.yml")
		status, _, stderr := runToEnd(t, nil, config, "--web.config.file="+web)
		if want := web + ": no complete read of it and its files within 10s\n"; status != 1 || stderr != want {
			t.Errorf("want exit status 1 and %q, have %d and %q", want, status, stderr)
		}
	})
}

// TestStopWithoutLog: the process ends even if nobody reads what it logs.
func TestStopWithoutLog(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 9 seconds")
	}
	_, url := simulate(t)
	more := "collectors: {supersim_usage: {interval: 1s}, supersim_inventory: {interval: 1s}, account_usage: {interval: 1s}, account_balance: {interval: 1s}}"
	command := exec.CommandContext(t.Context(), os.Args[0], "--log.level=debug", "--web.listen-address=127.0.0.1:0",
		"--config.file="+write(t, "a.yml", yaml(url, "a", more)))
	command.Env = append(os.Environ(), asProgram+"=1")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	command.Stderr = writer
	// As full as it gets, but for the first lines.
	if _, err := writer.Write(make([]byte, 63<<10)); err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	time.Sleep(4 * time.Second)
	start := time.Now()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("want exit status 0, have %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	} else if took < time.Second {
		t.Errorf("it took only %s to end: the log was not blocked", took)
	}
}

// maxResident is what the process may have resident at most, in bytes, with any
// one account misbehaving at default settings.
const maxResident = 256 << 20

// A hostile API makes the exporter read as much as it can. list is "sims",
// "fleets", "networks" or "usage_records"; page counts from 0, poll too.
type hostile func(w io.Writer, r *http.Request, list string, page int)

func record(list, key, more string) string {
	switch list {
	case "sims", "fleets", "networks":
		return fmt.Sprintf(`{"sid":%q,"unique_name":%q,"status":"active"%s}`, key, key, more)
	}
	return fmt.Sprintf(`{"sim_sid":%q,"fleet_sid":%[1]q,"network_sid":%[1]q,"iso_country":%[1]q,"category":%[1]q,"usage_unit":"x","count_unit":"x",`+
		`"usage":"1.5","count":"1","price":"0.123456789","data_upload":123456789,"data_download":987654321,"data_total_billed":"0.123456789"%s}`, key, more)
}

// pageOf writes a page of so many records, with a link to the next one.
func pageOf(w io.Writer, list string, page, records int, record func(i int) string) {
	fmt.Fprintf(w, `{"next_page_uri":"?Page=%d","meta":{"next_page_url":"?Page=%[1]d"},"%s":[`, page+1, list)
	for i := range records {
		if i > 0 {
			io.WriteString(w, ",")
		}
		io.WriteString(w, record(i))
	}
	io.WriteString(w, "]}")
}

func keyOf(i int) string { return fmt.Sprintf("HS%032x", i) }

// dates are those of a record of Monthly.
func dates() string {
	now := time.Now().UTC()
	return fmt.Sprintf(`,"start_date":"%s-01"`, now.Format("2006-01"))
}

func hostiles() map[string]hostile {
	long := strings.Repeat("x", 20<<20)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 100 {
		io.WriteString(z, strings.Repeat(" ", 1<<20))
	}
	z.Close()
	return map[string]hostile{
		"names of 20 MB": func(w io.Writer, _ *http.Request, list string, page int) {
			pageOf(w, list, page, 1, func(int) string { return record(list, long, "") })
		},
		"an endless string": func(w io.Writer, _ *http.Request, list string, _ int) {
			for _, err := fmt.Fprintf(w, `{"%s":[{"sid":"`, list); err == nil; {
				_, err = io.WriteString(w, long[:1<<20])
			}
		},
		"an endless string that is not known": func(w io.Writer, _ *http.Request, list string, _ int) {
			for _, err := fmt.Fprintf(w, `{"x":"`); err == nil; {
				_, err = io.WriteString(w, long[:1<<20])
			}
		},
		"bombs": func(w io.Writer, _ *http.Request, _ string, _ int) {
			w.(http.ResponseWriter).Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		},
		"a currency for each SIM": func(w io.Writer, _ *http.Request, list string, page int) {
			pageOf(w, list, page, 1000, func(i int) string {
				n := page*1000 + i
				currency := string([]byte{'A' + byte(n%26), 'A' + byte(n/26%26), 'A' + byte(n/26/26%26)})
				return record(list, keyOf(n%4000), fmt.Sprintf(`,"billed_unit":%q,"price_unit":%[1]q`, currency)+dates())
			})
		},
		"a currency for each of 4,000 SIMs": func(w io.Writer, _ *http.Request, list string, _ int) {
			fmt.Fprintf(w, `{"next_page_uri":null,"meta":{"next_page_url":null},"%s":[`, list)
			for n := range 4000 {
				currency := string([]byte{'A' + byte(n%26), 'A' + byte(n/26%26), 'A' + byte(n/26/26%26)})
				io.WriteString(w, strings.Repeat(",", min(n, 1))+record(list, keyOf(n), fmt.Sprintf(`,"billed_unit":%q,"price_unit":%[1]q`, currency)+dates()))
			}
			io.WriteString(w, "]}")
		},
		"endless SIMs": func(w io.Writer, _ *http.Request, list string, page int) {
			pageOf(w, list, page, 1000, func(i int) string {
				return record(list, keyOf(page*1000+i), `,"billed_unit":"USD","price_unit":"USD"`+dates())
			})
		},
		"endless SIMs with long names": func(w io.Writer, _ *http.Request, list string, page int) {
			pageOf(w, list, page, 1000, func(i int) string { return record(list, keyOf(page*1000+i)+long[:4000], dates()) })
		},
		"endless pages of one SIM": func(w io.Writer, _ *http.Request, list string, page int) {
			fmt.Fprintf(w, `{"next_page_uri":"?Page=%d&x=%s","meta":{"next_page_url":"?Page=%[1]d&x=%[2]s"},"%s":[%s]}`,
				page+1, long[:4000], list, record(list, keyOf(page), dates()))
		},
	}
}

// TestMemoryIsBounded: whatever one account's API does, the process stays small.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	program := filepath.Join(t.TempDir(), "twilio_exporter")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, respond := range hostiles() {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				page, _ := strconv.Atoi(r.URL.Query().Get("Page"))
				list := strings.ToLower(strings.TrimPrefix(r.URL.Path, "/v1/"))
				if strings.Contains(list, "usage") {
					list = "usage_records"
				}
				b := bufio.NewWriterSize(w, 1<<16)
				if name == "bombs" {
					respond(w, r, list, page)
					return
				}
				respond(b, r, list, page)
				b.Flush()
			}))
			defer api.Close()
			cmd, err := runUntilPolled(t, program, api.URL)
			if err != nil {
				t.Error(err)
			}
			resident := highWater(t, cmd.Process.Pid)
			t.Logf("%d MB resident at most, %d requests", resident>>20, requests.Load())
			if resident > maxResident {
				t.Errorf("%d MB resident", resident>>20)
			}
		})
	}
}

// runUntilPolled starts the program for an account at an API, and returns once
// each collector has been polled.
func runUntilPolled(t *testing.T, program, api string) (*exec.Cmd, error) {
	file := filepath.Join(t.TempDir(), "config.yml")
	const sid = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	text := fmt.Sprintf("accounts:\n- account_sid: %s\n  basic_auth: {username: %[1]s, password: a-password}\n  supersim_url: %s\n  api_url: %[2]s\n", sid, api)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+file, "--web.listen-address=127.0.0.1:0", "--log.level=debug")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GOMEMLIMIT=") && !strings.HasPrefix(v, "GOGC=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-done:
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		cmd.Process.Kill()
		cmd.Wait()
	})
	polled := make(map[string]bool)
	for late := time.After(2 * time.Minute); len(polled) < 3; {
		select {
		case line, ok := <-lines:
			if !ok {
				return cmd, fmt.Errorf("the program has ended")
			}
			if _, after, ok := strings.Cut(line, "collector="); ok && strings.Contains(line, `msg="poll `) {
				name, _, _ := strings.Cut(after, " ")
				if name != "account_balance" && !polled[name] {
					polled[name] = true
					t.Logf("%.700s", line)
				}
			}
		case <-late:
			return cmd, fmt.Errorf("only polled: %v", polled)
		}
	}
	return cmd, nil
}

// highWater is the most that a process has had resident.
func highWater(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// TestCheckFails: what does not work is in the result, the exit status says so, and no
// secret is shown.
func TestCheckFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close() // nobody listens there
	file := filepath.Join(t.TempDir(), "config.yml")
	content := fmt.Sprintf("accounts: [{account_sid: %[1]s, basic_auth: {username: %[1]s, password: %[2]s}, supersim_url: http://%[3]s, api_url: http://%[3]s}]\napi: {max_retries: 0}\n", sid, token, address)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{"text": "Not everything that is polled works.", "json": `"ok": false`} {
		status, stdout, stderr := runToEnd(t, nil, "check", "--config.file="+file, "--format="+format)
		if status != 1 || stderr != "" {
			t.Errorf("status %d, stderr %q", status, stderr)
		}
		contains(t, stdout, want, "connection refused", "DNS, proxy, firewall")
		lacks(t, stdout, token)
	}
	if status, stdout, stderr := runToEnd(t, nil, "check", "--config.file=/nonexistent"); status != 1 || stdout != "" || !strings.Contains(stderr, "cannot be read") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

// TestOnce: what was polled well is written, what failed is named, and the exit status
// says so. storage.path is of no interest: a daemon may be running on it.
func TestOnce(t *testing.T) {
	s, url := simulate(t)
	config := write(t, "config.yml", yaml(url, "a", "storage: {path: /proc/nothing/can/be/made}"))
	output := write(t, "twilio.prom", "old")
	for _, x := range []struct {
		status int
		has    []string
		lacks  []string
		stderr string
	}{
		{0, []string{`twilio_account_balance{account="a"`, `twilio_supersim_sim_info{account="a"`}, []string{"old", "twilio_exporter_", "go_"}, ""},
		{1, []string{`twilio_supersim_sim_info{account="a"`}, []string{"twilio_account_balance"}, `account=a collector=account_balance msg="poll failed; there are no results yet" reason=permission`},
	} {
		status, stdout, stderr := runToEnd(t, nil, "once", "--config.file="+config, "--output="+output)
		if status != x.status || stdout != "" || x.stderr == "" && stderr != "" {
			t.Errorf("want status %d, have %d, %q, %q", x.status, status, stdout, stderr)
		}
		contains(t, stderr, x.stderr)
		lacks(t, stderr, token)
		content, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, string(content), x.has...)
		lacks(t, string(content), x.lacks...)
		s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Balance})
	}
}

// TestSimulate: check works with the configuration that simulate prints, and a signal
// ends it well.
func TestSimulate(t *testing.T) {
	for _, provider := range []string{"twilio", "kore"} {
		var stdout, stderr buffer
		ctx, cancel := context.WithCancel(t.Context())
		exit := make(chan int, 1)
		go func() {
			exit <- command(ctx, nil, []string{"simulate", "--listen-address=127.0.0.1:0", "--sims=7", "--fleets=2", "--provider=" + provider}, environment{}.lookup, &stdout, &stderr)
		}()
		for end := time.Now().Add(patience); stdout.String() == "" && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		status, report, errors := runToEnd(t, nil, "check", "--format=json", "--config.file="+write(t, "a.yml", stdout.String()))
		if status != 0 {
			t.Errorf("%s: check ended with status %d: %s%s", provider, status, report, errors)
		}
		contains(t, report, `"sims": 7`, `"fleets": 2`, `"provider": "`+provider+`"`)
		cancel()
		if status := <-exit; status != 0 || stderr.String() != "" {
			t.Errorf("%s: status %d, %s", provider, status, stderr.String())
		}
	}
}

// TestCompletionFiles: the completion scripts and the man page of the packages are those
// of the flags. UPDATE_GOLDEN=1 writes them.
func TestCompletionFiles(t *testing.T) {
	for flag, name := range map[string]string{
		"--completion-script-bash": "twilio_exporter.bash",
		"--completion-script-zsh":  "twilio_exporter.zsh",
		"--completion-script-fish": "twilio_exporter.fish",
		"--help-man":               "twilio_exporter.1",
	} {
		status, stdout, stderr := runToEnd(t, nil, flag)
		if status != 0 || stderr != "" {
			t.Errorf("%s: status %d, %s", flag, status, stderr)
		}
		file := filepath.Join("deploy", "completion", name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, []byte(stdout), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != stdout {
			t.Errorf("%s is not what %s writes: run make reference", file, flag)
		}
	}
}

// TestReportFile: the file is replaced, for everybody to read, also where an account
// failed, which standard error and the exit status say; and it stays where there is no
// report.
func TestReportFile(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "report.html"), "old")
	if status, _, stderr := runToEnd(t, nil, "report", "--config.file=/nonexistent", "--output="+file); status != 1 || !strings.Contains(stderr, "cannot be read") {
		t.Errorf("status %d, %q", status, stderr)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "old" {
		t.Errorf("%v, %q", err, content)
	}
	config := write(t, filepath.Join(dir, "config.yml"), fmt.Sprintf(
		"accounts: [{account_sid: %[1]s, basic_auth: {username: %[1]s, password: %[2]s}, supersim_url: http://127.0.0.1:1, api_url: http://127.0.0.1:1}]\napi: {max_retries: 0}\n", sid, token))
	for _, x := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--demo"}, 0, "demo-kore"}, {[]string{"--config.file=" + config}, 1, "Not read:"},
	} {
		status, stdout, stderr := runToEnd(t, nil, append(x.args, "report", "--format=html", "--output="+file)...)
		if status != x.status || stdout != "" || strings.Contains(stderr, "not read: Super SIM usage: ") != (status == 1) {
			t.Errorf("status %d, %q, %q", status, stdout, stderr)
		}
		lacks(t, stderr, token)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, string(content), x.want, "</html>")
		lacks(t, string(content), token)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%v, mode %v", err, info.Mode())
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", err, entries)
	}
}

func daysAgo(n int) string { return time.Now().UTC().AddDate(0, 0, -n).Format(time.DateOnly) }

// TestBackfill: the names of complete files are the result; all else goes to standard
// error, and a second run has to say that it goes on.
func TestBackfill(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "history")
	args := []string{"backfill", "--demo", "--from=" + daysAgo(3), "--to=" + daysAgo(1), "--groups=account,fleet", "--output=" + directory, "--yes"}
	status, stdout, stderr := runToEnd(t, nil, args...)
	names := strings.Fields(stdout)
	if status != 0 || len(names) < 4 {
		t.Fatalf("status %d, %q, %q", status, stdout, stderr)
	}
	contains(t, stderr, "It takes at most ", " requests and about ", " samples, which are ", "files with ")
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil || !strings.HasSuffix(string(content), "\n# EOF\n") || !strings.Contains(string(content), "_bytes_total{account=\"demo") {
			t.Errorf("%s: %v, %.200q", name, err, content)
		}
	}
	if status, stdout, stderr := runToEnd(t, nil, args...); status != 1 || stdout != "" || !strings.Contains(stderr, "--resume goes on with it") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	if status, stdout, stderr := runToEnd(t, nil, append(args, "--resume")...); status != 0 || stdout != "" || !strings.Contains(stderr, "All files are complete.") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}
