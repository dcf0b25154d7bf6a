package config

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"reflect"
	"strings"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// CheckFiles reads every file that the configuration names, and checks the
// certificates and keys, and that storage.path is a folder or can become one. It makes
// no folder. An error is of type strictyaml.Faults. The contents are
// not kept: the HTTP client reads a file again when it changes.
//
// After a file that blocks it reads no other: those on the same file system would
// block, too.
func (c *Config) CheckFiles() error { return c.checkFiles(new(Files)) }

func (c *Config) checkFiles(files *Files) error {
	document, blocked := c.document.WithoutFaults(), false
	for i := range c.values.Accounts {
		path, client := strictyaml.Item("accounts", i), &c.values.Accounts[i].HTTPClient
		texts := make(map[string]string) // by path of the key
		eachFile(path, reflect.ValueOf(*client), func(path, file string) {
			if blocked {
				return
			}
			text, err := files.Text(context.Background(), path, file)
			if err != nil {
				blocked = errors.Is(err, faultTimeout)
				document.Invalidf(path, "%s", unreadable(err))
			}
			texts[path] = text
		})
		if blocked {
			break
		}
		checkTLS(document, path+".tls_config", client.TLSConfig, texts)
		if o := client.OAuth2; o != nil {
			checkTLS(document, path+".oauth2.tls_config", o.TLSConfig, texts)
		}
	}
	if !blocked {
		c.checkStorage(document)
	}
	return document.Err()
}

// eachFile calls found for each key that names a file: those that end in _file,
// and the files of a header.
func eachFile(path string, v reflect.Value, found func(path, file string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachFile(path, v.Elem(), found)
		}
	case reflect.Map:
		for _, key := range sortedKeys(v) {
			eachFile(strictyaml.Child(path, key.String()), v.MapIndex(key), found)
		}
	case reflect.Struct:
		fields, anyKey := strictyaml.Fields(v.Type())
		if anyKey != nil {
			eachFile(path, v.FieldByIndex(anyKey), found)
		}
		for _, f := range fields {
			at, value := strictyaml.Child(path, f.Key), v.FieldByIndex(f.Index)
			switch {
			case strings.HasSuffix(f.Key, "_file") && value.String() != "":
				found(at, value.String())
			case f.Key == "files":
				for i := range value.Len() {
					found(strictyaml.Item(at, i), value.Index(i).String())
				}
			default:
				eachFile(at, value, found)
			}
		}
	}
}

// unreadable says why a file cannot be read.
func unreadable(err error) string {
	f, ok := errors.AsType[fault](err)
	switch {
	case !ok || f == faultTimeout:
		return "the file cannot be read: " + reason(err)
	case f == faultIrregular: // opening a pipe would wait for its writer
		return "must be a regular file, because it is read repeatedly"
	}
	return f.Error()
}

// checkTLS builds what the HTTP client will build, in two steps to find out which
// key is at fault. texts are those of the files, by path of the key.
func checkTLS(document *strictyaml.Document, path string, c promconfig.TLSConfig, texts map[string]string) {
	setKey := func(key string) string { // key or key_file, whichever is set
		for _, at := range []string{path + "." + key, path + "." + key + "_file"} {
			if document.IsSet(at) {
				return at
			}
		}
		return ""
	}
	ca, certificate, key := setKey("ca"), setKey("cert"), setKey("key")
	c.CA, c.CAFile = cmp.Or(texts[ca], c.CA), ""
	c.Cert, c.CertFile = cmp.Or(texts[certificate], c.Cert), ""
	c.Key, c.KeyFile = cmp.Or(promconfig.Secret(texts[key]), c.Key), ""
	if ca != "" && !document.IsInvalid(ca) {
		if !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)) {
			document.Addf(ca, "contains no PEM certificate")
		}
	}
	if certificate == "" || document.IsInvalid(certificate) || document.IsInvalid(key) {
		return
	}
	c.CA = ""
	if _, err := promconfig.NewTLSConfig(&c); err != nil {
		document.Addf(certificate, "certificate and key are not a matching pair in PEM")
	}
}
