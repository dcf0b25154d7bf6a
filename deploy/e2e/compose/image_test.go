package compose_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBuildContext: .dockerignore leaves every file that the program is built from, and
// what the Dockerfile runs.
func TestBuildContext(t *testing.T) {
	root, err := filepath.Abs(filepath.Join(deploy, ".."))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		`{{if .Module}}{{if .Module.Main}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`, ".")
	command.Dir, command.Stderr = root, os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(output))
	if page := root + "/collector/web/assets/status.html"; !slices.Contains(files, page) {
		t.Errorf("%s is not among the files %q", page, files)
	}
	rules, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, root+"/go.mod", root+"/go.sum", root+"/Makefile") {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		if ignored(t, string(rules), filepath.ToSlash(name)) {
			t.Errorf(".dockerignore leaves out %s", name)
		}
	}
	for _, name := range []string{".git/config", "config.yml", "deploy/compose/secrets/twilio", "collector/README.md", "collector/state_test.go", "collector/web/testdata/status.json"} {
		if !ignored(t, string(rules), name) {
			t.Errorf(".dockerignore does not leave out %s", name)
		}
	}
}

// ignored reports whether .dockerignore leaves a file out. It knows the kinds of rules
// that the file has: "*", "!FILE or directory" and "**/PATTERN of a name".
func ignored(t *testing.T, rules, file string) (out bool) {
	t.Helper()
	for line := range strings.Lines(rules) {
		rule := strings.TrimSpace(line)
		included, isException := strings.CutPrefix(rule, "!")
		pattern, everywhere := strings.CutPrefix(rule, "**/")
		switch {
		case rule == "" || strings.HasPrefix(rule, "#"):
		case rule == "*":
			out = true
		case isException:
			out = out && file != included && !strings.HasPrefix(file, included+"/")
		case everywhere:
			for part := range strings.SplitSeq(file, "/") {
				matched, err := path.Match(pattern, part)
				if err != nil {
					t.Fatal(err)
				}
				out = out || matched
			}
		default:
			t.Fatalf("an unknown kind of rule: %s", rule)
		}
	}
	return out
}

// TestImageLabels: the image says what it is and from which commit it was built. ARG has
// to be repeated after FROM.
func TestImageLabels(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(deploy, "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, final, ok := strings.Cut(string(content), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the image is not made from scratch")
	}
	for _, want := range []string{
		"ARG VERSION=dev REVISION=unknown\n",
		`org.opencontainers.image.version="$VERSION"`,
		`org.opencontainers.image.revision="$REVISION"`,
		`org.opencontainers.image.source="https://github.com/twilio-exporter/twilio_exporter"`,
		`org.opencontainers.image.licenses="Apache-2.0"`,
	} {
		if !strings.Contains(final, want) {
			t.Errorf("the image has no %s", want)
		}
	}
}
