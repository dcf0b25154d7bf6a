// Package tutorial_test follows deploy/tutorial.md word for word.
package tutorial_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/outside"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// TestTutorial runs the commands of the tutorial in a fresh clone, in a network of its
// own, where all ports are free and nothing else can be reached. A command that fails is
// tried again for two minutes, as a reader would: what runs in the background takes a
// moment to start. Docker is not there to be tried.
func TestTutorial(t *testing.T) {
	outside.NeedRoot(t)
	outside.Need(t, "unshare", "util-linux")
	busybox := outside.Need(t, "busybox", "busybox")
	root := programs.Root(t)
	tutorial, err := os.ReadFile(filepath.Join(root, "deploy", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString(`set -u
retry() {
	for n in $(seq 240); do
		if output=$(eval "$1" 2>&1); then echo "$output"; return; fi
		sleep 0.5
	done
	echo "failed: $1"; echo "$output"; tail -n 20 *.log; exit 1
}
` + busybox + " ifconfig lo up\n")
	commands := 0
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(tutorial), -1) {
		text := block[1]
		switch {
		case strings.HasPrefix(text, "docker "):
			continue
		case strings.HasPrefix(text, "git clone "):
			clone := regexp.MustCompile(`^git clone \S+`)
			script.WriteString(clone.ReplaceAllString(text, "git clone --quiet "+root+" twilio_exporter"))
		case strings.HasSuffix(text, "&\n"), strings.HasPrefix(text, "kill "):
			script.WriteString(text)
		default:
			script.WriteString("retry '" + strings.ReplaceAll(text, "'", `'\''`) + "'\n")
		}
		commands++
	}
	if commands < 10 {
		t.Fatalf("the tutorial has %d commands", commands)
	}
	directory := t.TempDir()
	file := filepath.Join(directory, "commands.sh")
	if err := os.WriteFile(file, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "unshare", "--net", "--pid", "--fork", "--kill-child", "bash", file)
	command.Dir = directory
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(programs.Path(t, programs.Promtool))+":"+os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, want := range []string{
		"Everything that is polled works.",
		`twilio_supersim_fleet_download_bytes_total{account="simulated-1",fleet_sid="HF`,
		"samples, ", // of the history
		`{fleet_sid="HF`,
	} {
		if !strings.Contains(string(output), want) {
			t.Errorf("the output lacks %q:\n%s", want, output)
		}
	}
	// The step about the numbers shows the same one twice.
	month := regexp.MustCompile(`(?m)^simulated-1,account,AC0*1,simulated-1,\d+,(\d+),USD,`).FindStringSubmatch(string(output))
	if month == nil || !strings.Contains(string(output), " => "+month[1]+" @[") {
		t.Errorf("report and Prometheus differ, the report has %q:\n%s", month, output)
	}
	report, err := os.ReadFile(filepath.Join(directory, "twilio_exporter", "report.html"))
	if err != nil || !strings.Contains(string(report), "simulated-1") {
		t.Errorf("no report: %v", err)
	}
}
