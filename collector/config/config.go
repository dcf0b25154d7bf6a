// Package config reads the configuration of the exporter from a file or from the
// environment, and validates it. All faults are reported at once, each with its
// line and key and without any value. A Config that exists is valid.
package config

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// Config is a valid configuration. Only Load, Parse and FromEnvironment create
// one. What its methods return is shared and must not be changed.
type Config struct {
	document *strictyaml.Document // for faults that CheckFiles finds
	content  hash                 // of the file
	values   values
	shard    shard
}

// values is the top level of the file.
type values struct {
	Accounts []Account `yaml:"accounts"`
	// Collectors are the options where an account has none of its own.
	Collectors Collectors    `yaml:"collectors"`
	Rollover   time.Duration `yaml:"rollover"`
	MaxAge     time.Duration `yaml:"max_age"`
	API        API           `yaml:"api"`
	Storage    Storage       `yaml:"storage"`
}

// Storage says where the state of accounts is kept for the next start.
type Storage struct {
	// Path is a folder that no other process uses, which is made if it is not there.
	// Default: none, and nothing is written.
	Path Folder `yaml:"path"`
}

// Folder is the path of a folder, or "" for none.
type Folder string

// API limits the requests to one account's API.
type API struct {
	// Timeout is for one attempt, including its response. More than 0;
	// default 30s.
	Timeout time.Duration `yaml:"timeout"`
	// MaxRetries is the number of attempts after the first. 0 or more;
	// default 5.
	MaxRetries int `yaml:"max_retries"`
	// MaxConcurrency is the number of requests that an account may have in
	// flight. 1 or more; default 2.
	MaxConcurrency int `yaml:"max_concurrency"`
	// MaxRecords is the number of records that one query may return; with more,
	// its poll fails. 1 or more; default 2000000.
	MaxRecords int `yaml:"max_records"`
	// MaxRequestsPerHour is the number of requests that an account may send in any
	// hour. 0, the default, is no limit.
	MaxRequestsPerHour int `yaml:"max_requests_per_hour"`
}

// Accounts returns the accounts in the order of the file: at least one, unless
// the Config is a shard.
func (c *Config) Accounts() []Account {
	var accounts []Account
	for _, a := range c.values.Accounts {
		if c.shard.contains(a.Name) {
			accounts = append(accounts, a)
		}
	}
	return accounts
}

// Rollover is how long counters show 0 between two months: 1s to 7d,
// default 15m.
func (c *Config) Rollover() time.Duration { return c.values.Rollover }

// MaxAge is the age from which results are no longer exposed: more than 0, and at
// least twice the interval of each enabled collector; default 3h.
func (c *Config) MaxAge() time.Duration { return c.values.MaxAge }

// API returns the limits on requests.
func (c *Config) API() API { return c.values.API }

// Storage returns where the state of accounts is kept.
func (c *Config) Storage() Storage { return c.values.Storage }

// WithoutStorage returns the same configuration with an empty storage.path, for what
// keeps no state: it needs neither the folder nor the lock on it.
func (c *Config) WithoutStorage() *Config {
	without := *c
	without.values.Storage = Storage{}
	return &without
}
