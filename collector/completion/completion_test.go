package completion_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/twilio-exporter/twilio_exporter/collector/completion"
)

// model is an application with all that scripts have to deal with.
func model() *kingpin.ApplicationModel {
	app := kingpin.New("tool", "It's a tool: [for] tests.")
	app.HelpFlag.Short('h')
	app.Command("serve", "Serve.").Default()
	check := app.Command("check", "Check what's there: all of it.")
	check.Flag("format", "Format: text, json.").Default("text").Enum("text", "json")
	check.Flag("quick", "In a hurry.").Bool()
	fetch := app.Command("fetch", "Fetch.")
	fetch.Flag("format", "Format: csv, om.").Enum("csv", "om")
	fetch.Flag("output", "Folder.").PlaceHolder("DIR").String()
	fetch.Flag("journal", "File.").PlaceHolder("FILE").String()
	app.Command("secret", "Hidden.").Hidden()
	app.Flag("config.file", `Back\slash, .dots and "quotes".`).String()
	app.Flag("web.listen-address", "Such as `[::1]:9860`.").Default(":9860").Strings()
	app.Flag("dots", ".dots come first. 'quotes' next.").Bool()
	app.Flag("log.level", "Level.").Default("info").Enum("debug", "info", "warn")
	app.Flag("hidden", "Hidden.").Hidden().Bool()
	return app.Model()
}

// line is a command line to complete, and what it can become: the last word or the value
// in it.
type line struct {
	typed string
	want  []string
}

func lines() []line {
	global := []string{"--help", "--dots", "--config.file=", "--web.listen-address=", "--log.level="}
	return []line{
		{"tool ch", []string{"check"}},
		{"tool ", append([]string{"serve", "check", "fetch"}, global...)},
		{"tool --lo", []string{"--log.level="}},
		{"tool --log.level=", []string{"debug", "info", "warn"}},
		{"tool --log.level=w", []string{"warn"}},
		{"tool --log.level w", []string{"warn"}},
		{"tool check --f", []string{"--format="}},
		{"tool check --format=j", []string{"json"}},
		{"tool fetch --format=", []string{"csv", "om"}},
		{"tool --log.level=info fetch --format=o", []string{"om"}},
		{"tool fetch --q", nil}, // of another command
		{"tool --hid", nil},
		{"tool sec", nil},
		{"tool --config.file=fi", []string{"file with spaces.yml", "fil.d"}},
		{"tool --config.file fi", []string{"file with spaces.yml", "fil.d"}},
		{"tool fetch --output=fi", []string{"fil.d"}},
		{"tool fetch --journal=fi", []string{"file with spaces.yml", "fil.d"}},
		{"tool check --quick --f", []string{"--format="}},
		{"tool --web.listen-address=", nil},
	}
}

// shell finds a shell, or says loudly that it is missing.
func shell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT TESTED: %s is not installed; .ci/run installs it", name)
	}
	return path
}

// folder has the script and files whose names can be completed.
func folder(t *testing.T, script string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"script": script, "file with spaces.yml": ""} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "fil.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// run runs a shell in the folder and returns what it prints.
func run(t *testing.T, folder, shell string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, shell, args...)
	c.Dir = folder
	home := t.TempDir()
	c.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "TERM=dumb", "LC_ALL=C.UTF-8")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%q: %v, %s", args, err, stderr.String())
	}
	return string(out)
}

func compare(t *testing.T, shell string, l line, output string) {
	t.Helper()
	var have []string
	for candidate := range strings.Lines(output) {
		have = append(have, strings.TrimSuffix(candidate, "\n"))
	}
	want := slices.Sorted(slices.Values(l.want))
	if slices.Sort(have); !slices.Equal(have, want) {
		t.Errorf("%s: %q: want %q, have %q", shell, l.typed, want, have)
	}
}

// bashDriver completes the words of its arguments as bash does: words end at "=", too.
const bashDriver = `
. ./script
COMP_WORDS=("$@") COMP_CWORD=$(($#-1))
_tool
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
`

func TestBash(t *testing.T) {
	bash := shell(t, "bash")
	dir := folder(t, completion.Bash(model()))
	for _, l := range lines() {
		for _, splits := range []bool{true, false} { // whether COMP_WORDBREAKS has "="
			words := strings.Split(l.typed, " ")
			if last := words[len(words)-1]; splits && strings.Contains(last, "=") {
				name, value, _ := strings.Cut(last, "=")
				words = append(words[:len(words)-1], name, "=")
				if value != "" {
					words = append(words, value)
				}
			}
			compare(t, "bash", l, run(t, dir, bash, append([]string{"--norc", "--noprofile", "-c", bashDriver, "bash"}, words...)...))
		}
	}
}

