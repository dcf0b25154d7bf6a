package config

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// Secrets returns the secrets that the account sends, to the API, a token endpoint
// or a proxy, which could repeat them: also those in files, as far as they can be
// read until the context ends, and user and password as HTTP basic authentication
// encodes them. Private keys are not sent.
func (a Account) Secrets(ctx context.Context, files *Files) []string {
	secrets := make(map[string]bool)
	add := func(secret string) {
		if secret != "" && !strings.Contains(secret, "-----BEGIN ") { // PEM
			secrets[secret] = true
		}
	}
	addPair := func(user, password string) {
		if add(password); password != "" {
			add(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))
		}
	}
	texts := make(map[string]string) // of files, by key
	eachFile("", reflect.ValueOf(a.HTTPClient), func(key, file string) {
		if strings.Contains(key, "tls_config.") {
			return
		}
		texts[key], _ = files.Text(ctx, key, file) // requests report the error
		if key != "basic_auth.username_file" {
			add(texts[key])
		}
	})
	eachSecret("", reflect.ValueOf(a.HTTPClient), add)
	if b := a.HTTPClient.BasicAuth; b != nil {
		addPair(b.Username+texts["basic_auth.username_file"], string(b.Password)+texts["basic_auth.password_file"])
	}
	for _, proxy := range a.proxies() {
		if password, ok := proxy.User.Password(); ok {
			addPair(proxy.User.Username(), password)
		} else {
			add(proxy.User.Username()) // a token
		}
	}
	return slices.Sorted(maps.Keys(secrets))
}

// proxies lists those with credentials that the account's requests may take, of
// the configuration or the environment.
func (a Account) proxies() []*url.URL {
	var proxies []*url.URL
	ask := func(c promconfig.ProxyConfig, target string) { // a copy: the library writes into it
		u, err := url.Parse(target)
		if proxy := c.Proxy(); err == nil && proxy != nil {
			if p, err := proxy(&http.Request{URL: u}); err == nil && p != nil && p.User != nil {
				proxies = append(proxies, p)
			}
		}
	}
	client := a.HTTPClient
	for _, target := range []string{a.SuperSIMURL, a.APIURL} {
		ask(client.ProxyConfig, target)
	}
	if o := client.OAuth2; o != nil {
		ask(client.ProxyConfig, o.TokenURL)
		ask(o.ProxyConfig, o.TokenURL)
	}
	return proxies
}

// eachSecret calls found for each value below v that is a secret by its type, or
// as a parameter of a request for a token.
func eachSecret(key string, v reflect.Value, found func(string)) {
	if secret, ok := v.Interface().(promconfig.Secret); ok {
		found(string(secret))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*url.URL]() {
			eachSecret(key, v.Elem(), found)
		}
	case reflect.Struct:
		fields, anyKey := strictyaml.Fields(v.Type())
		if anyKey != nil {
			eachSecret(key, v.FieldByIndex(anyKey), found)
		}
		for _, f := range fields {
			eachSecret(f.Key, v.FieldByIndex(f.Index), found)
		}
	case reflect.Map:
		for _, name := range sortedKeys(v) {
			switch name.String() {
			case "audience", "resource", "scope", "grant_type": // say what is asked for (RFC 6749, 8707)
			default:
				eachSecret(key, v.MapIndex(name), found)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachSecret(key, v.Index(i), found)
		}
	case reflect.String:
		if key == "endpoint_params" {
			found(v.String())
		}
	}
}

// SecretHeaders returns the names of headers in http_headers that have a secret.
func (a Account) SecretHeaders() []string {
	var names []string
	if h := a.HTTPClient.HTTPHeaders; h != nil {
		for name, header := range h.Headers {
			if len(header.Secrets)+len(header.Files) > 0 {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}
