// Command twilio_exporter exposes the usage and cost of Twilio Super SIM fleets to
// Prometheus.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
	sloggokit "github.com/tjhop/slog-gokit"
	"golang.org/x/term"

	"github.com/twilio-exporter/twilio_exporter/collector/atomicfile"
	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/collector/check"
	"github.com/twilio-exporter/twilio_exporter/collector/completion"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/demo"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/lifecycle"
	"github.com/twilio-exporter/twilio_exporter/collector/once"
	"github.com/twilio-exporter/twilio_exporter/collector/report"
	"github.com/twilio-exporter/twilio_exporter/collector/simulator"
	"github.com/twilio-exporter/twilio_exporter/collector/web"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func main() {
	if version.Version == "" { // not set by the Makefile
		version.Version = "dev"
		if build, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(build.Main.Version, "v") {
			version.Version = strings.TrimPrefix(build.Main.Version, "v") // by "go install"
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	status := lifecycle.ExitStatus(ctx, lifecycle.ProcessTimeout, func() int {
		return command(ctx, hangup, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	})
	stop()
	os.Exit(status)
}

// command runs the whole program until the context ends, and returns its exit
// status.
func command(ctx context.Context, hangup <-chan os.Signal, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	printed := &printer{w: stdout}
	o, exit, err := parseFlags(args, printed, stderr)
	switch {
	case printed.err != nil:
		fmt.Fprintln(stderr, printed.err)
		return 1
	case exit >= 0: // --help and --version
		return exit
	case err != nil:
		fmt.Fprintf(stderr, "twilio_exporter: %v, try --help\n", err)
		return 2
	}
	switch {
	case o.configCheck: // whatever the command, nothing is asked
		err = checkConfig(ctx, o, env, stdout)
	case o.command == "check":
		err = checkAccounts(ctx, o, env, stdout, stderr)
	case o.command == "once":
		err = pollOnce(ctx, o, env, stdout, stderr)
	case o.command == "report":
		err = reportMonth(ctx, o, env, stdout, stderr)
	case o.command == "simulate":
		err = simulator.Run(ctx, o.simulate, stdout)
	case o.command == "backfill":
		err = writeHistory(ctx, o, env, stdout, stderr)
	default:
		err = serve(ctx, hangup, o, env, stdout, stderr)
	}
	if err != nil {
		if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, lifecycle.ErrInterrupted)) {
			err = fmt.Errorf("stopped before it was done: %w", context.Cause(ctx))
		}
		if !errors.Is(err, errNotEverythingWorks) && !errors.Is(err, errNotEverythingRead) && !errors.Is(err, once.ErrIncomplete) { // which has been said
			fmt.Fprintln(stderr, err)
		}
		return 1
	}
	return 0
}

// options are the flags, checked.
type options struct {
	command       string // "serve", "check", …
	format        string // of what a command prints
	output        string // file for it; empty: standard output
	probe         bool
	probeWait     time.Duration
	timeout       time.Duration
	month         time.Time // of the report; zero: the last whole one
	top           int       // SIMs in the report
	simulate      simulator.Options
	configFile    string
	configCheck   bool
	configWatch   bool
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

	from, to   time.Time // of backfill, as the rest is; output is its directory
	groups     []string
	resolution string
	yes        bool
	resume     bool
}

// serve is the daemon: it returns nil once the context has ended.
func serve(ctx context.Context, hangup <-chan os.Signal, o options, env func(string) (string, bool), stdout, stderr io.Writer) error {
	load, simulated, err := o.source(env)
	if err != nil {
		return err
	}
	if simulated != nil {
		defer simulated.Close()
	}
	redaction := new(exporter.Redaction)
	logger, bridged := newLogger(o, redaction, stderr)
	cfg, err := lifecycle.Await(ctx, load)
	if errors.Is(err, lifecycle.ErrInterrupted) {
		level.Error(logger).Log("msg", "stopped while the configuration and its files were read")
		return nil
	}
	if err != nil {
		return err
	}
	var watcher *config.Watcher
	if o.configWatch {
		if watcher, err = config.NewWatcher(o.configFile, cfg); err != nil {
			return err
		}
		defer watcher.Close()
	}
	level.Info(logger).Log("msg", "starting twilio_exporter", "version", version.Info(), "build", version.BuildContext())

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := exporter.New(ctx, exporter.Options{Logger: logger, Registry: exporter.NewRegistry(), UserAgent: userAgent(), Redaction: redaction})
	err = lifecycle.AwaitError(ctx, func() error { return e.Reload(o.part(cfg, logger)) })
	if errors.Is(err, lifecycle.ErrInterrupted) {
		level.Error(logger).Log("msg", "stopped while the files of the accounts were read")
		return nil
	}
	if err != nil {
		return err
	}
	reload := newReload(e, o, load, logger, redaction)
	server := web.NewServer(logger, web.Handler(web.Options{
		Logger:        logger,
		RoutePrefix:   o.routePrefix,
		TelemetryPath: o.telemetryPath,
		Metrics:       e.Handler(exporter.HandlerOptions{MaxRequestsInFlight: o.maxRequests, DisableCompression: o.plain}),
		Version:       version.Info(), Exporter: e, Reload: reload,
	}))

	var g lifecycle.Group
	g.Add("signals", func() error { <-ctx.Done(); return nil }, func(error) { cancel() })
	g.Add("polls", func() error { e.Wait(); return nil }, func(error) { cancel() })
	g.Add("reloads", func() error { reloadOn(ctx, hangup, reload); return nil }, func(error) { cancel() })
	g.Add("memory", func() error { lifecycle.ReturnMemory(ctx); return nil }, func(error) { cancel() })
	if watcher != nil {
		g.Add("configuration watch", func() error {
			watcher.Run(ctx, func() error { return lifecycle.AwaitError(ctx, reload) })
			return nil
		}, func(error) { cancel() })
	}
	if simulated != nil {
		g.Add("simulated Twilio", simulated.Run, func(error) { simulated.Close() })
		fmt.Fprint(stdout, demoNotice(o))
	}
	addServer(&g, server, o.web, bridged)
	hanging, err := g.Run(lifecycle.GroupTimeout)
	if len(hanging) > 0 {
		level.Error(logger).Log("msg", "stopping without waiting any longer for what hangs", "hangs", strings.Join(hanging, ", "))
	}
	if err == nil {
		level.Info(logger).Log("msg", "stopped")
	}
	return err
}

// errNotEverythingWorks is the error of a check that found something that does not.
var errNotEverythingWorks = errors.New("not everything that is polled works")

// checkAccounts asks each API of each account once.
func checkAccounts(ctx context.Context, o options, env func(string) (string, bool), stdout, stderr io.Writer) error {
	cfg, done, err := o.load(ctx, env)
	if err != nil {
		return err
	}
	defer done()
	report, err := check.Run(ctx, check.Options{
		Config: cfg, Dial: newDial(ctx, cfg), Probe: o.probe, ProbeWait: o.probeWait,
		Waiting: func(d time.Duration) {
			fmt.Fprintf(stderr, "Waiting %s to see how late usage is (--probe-wait); --probe-wait=0s does not wait.\n", d.Round(time.Second))
		},
	})
	if err != nil {
		return err
	}
	write := report.WriteText
	if o.format == "json" {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if !report.OK {
		return errNotEverythingWorks
	}
	return nil
}

// pollOnce polls everything once and writes the exposition. It logs nothing but what is
// amiss: cron sends a mail of every output.
func pollOnce(ctx context.Context, o options, env func(string) (string, bool), stdout, stderr io.Writer) error {
	cfg, done, err := o.load(ctx, env)
	if err != nil {
		return err
	}
	defer done()
	if o.logLevel == "info" {
		o.logLevel = "warn"
	}
	redaction := new(exporter.Redaction)
	logger, _ := newLogger(o, redaction, stderr)
	format := expfmt.TypeTextPlain
	if o.format == "openmetrics" {
		format = expfmt.TypeOpenMetrics
	}
	return once.Run(ctx, once.Options{
		Config: cfg, Exporter: exporter.Options{Logger: logger, UserAgent: userAgent(), Redaction: redaction},
		Format: format, Timeout: o.timeout, Output: o.output, Stdout: stdout,
	})
}

// errNotEverythingRead is the error of a report that lacks something.
var errNotEverythingRead = errors.New("not everything could be read")

// reportMonth makes the report of a month.
func reportMonth(ctx context.Context, o options, env func(string) (string, bool), stdout, stderr io.Writer) error {
	cfg, done, err := o.load(ctx, env)
	if err != nil {
		return err
	}
	defer done()
	var file *atomicfile.File
	if o.output != "" { // before anything is asked for
		if file, err = atomicfile.Create(o.output); err != nil {
			return err
		}
		defer file.Discard()
		stdout = file
	}
	r, err := report.Run(ctx, report.Options{Config: cfg, Month: o.month, Dial: newDial(ctx, cfg)})
	if err != nil {
		return err
	}
	if err := r.Write(stdout, o.format, o.top); err != nil {
		return err
	}
	if file != nil {
		if err := file.Commit(); err != nil {
			return err
		}
	}
	for _, a := range r.Accounts {
		for _, text := range a.Errors {
			fmt.Fprintf(stderr, "account %q: not read: %s\n", a.Name, text)
		}
	}
	if !r.OK {
		return errNotEverythingRead
	}
	return nil
}

// writeHistory writes usage of the past as OpenMetrics files.
func writeHistory(ctx context.Context, o options, env func(string) (string, bool), stdout, stderr io.Writer) error {
	cfg, done, err := o.load(ctx, env)
	if err != nil {
		return err
	}
	defer done()
	var confirm func() (bool, error)
	if !o.yes {
		confirm = func() (bool, error) {
			return lifecycle.Await(ctx, func() (bool, error) { return ask(os.Stdin, stderr) })
		}
	}
	return backfill.Run(ctx, backfill.Options{
		Accounts: cfg.Accounts(), API: cfg.API(), Rollover: cfg.Rollover(), Dial: newDial(ctx, cfg),
		From: o.from, To: o.to, Groups: o.groups, Resolution: backfill.Resolution(o.resolution), Output: o.output, Resume: o.resume,
		Confirm: confirm, Files: stdout, Log: stderr, Terminal: isTerminal(stderr),
	})
}

// ask asks whether to go on.
func ask(stdin io.Reader, stderr io.Writer) (yes bool, err error) {
	fmt.Fprint(stderr, "Go on? [y/N] ")
	answer, err := bufio.NewReader(stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// load reads the configuration for a command that ends by itself, with the accounts of
// this shard. done ends the simulated API of --demo.
func (o options) load(ctx context.Context, env func(string) (string, bool)) (cfg *config.Config, done func(), err error) {
	load, simulated, err := o.source(env)
	if err != nil {
		return nil, nil, err
	}
	done = func() {}
	if simulated != nil {
		go func() { _ = simulated.Run() }()
		done = simulated.Close
	}
	if cfg, err = lifecycle.Await(ctx, load); err != nil {
		done()
		return nil, nil, err
	}
	return cfg.Shard(o.shard, o.totalShards), done, nil
}

// source is where the configuration comes from. With --demo, simulated is the API that it
// talks to, once that runs.
func (o options) source(env func(string) (string, bool)) (load func() (*config.Config, error), simulated *demo.Demo, err error) {
	if !o.demo {
		return func() (*config.Config, error) { return loadConfig(o, env) }, nil, nil
	}
	simulated, err = demo.New()
	return func() (*config.Config, error) { return simulated.Config, web.ConfigFaults(*o.web.WebConfigFile) }, simulated, err
}

// newDial makes the clients of a command that asks the APIs itself. wrap, which may be
// nil, sees each request and response.
func newDial(ctx context.Context, cfg *config.Config) func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
	return func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error) {
		client, _, err := exporter.NewClient(a, cfg.API(), exporter.ClientOptions{
			UserAgent: userAgent(), Redactor: twilio.NewRedactor(a.Secrets(ctx, new(config.Files))...), Observer: observer, Wrap: wrap,
		})
		return client, err
	}
}

// addServer adds a server to the group.
func addServer(g *lifecycle.Group, server *http.Server, flags *toolkit.FlagConfig, logger *slog.Logger) {
	g.Add("web server", func() error {
		if err := web.ListenAndServe(server, flags, logger); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("cannot serve: %w", err)
		}
		return nil
	}, func(error) {
		// The program's context has ended; responses under way have not.
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
	})
}

// newReload makes the function that loads the configuration again and applies it.
func newReload(e *exporter.Exporter, o options, load func() (*config.Config, error), logger log.Logger, redaction *exporter.Redaction) func() error {
	return exporter.Coalesce(func() error {
		cfg, err := load()
		if err == nil {
			cfg = o.part(cfg, logger)
			err = e.Reload(cfg)
		} else {
			e.ReloadFailed()
		}
		if err != nil {
			level.Error(logger).Log("msg", "configuration not reloaded; the one before stays", "err", err)
			return errors.New(redaction.Redact(err.Error())) // which is sent to the client that asked for it
		}
		level.Info(logger).Log("msg", "configuration reloaded", "accounts", len(cfg.Accounts()))
		return nil
	})
}

// reloadOn reloads at each signal, until the context ends.
func reloadOn(ctx context.Context, hangup <-chan os.Signal, reload func() error) {
	for {
		select {
		case <-hangup:
			_ = lifecycle.AwaitError(ctx, reload) // which has logged it
		case <-ctx.Done():
			return
		}
	}
}

// newLogger makes the logger, which writes no secret, and a log/slog bridge to it
// for the web toolkit.
func newLogger(o options, redaction *exporter.Redaction, w io.Writer) (log.Logger, *slog.Logger) {
	base := log.NewLogfmtLogger(log.NewSyncWriter(w))
	if o.logFormat == "json" {
		base = log.NewJSONLogger(log.NewSyncWriter(w))
	}
	base = redaction.Logger(base)
	var leveler slog.LevelVar
	// The flag allows only levels that both libraries know.
	_ = leveler.UnmarshalText([]byte(o.logLevel))
	logger := level.NewFilter(base, level.Allow(level.ParseDefault(o.logLevel, level.InfoValue())))
	return log.With(logger, "ts", log.DefaultTimestampUTC, "caller", log.DefaultCaller),
		slog.New(sloggokit.NewGoKitHandler(base, &leveler))
}

func userAgent() string {
	return fmt.Sprintf("twilio_exporter/%s (%s; %s/%s)", version.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// demoNotice shows what --demo runs and where to find it.
func demoNotice(o options) string {
	address := (*o.web.WebListenAddresses)[0]
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		host = "localhost"
	}
	root := "http://" + net.JoinHostPort(host, port) + o.routePrefix
	return fmt.Sprintf(`
Demo: two simulated accounts, one at Twilio and one at KORE, polled every few seconds.

  metrics        %[1]s%[2]s
  status page    %[1]s/

  try            curl -s %[1]s%[2]s | grep twilio_supersim_fleet

Stop it with Ctrl-C.

`, root, o.telemetryPath)
}

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
	if err == nil && o.command != "serve" {
		cfg = cfg.WithoutStorage()
	}
	if err == nil {
		err = cfg.CheckFiles()
	}
	return cfg, errors.Join(err, web.ConfigFaults(*o.web.WebConfigFile))
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

// checkConfig prints the effective configuration, or returns all its faults.
func checkConfig(ctx context.Context, o options, env func(string) (string, bool), stdout io.Writer) error {
	load, simulated, err := o.source(env)
	if err != nil {
		return err
	}
	if simulated != nil {
		defer simulated.Close()
	}
	cfg, err := lifecycle.Await(ctx, load)
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("The configuration is valid.\n")
	if o.totalShards > 1 {
		fmt.Fprintf(&text, "%d of its %d accounts fall to shard %d of 0 to %d.\n",
			len(cfg.Shard(o.shard, o.totalShards).Accounts()), len(cfg.Accounts()), o.shard, o.totalShards-1)
	}
	fmt.Fprintf(&text, "\nWith its defaults, and without its secrets, it is:\n\n%s", cfg)
	_, err = io.WriteString(stdout, text.String())
	return err
}

// A printer writes help, which kingpin cannot but write: it panics on an error.
type printer struct {
	w   io.Writer
	err error // the first one
}

// Write implements io.Writer. It never fails.
func (p *printer) Write(b []byte) (int, error) {
	if p.err == nil {
		_, p.err = p.w.Write(b)
	}
	return len(b), nil
}

// parseFlags reads the command line. exit is the exit status if it asks for nothing
// but help or the version, which are printed, and -1 otherwise.
func parseFlags(args []string, stdout, stderr io.Writer) (o options, exit int, err error) {
	exit = -1
	var shard, totalShards, month string
	app := kingpin.New("twilio_exporter", "Prometheus exporter for the usage and cost of Twilio Super SIM fleets.")
	app.UsageWriter(stdout).ErrorWriter(stderr).Terminate(func(code int) { exit = code })
	app.Version(version.Print("twilio_exporter"))
	app.VersionFlag.Short('v')
	app.HelpFlag.Short('h').Help("Show help, of a command if one is named.")
	app.Command("serve", "Poll the accounts and serve their metrics.").Default()
	check := app.Command("check", "Ask each API of each account once, and say what works, what does not and why, and what polling will take.")
	check.Flag("format", "Format of the result: text, json.").Default("text").EnumVar(&o.format, "text", "json")
	check.Flag("probe", "Also find out how the API behaves where its documentation is silent.").BoolVar(&o.probe)
	check.Flag("probe-wait", "Time between the two listings of --probe that show how late usage is.").Default("1m").DurationVar(&o.probeWait)
	once := app.Command("once", "Poll everything once and write the metrics, for cron, CI and the textfile collector of node_exporter.")
	once.Flag("format", "Format of the metrics: text, openmetrics.").Default("text").EnumVar(&o.format, "text", "openmetrics")
	once.Flag("output", "File to replace by the metrics; default: standard output.").PlaceHolder("FILE").StringVar(&o.output)
	once.Flag("timeout", "How long all polls together may take; what has not ended by then has failed.").Default("10m").DurationVar(&o.timeout)
	o.addSimulate(app.Command("simulate", "Serve the simulated API alone, and print the configuration that talks to it."))
	reports := app.Command("report", "Report the traffic and cost of one month, by fleet, network, country, SIM and category.")
	reports.Flag("month", "Month such as 2026-10; default: the last whole one.").PlaceHolder("YYYY-MM").StringVar(&month)
	reports.Flag("format", "Format of the report: text, csv, json, html.").Default("text").EnumVar(&o.format, "text", "csv", "json", "html")
	reports.Flag("output", "File to replace by the report; default: standard output.").PlaceHolder("FILE").StringVar(&o.output)
	reports.Flag("top", "How many SIMs text and HTML show, those with the highest cost; 0 is all.").Default("10").IntVar(&o.top)
	var from, to, groups string
	history := app.Command("backfill", "Write usage of the past as OpenMetrics files, of which promtool makes blocks for Prometheus.")
	history.Flag("from", "First day (UTC), such as 2026-08-01; the API keeps 18 months.").Required().PlaceHolder("DATE").StringVar(&from)
	history.Flag("to", "Day (UTC) before which to end: the one on which Prometheus scraped the exporter for the first time, or the day before if that was the first of a month.").Required().PlaceHolder("DATE").StringVar(&to)
	history.Flag("output", "Directory for the files; it is made if it does not exist.").Required().PlaceHolder("DIR").StringVar(&o.output)
	history.Flag("groups", "Groups to write, separated by commas: account, sim, fleet, network, country, sim_network; default: those configured.").PlaceHolder("GROUPS").StringVar(&groups)
	history.Flag("resolution", "How far apart samples are: hour, day.").Default("hour").EnumVar(&o.resolution, "hour", "day")
	history.Flag("yes", "Do not ask before the usage is read.").BoolVar(&o.yes)
	history.Flag("resume", "Go on with what an earlier run began in the same directory.").BoolVar(&o.resume)
	app.Flag("config.file", "YAML configuration; without it, one account is taken from the TWILIO_* environment variables.").PlaceHolder("FILE").StringVar(&o.configFile)
	app.Flag("config.check", "Load the configuration and every file that it names, print the effective configuration or all faults, and exit.").BoolVar(&o.configCheck)
	app.Flag("config.watch", "Load the configuration again whenever the content of its file changes.").BoolVar(&o.configWatch)
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
	if text := script(app, args); text != "" {
		fmt.Fprint(stdout, text)
		return o, 0, nil
	}
	if o.command, err = app.Parse(args); exit >= 0 || err != nil {
		return o, exit, nameFlag(app, args, err)
	}
	switch {
	case o.demo && o.configFile != "":
		return o, exit, errors.New("--demo and --config.file exclude each other")
	case o.configWatch && o.configFile == "":
		return o, exit, errors.New("--config.watch needs --config.file")
	case o.probeWait < 0:
		return o, exit, errors.New("--probe-wait must not be negative")
	case o.command == "once" && o.timeout <= 0:
		return o, exit, errors.New("--timeout must be more than 0")
	case o.top < 0:
		return o, exit, errors.New("--top must not be negative")
	case o.maxRequests < 0:
		return o, exit, errors.New("--web.max-requests must not be negative")
	}
	switch o.command {
	case "simulate":
		err = o.simulate.Check()
	case "backfill":
		err = o.parseHistory(from, to, groups)
	}
	if err != nil {
		return o, exit, err
	}
	if month != "" {
		if o.month, err = report.ParseMonth(month, time.Now()); err != nil {
			return o, exit, fmt.Errorf("--month: %w", err)
		}
	}
	if o.shard, o.totalShards, err = parseShard(shard, totalShards); err != nil {
		return o, exit, err
	}
	if err := web.CheckTelemetryPath(o.telemetryPath); err != nil {
		return o, exit, err
	}
	o.routePrefix, err = web.RoutePrefix(o.routePrefix, o.externalURL)
	return o, exit, err
}

// nameFlag adds the flag to the error of its value, which kingpin leaves out.
func nameFlag(app *kingpin.Application, args []string, err error) error {
	parsed, parseErr := app.ParseContext(args)
	if err == nil || parseErr != nil {
		return err
	}
	for _, e := range parsed.Elements {
		if flag, ok := e.Clause.(*kingpin.FlagClause); ok && e.Value != nil {
			if valueErr := flag.Model().Value.Set(*e.Value); valueErr != nil {
				return fmt.Errorf("--%s: %w", flag.Model().Name, valueErr)
			}
		}
	}
	return err
}

// script is the completion script or man page that the only argument asks for; "" if it
// is something else. kingpin has scripts of its own for some of these flags.
func script(app *kingpin.Application, args []string) string {
	if len(args) != 1 {
		return ""
	}
	switch args[0] {
	case "--completion-script-bash":
		return completion.Bash(app.Model())
	case "--completion-script-zsh":
		return completion.Zsh(app.Model())
	case "--completion-script-fish":
		return completion.Fish(app.Model())
	case "--help-man":
		return completion.Man(app.Model())
	}
	return ""
}

// addSimulate adds the flags of the simulated API.
func (o *options) addSimulate(c *kingpin.CmdClause) {
	c.Flag("listen-address", "Address to listen on; a port of 0 is any free one.").Default("127.0.0.1:9861").StringVar(&o.simulate.ListenAddress)
	c.Flag("sims", "How many SIMs the simulated account has.").Default("200").UintVar(&o.simulate.SIMs)
	c.Flag("fleets", "How many fleets it has.").Default("4").UintVar(&o.simulate.Fleets)
	c.Flag("seed", "What decides everything that is simulated: the same seed has the same usage.").Default("1").Uint64Var(&o.simulate.Seed)
	c.Flag("provider", "Whose API it is: twilio, kore.").Default("twilio").EnumVar((*string)(&o.simulate.Provider), "twilio", "kore")
	c.Flag("latency", "How long each response takes.").Default("0s").DurationVar(&o.simulate.Latency)
	c.Flag("remote-faults", "Serve /-/faults also where --listen-address is not a loopback address.").BoolVar(&o.simulate.RemoteFaults)
}

// parseHistory reads the flags of backfill.
func (o *options) parseHistory(from, to, groups string) (err error) {
	if o.from, err = backfill.ParseDate(from); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	if o.to, err = backfill.ParseDate(to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if groups != "" {
		o.groups = strings.Split(groups, ",")
	}
	if err := errors.Join(backfill.CheckDates(o.from, o.to, time.Now()), backfill.CheckGroups(o.groups)); err != nil {
		return err
	}
	if !o.yes && !isTerminal(os.Stdin) {
		return errors.New("backfill asks before it sends many requests, and standard input is no terminal: --yes goes on without asking")
	}
	return nil
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
