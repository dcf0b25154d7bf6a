package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// UPDATE_GOLDEN=1 writes what the tests would otherwise compare with.
func golden(t *testing.T, file, have string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != have {
		t.Errorf("%s:\nwant\n%s\nhave\n%s", file, want, have)
	}
}

func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d bad files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(filepath.Base(file), content)
			if c != nil || err == nil {
				t.Fatal("no fault was found")
			}
			var faults strictyaml.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("the error is a %T", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a value shows:\n%v", err)
			}
			golden(t, strings.TrimSuffix(file, ".yml")+".txt", err.Error()+"\n")
		})
	}
}
