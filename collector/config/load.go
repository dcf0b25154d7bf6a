package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// Load reads and validates a configuration file: a regular file of at most 16 MiB,
// read within 10s. Relative paths in it are
// relative to its directory; the files they name are checked by CheckFiles. An
// error is of type strictyaml.Faults.
func Load(file string) (*Config, error) {
	content, err := new(Files).read(context.Background(), file, maxConfig)
	if err != nil {
		return nil, strictyaml.Faults{{File: file, Text: "cannot be read: " + reason(err)}}
	}
	c, err := Parse(file, content)
	if err != nil {
		return nil, err
	}
	c.content = sha256.Sum256(content)
	dir := filepath.Dir(file)
	for i := range c.values.Accounts {
		client := &c.values.Accounts[i].HTTPClient
		client.SetDirectory(dir)
		if o := client.OAuth2; o != nil { // the library leaves this one out
			o.ClientCertificateKeyFile = promconfig.JoinDir(dir, o.ClientCertificateKeyFile)
		}
	}
	c.values.Storage.Path = Folder(promconfig.JoinDir(dir, string(c.values.Storage.Path)))
	return c, nil
}

// Parse validates a configuration; name is that of the file in faults. Relative
// paths in it are left as they are. An error is of type strictyaml.Faults.
func Parse(name string, content []byte) (*Config, error) {
	v := defaults()
	document, err := strictyaml.Decode(name, content, &v,
		strictyaml.Optional[Folder](),
		strictyaml.First("collectors"), // an account's own go before them
		strictyaml.Default(func() Account { return newAccount(v.Collectors) }),
		strictyaml.Scalar("a duration such as 30s, 15m, 2h or 1d", parseDuration),
		strictyaml.Scalar("a URL", parseURL),
		strictyaml.Scalar("one of TLS10, TLS11, TLS12, TLS13", parseTLSVersion),
		// References to secret managers, of which there is none.
		strictyaml.Exclude(func(key string) bool { return strings.HasSuffix(key, "_ref") }))
	if err != nil {
		return nil, err
	}
	validate(document, &v)
	if err := document.Err(); err != nil {
		return nil, err
	}
	return &Config{document: document, values: v}, nil
}

func parseDuration(text string) (time.Duration, error) {
	d, err := model.ParseDuration(text)
	return time.Duration(d), err
}

func parseURL(text string) (promconfig.URL, error) {
	u, err := url.Parse(text)
	return promconfig.URL{URL: u}, err
}

func parseTLSVersion(text string) (promconfig.TLSVersion, error) {
	version, ok := promconfig.TLSVersions[text]
	if !ok {
		return 0, errors.New("unknown version")
	}
	return version, nil
}
