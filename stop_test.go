package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

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

// TestHangingActor: what hangs is named, and does not hide why the rest ended.
func TestHangingActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var a actors
		failure := errors.New("it failed")
		a.add("fails", func() error { time.Sleep(time.Minute); return failure }, func(error) {})
		a.add("hangs", func() error { <-release; return nil }, func(error) {})
		interrupted := make(chan struct{})
		a.add("ends", func() error { <-interrupted; return errors.New("too late") }, func(error) { close(interrupted) })
		start := time.Now()
		hanging, err := a.run(5 * time.Second)
		if len(hanging) != 1 || hanging[0] != "hangs" || err != failure {
			t.Errorf("have %q and %v", hanging, err)
		}
		if have := time.Since(start); have != time.Minute+5*time.Second {
			t.Errorf("it took %s", have)
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
