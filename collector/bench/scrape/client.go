package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A Client is one Prometheus server: it scrapes over one connection that it
// keeps.
type Client struct {
	http   *http.Client
	url    string
	format Format
	buffer []byte
}

// NewClient makes a client of a host and port.
func NewClient(address string, f Format) *Client {
	return &Client{
		http: &http.Client{Transport: &http.Transport{
			DisableCompression: true, // the header is ours, and so is the body
			MaxConnsPerHost:    1,
			ReadBufferSize:     64 << 10,
		}},
		url:    "http://" + address + "/metrics",
		format: f,
		buffer: make([]byte, 64<<10),
	}
}

// Close ends the connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Scrape reads an answer, throws it away, and tells how many bytes it had and
// how long it took.
func (c *Client) Scrape(ctx context.Context) (size int64, took time.Duration, err error) {
	start := time.Now()
	response, err := c.ask(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	for {
		n, err := response.Body.Read(c.buffer)
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return size, time.Since(start), nil
		}
		if err != nil {
			return size, 0, fmt.Errorf("scrape: %w", err)
		}
	}
}

// An Answer is one that is kept.
type Answer struct {
	Format Format
	Header http.Header
	Body   []byte // as it came, compressed or not
	Took   time.Duration
}

// Fetch reads an answer and keeps it.
func (c *Client) Fetch(ctx context.Context) (Answer, error) {
	start := time.Now()
	response, err := c.ask(ctx)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("scrape: %w", err)
	}
	return Answer{c.format, response.Header, body, time.Since(start)}, nil
}

// Only has the client ask for the named families and no others.
func (c *Client) Only(names ...string) {
	for i, name := range names {
		c.url += string("?&"[min(i, 1)]) + "name[]=" + name
	}
}

func (c *Client) ask(ctx context.Context) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	request.Header.Add("Accept", c.format.Accept)
	request.Header.Add("Accept-Encoding", c.format.AcceptEncoding)
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", timeoutSeconds)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("scrape: the answer is %s", response.Status)
	}
	return response, nil
}
