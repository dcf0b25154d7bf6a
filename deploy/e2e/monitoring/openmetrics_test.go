package monitoring_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/outside"
)

// TestOpenMetrics has the OpenMetrics parser of Prometheus's Python client, which
// accepts nothing that OpenMetrics 1.0 does not allow, read everything that the
// exporter exposes.
func TestOpenMetrics(t *testing.T) {
	python := outside.NeedPython(t, "prometheus_client", "python3-prometheus-client")
	exporter := start(t, "twilio_exporter", "--demo", "--web.listen-address=127.0.0.1:0")
	url := "http://" + exporter.address
	eventually(t, "the exporter to be ready", func() bool {
		resp, err := http.Get(url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	for range 2 { // the second scrape has metrics about the first one
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		parser := exec.CommandContext(t.Context(), python, "-c", `
import sys
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
samples = sum(len(family.samples) for family in text_fd_to_metric_families(sys.stdin))
print("samples:", samples)
`)
		parser.Stdin = resp.Body
		out, err := parser.CombinedOutput()
		resp.Body.Close()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0") || len(out) < len("samples: 1000") {
			t.Errorf("%s: %s", resp.Header.Get("Content-Type"), out)
		}
	}
}
