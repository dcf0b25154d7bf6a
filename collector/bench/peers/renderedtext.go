package peers

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/prometheus/common/expfmt"
)

// renderedText is what kube-state-metrics does: the lines of every object are
// kept as text, by object and family, and a scrape writes them one after the
// other, through compress/gzip if asked. An object is a SIM here, and what
// belongs to no SIM is an object by itself.
type renderedText struct {
	headers []string
	objects sync.Map // from the object's name to its text by family
}

func newRenderedText(path string) (http.Handler, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := new(renderedText)
	texts := make(map[string]map[int][]byte) // by object and family
	scanner := bufio.NewScanner(f)
	header := false
	for scanner.Scan() {
		line := scanner.Text() + "\n"
		if strings.HasPrefix(line, "#") {
			if !header {
				t.headers = append(t.headers, "")
			}
			t.headers[len(t.headers)-1] += line
			header = true
			continue
		}
		header = false
		family := len(t.headers) - 1
		if family < 0 {
			return nil, fmt.Errorf("read the series: %q comes before any family", line)
		}
		name := object(line)
		if texts[name] == nil {
			texts[name] = make(map[int][]byte)
		}
		texts[name][family] = append(texts[name][family], line...)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read the series: %w", err)
	}
	for name, families := range texts {
		list := make([][]byte, len(t.headers))
		for i, text := range families {
			list[i] = text
		}
		t.objects.Store(name, list)
		delete(texts, name)
	}
	return t, nil
}

// object names the object that a line belongs to.
func object(line string) string {
	if _, rest, ok := strings.Cut(line, `sim_sid="`); ok {
		if sid, _, ok := strings.Cut(rest, `"`); ok {
			return strings.Clone(sid)
		}
	}
	return "the exporter"
}

// ServeHTTP implements http.Handler.
func (t *renderedText) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var to io.Writer = w
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	if format.FormatType() != expfmt.TypeOpenMetrics {
		format = expfmt.NewFormat(expfmt.TypeTextPlain)
	}
	w.Header().Set("Content-Type", string(format))
	for encoding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		encoding = strings.TrimSpace(encoding)
		if encoding == "gzip" || strings.HasPrefix(encoding, "gzip;") {
			w.Header().Set("Content-Encoding", "gzip")
			compressor := gzip.NewWriter(w)
			to = compressor
			break
		}
	}
	// The client is gone if it fails.
	_ = t.write(to, format)
	if compressor, ok := to.(io.Closer); ok {
		_ = compressor.Close()
	}
}

func (t *renderedText) write(to io.Writer, format expfmt.Format) error {
	for i, header := range t.headers {
		if _, err := io.WriteString(to, header); err != nil {
			return err
		}
		var err error
		t.objects.Range(func(_, families any) bool {
			list, ok := families.([][]byte)
			if ok {
				_, err = to.Write(list[i])
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	if format.FormatType() != expfmt.TypeOpenMetrics {
		return nil
	}
	_, err := io.WriteString(to, "# EOF\n")
	return err
}
