package scrape

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protodelim"
)

// Content is what an answer says.
type Content struct {
	Bytes   int64 // uncompressed
	Series  int
	Uploads int64 // the sum of what all SIMs have sent in the month
	values  map[string]float64
}

// Value is that of a series without labels.
func (c Content) Value(name string) (float64, error) {
	v, ok := c.values[name]
	if !ok {
		return 0, fmt.Errorf("the answer has no %s", name)
	}
	return v, nil
}

const uploads = "twilio_supersim_sim_upload_bytes_total"

// Read decompresses an answer and reads it to its end.
func (a Answer) Read() (Content, error) {
	body, err := a.plain()
	if err != nil {
		return Content{}, err
	}
	counted := &counter{r: body}
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return Content{}, fmt.Errorf("read the answer's type: %w", err)
	}
	c := Content{values: make(map[string]float64)}
	if kind == "application/vnd.google.protobuf" {
		err = c.protobuf(counted)
	} else {
		err = c.text(counted, kind == "application/openmetrics-text")
	}
	c.Bytes = counted.n
	if err != nil {
		return c, fmt.Errorf("read the answer: %w", err)
	}
	return c, nil
}

// Plain is the answer's body uncompressed.
func (a Answer) Plain() ([]byte, error) {
	r, err := a.plain()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (a Answer) plain() (io.Reader, error) {
	body := bytes.NewReader(a.Body)
	switch encoding := a.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		return gzip.NewReader(body)
	case "zstd":
		// Prometheus takes no larger window.
		r, err := zstd.NewReader(body, zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return r.IOReadCloser(), nil
	default:
		return nil, fmt.Errorf("the answer is encoded by %q, which nobody asked for", encoding)
	}
}

func (c *Content) text(r io.Reader, endMarked bool) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 64<<10), 1<<20)
	ends := 0
	for scanner.Scan() {
		line := scanner.Bytes()
		switch {
		case len(line) == 0:
		case ends > 0:
			return errors.New("something follows # EOF")
		case bytes.Equal(line, []byte("# EOF")):
			ends++
		case line[0] != '#':
			if err := c.sample(line); err != nil {
				return err
			}
		}
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	if endMarked != (ends == 1) {
		return fmt.Errorf("it has %d lines # EOF", ends)
	}
	return nil
}

func (c *Content) sample(line []byte) error {
	c.Series++
	space := bytes.LastIndexByte(line, ' ')
	if space < 0 {
		return fmt.Errorf("%.80q is no sample", line)
	}
	name, labels, _ := bytes.Cut(line[:space], []byte("{"))
	ofSIM := string(name) == uploads
	if len(labels) > 0 && !ofSIM {
		return nil
	}
	value, err := strconv.ParseFloat(string(line[space+1:]), 64)
	if err != nil {
		return fmt.Errorf("%.80q is no sample", line)
	}
	if ofSIM {
		c.Uploads += int64(value)
		return nil
	}
	c.values[string(name)] = value
	return nil
}

func (c *Content) protobuf(r io.Reader) error {
	buffered := bufio.NewReader(r)
	for {
		family := new(dto.MetricFamily)
		err := protodelim.UnmarshalOptions{MaxSize: -1}.UnmarshalFrom(buffered, family)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, m := range family.GetMetric() {
			c.Series++
			switch {
			case m.Histogram != nil: // as many as in the text, which always has +Inf
				c.Series += 2 // +Inf, and the count beside the sum
				for _, bucket := range m.GetHistogram().GetBucket() {
					if !math.IsInf(bucket.GetUpperBound(), 1) {
						c.Series++
					}
				}
			case m.Summary != nil:
				c.Series += len(m.GetSummary().GetQuantile()) + 1
			case strings.HasPrefix(family.GetName(), uploads):
				c.Uploads += int64(m.GetCounter().GetValue())
			}
		}
	}
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
