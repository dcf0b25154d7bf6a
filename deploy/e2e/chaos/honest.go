package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// formats are what honest scrapers accept, as different versions of Prometheus do.
func formats() []string {
	return []string{
		"application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.5",
		"text/plain;version=0.0.4",
	}
}

// honest scrapes at an interval until the context ends.
func (c *chaos) honest(ctx context.Context, n int) {
	for next := time.Now().Add(c.scrapes * time.Duration(n) / 3); sleep(ctx, time.Until(next)); next = next.Add(c.scrapes) {
		if late := time.Since(next); late > c.scrapes {
			next = time.Now() // do not catch up
		}
		p := c.running()
		if p == nil {
			continue
		}
		began, waited := time.Now(), p.waited()
		s, err := c.get(ctx, p, formats()[n%len(formats())], n%2 == 0)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			c.checker.check(s)
			c.measure(s)
		case c.running() != p:
			c.report.failedScrape("the process has ended meanwhile")
		default:
			reason, waited, took := reasonOf(err), p.waited()-waited, time.Since(began)
			if waited > took {
				reason += " on a busy machine"
			}
			c.report.failedScrape(reason)
			c.logf("a scrape failed after %s, in which the exporter's threads waited %s for a CPU: %v; last attack: %v", took, waited, err, c.attacking.Load())
		}
		if n == 0 {
			c.pages(ctx, p)
		}
	}
}

// reasonOf words why a scrape failed.
func reasonOf(err error) string {
	if status, ok := errors.AsType[statusError](err); ok {
		return fmt.Sprintf("status %d", status)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	}
	return "unreadable"
}

type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// read returns the body of a response whose status must be 200, and its type.
func (c *chaos) read(ctx context.Context, url, accept string, compressed bool) ([]byte, string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.scrapeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", fmt.Sprint(c.scrapeTimeout.Seconds()))
	request.Header.Set("Accept-Encoding", "identity")
	if compressed {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body := io.Reader(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return nil, "", err
		}
	}
	content, err := io.ReadAll(body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = statusError(response.StatusCode)
	}
	return content, response.Header.Get("Content-Type"), err
}

// get scrapes a process.
func (c *chaos) get(ctx context.Context, p *process, accept string, compressed bool) (*scrape, error) {
	s := &scrape{generation: p.generation, begin: time.Now()}
	body, contentType, err := c.read(ctx, p.url+"/metrics", accept, compressed)
	if err != nil {
		return nil, err
	}
	s.end = time.Now()
	c.report.scraped(s.end.Sub(s.begin))
	if what := secretIn(string(body)); what != "" {
		c.report.failure("secret", fmt.Sprintf("%s in the scrape at %s", what, s.begin.Format(time.RFC3339Nano)))
	}
	if s.samples, err = parse(body, contentType); err != nil {
		c.report.failure("format", fmt.Sprintf("the scrape at %s, %s: %v", s.begin.Format(time.RFC3339Nano), contentType, err))
		return nil, err
	}
	return s, nil
}

// parse reads an exposition as Prometheus does.
func parse(body []byte, contentType string) ([]sample, error) {
	parser, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{FallbackContentType: "text/plain"})
	if err != nil {
		return nil, err
	}
	var samples []sample
	for {
		switch entry, err := parser.Next(); {
		case errors.Is(err, io.EOF):
			return samples, nil
		case err != nil:
			return nil, err
		case entry == textparse.EntrySeries:
			_, _, value := parser.Series()
			var l labels.Labels
			parser.Labels(&l)
			samples = append(samples, sample{l.Get(model.MetricNameLabel), l, value})
		}
	}
}

// pages looks for secrets on the landing page.
func (c *chaos) pages(ctx context.Context, p *process) {
	body, _, err := c.read(ctx, p.url+"/", "text/html", false)
	if err != nil {
		return
	}
	c.report.event("landing pages read")
	if what := secretIn(string(body)); what != "" {
		i := bytes.Index(body, []byte(secretMark))
		c.report.failure("secret", fmt.Sprintf("%s on the landing page: %.300q", what, body[max(0, i-100):]))
	}
}

// sleep waits; it reports whether the context has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
