package exporter_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
)

// invalidCollector is a collector with metrics that cannot be exposed.
type invalidCollector struct{ twice *prometheus.Desc }

func (invalidCollector) Describe(chan<- *prometheus.Desc) {}

func (c invalidCollector) Collect(metrics chan<- prometheus.Metric) {
	for range 2 {
		metrics <- prometheus.MustNewConstMetric(c.twice, prometheus.GaugeValue, 1, "same")
	}
	_, err := prometheus.NewConstMetric(c.twice, prometheus.GaugeValue, 1, "\xff")
	metrics <- prometheus.NewInvalidMetric(c.twice, err)
}

// TestSpoiltMetrics: metrics that cannot be exposed take no other with them, are
// logged and counted.
func TestSpoiltMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, bothAccounts, handMade())
		defer p.stop()
		p.registry.MustRegister(invalidCollector{prometheus.NewDesc("invalidCollector", "Help.", []string{"label"}, nil)})
		h := p.handler()
		for range 2 {
			resp := get(h, "/metrics", "")
			text := body(t, resp)
			if resp.StatusCode != 200 || !strings.Contains(text, "twilio_account_info{") || strings.Count(text, `invalidCollector{label="same"}`) != 1 {
				t.Errorf("want all that can be exposed, have %d and %s", resp.StatusCode, text)
			}
		}
		for _, want := range []string{"level=error", "some metrics could not be exposed", "was collected before", "UTF-8"} {
			if have := p.log.String(); !strings.Contains(have, want) {
				t.Errorf("want %q in the log %q", want, have)
			}
		}
		if text := body(t, get(h, "/metrics", "")); !strings.Contains(text, `promhttp_metric_handler_errors_total{cause="gathering"} 2`) {
			t.Errorf("want the errors to have been counted, have %s", text)
		}
	})
}

// TestScrapesAtOnce is for the race detector.
func TestScrapesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, bothAccounts, handMade())
		defer p.stop()
		h := p.handler()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 2 {
					if resp := get(h, "/metrics", ""); resp.StatusCode != 200 {
						t.Errorf("status %d", resp.StatusCode)
					}
					_ = p.exporter.Ready()
					_ = p.exporter.Status()
				}
			})
		}
		all.Wait()
	})
}
