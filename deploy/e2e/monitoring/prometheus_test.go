package monitoring_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// A server is a running Prometheus.
type server struct {
	*process
	api v1.API
}

// startPrometheus starts a Prometheus with a configuration file and a directory of
// blocks, which may be empty.
func startPrometheus(t *testing.T, config, data string, arguments ...string) *server {
	t.Helper()
	p := start(t, programs.Prometheus, append([]string{
		"--config.file=" + config, "--storage.tsdb.path=" + data, "--storage.tsdb.retention.time=20y",
		"--web.listen-address=127.0.0.1:0",
	}, arguments...)...)
	client, err := api.NewClient(api.Config{Address: "http://" + p.address})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "Prometheus to be ready", func() bool {
		return len(p.log.lines("Server is ready to receive web requests")) > 0
	})
	return &server{p, v1.NewAPI(client)}
}

// query evaluates an instant query at a time. A warning fails the test.
func (s *server) query(t *testing.T, expr string, at time.Time) model.Vector {
	t.Helper()
	value, warnings, err := s.api.Query(t.Context(), expr, at)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%s: %v, warnings %q", expr, err, warnings)
	}
	vector, ok := value.(model.Vector)
	if !ok {
		t.Fatalf("%s: have a %s", expr, value.Type())
	}
	return vector
}

// scalar returns the value of a query that must return exactly one series.
func (s *server) scalar(t *testing.T, expr string, at time.Time) float64 {
	t.Helper()
	vector := s.query(t, expr, at)
	if len(vector) != 1 {
		t.Fatalf("%s at %s: have %d series, want one: %v", expr, at.UTC(), len(vector), vector)
	}
	return float64(vector[0].Value)
}

// has reports whether a query returns a series now.
func (s *server) has(t *testing.T, expr string) bool {
	t.Helper()
	return len(s.query(t, expr, time.Now())) > 0
}

// write writes a file, and creates its directory if necessary.
func write(t *testing.T, directory, name, content string) string {
	t.Helper()
	file := filepath.Join(directory, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// date parses a time in UTC.
func date(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
