package config

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// GrantTypeJWTBearer is the value of oauth2.grant_type by which requests for a
// token are signed (RFC 7523).
const GrantTypeJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// credentials requires exactly one kind of them.
func (v validator) credentials(path string, a *Account) {
	var kinds []string
	meant := false
	for _, kind := range []string{"basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file"} {
		if v.IsSet(path + "." + kind) {
			kinds = append(kinds, kind)
		}
		meant = meant || v.IsIntended(path+"."+kind)
	}
	switch {
	case a.Provider == twilio.ProviderKORE:
		v.Missingf(path+".oauth2", "required by KORE, with client_id and either client_secret or client_secret_file")
		for _, kind := range kinds {
			if kind != "oauth2" {
				v.Addf(path+"."+kind, "not allowed: KORE accepts only oauth2")
			}
		}
	case !meant:
		v.Addf(path, "credentials are missing: set one of basic_auth, authorization, oauth2")
	case len(kinds) > 1:
		for _, kind := range kinds[1:] {
			v.Addf(path+"."+kind, "a second kind of credentials: %s is already set on line %d", kinds[0], v.Line(path+"."+kinds[0]))
		}
	}
	if o := a.HTTPClient.OAuth2; o != nil && a.Provider == twilio.ProviderKORE && o.GrantType == GrantTypeJWTBearer {
		v.Addf(path+".oauth2.grant_type", "KORE accepts only client_credentials")
	}
}

// client checks the options of the HTTP client, after their defaults are set.
func (v validator) client(path string, a *Account) {
	c := &a.HTTPClient
	if b := c.BasicAuth; b != nil {
		v.either(path+".basic_auth", "username", "username_file", true)
		v.either(path+".basic_auth", "password", "password_file", true)
		if strings.Contains(b.Username, ":") {
			v.Addf(path+".basic_auth.username", "must not contain a colon")
		}
	}
	if auth := c.Authorization; auth != nil {
		v.either(path+".authorization", "credentials", "credentials_file", true)
		switch {
		case strings.EqualFold(auth.Type, "basic"):
			v.Addf(path+".authorization.type", "must not be Basic: use basic_auth")
		case !isToken(auth.Type):
			v.Addf(path+".authorization.type", "must be a single word such as Bearer")
		}
	}
	if o := c.OAuth2; o != nil {
		if a.Provider == twilio.ProviderTwilio {
			v.Missingf(path+".oauth2.token_url", "required by oauth2")
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

// library has prometheus/common validate an account that has no fault so far: a
// later version of it may require more than the checks here. It moves
// bearer_token to authorization, in the copy that it gets.
func (v validator) library(path string, c *promconfig.HTTPClientConfig) {
	if copied := *c; !v.HasFaults(path) && copied.Validate() != nil { // its text could contain a value
		v.Addf(path, "the options of the HTTP client contradict each other")
	}
}

// either allows at most one of two keys, and may require one.
func (v validator) either(path, a, b string, required bool) {
	switch {
	case v.IsSet(path+"."+a) && v.IsSet(path+"."+b):
		v.Addf(path+"."+b, "only one of %s and %s may be set", a, b)
	case required && !v.IsIntended(path+"."+b):
		v.Missingf(path+"."+a, "set %s or %s", a, b)
	}
}

func (v validator) oauth2(path string, o *promconfig.OAuth2) {
	v.Missingf(path+".client_id", "required by oauth2")
	v.url(path+".token_url", o.TokenURL, urlRules{schemes: []string{"http", "https"}, path: true})
	v.oneOf(path+".grant_type", o.GrantType, "client_credentials", GrantTypeJWTBearer)
	v.oneOf(path+".signature_algorithm", o.SignatureAlgorithm, "RS256", "RS384", "RS512")
	v.either(path, "client_secret", "client_secret_file", o.GrantType != GrantTypeJWTBearer)
	v.either(path, "client_certificate_key", "client_certificate_key_file", o.GrantType == GrantTypeJWTBearer)
	v.tls(path+".tls_config", o.TLSConfig)
	v.proxy(path, &o.ProxyConfig)
}

func (v validator) tls(path string, c promconfig.TLSConfig) {
	hasCert := v.IsSet(path+".cert") || v.IsSet(path+".cert_file")
	hasKey := v.IsSet(path+".key") || v.IsSet(path+".key_file")
	v.either(path, "ca", "ca_file", false)
	v.either(path, "cert", "cert_file", hasKey)
	v.either(path, "key", "key_file", hasCert)
	if c.MinVersion != 0 && c.MaxVersion != 0 && c.MaxVersion < c.MinVersion {
		v.Addf(path+".max_version", "must not be lower than min_version")
	}
}

func (v validator) proxy(path string, c *promconfig.ProxyConfig) {
	if u := c.ProxyURL.URL; u != nil {
		v.url(path+".proxy_url", u.String(), urlRules{schemes: []string{"http", "https", "socks5", "socks5h"}, user: true})
	}
	hasURL := v.IsIntended(path + ".proxy_url")
	if c.ProxyFromEnvironment && v.IsSet(path+".proxy_url") {
		v.Addf(path+".proxy_from_environment", "must not be true if proxy_url is set")
	}
	if c.ProxyFromEnvironment && c.NoProxy != "" {
		v.Addf(path+".no_proxy", "not allowed with proxy_from_environment, which has its own")
	}
	if !c.ProxyFromEnvironment && c.NoProxy != "" && !hasURL {
		v.Addf(path+".no_proxy", "requires proxy_url")
	}
	if !c.ProxyFromEnvironment && len(c.ProxyConnectHeader) > 0 && !hasURL {
		v.Addf(path+".proxy_connect_header", "requires proxy_url or proxy_from_environment")
	}
	for _, name := range slices.Sorted(maps.Keys(c.ProxyConnectHeader)) {
		at := strictyaml.Child(path+".proxy_connect_header", name)
		if !isToken(name) {
			v.Addf(at, "not a valid header name")
		}
		for i, value := range c.ProxyConnectHeader[name] {
			v.headerValue(strictyaml.Item(at, i), string(value))
		}
	}
}

func (v validator) headers(path string, headers map[string]promconfig.Header) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at, header := strictyaml.Child(path, name), headers[name]
		if !isToken(name) {
			v.Addf(at, "not a valid header name")
		}
		if _, reserved := promconfig.ReservedHeaders[http.CanonicalHeaderKey(name)]; reserved {
			v.Addf(at, "this header must not be set here")
		}
		for i, value := range header.Values {
			v.headerValue(strictyaml.Item(at+".values", i), value)
		}
		for i, value := range header.Secrets {
			v.headerValue(strictyaml.Item(at+".secrets", i), string(value))
		}
	}
}

func (v validator) headerValue(path, value string) {
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		v.Addf(path, "must not contain control characters or line breaks")
	}
}

// isToken reports whether a text is a token of RFC 9110, as header names are.
func isToken(s string) bool {
	return regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$").MatchString(s)
}
