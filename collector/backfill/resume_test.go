package backfill_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// contents are the files of a directory by name.
func contents(t *testing.T, directory string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(directory, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[entry.Name()] = string(content)
	}
	return all
}

// TestResume: whichever request a run fails at, one that goes on makes the same files,
// does not read again what is complete, and asks for what is missing only.
func TestResume(t *testing.T) {
	newRun := func() *setup {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(busy)}}, date("2026-11-20 10:00"), "2026-09-25", "2026-10-06")
		s.options.Groups = []string{"account", "sim", "network", "sim_network"}
		backfill.SetLimits(&s.options, 2*24*4, 0) // four days of the SIMs at a time
		return s
	}
	// SIMs, fleets, and how many networks have usage; for sim_network the networks, which of
	// them have usage, and how many SIMs each of the two has.
	const inventory = 3 + 2 + 2
	whole := newRun()
	whole.mustRun(t)
	want := contents(t, whole.options.Output)
	for failAt := 1; failAt <= whole.sent; failAt++ {
		s := newRun()
		s.failAt = failAt
		if err := s.run(t); err == nil || !strings.Contains(err.Error(), "the network is down") {
			t.Fatalf("request %d failed: %v", failAt, err)
		}
		before := contents(t, s.options.Output)
		for name := range before {
			if strings.HasSuffix(name, ".tmp") {
				t.Errorf("request %d failed: %s is left", failAt, name)
			}
		}
		now := s.now()
		if failAt > inventory { // nothing is begun before
			s.now = func() time.Time { return now.Add(30 * time.Hour) }
			if err := s.run(t); err == nil || !strings.Contains(err.Error(), "--resume goes on with it") {
				t.Errorf("request %d failed, and a run without --resume: %v", failAt, err)
			}
		}
		s.failAt, s.sent, s.options.Resume = 0, 0, true
		s.mustRun(t)
		if have := contents(t, s.options.Output); !maps.Equal(have, want) {
			t.Errorf("request %d failed: the files differ: want %v, have %v", failAt, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have)))
		}
		if again := strings.Count(s.files.String(), "\n"); again != len(want)-1 {
			t.Errorf("request %d failed: %d files were written, %d are needed", failAt, again, len(want)-1)
		}
	}
	// All is complete: nothing is asked for but the inventory.
	whole.options.Resume, whole.sent = true, 0
	whole.mustRun(t)
	if whole.sent != inventory || !strings.Contains(whole.log.String(), "All files are complete.") {
		t.Errorf("%d requests: %s", whole.sent, whole.log.String())
	}
	// Other settings would make other samples.
	whole.yaml = "collectors: {supersim_usage: {settle: {usage: 3h}}}"
	if err := whole.run(t); err == nil || !strings.Contains(err.Error(), "was begun with other dates, groups, accounts or settings") {
		t.Errorf("with another settle: %v", err)
	}
}

// TestResumeRounded: where the API rounds the amounts of hours, a run that goes on within a
// month goes on with what was written, which is more than the total.
func TestResumeRounded(t *testing.T) {
	billed := regexp.MustCompile(`"data_total_billed":"[0-9.]+"`)
	newRun := func() *setup {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(busy)}}, date("2026-11-20 10:00"), "2026-10-01", "2026-10-09")
		s.options.Groups = []string{"sim"}
		backfill.SetLimits(&s.options, 2*24*3, 0) // two days at a time
		s.change = func(r *http.Request, body []byte) []byte {
			if r.URL.Query().Get("Granularity") != "hour" || r.URL.Query().Get("Group") == "" {
				return body
			}
			return billed.ReplaceAll(body, []byte(`"data_total_billed":"0.0000000012"`))
		}
		return s
	}
	whole := newRun()
	whole.mustRun(t)
	want := contents(t, whole.options.Output)
	s := newRun()
	s.failAt = 8                                                                // after SIMs, fleets, the account (2), two chunks and what was billed
	if err := s.run(t); err == nil || len(contents(t, s.options.Output)) != 4 { // and what counters stand at
		t.Fatalf("%v, %d files", err, len(contents(t, s.options.Output)))
	}
	s.failAt, s.sent, s.options.Resume = 0, 0, true
	s.mustRun(t)
	if have := contents(t, s.options.Output); !maps.Equal(have, want) {
		t.Errorf("the files differ: want %v, have %v", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have)))
	}
}

// TestResumeKilled: what counters stand at is not gone on with where it is of another time,
// because a run was killed before it noted that a chunk is complete.
func TestResumeKilled(t *testing.T) {
	newRun := func() *setup {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(busy)}}, date("2026-11-20 10:00"), "2026-10-01", "2026-10-09")
		s.options.Groups = []string{"sim"}
		backfill.SetLimits(&s.options, 2*24*3, 0)
		return s
	}
	whole := newRun()
	whole.mustRun(t)
	want := contents(t, whole.options.Output)
	s := newRun()
	s.failAt = 8
	_ = s.run(t)
	name := filepath.Join(s.options.Output, "production_sim.carried")
	content, err := os.ReadFile(name)
	if err != nil || !strings.HasPrefix(string(content), `{"at":"2026-10-05T00:00:00Z"`) {
		t.Fatal(err, string(content))
	}
	later := strings.ReplaceAll(strings.Replace(string(content), "10-05", "10-07", 1), `"upload":`, `"upload":9`)
	if err := os.WriteFile(name, []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	s.failAt, s.options.Resume = 0, true
	s.mustRun(t)
	if have := contents(t, s.options.Output); !maps.Equal(have, want) {
		t.Errorf("the files differ: want %v, have %v", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have)))
	}
}
