package config

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	promconfig "github.com/prometheus/common/config"
)

// maxFile bounds a secret or a certificate, in bytes.
const maxFile = 1 << 20

// CheckFiles reads every file that the configuration names and looks at the
// certificates and keys. An error is of type Faults. What it reads is not
// kept: the HTTP client reads a file again when it changes.
func (c *Config) CheckFiles() error {
	r := c.after()
	for i := range c.values.Accounts {
		path, client := item("accounts", i), &c.values.Accounts[i].HTTPClient
		eachFile(path, reflect.ValueOf(*client), func(path, file string) {
			if text := checkFile(file); text != "" {
				r.spoil(path, "%s", text)
			}
		})
		checkTLS(r, path+".tls_config", client.TLSConfig)
		if o := client.OAuth2; o != nil {
			checkTLS(r, path+".oauth2.tls_config", o.TLSConfig)
		}
	}
	return r.err()
}

// eachFile finds the keys that name files: those that end in _file, and the
// files of a header.
func eachFile(path string, v reflect.Value, found func(path, file string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachFile(path, v.Elem(), found)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, key := range keys {
			eachFile(child(path, key.String()), v.MapIndex(key), found)
		}
	case reflect.Struct:
		known, free := fields(v.Type())
		if free != nil {
			eachFile(path, v.FieldByIndex(free), found)
		}
		for _, f := range known {
			at, value := child(path, f.name), v.FieldByIndex(f.index)
			switch {
			case strings.HasSuffix(f.name, "_file") && value.String() != "":
				found(at, value.String())
			case f.name == "files":
				for i := range value.Len() {
					found(item(at, i), value.Index(i).String())
				}
			default:
				eachFile(at, value, found)
			}
		}
	}
}

// checkFile says what is wrong with a file, or nothing. It does not say the
// file's name, which may be a secret in the wrong place.
func checkFile(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "the file cannot be read: " + reason(err)
	}
	if !info.Mode().IsRegular() { // and opening a pipe would wait for its writer
		return "must be a regular file: it is read again and again"
	}
	content, err := readBounded(file)
	switch {
	case err != nil:
		return "the file cannot be read: " + reason(err)
	case len(content) > maxFile:
		return "the file is larger than 1 MiB"
	case len(bytes.TrimSpace(content)) == 0:
		return "the file is empty"
	}
	return ""
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// reason is an error of the file system without the name of the file.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "it does not exist"
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return "for an unknown reason"
}

// checkTLS builds what the HTTP client will build, in two steps to tell which
// key is at fault.
func checkTLS(r *report, path string, c promconfig.TLSConfig) {
	authority, certificate := given(r, path, "ca"), given(r, path, "cert")
	if authority != "" && !r.broken(authority) {
		content := []byte(c.CA)
		if c.CAFile != "" {
			content, _ = readBounded(c.CAFile) // was read a moment ago
		}
		if !x509.NewCertPool().AppendCertsFromPEM(content) {
			r.add(authority, "holds no certificate in PEM")
		}
	}
	if certificate == "" || r.broken(certificate) || r.broken(given(r, path, "key")) {
		return
	}
	c.CA, c.CAFile = "", ""
	if _, err := promconfig.NewTLSConfig(&c); err != nil {
		r.add(certificate, "certificate and key are no pair in PEM")
	}
}

// given is the path of key or key_file, whichever the configuration has.
func given(r *report, path, key string) string {
	for _, at := range []string{path + "." + key, path + "." + key + "_file"} {
		if r.set(at) {
			return at
		}
	}
	return ""
}
