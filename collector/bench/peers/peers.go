// Package peers holds the servers that the exporter is compared with. Each shows
// the series of one file in the text format, the way that other exporters do it.
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
	SelfMetrics    = "self-metrics"
)

// New makes the handler of a peer. It serves /metrics, /-/ready and /heap, which
// returns the bytes in use on the heap. The path is that of the series in the text
// format 0.0.4 and, for the floor, that of one HTTP response.
func New(kind, path string) (http.Handler, error) {
	open := map[string]func(string) (http.Handler, error){
		ConstMetrics:   newConstMetrics,
		CachedFamilies: newCachedFamilies,
		RenderedText:   newRenderedText,
		Floor:          newFloor,
		SelfMetrics:    newSelfMetrics,
	}[kind]
	if open == nil {
		return nil, fmt.Errorf("there is no peer %q", kind)
	}
	metrics, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("/-/ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/heap", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		runtime.GC() // frees what was in a sync.Pool
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprint(w, m.HeapAlloc)
	})
	return mux, nil
}

// readFamilies reads the text format. The families are sorted by name, as
// prometheus.Registry returns them.
func readFamilies(path string) ([]*dto.MetricFamily, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	byName, err := parser.TextToMetricFamilies(f)
	if err != nil {
		return nil, err
	}
	families := make([]*dto.MetricFamily, 0, len(byName))
	for _, family := range byName {
		families = append(families, family)
	}
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return families, nil
}
