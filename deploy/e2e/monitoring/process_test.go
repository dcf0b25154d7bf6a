package monitoring_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// timeout is generous, because the machine may be busy.
const timeout = 2 * time.Minute

// A process is a running program.
type process struct {
	name    string
	address string // on which it listens, 127.0.0.1:PORT
	log     *output
	stop    func()
	kill    func() // with SIGKILL; stop does nothing after it
}

// listening matches the log line with the address on which a program listens.
var listening = regexp.MustCompile(`[Ll]istening on".* address=(127\.0\.0\.1:[1-9]\d*)`)

// start starts a program that chooses its port, and waits until it logs the port.
// The program is stopped when the test ends, if not before.
func start(t *testing.T, program string, arguments ...string) *process {
	t.Helper()
	command := exec.Command(programs.Path(t, program), arguments...)
	p := &process{name: program, log: newOutput()}
	command.Stdout, command.Stderr = p.log, p.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	var over sync.Once
	p.kill = func() {
		over.Do(func() {
			_ = command.Process.Kill()
			<-ended
		})
	}
	stop := func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s ended with %v; output:\n%s", program, err, p.log.tail())
			}
		case <-time.After(timeout):
			_ = command.Process.Kill()
			<-ended
			t.Errorf("%s did not stop; output:\n%s", program, p.log.tail())
		}
	}
	p.stop = func() { over.Do(stop) }
	t.Cleanup(p.stop)
	eventually(t, program+" to listen", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended at once, %v; output:\n%s", program, err, p.log.tail())
		default:
		}
		found := listening.FindStringSubmatch(p.log.text())
		if found != nil {
			p.address = found[1]
		}
		return found != nil
	})
	return p
}

// eventually waits until the condition is true, and fails the test after a timeout.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("timed out after %s waiting for %s", timeout, what)
		}
	}
}

// run runs a tool and returns its output.
func run(t *testing.T, stdin io.Reader, program string, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*timeout)
	defer cancel()
	command := exec.CommandContext(ctx, programs.Path(t, program), arguments...)
	command.Stdin = stdin
	out, err := command.CombinedOutput()
	return string(out), err
}

// succeed is like run, but fails the test if the tool fails.
func succeed(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	out, err := run(t, nil, program, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(arguments, " "), err, out)
	}
	return out
}

// get returns the body of a response, whose status must be 200.
func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%.500s", url, response.Status, err, body)
	}
	return string(body)
}

// output collects the output of a program. It is safe for concurrent use.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func newOutput() *output { return new(output) }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// tail returns the last 4,000 bytes.
func (o *output) tail() string {
	text := o.text()
	return text[max(0, len(text)-4000):]
}

// lines returns the lines that match a pattern.
func (o *output) lines(pattern string) []string {
	matches := regexp.MustCompile(pattern)
	var found []string
	for line := range strings.Lines(o.text()) {
		if matches.MatchString(line) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
