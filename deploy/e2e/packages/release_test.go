package packages_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/outside"
)

// goreleaser is the version that the Makefile names, the newest that Go 1.26 can build.
const goreleaser = "github.com/goreleaser/goreleaser/v2@v2.15.2"

// A release is the result of goreleaser for a commit.
type release struct {
	tree     string // a clone of the repository at the commit
	revision string
	date     time.Time
	version  string
	made     []artifact
}

// An artifact is one file of a release.
type artifact struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	GOOS   string `json:"goos"`
	GOARCH string `json:"goarch"`
	Type   string `json:"type"`
}

// TestRelease makes a snapshot release of the working tree, checks its files, and
// installs the deb.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("a release takes minutes")
	}
	r := makeSnapshot(t, cleanCopy(t))
	t.Run("archives", r.checkArchives)
	t.Run("checksums", r.checkChecksums)
	t.Run("program", r.checkProgram)
	t.Run("rpm", r.checkRPM)
	t.Run("deb", r.checkDeb)
	if status := must(t, r.tree, "git", "status", "--porcelain"); status != "" {
		t.Errorf("the release changed the tree:\n%s", status)
	}
}

// cleanCopy clones the repository and commits uncommitted changes to the clone, so that
// the release does not write to the repository itself.
func cleanCopy(t *testing.T) string {
	t.Helper()
	outside.Need(t, "git", "git")
	tree := filepath.Join(t.TempDir(), "twilio_exporter")
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	must(t, "", "git", "clone", "--quiet", "--no-tags", root, tree)
	listed := must(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for name := range strings.SplitSeq(strings.TrimSuffix(listed, "\x00"), "\x00") {
		if strings.HasPrefix(name, "deploy/e2e/") { // large, and not part of a release
			continue
		}
		if err := copyFile(filepath.Join(tree, name), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	must(t, tree, "git", "switch", "--quiet", "--force-create", "release")
	must(t, tree, "git", "add", "--all")
	must(t, tree, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false",
		"commit", "--quiet", "--allow-empty", "--message=Working tree")
	must(t, tree, "git", "tag", "v1.2.3")
	return tree
}

// copyFile copies a file with its mode, or a symbolic link. If the source does not
// exist, it removes the target.
func copyFile(to, from string) error {
	if link, err := os.Readlink(from); err == nil {
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Symlink(link, to)
	}
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Remove(to); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Chmod(to, info.Mode().Perm())
}

// makeSnapshot runs goreleaser as "make release-snapshot" does.
func makeSnapshot(t *testing.T, tree string) *release {
	t.Helper()
	if mentioned := regexp.MustCompile(`github\.com/goreleaser/goreleaser/v2@v[0-9.]+`).FindString(read(t, filepath.Join(tree, "Makefile"))); mentioned != "" && mentioned != goreleaser {
		t.Errorf("the Makefile has %s, this test has %s", mentioned, goreleaser)
	}
	began := time.Now()
	output := must(t, tree, "go", "run", goreleaser, "release", "--snapshot", "--clean", "--config", "deploy/release/goreleaser.yml")
	t.Logf("the snapshot took %s", time.Since(began).Round(time.Second))
	if strings.Contains(strings.ToLower(output), "deprecat") {
		t.Errorf("goreleaser warns:\n%s", output)
	}

	r := &release{tree: tree, revision: strings.TrimSpace(must(t, tree, "git", "rev-parse", "HEAD"))}
	var metadata struct{ Version, Commit string }
	decode(t, filepath.Join(tree, "dist/metadata.json"), &metadata)
	decode(t, filepath.Join(tree, "dist/artifacts.json"), &r.made)
	if r.version = metadata.Version; metadata.Commit != r.revision || r.version != "1.2.4-snapshot."+r.revision[:7] {
		t.Errorf("version %s of commit %s, want a snapshot of %s", r.version, metadata.Commit, r.revision)
	}
	date, err := time.Parse(time.RFC3339, strings.TrimSpace(must(t, tree, "git", "log", "-1", "--format=%cI")))
	if err != nil {
		t.Fatal(err)
	}
	r.date = date.UTC()
	return r
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, file)), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// find returns the path of the only artifact with this ending for a platform.
func (r *release) find(t *testing.T, goos, goarch, ending string) string {
	t.Helper()
	var found []string
	for _, a := range r.made {
		if a.GOOS == goos && a.GOARCH == goarch && strings.HasSuffix(a.Name, ending) {
			found = append(found, filepath.Join(r.tree, a.Path))
		}
	}
	if len(found) != 1 {
		t.Fatalf("artifacts *%s for %s/%s: %v, want one", ending, goos, goarch, found)
	}
	return found[0]
}

// A member is a file in an archive.
type member struct {
	mode    fs.FileMode
	date    time.Time
	owner   string
	content []byte
}

func (r *release) checkArchives(t *testing.T) {
	for _, target := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"} {
		t.Run(strings.ReplaceAll(target, "/", "-"), func(t *testing.T) {
			goos, goarch, _ := strings.Cut(target, "/")
			executable, ending, unpack := "twilio_exporter", ".tar.gz", unpackTar
			if goos == "windows" {
				executable, ending, unpack = "twilio_exporter.exe", ".zip", unpackZip
			}
			file := r.find(t, goos, goarch, ending)
			members := unpack(t, file)
			directory := strings.TrimSuffix(filepath.Base(file), ending)
			if want := fmt.Sprintf("twilio_exporter-%s.%s-%s", r.version, goos, goarch); directory != want {
				t.Errorf("the archive is named %s, want %s", directory, want)
			}

			checkPlatform(t, goos, goarch, members[directory+"/"+executable].content)
			want := []string{directory + "/" + executable}
			for _, pattern := range []string{
				"LICENSE", "README.md", "CHANGELOG.md", "config.example.yml",
				"collector/*.md", "collector/exposition/README.md", "deploy/*.md", "deploy/*.png",
				"deploy/systemd/*", "deploy/completion/*", "deploy/prometheus/prometheus.yml", "deploy/prometheus/rules/*.yml",
				"deploy/grafana/dashboards/*.json",
			} {
				files, err := filepath.Glob(filepath.Join(r.tree, pattern))
				if err != nil || len(files) == 0 {
					t.Errorf("the repository has no %s", pattern)
				}
				for _, file := range files {
					name, err := filepath.Rel(r.tree, file)
					if err != nil {
						t.Fatal(err)
					}
					inside := directory + "/" + filepath.ToSlash(name)
					if want = append(want, inside); string(members[inside].content) != read(t, file) {
						t.Errorf("%s differs from the repository's", inside)
					}
				}
			}
			slices.Sort(want)
			if have := slices.Sorted(maps.Keys(members)); !slices.Equal(have, want) {
				t.Errorf("the archive has\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
			}
			for name, m := range members {
				mode := fs.FileMode(0o644)
				if path.Base(name) == executable {
					mode = 0o755
				}
				if m.mode != mode || !m.date.Equal(r.date) || m.owner != "root:root" {
					t.Errorf("%s: mode %o of %s, %s; want %o, %s", name, m.mode, m.owner, m.date, mode, r.date)
				}
			}
		})
	}
}

func unpackTar(t *testing.T, file string) map[string]member {
	t.Helper()
	packed, err := gzip.NewReader(strings.NewReader(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]member{}
	for archive := tar.NewReader(packed); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return members
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		members[header.Name] = member{header.FileInfo().Mode(), header.ModTime, header.Uname + ":" + header.Gname, content}
	}
}

func unpackZip(t *testing.T, file string) map[string]member {
	t.Helper()
	archive, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	members := map[string]member{}
	for _, f := range archive.File {
		opened, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(opened)
		if err != nil {
			t.Fatal(err)
		}
		members[f.Name] = member{f.Mode(), f.Modified, "root:root", content} // zip has no owners
	}
	return members
}

// checkPlatform checks the platform of an executable by its header.
func checkPlatform(t *testing.T, goos, goarch string, content []byte) {
	t.Helper()
	var have any
	var err error
	switch goos {
	case "linux":
		var f *elf.File
		if f, err = elf.NewFile(bytes.NewReader(content)); err == nil {
			have = f.Machine
			if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 || f.Section(".interp") != nil {
				t.Errorf("not statically linked: %v %v", libraries, err)
			}
		}
	case "darwin":
		var f *macho.File
		if f, err = macho.NewFile(bytes.NewReader(content)); err == nil {
			have = f.Cpu
		}
	case "windows":
		var f *pe.File
		if f, err = pe.NewFile(bytes.NewReader(content)); err == nil {
			have = f.Machine
		}
	}
	want := map[string]any{
		"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64,
		"darwin/amd64": macho.CpuAmd64, "darwin/arm64": macho.CpuArm64,
		"windows/amd64": uint16(pe.IMAGE_FILE_MACHINE_AMD64),
	}[goos+"/"+goarch]
	if err != nil || have != want {
		t.Errorf("executable for %v: %v; want %v", have, err, want)
	}
}

func (r *release) checkChecksums(t *testing.T) {
	sums := map[string]string{}
	for line := range strings.Lines(read(t, filepath.Join(r.tree, "dist/sha256sums.txt"))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	published := 0
	for _, a := range r.made {
		if a.Type != "Archive" && a.Type != "Linux Package" {
			continue
		}
		published++
		if have := digest([]byte(read(t, filepath.Join(r.tree, a.Path)))); sums[a.Name] != have {
			t.Errorf("%s: checksum %q, want %s", a.Name, sums[a.Name], have)
		}
	}
	if published != 9 || len(sums) != published { // five archives, two packages for two architectures
		t.Errorf("%d files and %d checksums, want 9", published, len(sums))
	}
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// checkProgram runs the program for this machine, and builds it with the Makefile: the
// same commit must give the same bytes.
func (r *release) checkProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux executables are tested")
	}
	file := r.find(t, runtime.GOOS, runtime.GOARCH, ".tar.gz")
	released := unpackTar(t, file)[strings.TrimSuffix(filepath.Base(file), ".tar.gz")+"/twilio_exporter"].content
	directory := t.TempDir()
	exporter := filepath.Join(directory, "twilio_exporter")
	write(t, exporter, string(released), 0o755)

	output := must(t, directory, exporter, "--version")
	for _, want := range []string{
		"twilio_exporter, version " + r.version + " (branch: release, revision: " + r.revision + ")",
		"build user:       goreleaser",
		"build date:       " + r.date.Format("20060102-15:04:05"),
		"go version:       " + runtime.Version(),
	} {
		if !strings.Contains(output, want) {
			t.Errorf("--version does not print %q:\n%s", want, output)
		}
	}

	cfg := read(t, filepath.Join(r.tree, "deploy/systemd/config.yml"))
	write(t, filepath.Join(directory, "twilio_production"), "secret\n", 0o600)
	write(t, filepath.Join(directory, "good.yml"), strings.ReplaceAll(cfg, "/run/credentials/twilio_exporter.service/", ""), 0o644)
	must(t, directory, exporter, "--config.file=good.yml", "--config.check")
	write(t, filepath.Join(directory, "bad.yml"), cfg, 0o644)
	if output, err := run(t.Context(), t, directory, exporter, "--config.file=bad.yml", "--config.check"); err == nil || !strings.Contains(output, "bad.yml:15: accounts[0].basic_auth.password_file: ") {
		t.Errorf("without its secret: %v, %s", err, output)
	}

	built := filepath.Join(directory, "built")
	must(t, r.tree, "make", "build", "VERSION=v"+r.version, "BUILD_USER=goreleaser", "BINARY="+built)
	if read(t, built) != string(released) {
		t.Error("make build and goreleaser give different executables")
	}
}

// packaged maps the files of the packages to mode and owner.
var packaged = map[string]string{
	"/usr/bin/twilio_exporter":                                  "755 root:root",
	"/usr/lib/systemd/system/twilio_exporter.service":           "644 root:root",
	"/usr/lib/sysusers.d/twilio_exporter.conf":                  "644 root:root",
	"/etc/twilio_exporter":                                      "755 root:root",
	"/etc/twilio_exporter/config.yml":                           "640 root:twilio_exporter",
	"/etc/twilio_exporter/credentials":                          "700 root:root",
	"/etc/default/twilio_exporter":                              "644 root:root",
	"/usr/share/bash-completion/completions/twilio_exporter":    "644 root:root",
	"/usr/share/zsh/site-functions/_twilio_exporter":            "644 root:root",
	"/usr/share/fish/vendor_completions.d/twilio_exporter.fish": "644 root:root",
	"/usr/share/man/man1/twilio_exporter.1":                     "644 root:root",
	"/usr/share/doc/twilio-exporter/copyright":                  "644 root:root",
	"/usr/share/doc/twilio-exporter/README.md":                  "644 root:root",
	"/usr/share/doc/twilio-exporter/CHANGELOG.md":               "644 root:root",
	"/usr/share/doc/twilio-exporter/config.example.yml":         "644 root:root",
	"/usr/share/doc/twilio-exporter/systemd.md":                 "644 root:root",
	"/usr/share/doc/twilio-exporter/configuration.md":           "644 root:root",
	"/usr/share/doc/twilio-exporter/commands.md":                "644 root:root",
	"/usr/share/doc/twilio-exporter/status.md":                  "644 root:root",
	"/usr/share/doc/twilio-exporter/queries.md":                 "644 root:root",
	"/usr/share/doc/twilio-exporter/counters.md":                "644 root:root",
	"/usr/share/doc/twilio-exporter/metrics.md":                 "644 root:root",
}

// sources maps the files of the packages to those of the repository.
var sources = map[string]string{
	"/usr/lib/systemd/system/twilio_exporter.service":           "deploy/systemd/twilio_exporter.service",
	"/usr/lib/sysusers.d/twilio_exporter.conf":                  "deploy/systemd/twilio_exporter.sysusers",
	"/etc/twilio_exporter/config.yml":                           "deploy/systemd/config.yml",
	"/etc/default/twilio_exporter":                              "deploy/systemd/twilio_exporter.default",
	"/usr/share/bash-completion/completions/twilio_exporter":    "deploy/completion/twilio_exporter.bash",
	"/usr/share/zsh/site-functions/_twilio_exporter":            "deploy/completion/twilio_exporter.zsh",
	"/usr/share/fish/vendor_completions.d/twilio_exporter.fish": "deploy/completion/twilio_exporter.fish",
	"/usr/share/man/man1/twilio_exporter.1":                     "deploy/completion/twilio_exporter.1",
	"/usr/share/doc/twilio-exporter/copyright":                  "LICENSE",
	"/usr/share/doc/twilio-exporter/README.md":                  "README.md",
	"/usr/share/doc/twilio-exporter/CHANGELOG.md":               "CHANGELOG.md",
	"/usr/share/doc/twilio-exporter/config.example.yml":         "config.example.yml",
	"/usr/share/doc/twilio-exporter/systemd.md":                 "deploy/systemd/README.md",
	"/usr/share/doc/twilio-exporter/configuration.md":           "deploy/configuration.md",
	"/usr/share/doc/twilio-exporter/commands.md":                "deploy/commands.md",
	"/usr/share/doc/twilio-exporter/status.md":                  "deploy/status.md",
	"/usr/share/doc/twilio-exporter/queries.md":                 "deploy/queries.md",
	"/usr/share/doc/twilio-exporter/counters.md":                "collector/README.md",
	"/usr/share/doc/twilio-exporter/metrics.md":                 "collector/METRICS.md",
}

// checkRPM checks the rpm's files and metadata. It does not install it, because the
// tests have no rpm-based system.
func (r *release) checkRPM(t *testing.T) {
	rpm := outside.Need(t, "rpm", "rpm")
	for _, goarch := range []string{"amd64", "arm64"} {
		file := r.find(t, "linux", goarch, ".rpm")
		query := func(format string) string {
			return must(t, "", rpm, "--query", "--package", "--nosignature", "--queryformat", format, file)
		}
		want := maps.Clone(packaged)
		flags := map[string]string{}
		for line := range strings.Lines(query(`[%{FILENAMES} %{FILEMODES:octal} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEDIGESTS} F%{FILEFLAGS:fflags}\n]`)) {
			fields := strings.Fields(line)
			if len(fields) == 4 { // directories have no digest
				fields = slices.Insert(fields, 3, "")
			}
			name, mode, owner, sum := fields[0], fields[1], fields[2], fields[3]
			if have := mode[len(mode)-3:] + " " + owner; have != want[name] {
				t.Errorf("%s: %s, want %q", name, have, want[name])
			}
			delete(want, name)
			flags[name] = fields[4]
			if source, ok := sources[name]; ok && sum != digest([]byte(read(t, filepath.Join(r.tree, source)))) {
				t.Errorf("%s differs from %s", name, source)
			}
		}
		if len(want) > 0 {
			t.Errorf("the rpm has no %v", slices.Sorted(maps.Keys(want)))
		}
		for name, flag := range flags {
			if isConfig := strings.HasPrefix(name, "/etc/") && sources[name] != ""; (flag == "Fcn") != isConfig {
				t.Errorf("%s: flags %s", name, flag)
			}
		}
		for tag, want := range map[string]string{
			"PREIN": read(t, filepath.Join(r.tree, "deploy/release/preinstall.sh")), "POSTIN": read(t, filepath.Join(r.tree, "deploy/release/postinstall.sh")),
			"PREUN": read(t, filepath.Join(r.tree, "deploy/release/preremove.sh")), "POSTUN": read(t, filepath.Join(r.tree, "deploy/release/postremove.sh")),
			"BUILDHOST": "github.com", "BUILDTIME": fmt.Sprint(r.date.Unix()),
		} {
			if have := query("%{" + tag + "}"); strings.TrimSpace(have) != strings.TrimSpace(want) {
				t.Errorf("%s is %q", tag, have)
			}
		}
	}
}
