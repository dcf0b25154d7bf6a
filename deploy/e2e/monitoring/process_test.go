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

// patience is how long a program may take for what usually takes it a second or
// two: the machine may be busy.
const patience = 2 * time.Minute

// a process is a real program that runs.
type process struct {
	name    string
	address string // where it listens, 127.0.0.1:PORT
	log     *output
	stop    func()
}

// listening is how each of them says where it listens.
var listening = regexp.MustCompile(`[Ll]istening on".* address=(127\.0\.0\.1:[1-9]\d*)`)

// start starts a program that listens on a port of its own choice, and waits
// until it says on which. It ends with the test at the latest.
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
	p.stop = sync.OnceFunc(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s ended with %v; it said:\n%s", program, err, p.log.tail())
			}
		case <-time.After(patience):
			_ = command.Process.Kill()
			<-ended
			t.Errorf("%s did not end; it said:\n%s", program, p.log.tail())
		}
	})
	t.Cleanup(p.stop)
	eventually(t, program+" to listen", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended at once, %v; it said:\n%s", program, err, p.log.tail())
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

// eventually waits for something that other programs do in their own time.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %s for %s in vain", patience, what)
		}
	}
}

// run runs a tool to its end and returns all that it said.
func run(t *testing.T, stdin io.Reader, program string, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	command := exec.CommandContext(ctx, programs.Path(t, program), arguments...)
	command.Stdin = stdin
	out, err := command.CombinedOutput()
	return string(out), err
}

// succeed is run for what must succeed.
func succeed(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	out, err := run(t, nil, program, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(arguments, " "), err, out)
	}
	return out
}

// get fetches a page, for tests that expect it to be there.
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

// output keeps what a program says.
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

// tail is its end, for messages.
func (o *output) tail() string {
	text := o.text()
	return text[max(0, len(text)-4000):]
}

// lines are those that match.
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
