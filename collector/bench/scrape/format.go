// Package scrape asks for metrics as Prometheus does.
package scrape

// A Format is what a scrape says it takes.
type Format struct {
	Name           string
	Accept         string
	AcceptEncoding string
}

// What Prometheus 3.16 sends, by scrape.acceptHeader, scrape.acceptEncodingHeader
// and config.ScrapeProtocolsHeaders.
const (
	acceptText = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7," +
		"application/openmetrics-text;version=0.0.1;q=0.6," +
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5," +
		"text/plain;version=0.0.4;q=0.4,*/*;q=0.3"
	acceptProtobufFirst = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," +
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
		"application/openmetrics-text;version=0.0.1;q=0.5," +
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4," +
		"text/plain;version=0.0.4;q=0.3,*/*;q=0.2"

	userAgent      = "Prometheus/3.16.0"
	timeoutSeconds = "10"
)

// OpenMetrics is what Prometheus sends unless it is told otherwise.
func OpenMetrics() Format { return Format{"openmetrics-gzip", acceptText, "gzip"} }

// OpenMetricsZstd is the same with the feature zstd-scrape.
func OpenMetricsZstd() Format { return Format{"openmetrics-zstd", acceptText, "zstd,gzip"} }

// OpenMetricsPlain is the same with enable_compression: false.
func OpenMetricsPlain() Format { return Format{"openmetrics", acceptText, "identity"} }

// ProtobufPlain is Protobuf with enable_compression: false.
func ProtobufPlain() Format { return Format{"protobuf", acceptProtobufFirst, "identity"} }

// Protobuf is what Prometheus sends to see native histograms and created
// timestamps.
func Protobuf() Format { return Format{"protobuf-gzip", acceptProtobufFirst, "gzip"} }

// Text is for clients that know nothing newer.
func Text() Format { return Format{"text-gzip", "text/plain;version=0.0.4", "gzip"} }

// TextPlain is what every tool can read.
func TextPlain() Format { return Format{"text", "text/plain;version=0.0.4", "identity"} }
