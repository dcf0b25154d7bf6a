package monitoring_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// record runs the exporter against a simulated Twilio in a past period, and writes
// the samples that Prometheus would have scraped to a file, as OpenMetrics. It
// writes only the families for which keep returns true.
func record(t *testing.T, file string, options twiliotest.Options, collectors string, from, to time.Time, step time.Duration, keep func(family string) bool) {
	t.Helper()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := bufio.NewWriterSize(out, 1<<20)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(from)) // on the synthetic clock of the bubble
		simulator := twiliotest.New(options)
		cfg, err := config.Parse("history.yml", []byte(configuration("http://simulator", collectors)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		registry := prometheus.NewRegistry()
		e := exporter.New(ctx, exporter.Options{
			Offset: func(string, time.Duration) time.Duration { return 0 }, // polls at whole intervals
			Logger: log.NewNopLogger(), Registry: registry, UserAgent: "twilio_exporter/test",
			Dial: func(a config.Account, timeout time.Duration, userAgent string, observer twilio.Observer) (http.RoundTripper, error) {
				return inMemory(a, simulator.Transport(), timeout, userAgent, observer), nil
			},
		})
		if err := e.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		for ; time.Now().Before(to); time.Sleep(step) {
			synctest.Wait()
			families, err := prometheus.Gatherers{registry, e.Gatherer()}.Gather()
			if err != nil {
				t.Fatal(err)
			}
			at := strconv.FormatInt(time.Now().Unix(), 10)
			for _, f := range families {
				if keep(f.GetName()) {
					writeSamples(w, f, at)
				}
			}
		}
		cancel()
		e.Wait()
	})
	fmt.Fprintln(w, "# EOF")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// inMemory returns a transport that adds an account's credentials to requests to a
// simulator.
func inMemory(a config.Account, base http.RoundTripper, timeout time.Duration, userAgent string, observer twilio.Observer) http.RoundTripper {
	if oauth2 := a.HTTPClient.OAuth2; oauth2 != nil {
		return twilio.NewTokenTransport(twilio.TokenOptions{
			TokenURL: oauth2.TokenURL, ClientID: oauth2.ClientID,
			ClientSecret: func(context.Context) (string, error) { return string(oauth2.ClientSecret), nil },
			Base:         base, TokenBase: base, UserAgent: userAgent, Timeout: timeout, Observer: observer,
		})
	}
	basic := a.HTTPClient.BasicAuth
	return promconfig.NewBasicAuthRoundTripper(
		promconfig.NewInlineSecret(basic.Username), promconfig.NewInlineSecret(string(basic.Password)), base)
}

// writeSamples writes the counters and gauges of a family, with target labels.
func writeSamples(w *bufio.Writer, family *dto.MetricFamily, at string) {
	for _, m := range family.Metric {
		var value float64
		switch family.GetType() {
		case dto.MetricType_COUNTER:
			value = m.Counter.GetValue()
		case dto.MetricType_GAUGE:
			value = m.Gauge.GetValue()
		default:
			return
		}
		w.WriteString(family.GetName())
		w.WriteString(`{job="twilio",instance="history"`)
		for _, label := range m.Label {
			w.WriteString("," + label.GetName() + "=\"" + escaped.Replace(label.GetValue()) + `"`)
		}
		w.WriteString("} " + strconv.FormatFloat(value, 'g', -1, 64) + " " + at + "\n")
	}
}

// escaped escapes a label value for OpenMetrics.
var escaped = strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`)

// blocks converts a file of OpenMetrics to TSDB blocks.
func blocks(t *testing.T, file, directory string) {
	t.Helper()
	succeed(t, programs.Promtool, "tsdb", "create-blocks-from", "--max-block-duration=162h", "openmetrics", file, directory)
}
