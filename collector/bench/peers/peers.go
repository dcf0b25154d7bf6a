// Package peers holds the servers that the exporter is compared with. Each shows
// the series of one file, in the text format, the way that others do it.
package peers

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// The kinds of peers.
const (
	ConstMetrics   = "const-metrics"
	CachedFamilies = "cached-families"
	RenderedText   = "rendered-text"
	Floor          = "floor"
)

// New makes the handler of a peer. The path is that of the text, and for the
// floor that of a directory of answers.
func New(kind, path string) (http.Handler, error) {
	mux := http.NewServeMux()
	var metrics http.Handler
	var err error
	switch kind {
	case ConstMetrics:
		metrics, err = newConstMetrics(path)
	case CachedFamilies:
		metrics, err = newCachedFamilies(path)
	case RenderedText:
		metrics, err = newRenderedText(path)
	case Floor:
		metrics = newFloor(path)
	default:
		err = fmt.Errorf("there is no peer %q", kind)
	}
	if err != nil {
		return nil, err
	}
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("/heap", heap)
	return mux, nil
}

// heap tells how many bytes are in use on the heap. What only pools hold goes
// with the second collection.
func heap(w http.ResponseWriter, _ *http.Request) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintln(w, m.HeapAlloc)
}

// readFamilies reads the text format, and puts the families in the order in
// which a registry gives them.
func readFamilies(path string) ([]*dto.MetricFamily, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	byName, err := parser.TextToMetricFamilies(f)
	if err != nil {
		return nil, fmt.Errorf("read the series: %w", err)
	}
	families := make([]*dto.MetricFamily, 0, len(byName))
	for _, family := range byName {
		families = append(families, family)
	}
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return families, nil
}
