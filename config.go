package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
)

// loadConfig loads and checks everything that the command line and the
// environment name.
func loadConfig(o options, env func(string) (string, bool)) (*config.Config, error) {
	var cfg *config.Config
	var err error
	if o.configFile != "" {
		cfg, err = config.Load(o.configFile)
	} else {
		cfg, err = config.FromEnvironment(env)
	}
	if err == nil {
		err = cfg.CheckFiles()
	}
	return cfg, errors.Join(err, webFaults(o))
}

// webFaults reports the faults of the web configuration like those of the
// configuration: one a line, without any value.
func webFaults(o options) error {
	err := toolkit.Validate(*o.web.WebConfigFile)
	if err == nil {
		return nil
	}
	located := regexp.MustCompile(`^(?:yaml: )?\s*line (\d+): (.*)`)
	values := regexp.MustCompile("`[^`]*`")
	var faults []error
	for line := range strings.Lines(err.Error()) {
		line = values.ReplaceAllString(strings.TrimRight(line, "\n"), "the value")
		if found := located.FindStringSubmatch(line); found != nil {
			faults = append(faults, fmt.Errorf("%s:%s: %s", *o.web.WebConfigFile, found[1], found[2]))
		} else if line != "yaml: unmarshal errors:" {
			faults = append(faults, fmt.Errorf("%s: %s", *o.web.WebConfigFile, line))
		}
	}
	return errors.Join(faults...)
}

// part is the part of a configuration that this shard serves.
func (o options) part(cfg *config.Config, logger log.Logger) *config.Config {
	part := cfg.Shard(o.shard, o.totalShards)
	if o.totalShards > 1 {
		msg, accounts := "serving a shard of the accounts", len(part.Accounts())
		if accounts == 0 {
			msg = "none of the accounts fall to this shard"
		}
		level.Info(logger).Log("msg", msg, "shard", o.shard, "total_shards", o.totalShards, "accounts", accounts, "of", len(cfg.Accounts()))
	}
	return part
}

// printConfig prints the effective configuration, for --config.check.
func printConfig(w io.Writer, o options, cfg *config.Config) {
	fmt.Fprintln(w, "The configuration is valid.")
	if o.totalShards > 1 {
		fmt.Fprintf(w, "%d of its %d accounts fall to shard %d of 0 to %d.\n",
			len(cfg.Shard(o.shard, o.totalShards).Accounts()), len(cfg.Accounts()), o.shard, o.totalShards-1)
	}
	fmt.Fprintf(w, "\nWith its defaults, and without its secrets, it is:\n\n%s", cfg)
}