func TestFish(t *testing.T) {
	fish := shell(t, "fish")
	dir := folder(t, completion.Fish(model()))
	for _, l := range lines() {
		if l.typed == "tool " {
			l.want = []string{"serve", "check", "fetch"} // flags after a "-" only
		}
		var output strings.Builder
		for candidate := range strings.Lines(run(t, dir, fish, "--no-config", "-c", `source ./script; complete -C "$argv[1]"`, l.typed)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(candidate, "\n"), "\t")
			word = strings.TrimSuffix(word, "/")
			if _, typed, ok := strings.Cut(l.typed, "="); ok || typed != "" { // fish has the flag before the value
				word = word[strings.LastIndex(word, "=")+1:]
			} else if strings.HasPrefix(word, "--") && word != "--help" {
				word += "=" // fish has flags without it
			}
			output.WriteString(strings.ReplaceAll(word, `\ `, " ") + "\n")
		}
		compare(t, "fish", l, output.String())
	}
}

// zshDriver types each line and a tab into an interactive zsh, runs what becomes of it,
// and prints that.
const zshDriver = `
zmodload zsh/zpty
zpty t zsh -f
zpty -w t 'PS1=; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; . ./script; tool() { print -r -- "ra""n:<$*>"; }; bindkey "^I" complete-word; print re""ady'
zpty -r -m t out '*ready*'
for typed; do
	zpty -w -n t "$typed"$'\t\n'
	zpty -r -m t out '*ran:<*>*'
	print -r -- ${${out#*ran:<}%%>*}
done
zpty -d t
`

// TestZsh tries what has one completion only. A "=" or "/" that it ends in goes with the
// end of the line.
func TestZsh(t *testing.T) {
	zsh := shell(t, "zsh")
	dir := folder(t, completion.Zsh(model()))
	lines := [][2]string{
		{"tool ch", "check"},
		{"tool --log.level=w", "--log.level=warn"},
		{"tool --log.level w", "--log.level warn"},
		{"tool check --f", "check --format"},
		{"tool check --q", "check --quick"},
		{"tool check --format=j", "check --format=json"},
		{"tool check --quick --f", "check --quick --format"},
		{"tool --log.level=info fetch --format=o", "--log.level=info fetch --format=om"},
		{"tool fetch --q", "fetch --q"},
		{"tool --hid", "--hid"},
		{"tool sec", "sec"},
		{"tool --config.file=file", "--config.file=file with spaces.yml"},
		{"tool fetch --output=fi", "fetch --output=fil.d"},
	}
	args := []string{"-f", "-c", zshDriver, "zsh"}
	for _, l := range lines {
		args = append(args, l[0])
	}
	have := strings.Split(strings.TrimSuffix(run(t, dir, zsh, args...), "\n"), "\n")
	if len(have) != len(lines) {
		t.Fatalf("have %q", have)
	}
	for i, l := range lines {
		if have[i] != l[1] {
			t.Errorf("zsh: %q: want %q, have %q", l[0], l[1], have[i])
		}
	}
}

// TestNames: a name that no function can have is that of none, and a flag that may be
// given several times is offered again.
func TestNames(t *testing.T) {
	app := kingpin.New("a-tool.x", "For tests.")
	app.HelpFlag.Short('h')
	app.Flag("web.listen-address", "Address.").Strings()
	app.Flag("log.level", "Level.").String()
	for _, script := range []string{completion.Bash(app.Model()), completion.Zsh(app.Model())} {
		if !strings.Contains(script, "_a_tool_x() {") || !strings.Contains(script, " a-tool.x\n") {
			t.Errorf("want the function _a_tool_x:\n%s", script)
		}
	}
	script := completion.Zsh(app.Model())
	if fish := completion.Fish(app.Model()); !strings.Contains(script, "\t'-h[") || !strings.Contains(fish, " -l help -s h ") {
		t.Errorf("no -h in:\n%s\n%s", script, fish)
	}
	if !strings.Contains(script, "'*--web.listen-address=[") || !strings.Contains(script, "'--log.level=[") {
		t.Errorf("have:\n%s", script)
	}
}

// TestMan: the page has every command and flag that is not hidden, and roff takes no text
// for a request.
func TestMan(t *testing.T) {
	page := completion.Man(model())
	for _, want := range []string{
		".TH TOOL 1", ".SS check\nCheck what's there: all of it.\n", ".SS serve\nServe.\nThis is the default.\n",
		"\\fB\\-\\-output\\fR=\\fIDIR\\fR\nFolder.\n", "\\fB\\-h\\fR, \\fB\\-\\-help\\fR\n", `Back\eslash`, ".SH EXIT STATUS\n",
		"\n\\&.dots come first.\n\\&'quotes' next.\n", ".\n.PP\n1: something failed",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	if strings.Contains(strings.ToLower(page), "hidden") {
		t.Errorf("what is hidden is in:\n%s", page)
	}
	mandoc := shell(t, "mandoc")
	file := filepath.Join(t.TempDir(), "tool.1")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.CommandContext(t.Context(), mandoc, "-Tlint", file).CombinedOutput()
	for complaint := range strings.Lines(string(out)) {
		if !strings.Contains(complaint, "STYLE:") && !strings.Contains(complaint, "missing date") {
			t.Error(complaint)
		}
	}
}
