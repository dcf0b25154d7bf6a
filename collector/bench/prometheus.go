package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
)

const job = "twilio_exporter"

// startPrometheus starts two Prometheus servers, if that was asked for. Those
// that it started are returned even if one did not.
func (b *bench) startPrometheus(ctx context.Context, target string, o soakOptions) ([]*process.Process, error) {
	if o.prometheus == "" {
		return nil, nil
	}
	path, err := filepath.Abs(o.prometheus)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(b.directory, "prometheus.yml")
	text := fmt.Sprintf("global:\n  scrape_interval: %[1]s\n  scrape_timeout: %[2]s\nscrape_configs:\n  - job_name: %[3]s\n    static_configs:\n      - targets: ['%[4]s']\n",
		o.scrape, min(o.scrape, 10*time.Second), job, target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write Prometheus's configuration: %w", err)
	}
	var all []*process.Process
	for i := range 2 {
		listen, err := freeAddress(ctx)
		if err != nil {
			return all, err
		}
		p, err := process.Start(ctx, process.Command{
			Name: fmt.Sprintf("Prometheus %d", i+1), Path: path, Address: address(),
			Args: []string{
				"--config.file=" + config, "--web.listen-address=" + listen,
				"--storage.tsdb.path=" + filepath.Join(b.directory, "prometheus-"+strconv.Itoa(i)),
			},
		})
		if err != nil {
			return all, err
		}
		all = append(all, p)
	}
	return all, nil
}

// freeAddress is one that nobody listens on. Prometheus does not say which port it
// got if it may have any.
func freeAddress(ctx context.Context) (string, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

func stopAll(all []*process.Process) {
	for _, p := range all {
		p.Stop()
	}
}

// askPrometheus asks the servers what they saw. A scrape that failed is an error.
func (b *bench) askPrometheus(ctx context.Context, servers []*process.Process, o soakOptions) error {
	var failures []error
	over := strconv.FormatFloat(math.Ceil(o.duration.Seconds()), 'f', 0, 64) + "s"
	for _, p := range servers {
		answers := make(map[string]float64)
		for name, query := range map[string]string{
			"scrapes":  `count_over_time(up{job="` + job + `"}[` + over + `])`,
			"up":       `min_over_time(up{job="` + job + `"}[` + over + `])`,
			"failures": `sum(count_over_time((up{job="` + job + `"} == 0)[` + over + `:1s])) or vector(0)`,
			"longest":  `max_over_time(scrape_duration_seconds{job="` + job + `"}[` + over + `])`,
			"least":    `min_over_time(scrape_samples_scraped{job="` + job + `"}[` + over + `])`,
			"most":     `max_over_time(scrape_samples_scraped{job="` + job + `"}[` + over + `])`,
		} {
			value, err := queryPrometheus(ctx, p.Address, query)
			if err != nil {
				return fmt.Errorf("ask %s for %s: %w", p.Name, name, err)
			}
			answers[name] = value
		}
		b.say("%s: %.0f scrapes, up at least %.0f, %.0f seconds down; the longest scrape, read and stored, took %.2f s; %.0f to %.0f samples",
			p.Name, answers["scrapes"], answers["up"], answers["failures"], answers["longest"], answers["least"], answers["most"])
		if answers["up"] != 1 || answers["failures"] != 0 || answers["least"] < float64(seriesPerSIM*o.sims) {
			failures = append(failures, fmt.Errorf("%s missed scrapes", p.Name))
		}
	}
	return errors.Join(failures...)
}

// queryPrometheus asks for one number.
func queryPrometheus(ctx context.Context, address, query string) (float64, error) {
	body, err := get(ctx, address, "/api/v1/query?query="+url.QueryEscape(query))
	if err != nil {
		return 0, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, err
	}
	if len(answer.Data.Result) != 1 {
		return 0, fmt.Errorf("%d results", len(answer.Data.Result))
	}
	return strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
}
