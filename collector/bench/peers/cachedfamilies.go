package peers

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// newCachedFamilies keeps what a registry would have gathered: a scrape only
// encodes and compresses.
func newCachedFamilies(path string) (http.Handler, error) {
	families, err := readFamilies(path)
	if err != nil {
		return nil, err
	}
	gather := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
	return promhttp.HandlerFor(gather, promhttp.HandlerOpts{EnableOpenMetrics: true}), nil
}
