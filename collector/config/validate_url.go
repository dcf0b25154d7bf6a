package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// urlRules says what a URL may have beside scheme, host and port.
type urlRules struct {
	schemes    []string
	path, user bool
}

// url checks a URL; an empty one was left out or has had its fault.
func (v validator) url(path, raw string, rules urlRules) {
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	if err != nil {
		v.add(path, "must be a URL")
		return
	}
	if !slices.Contains(rules.schemes, u.Scheme) {
		v.add(path, "must begin with %s://", strings.Join(rules.schemes, ":// or "))
		return // the rest of it would be read wrongly
	}
	if u.Hostname() == "" {
		v.add(path, "must name a host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			v.add(path, "must have a port from 1 to 65535")
		}
	}
	if u.User != nil && !rules.user {
		v.add(path, "must hold no user and no password")
	}
	if !rules.path && u.EscapedPath() != "" && u.EscapedPath() != "/" {
		v.add(path, "must end after the host and port: no path is allowed")
	}
	if strings.ContainsAny(raw, "?#") {
		v.add(path, "must hold no query and no fragment")
	}
}
