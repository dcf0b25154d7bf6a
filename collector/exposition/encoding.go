package exposition

import (
	"net/http"
	"strconv"
	"strings"
)

// The content codings (RFC 9110, section 8.4.1).
const (
	identity   = "identity"
	gzipCoding = "gzip"
)

// acceptedCoding is the coding of an answer to a request: of those with the
// highest weight the first one of identity and gzip, as promhttp has it.
func acceptedCoding(h http.Header) string {
	weights := make(map[string]float64, 4)
	for _, line := range h.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			weight := 1.0
			if q, found := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(parameters, " ", "")), "q="); found {
				var err error
				if weight, err = strconv.ParseFloat(q, 64); err != nil || !(weight >= 0 && weight <= 1) {
					continue
				}
			}
			if name != "" {
				weights[name] = max(weights[name], weight)
			}
		}
	}
	best, coding := 0.0, identity
	for _, offer := range []string{identity, gzipCoding} {
		weight, named := weights[offer]
		if any, ok := weights["*"]; ok && (!named || any > weight) {
			weight = any
		}
		if weight > best {
			best, coding = weight, offer
		}
	}
	return coding
}
