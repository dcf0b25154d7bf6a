package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, example) {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Add([]byte("\xef\xbb\xbfaccounts:\r\n\t- a\r"))
	f.Add([]byte("\xff\xfea\x00:\x00"))
	f.Add([]byte("&a [*a]"))
	f.Add([]byte("%YAML 1.1\n---\n? !!map {}\n: *x"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := Parse("file", content)
		if err != nil {
			var faults strictyaml.Faults
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			if lines := strings.Split(err.Error(), "\n"); len(lines) != len(faults) {
				t.Errorf("%d faults in %d lines", len(faults), len(lines))
			}
			return
		}
		dumped := c.String()
		again, err := Parse("dump", []byte(dumped))
		if err != nil {
			t.Fatalf("the dump does not parse: %v\n%s", err, dumped)
		}
		if have := again.String(); have != dumped {
			t.Errorf("the dump of the dump differs: want\n%s\nhave\n%s", dumped, have)
		}
	})
}
