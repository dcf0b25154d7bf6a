package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair is a certificate and its key in PEM.
func pair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return block("CERTIFICATE", der), block("EC PRIVATE KEY", keyDER)
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	certificate, key := pair(t)
	_, otherKey := pair(t)
	for name, content := range map[string]string{
		"cert": certificate, "key": key, "other": otherKey, "secret": "hunter2\n", "blank": " \n\n",
		"largest": strings.Repeat("x", maxSecret), "large": strings.Repeat("x", maxSecret+1),
		"bundle": strings.Repeat("#", maxSecret) + "\n" + certificate, "larger": strings.Repeat("#", maxCertificate+1),
		"bom": "\ufeffhunter2\r\n", "only-bom": "\ufeff\r\n", "utf16": "\xff\xfeh\x00u\x00",
		"bom-cert": "\ufeff" + certificate, "bom-key": "\ufeff" + key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	indent := func(s string) string {
		return "|\n        " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n        ")
	}
	for name, test := range map[string]struct{ options, want string }{
		"valid": {
			options: `
    basic_auth: {username_file: secret, password_file: secret}
    tls_config: {ca_file: cert, cert_file: cert, key_file: key}
    http_headers: {X-A: {files: [secret]}}`,
		},
		"byte order marks and large bundles": {
			options: `
    basic_auth: {username_file: bom, password_file: largest}
    tls_config: {ca_file: bundle, cert_file: bom-cert, key_file: bom-key}`,
		},
		"bearer_token_file": {
			options: `
    bearer_token_file: none`,
			want: "file:4: accounts[0].bearer_token_file: the file cannot be read: it does not exist",
		},
		"valid, inline": {
			options: `
    authorization: {credentials_file: secret}
    tls_config:
      ca: ` + indent(certificate) + `
      cert: ` + indent(certificate) + `
      key: ` + indent(key),
		},
		"missing": {
			options: `
    oauth2:
      token_url: https://example.net
      client_id: a
      client_secret_file: none
      tls_config: {ca_file: none, cert_file: none, key_file: key}
    http_headers: {X-B: {files: [none, secret]}, X-A: {files: [none]}}`,
			want: `file:7: accounts[0].oauth2.client_secret_file: the file cannot be read: it does not exist
file:8: accounts[0].oauth2.tls_config.ca_file: the file cannot be read: it does not exist
file:8: accounts[0].oauth2.tls_config.cert_file: the file cannot be read: it does not exist
file:9: accounts[0].http_headers.X-A.files[0]: the file cannot be read: it does not exist
file:9: accounts[0].http_headers.X-B.files[0]: the file cannot be read: it does not exist`,
		},
		"not usable": {
			options: `
    basic_auth:
      username_file: blank
      password_file: large
    tls_config:
      ca_file: larger
    http_headers:
      X-A:
        files:
          - directory
          - pipe
          - secret/hunter2
          - "hunter2\0"
          - only-bom
          - utf16`,
			want: `file:5: accounts[0].basic_auth.username_file: the file is empty
file:6: accounts[0].basic_auth.password_file: the file is larger than 64 KiB
file:8: accounts[0].tls_config.ca_file: the file is larger than 1 MiB
file:12: accounts[0].http_headers.X-A.files[0]: must be a regular file, because it is read repeatedly
file:13: accounts[0].http_headers.X-A.files[1]: must be a regular file, because it is read repeatedly
file:14: accounts[0].http_headers.X-A.files[2]: the file cannot be read: not a directory
file:15: accounts[0].http_headers.X-A.files[3]: the file cannot be read: invalid argument
file:16: accounts[0].http_headers.X-A.files[4]: the file is empty
file:17: accounts[0].http_headers.X-A.files[5]: the file is encoded in UTF-16 instead of UTF-8`,
		},
		"not PEM": {
			options: `
    authorization: {credentials: a}
    tls_config:
      ca_file: key
      cert_file: cert
      key_file: other`,
			want: `file:6: accounts[0].tls_config.ca_file: contains no PEM certificate
file:7: accounts[0].tls_config.cert_file: certificate and key are not a matching pair in PEM`,
		},
		"not PEM, inline": {
			options: `
    authorization: {credentials: a}
    tls_config:
      ca: hunter2
      cert: hunter2
      key: hunter2`,
			want: `file:6: accounts[0].tls_config.ca: contains no PEM certificate
file:7: accounts[0].tls_config.cert: certificate and key are not a matching pair in PEM`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "config.yml")
			content := "accounts:\n  - name: a\n    account_sid: AC0123456789abcdef0123456789abcdef" + test.options + "\n"
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			have := ""
			if err := c.CheckFiles(); err != nil {
				have = strings.ReplaceAll(err.Error(), file, "file")
			}
			if have != test.want {
				t.Errorf("want\n%s\nhave\n%s", test.want, have)
			}
			if strings.Contains(have, "hunter2") {
				t.Error("a value shows")
			}
		})
	}
}

func TestReasonWithoutNumber(t *testing.T) {
	if want, have := "for an unknown reason", reason(fmt.Errorf("hunter2")); want != have {
		t.Errorf("want %s, have %s", want, have)
	}
}
