package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A format is what a scrape asks for.
type format struct{ name, accept, encoding string }

// What Prometheus 3 sends: scrape.acceptHeader and scrape.acceptEncodingHeader.
const (
	acceptText = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7," +
		"application/openmetrics-text;version=0.0.1;q=0.6," +
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5," +
		"text/plain;version=0.0.4;q=0.4,*/*;q=0.3"
	acceptProtobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," +
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
		"application/openmetrics-text;version=0.0.1;q=0.5," +
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4," +
		"text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)

// openMetrics is what Prometheus asks for by default.
func openMetrics() format { return format{"OpenMetrics, gzip", acceptText, "gzip"} }

// text is what every tool can read.
func text() format { return format{"text 0.0.4, uncompressed", "text/plain;version=0.0.4", "identity"} }

// formats are those that are compared. The others are for native histograms, and for
// scrapes without compression.
func formats() []format {
	return []format{
		openMetrics(),
		{"protobuf, gzip", acceptProtobuf, "gzip"},
		{"OpenMetrics, uncompressed", acceptText, "identity"},
		{"protobuf, uncompressed", acceptProtobuf, "identity"},
		text(),
	}
}

// A client scrapes as Prometheus does, over one connection that it keeps.
type client struct {
	http http.Client
	url  string
	format
}

// newClient makes a client that asks for the named families, or for all.
func newClient(address string, f format, families ...string) *client {
	// Whoever sets Accept-Encoding must not have the transport decompress.
	transport := &http.Transport{DisableCompression: true, ReadBufferSize: 64 << 10}
	query := url.Values{"name[]": families}
	return &client{http.Client{Transport: transport}, "http://" + address + "/metrics?" + query.Encode(), f}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// get begins a scrape. The caller closes the body.
func (c *client) get(ctx context.Context) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", c.accept)
	r.Header.Set("Accept-Encoding", c.encoding)
	r.Header.Set("User-Agent", "Prometheus/3")
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	response, err := c.http.Do(r)
	if err == nil && response.StatusCode != http.StatusOK {
		response.Body.Close()
		err = fmt.Errorf("scrape: %s", response.Status)
	}
	return response, err
}

// scrape reads a response, discards it, and returns how long that took.
func (c *client) scrape(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	response, err := c.get(ctx)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return time.Since(start), err
}

// content is what a text response says: of each family by the names of its samples.
type content struct {
	series   int
	families map[string]aggregate
}

// aggregate is what is kept of the samples of one name.
type aggregate struct {
	n        int
	sum, min float64
}

// uploads is the sum over all SIMs, in bytes.
func (c content) uploads() int64 {
	return int64(c.families["twilio_supersim_sim_upload_bytes_total"].sum)
}

// read scrapes a text format and reads the response.
func (c *client) read(ctx context.Context) (content, error) {
	found := content{families: make(map[string]aggregate)}
	response, err := c.get(ctx)
	if err != nil {
		return found, err
	}
	defer response.Body.Close()
	var body io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return found, err
		}
	}
	scanner := bufio.NewScanner(body)
	var line []byte
	var name string
	var family aggregate
	for scanner.Scan() {
		if line = scanner.Bytes(); len(line) == 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(string(line[bytes.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			return found, fmt.Errorf("scrape: %.80q is no sample", line)
		}
		if is := line[:bytes.IndexAny(line, "{ ")]; string(is) != name {
			found.families[name] = family
			name = string(is)
			family = found.families[name]
		}
		if family.n == 0 || value < family.min {
			family.min = value
		}
		family.n++
		family.sum += value
		found.series++
	}
	found.families[name] = family
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/openmetrics-text") && string(line) != "# EOF" {
		return found, fmt.Errorf("scrape: the last line is %.80q, not # EOF", line)
	}
	return found, scanner.Err()
}
