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

// renderedText does what kube-state-metrics does: it keeps the lines of every
// object as text, by object and family, and a scrape writes one after the other,
// through compress/gzip if asked. An object is a SIM here; what belongs to no SIM
// is one object. It has no protobuf and sends text instead.
type renderedText struct {
	headers []string
	objects sync.Map // name of the object: its text by family, as [][]byte
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
	for inHeader := false; scanner.Scan(); {
		line := scanner.Text() + "\n"
		if strings.HasPrefix(line, "#") {
			if !inHeader {
				t.headers = append(t.headers, "")
			}
			t.headers[len(t.headers)-1] += line
			inHeader = true
			continue
		}
		inHeader = false
		family := len(t.headers) - 1
		if family < 0 {
			return nil, fmt.Errorf("%q precedes every family", line)
		}
		_, rest, _ := strings.Cut(line, `sim_sid="`)
		name, _, _ := strings.Cut(rest, `"`)
		if texts[name] == nil {
			texts[strings.Clone(name)] = make(map[int][]byte)
		}
		texts[name][family] = append(texts[name][family], line...)
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	for name, families := range texts {
		list := make([][]byte, len(t.headers))
		for i, text := range families {
			list[i] = text
		}
		t.objects.Store(name, list)
	}
	return t, nil
}

// ServeHTTP implements http.Handler.
func (t *renderedText) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	if format.FormatType() != expfmt.TypeOpenMetrics {
		format = expfmt.NewFormat(expfmt.TypeTextPlain)
	}
	w.Header().Set("Content-Type", string(format))
	var to io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		compressor := gzip.NewWriter(w)
		defer func() { _ = compressor.Close() }()
		to = compressor
	}
	// A write fails if the client is gone.
	for i, header := range t.headers {
		_, _ = io.WriteString(to, header)
		t.objects.Range(func(_, families any) bool {
			_, err := to.Write(families.([][]byte)[i])
			return err == nil
		})
	}
	if format.FormatType() == expfmt.TypeOpenMetrics {
		_, _ = io.WriteString(to, "# EOF\n")
	}
}
