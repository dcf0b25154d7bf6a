package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// urlRules says what a URL may contain in addition to host and port.
type urlRules struct {
	schemes    []string
	path, user bool
}

// url checks a URL; an empty one was not set or has had its fault.
func (v validator) url(path, raw string, rules urlRules) {
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	if err != nil {
		v.Addf(path, "must be a URL")
		return
	}
	if !slices.Contains(rules.schemes, u.Scheme) {
		v.Addf(path, "must begin with %s://", strings.Join(rules.schemes, ":// or "))
		return // the rest would be misinterpreted
	}
	if u.Hostname() == "" {
		v.Addf(path, "must name a host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			v.Addf(path, "must have a port from 1 to 65535")
		}
	}
	if u.User != nil && !rules.user {
		v.Addf(path, "must not contain a user or password")
	}
	if !rules.path && u.EscapedPath() != "" && u.EscapedPath() != "/" {
		v.Addf(path, "must end after host and port, without a path")
	}
	if strings.ContainsAny(raw, "?#") {
		v.Addf(path, "must not contain a query or fragment")
	}
}
