// Package config reads the configuration file of the exporter, or its
// environment, strictly: whatever is wrong is reported in one go, each fault
// with its line and key and without any value. A Config that exists is valid.
package config

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// Config is a configuration that has been checked. Only Load, Parse and
// FromEnvironment make one, and nothing that its methods return leads back
// into it.
type Config struct {
	name   string         // the file, for faults that CheckFiles finds
	lines  map[string]int // where each key stands in it
	values values
	shard  shard
}

// values is the top level of the file.
type values struct {
	Accounts   []Account     `yaml:"accounts"`
	Collectors Collectors    `yaml:"collectors"`
	Rollover   time.Duration `yaml:"rollover"`
	MaxAge     time.Duration `yaml:"max_age"`
	API        API           `yaml:"api"`
}

// API bounds the requests to one account's API.
type API struct {
	// Timeout is for one try, its answer included. More than 0; default 30s.
	Timeout time.Duration `yaml:"timeout"`
	// MaxRetries counts the tries after the first. 0 or more; default 5.
	MaxRetries int `yaml:"max_retries"`
	// MaxConcurrency is how many requests an account may have under way.
	// 1 or more; default 2.
	MaxConcurrency int `yaml:"max_concurrency"`
	// MaxRecords is how many records one query may bring before its poll
	// fails. 1 or more; default 2000000.
	MaxRecords int `yaml:"max_records"`
}

// Accounts returns the accounts in the order of the file: at least one, unless
// Shard has chosen among them.
func (c *Config) Accounts() []Account {
	var chosen []Account
	for _, a := range c.values.Accounts {
		if c.shard.has(a.Name) {
			chosen = append(chosen, a)
		}
	}
	return clone(chosen)
}

// Collectors returns what the collectors are to do, the same for every account.
func (c *Config) Collectors() Collectors { return clone(c.values.Collectors) }

// Rollover is how long counters show 0 between two months: 1s to 7d,
// default 15m.
func (c *Config) Rollover() time.Duration { return c.values.Rollover }

// MaxAge is how old a result may be and still be exposed: more than 0,
// default 3h.
func (c *Config) MaxAge() time.Duration { return c.values.MaxAge }

// API returns the bounds on requests.
func (c *Config) API() API { return c.values.API }

// MarshalYAML returns the whole configuration, defaults included, with
// <secret> in place of each secret.
func (c *Config) MarshalYAML() (any, error) { return dump(c.values), nil }

// String is the YAML of MarshalYAML, so that a Config may be printed.
func (c *Config) String() string {
	text, err := yaml.Marshal(c)
	if err != nil {
		return "configuration: " + err.Error()
	}
	return string(text)
}

// GoString is String, so that %#v shows no secret either.
func (c *Config) GoString() string { return c.String() }
