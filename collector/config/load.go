package config

import (
	"os"
	"path/filepath"

	promconfig "github.com/prometheus/common/config"
)

// Load reads and checks a configuration file. Relative paths in it count from
// its directory; the files they name are left to CheckFiles. An error is of
// type Faults.
func Load(file string) (*Config, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, Faults{{File: file, Text: "cannot be read: " + reason(err)}}
	}
	c, err := Parse(file, content)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(file)
	for i := range c.values.Accounts {
		client := &c.values.Accounts[i].HTTPClient
		client.SetDirectory(dir)
		if o := client.OAuth2; o != nil { // the library leaves this one out
			o.ClientCertificateKeyFile = promconfig.JoinDir(dir, o.ClientCertificateKeyFile)
		}
	}
	return c, nil
}

// Parse checks a configuration; name is what its faults call it. Relative
// paths in it are left as they are. An error is of type Faults.
func Parse(name string, content []byte) (*Config, error) {
	r := newReport(name)
	v := defaults()
	if root := read(r, content); root != nil {
		decode(r, root, &v)
		validate(r, &v)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return &Config{name: name, lines: r.lines, values: v}, nil
}
