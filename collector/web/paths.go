package web

import (
	"errors"
	"net/url"
	"path"
	"strings"
)

// RoutePrefix is the prefix of all paths that two flags ask for, without a slash at its
// end. An error names the flag.
func RoutePrefix(prefix, external string) (string, error) {
	if external != "" {
		u, err := url.Parse(external)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return "", errors.New("--web.external-url must be a URL such as https://example.com/twilio/")
		}
		if prefix == "" {
			prefix = u.Path
		}
	}
	prefix = "/" + strings.Trim(prefix, "/")
	if path.Clean(prefix) != prefix || strings.ContainsAny(prefix, " \t{}?#%") || strings.HasPrefix(prefix+"/", "/-/") {
		return "", errors.New("--web.route-prefix must be a plain path that does not begin with /-/")
	}
	return strings.TrimSuffix(prefix, "/"), nil
}

// CheckTelemetryPath rejects paths that no request can have, that http.ServeMux takes
// for a pattern, or that the exporter serves something else at. An error names the flag.
func CheckTelemetryPath(p string) error {
	switch {
	case !strings.HasPrefix(p, "/"):
		return errors.New("--web.telemetry-path must begin with a slash")
	case p != "/" && path.Clean(p) != strings.TrimSuffix(p, "/"), strings.ContainsAny(p, " \t{}?#%"):
		return errors.New("--web.telemetry-path must be a plain path")
	case p == StatusPath:
		return errors.New("--web.telemetry-path must not be " + StatusPath + ", where the status is")
	case strings.HasPrefix(p, "/-/"):
		return errors.New("--web.telemetry-path must not begin with /-/, where the exporter's own paths are")
	}
	return nil
}
