package config

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"syscall"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// maxFile limits the size of a secret or a certificate, in bytes.
const maxFile = 1 << 20

// CheckFiles reads every file that the configuration names, and checks the
// certificates and keys. An error is of type strictyaml.Faults. The contents are
// not kept: the HTTP client reads a file again when it changes.
func (c *Config) CheckFiles() error {
	document := c.document.WithoutFaults()
	for i := range c.values.Accounts {
		path, client := strictyaml.Item("accounts", i), &c.values.Accounts[i].HTTPClient
		eachFile(path, reflect.ValueOf(*client), func(path, file string) {
			if fault := checkFile(file); fault != "" {
				document.Invalidf(path, "%s", fault)
			}
		})
		checkTLS(document, path+".tls_config", client.TLSConfig)
		if o := client.OAuth2; o != nil {
			checkTLS(document, path+".oauth2.tls_config", o.TLSConfig)
		}
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

// checkFile returns what is wrong with a file, or "". It does not include the
// name of the file, which may be a misplaced secret.
func checkFile(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "the file cannot be read: " + reason(err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return "must be a regular file, because it is read repeatedly"
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

// checkTLS builds what the HTTP client will build, in two steps to find out which
// key is at fault.
func checkTLS(document *strictyaml.Document, path string, c promconfig.TLSConfig) {
	setKey := func(key string) string { // key or key_file, whichever is set
		for _, at := range []string{path + "." + key, path + "." + key + "_file"} {
			if document.IsSet(at) {
				return at
			}
		}
		return ""
	}
	ca, certificate := setKey("ca"), setKey("cert")
	if ca != "" && !document.IsInvalid(ca) {
		content := []byte(c.CA)
		if c.CAFile != "" {
			content, _ = readBounded(c.CAFile) // has just been readable
		}
		if !x509.NewCertPool().AppendCertsFromPEM(content) {
			document.Addf(ca, "contains no PEM certificate")
		}
	}
	if certificate == "" || document.IsInvalid(certificate) || document.IsInvalid(setKey("key")) {
		return
	}
	c.CA, c.CAFile = "", ""
	if _, err := promconfig.NewTLSConfig(&c); err != nil {
		document.Addf(certificate, "certificate and key are not a matching pair in PEM")
	}
}
