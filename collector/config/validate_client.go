package config

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"
)

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// credentials wants exactly one kind of them.
func (v validator) credentials(path string, a *Account) {
	var kinds []string
	meant := false
	for _, kind := range []string{"basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file"} {
		if v.set(path + "." + kind) {
			kinds = append(kinds, kind)
		}
		meant = meant || v.has(path+"."+kind)
	}
	switch {
	case a.Provider == KORE:
		v.missing(path+".oauth2", "KORE needs it, with client_id and client_secret or client_secret_file")
		for _, kind := range kinds {
			if kind != "oauth2" {
				v.add(path+"."+kind, "not for KORE, which takes oauth2 only")
			}
		}
	case !meant:
		v.add(path, "credentials are missing: give one of basic_auth, authorization, oauth2")
	case len(kinds) > 1:
		for _, kind := range kinds[1:] {
			v.add(path+"."+kind, "a second kind of credentials, beside %s in line %d", kinds[0], v.line(path+"."+kinds[0]))
		}
	}
	if o := a.HTTPClient.OAuth2; o != nil && a.Provider == KORE && o.GrantType == jwtBearer {
		v.add(path+".oauth2.grant_type", "KORE takes client_credentials only")
	}
}

// client checks the options of the HTTP client, once their defaults are in.
func (v validator) client(path string, a *Account) {
	c := &a.HTTPClient
	if b := c.BasicAuth; b != nil {
		v.either(path+".basic_auth", "username", "username_file", true)
		v.either(path+".basic_auth", "password", "password_file", true)
		if strings.Contains(b.Username, ":") {
			v.add(path+".basic_auth.username", "must hold no colon")
		}
	}
	if auth := c.Authorization; auth != nil {
		v.either(path+".authorization", "credentials", "credentials_file", true)
		v.authorizationType(path+".authorization.type", auth.Type)
	}
	if o := c.OAuth2; o != nil {
		if a.Provider == Twilio {
			v.missing(path+".oauth2.token_url", "oauth2 needs it")
		}
		v.oauth2(path+".oauth2", o)
	}
	v.tls(path+".tls_config", c.TLSConfig)
	v.proxy(path, &c.ProxyConfig)
	if c.HTTPHeaders != nil {
		v.headers(path+".http_headers", c.HTTPHeaders.Headers)
	}
	v.library(path, c)
}

// library has prometheus/common check an account in which all is well so far:
// a later version of it may want more than is wanted here. Its check rewrites
// what it checks, so it gets a copy.
func (v validator) library(path string, c *promconfig.HTTPClientConfig) {
	if slices.ContainsFunc(v.faults, func(f Fault) bool { return strings.HasPrefix(f.Key, path) }) {
		return
	}
	checked := clone(*c)
	if checked.Validate() != nil { // its text could hold a value
		v.add(path, "the options of the HTTP client do not go together")
	}
}

// either wants one of two keys at most, and one at least where it is needed.
func (v validator) either(path, a, b string, needed bool) {
	switch {
	case v.set(path+"."+a) && v.set(path+"."+b):
		v.add(path+"."+b, "only one of %s and %s may be given", a, b)
	case needed && !v.has(path+"."+b):
		v.missing(path+"."+a, "give %s or %s", a, b)
	}
}

func (v validator) authorizationType(path, kind string) {
	switch {
	case strings.EqualFold(kind, "basic"):
		v.add(path, "must not be Basic: use basic_auth")
	case !isToken(kind):
		v.add(path, "must be one word, such as Bearer")
	}
}

func (v validator) oauth2(path string, o *promconfig.OAuth2) {
	v.missing(path+".client_id", "oauth2 needs it")
	v.url(path+".token_url", o.TokenURL, urlRules{schemes: []string{"http", "https"}, path: true})
	v.oneOf(path+".grant_type", o.GrantType, "client_credentials", jwtBearer)
	v.oneOf(path+".signature_algorithm", o.SignatureAlgorithm, "RS256", "RS384", "RS512")
	v.either(path, "client_secret", "client_secret_file", o.GrantType != jwtBearer)
	v.either(path, "client_certificate_key", "client_certificate_key_file", o.GrantType == jwtBearer)
	v.tls(path+".tls_config", o.TLSConfig)
	v.proxy(path, &o.ProxyConfig)
}

func (v validator) tls(path string, c promconfig.TLSConfig) {
	hasCert := v.set(path+".cert") || v.set(path+".cert_file")
	hasKey := v.set(path+".key") || v.set(path+".key_file")
	v.either(path, "ca", "ca_file", false)
	v.either(path, "cert", "cert_file", hasKey)
	v.either(path, "key", "key_file", hasCert)
	if c.MinVersion != 0 && c.MaxVersion != 0 && c.MaxVersion < c.MinVersion {
		v.add(path+".max_version", "must not be lower than min_version")
	}
}

func (v validator) proxy(path string, c *promconfig.ProxyConfig) {
	if u := c.ProxyURL.URL; u != nil {
		v.url(path+".proxy_url", u.String(), urlRules{schemes: []string{"http", "https", "socks5", "socks5h"}, user: true})
	}
	hasURL := v.has(path + ".proxy_url")
	if c.ProxyFromEnvironment && v.set(path+".proxy_url") {
		v.add(path+".proxy_from_environment", "must not be true beside proxy_url")
	}
	if c.ProxyFromEnvironment && c.NoProxy != "" {
		v.add(path+".no_proxy", "must not stand beside proxy_from_environment, which has its own")
	}
	if !c.ProxyFromEnvironment && c.NoProxy != "" && !hasURL {
		v.add(path+".no_proxy", "needs proxy_url")
	}
	if !c.ProxyFromEnvironment && len(c.ProxyConnectHeader) > 0 && !hasURL {
		v.add(path+".proxy_connect_header", "needs proxy_url or proxy_from_environment")
	}
	for _, name := range slices.Sorted(maps.Keys(c.ProxyConnectHeader)) {
		at := child(path+".proxy_connect_header", name)
		if !isToken(name) {
			v.add(at, "is no name for a header")
		}
		for i, value := range c.ProxyConnectHeader[name] {
			v.headerValue(item(at, i), string(value))
		}
	}
}

func (v validator) headers(path string, headers map[string]promconfig.Header) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at, header := child(path, name), headers[name]
		if !isToken(name) {
			v.add(at, "is no name for a header")
		}
		if _, reserved := promconfig.ReservedHeaders[http.CanonicalHeaderKey(name)]; reserved {
			v.add(at, "this header may not be set here")
		}
		for i, value := range header.Values {
			v.headerValue(item(at+".values", i), value)
		}
		for i, value := range header.Secrets {
			v.headerValue(item(at+".secrets", i), string(value))
		}
	}
}

func (v validator) headerValue(path, value string) {
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		v.add(path, "must hold no control character and no line break")
	}
}

// isToken reports whether a text may be the name of a header (RFC 9110).
func isToken(s string) bool {
	return regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$").MatchString(s)
}
