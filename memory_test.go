package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

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
