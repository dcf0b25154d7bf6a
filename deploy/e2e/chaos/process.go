package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logfmt/logfmt"
)

// A process is one run of the exporter.
type process struct {
	generation int
	started    time.Time
	url        string // scheme and address
	tls        bool
	command    *exec.Cmd
	ended      chan struct{} // closed when the process and its log have
	log        *logChecker
}

// listening matches the log line with the address on which the exporter listens.
var listening = regexp.MustCompile(`[Ll]istening on".* address=(127\.0\.0\.1:[1-9]\d*)`)

// patience is how long something may take on a busy machine before it counts as stuck.
const patience = 2 * time.Minute

// startProcess starts the exporter and waits until it listens.
func startProcess(ctx context.Context, o options, generation int, report *report, arguments ...string) (*process, error) {
	p := &process{generation: generation, started: time.Now(), ended: make(chan struct{})}
	// It outlives the context, so that it ends by the signals of this package alone.
	p.command = exec.CommandContext(context.WithoutCancel(ctx), o.exporter, arguments...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.command.Stdout, p.command.Stderr = writer, writer
	err = p.command.Start()
	writer.Close() // the process has it
	if err != nil {
		reader.Close()
		return nil, err
	}
	p.log = &logChecker{report: report, address: make(chan string, 1), messages: make(map[string]int), verbose: o.verbose}
	go func() {
		p.log.read(reader)
		reader.Close()
		_ = p.command.Wait() // ProcessState says how it ended
		close(p.ended)
	}()
	select {
	case address := <-p.log.address:
		p.url = "http://" + address
	case <-p.ended:
		return nil, fmt.Errorf("the exporter ended at once: %s\n%s", p.command.ProcessState, p.log.tail())
	case <-time.After(patience):
		err = fmt.Errorf("the exporter does not listen\n%s", p.log.tail())
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended by itself
	<-p.ended
}

// stop sends SIGTERM and waits for the end. It returns how long that took, and an error
// unless the status is 0 and it took no longer than the limit.
func (p *process) stop(limit time.Duration) (time.Duration, error) {
	began := time.Now()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("SIGTERM: %w", err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.command.Process.Signal(syscall.SIGQUIT) // for the goroutines in the log
		select {
		case <-p.ended:
		case <-time.After(patience):
			p.kill()
		}
	}
	took := time.Since(began)
	switch state := p.command.ProcessState; {
	case !state.Success():
		return took, fmt.Errorf("ended with %s %s after SIGTERM\n%s", state, took, p.log.tail())
	case took > limit:
		return took, fmt.Errorf("took %s to end after SIGTERM", took)
	}
	return took, nil
}

// alive returns an error once the process has ended.
func (p *process) alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the exporter has ended by itself: %s\n%s", p.command.ProcessState, p.log.tail())
	default:
		return nil
	}
}

// waited returns how long all threads of the process together have been ready to run and
// had no CPU (the second number of /proc/PID/task/TID/schedstat, in nanoseconds).
func (p *process) waited() time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.command.Process.Pid))
	var sum time.Duration
	for _, file := range files {
		content, _ := os.ReadFile(file) // the thread may have ended
		var ran, waited time.Duration
		if _, err := fmt.Sscan(string(content), &ran, &waited); err == nil {
			sum += waited
		}
	}
	return sum
}

// A logChecker reads the log: each line must be logfmt, with a time, a level and a
// message, and hold no secret.
type logChecker struct {
	report  *report
	address chan string
	verbose bool

	mu       sync.Mutex
	last     []string
	messages map[string]int // how many lines have the message
}

// maxTail is how many lines are kept for error messages.
const maxTail = 40

func (l *logChecker) read(r io.Reader) {
	in := bufio.NewReaderSize(r, 1<<16)
	found := false
	for {
		line, err := in.ReadString('\n')
		if line, whole := strings.CutSuffix(line, "\n"); line != "" {
			l.line(line, whole)
			if address := listening.FindStringSubmatch(line); address != nil && !found {
				l.address <- address[1]
				found = true
			}
		}
		if err != nil {
			return
		}
	}
}

// line checks a line. One that is not whole is the last one of a process that was killed.
func (l *logChecker) line(line string, whole bool) {
	if l.verbose {
		fmt.Fprintln(os.Stderr, line)
	}
	fields := make(map[string]string)
	decoder := logfmt.NewDecoder(strings.NewReader(line))
	for decoder.ScanRecord() {
		for decoder.ScanKeyval() {
			fields[string(decoder.Key())] = string(decoder.Value())
		}
	}
	if whole && (decoder.Err() != nil || fields["msg"] == "" || fields["level"] == "" || fields["ts"] == "" && fields["time"] == "") {
		l.report.failure("log", fmt.Sprintf("not logfmt with time, level and message: %.500q", line))
	}
	if mark := secretIn(line); mark != "" {
		l.report.failure("secret", fmt.Sprintf("%s in the log: %.2000q", mark, line))
	}
	l.report.logged(fields["level"])
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages[fields["msg"]]++
	l.last = append(l.last, line)
	l.last = l.last[max(0, len(l.last)-maxTail):]
}

// count returns how many lines had the message.
func (l *logChecker) count(message string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.messages[message]
}

func (l *logChecker) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "\n")
}
