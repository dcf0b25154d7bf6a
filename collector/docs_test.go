package collector_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
)

// repository is where the pages are.
const repository = ".."

// TestLinks follows every relative link of every page in the repository, to its
// file and to its heading.
func TestLinks(t *testing.T) {
	links := 0
	for _, page := range pages(t) {
		text := withoutCode(read(t, page))
		for _, found := range regexp.MustCompile(`\]\(([^()\s]+)\)`).FindAllStringSubmatch(text, -1) {
			target, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if target.IsAbs() {
				continue
			}
			links++
			file := page
			if target.Path != "" {
				file = filepath.Join(filepath.Dir(page), filepath.FromSlash(target.Path))
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, target)
			} else if target.Fragment != "" && !slices.Contains(anchors(read(t, file)), target.Fragment) {
				t.Errorf("%s: the link %s leads to no heading", page, target)
			}
		}
	}
	if links < 50 {
		t.Errorf("found %d links only", links)
	}
}

// TestDocumentedConfigurations loads each configuration that a page shows.
func TestDocumentedConfigurations(t *testing.T) {
	configurations := 0
	for _, page := range pages(t) {
		for _, found := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(read(t, page), -1) {
			if !strings.HasPrefix(found[1], "accounts:") {
				continue
			}
			configurations++
			if _, err := config.Parse(page, []byte(found[1])); err != nil {
				t.Errorf("the configuration is refused: %v\n%s", err, found[1])
			}
		}
	}
	if configurations < 2 {
		t.Errorf("found %d configurations, want one for Twilio and one for KORE", configurations)
	}
}

// pages are the Markdown files of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "bin" || name == "dist" || name == "testdata"):
			return fs.SkipDir
		case filepath.Ext(name) == ".md":
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// withoutCode leaves out fenced blocks, which hold no links and no headings.
func withoutCode(page string) string {
	return regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(page, "")
}

// anchors names a page's headings as GitHub does in their links.
func anchors(page string) []string {
	var all []string
	seen := make(map[string]int)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(withoutCode(page), -1) {
		text := regexp.MustCompile(`\[(.*?)\]\(.*?\)`).ReplaceAllString(heading[1], "$1")
		anchor := regexp.MustCompile(`[^\p{L}\p{M}\p{N}_ -]`).ReplaceAllString(strings.ToLower(text), "")
		anchor = strings.ReplaceAll(anchor, " ", "-")
		if n := seen[anchor]; n > 0 {
			all = append(all, anchor+"-"+strconv.Itoa(n))
		} else {
			all = append(all, anchor)
		}
		seen[anchor]++
	}
	return all
}

// TestThreatModel: each test that SECURITY.md names is there.
func TestThreatModel(t *testing.T) {
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z]*)`").FindAllStringSubmatch(read(t, "../SECURITY.md"), -1)
	if len(named) < 30 {
		t.Fatalf("SECURITY.md names %d tests only", len(named))
	}
	tests := make(map[string]bool)
	err := filepath.WalkDir("..", func(file string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(file, "_test.go") {
			for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(read(t, file), -1) {
				tests[found[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range named {
		if !tests[name[1]] {
			t.Errorf("SECURITY.md: there is no %s", name[1])
		}
	}
}
