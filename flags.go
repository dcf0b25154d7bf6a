package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
)

// options are the flags, checked.
type options struct {
	configFile    string
	configCheck   bool
	shard         int
	totalShards   int
	demo          bool
	telemetryPath string
	externalURL   string
	routePrefix   string // "" or, for example, "/twilio"
	maxRequests   int
	plain         bool // do not compress responses
	web           *toolkit.FlagConfig
	logLevel      string
	logFormat     string
}

// parseFlags reads the command line. exit is the exit status if it asks for nothing
// but help or the version, which are printed, and -1 otherwise.
func parseFlags(args []string, stdout, stderr io.Writer) (o options, exit int, err error) {
	exit = -1
	var shard, totalShards string
	app := kingpin.New("twilio_exporter", "Prometheus exporter for the usage and cost of Twilio Super SIM fleets.")
	app.UsageWriter(stdout).ErrorWriter(stderr).Terminate(func(code int) { exit = code })
	app.Version(version.Print("twilio_exporter"))
	app.VersionFlag.Short('v')
	app.HelpFlag.Short('h')
	app.Command("serve", "Poll the accounts and serve their metrics.").Default()
	app.Flag("config.file", "YAML configuration; without it, one account is taken from the TWILIO_* environment variables.").PlaceHolder("FILE").StringVar(&o.configFile)
	app.Flag("config.check", "Load the configuration and every file that it names, print the effective configuration or all faults, and exit.").BoolVar(&o.configCheck)
	app.Flag("shard", "Which of the shards this process is, counted from 0: it serves only those accounts that fall to it.").Default("0").StringVar(&shard)
	app.Flag("total-shards", "How many shards the accounts are divided among.").Default("1").StringVar(&totalShards)
	app.Flag("demo", "Run against a built-in simulated Twilio; no account is needed.").BoolVar(&o.demo)
	app.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&o.telemetryPath)
	app.Flag("web.external-url", "URL at which the exporter can be reached, for example behind a reverse proxy; its path is the default of --web.route-prefix.").PlaceHolder("URL").StringVar(&o.externalURL)
	app.Flag("web.route-prefix", "Prefix of all paths that are served; default: the path of --web.external-url.").PlaceHolder("PATH").StringVar(&o.routePrefix)
	app.Flag("web.max-requests", "Maximum number of concurrent scrapes; 0 is no limit.").Default("40").IntVar(&o.maxRequests)
	app.Flag("web.disable-compression", "Send the metrics uncompressed, even if the scraper accepts compression.").BoolVar(&o.plain)
	app.Flag("log.level", "Least severe messages to log.").Default("info").EnumVar(&o.logLevel, "debug", "info", "warn", "error")
	app.Flag("log.format", "Format of log messages.").Default("logfmt").EnumVar(&o.logFormat, "logfmt", "json")
	o.web = kingpinflag.AddFlags(app, ":9860")
	if _, err := app.Parse(args); exit >= 0 || err != nil {
		return o, exit, err
	}
	switch {
	case o.demo && o.configFile != "":
		return o, exit, errors.New("--demo and --config.file exclude each other")
	case o.maxRequests < 0:
		return o, exit, errors.New("--web.max-requests must not be negative")
	}
	if o.shard, o.totalShards, err = parseShard(shard, totalShards); err != nil {
		return o, exit, err
	}
	if err := checkTelemetryPath(o.telemetryPath); err != nil {
		return o, exit, err
	}
	o.routePrefix, err = routePrefix(o.routePrefix, o.externalURL)
	return o, exit, err
}

// parseShard reads two flags. kingpin's integer flags accept 1.5 as 1, and their
// errors do not name the flag.
func parseShard(shard, total string) (index, of int, err error) {
	n, err := strconv.ParseInt(total, 10, 32)
	if err != nil || n < 1 {
		return 0, 0, errors.New("--total-shards must be a whole number of 1 or more")
	}
	i, err := strconv.ParseInt(shard, 10, 32)
	if err != nil || i < 0 || i >= n {
		return 0, 0, fmt.Errorf("--shard must be a whole number of 0 or more and less than --total-shards, which is %d", n)
	}
	return int(i), int(n), nil
}

// routePrefix is the prefix of all paths, without a slash at its end.
func routePrefix(prefix, external string) (string, error) {
	if external != "" {
		u, err := url.Parse(external)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return "", errors.New("--web.external-url must be a URL such as https://example.com/twilio/")
		}
		if prefix == "" {
			prefix = u.Path
		}
	}
	prefix = "/" + strings.Trim(prefix, "/")
	if path.Clean(prefix) != prefix || strings.ContainsAny(prefix, " \t{}?#%") || strings.HasPrefix(prefix+"/", "/-/") {
		return "", errors.New("--web.route-prefix must be a plain path that does not begin with /-/")
	}
	return strings.TrimSuffix(prefix, "/"), nil
}

// checkTelemetryPath rejects paths that no request can have, that http.ServeMux takes
// for a pattern, or that the exporter serves something else at.
func checkTelemetryPath(p string) error {
	switch {
	case !strings.HasPrefix(p, "/"):
		return errors.New("--web.telemetry-path must begin with a slash")
	case p != "/" && path.Clean(p) != strings.TrimSuffix(p, "/"), strings.ContainsAny(p, " \t{}?#%"):
		return errors.New("--web.telemetry-path must be a plain path")
	case strings.HasPrefix(p, "/-/"):
		return errors.New("--web.telemetry-path must not begin with /-/, where the exporter's own paths are")
	}
	return nil
}
