package monitoring_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// TestKilled kills the exporter with SIGKILL while it writes its state. The next process shows at once, while the API cannot be reached, every
// counter that was last scraped, and none lower; after its polls, what the API says.
func TestKilled(t *testing.T) {
	now := time.Now().UTC()
	api := startAPI(t, world(now.AddDate(0, -3, 0), time.Time{}, nil))
	directory := t.TempDir()
	states := filepath.Join(directory, "states")
	if err := os.Mkdir(states, 0o700); err != nil {
		t.Fatal(err)
	}
	file := write(t, directory, "config.yml", configuration("http://"+api.address, `
collectors:
  supersim_usage: {interval: 1s, groups: [account, sim, fleet, network, country, sim_network]}
  supersim_inventory: {interval: 1s}
  account_usage: {interval: 1s}
  account_balance: {interval: 1s}
api: {timeout: 2s, max_retries: 0}
storage: {path: `+states+`}
`))
	launch := func() *process {
		return start(t, programs.Exporter, "--config.file="+file, "--web.listen-address=127.0.0.1:0")
	}
	ready := func(p *process) bool {
		response, err := http.Get("http://" + p.address + "/-/ready")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	p := launch()
	eventually(t, "the exporter to be ready", func() bool { return ready(p) })
	want := countersOf(t, p)
	if len(want) < 100 {
		t.Fatalf("%d counters", len(want))
	}
	for range 10 {
		want = countersOf(t, p)
		duringWrite(t, states)
		p.kill()
		api.stop()
		if p = launch(); !ready(p) {
			t.Error("the exporter is not ready at once")
		}
		have := countersOf(t, p)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if v, ok := have[name]; !ok || v < want[name] {
				t.Errorf("%s: %v after a kill (there: %v), %v before", name, v, ok, want[name])
			}
		}
		api.start()
	}
	for _, line := range p.log.lines(`set aside|state of a collector is not taken`) {
		t.Error(line)
	}
	p.stop()
	// Nothing is left of a write that was not finished.
	entries, err := os.ReadDir(states)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 || strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("%s, %s, is left", e.Name(), info.Mode())
		}
	}
	// A process without the states shows the same.
	if err := os.RemoveAll(states); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(states, 0o700); err != nil {
		t.Fatal(err)
	}
	p = launch()
	eventually(t, "the exporter to be ready", func() bool { return ready(p) })
	for name, v := range countersOf(t, p) {
		if v < want[name] {
			t.Errorf("%s: %v without a state, %v with one", name, v, want[name])
		}
	}
}

// duringWrite returns while a state is being written, which takes less than a
// millisecond of each second.
func duringWrite(t *testing.T, states string) {
	t.Helper()
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); {
		if found, err := filepath.Glob(filepath.Join(states, "*.tmp")); err != nil || len(found) > 0 {
			return
		}
	}
	t.Fatal("no state is written")
}

// countersOf are the counters of usage and of the bill by their text form.
func countersOf(t *testing.T, p *process) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(get(t, http.DefaultClient, "http://"+p.address+"/metrics")))
	if err != nil {
		t.Fatal(err)
	}
	counters := make(map[string]float64)
	for name, f := range families {
		for _, m := range f.Metric {
			if m.Counter != nil && !strings.HasPrefix(name, "twilio_exporter_") && strings.HasPrefix(name, "twilio_") {
				counters[name+" "+m.String()[:strings.LastIndex(m.String(), "counter:")]] = m.Counter.GetValue()
			}
		}
	}
	return counters
}
