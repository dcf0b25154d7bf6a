package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/oklog/run"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	sloggokit "github.com/tjhop/slog-gokit"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/demo"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/web"
)

// serve is the daemon: it returns nil once the context has ended.
func serve(ctx context.Context, hangup <-chan os.Signal, o options, env func(string) (string, bool), stdout, stderr io.Writer) error {
	load := func() (*config.Config, error) { return loadConfig(o, env) }
	var simulated *demo.Demo
	if o.demo {
		var err error
		if simulated, err = demo.New(); err != nil {
			return err
		}
		defer simulated.Close()
		load = func() (*config.Config, error) { return simulated.Config, webFaults(o) }
	}
	cfg, err := load()
	if err != nil {
		return err
	}
	if o.configCheck {
		printConfig(stdout, o, cfg)
		return nil
	}
	logger, bridged := newLogger(o, stderr)
	level.Info(logger).Log("msg", "starting twilio_exporter", "version", version.Info(), "build", version.BuildContext())

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := exporter.New(ctx, exporter.Options{Logger: logger, Registry: exporter.NewRegistry(), UserAgent: userAgent()})
	if err := e.Reload(o.part(cfg, logger)); err != nil {
		return err
	}
	reload := newReload(e, o, load, logger)
	server := web.NewServer(logger, web.Handler(web.Options{
		Logger:        logger,
		RoutePrefix:   o.routePrefix,
		TelemetryPath: o.telemetryPath,
		Metrics:       e.Handler(exporter.HandlerOptions{MaxRequestsInFlight: o.maxRequests, DisableCompression: o.plain}),
		Version:       version.Info(), Exporter: pages{e}, Reload: reload,
	}))

	var g run.Group
	g.Add(func() error { <-ctx.Done(); return nil }, func(error) { cancel() })
	g.Add(func() error { e.Wait(); return nil }, func(error) { cancel() })
	g.Add(func() error { reloadOn(ctx, hangup, reload); return nil }, func(error) { cancel() })
	if simulated != nil {
		g.Add(simulated.Run, func(error) { simulated.Close() })
		fmt.Fprint(stdout, demoNotice(o))
	}
	addServer(&g, server, o.web, bridged)
	if err := g.Run(); err != nil {
		return err
	}
	level.Info(logger).Log("msg", "stopped")
	return nil
}

// addServer adds a server to the group.
func addServer(g *run.Group, server *http.Server, flags *toolkit.FlagConfig, logger *slog.Logger) {
	g.Add(func() error {
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
func newReload(e *exporter.Exporter, o options, load func() (*config.Config, error), logger log.Logger) func() error {
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
			return err
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
			_ = reload() // which has logged it
		case <-ctx.Done():
			return
		}
	}
}

// pages is the exporter as the web pages see it.
type pages struct{ *exporter.Exporter }

// Polls implements web.Exporter.
func (p pages) Polls() []web.Poll {
	var polls []web.Poll
	for _, s := range p.Status() {
		poll := web.Poll{Account: s.Account, Provider: s.Provider, Collector: s.Collector, Interval: s.Interval}
		if o := s.Outcome; o != nil {
			poll.Ended, poll.Duration, poll.Records, poll.LastSuccess = o.Ended, o.Duration, o.Records, o.LastSuccess
			if o.Reason != "" {
				poll.Reason, poll.Err, poll.Advice = string(o.Reason), o.Err, o.Reason.Advice()
			}
		}
		polls = append(polls, poll)
	}
	return polls
}

// newLogger makes the logger, and a log/slog bridge to it for the web toolkit.
func newLogger(o options, w io.Writer) (log.Logger, *slog.Logger) {
	base := log.NewLogfmtLogger(log.NewSyncWriter(w))
	if o.logFormat == "json" {
		base = log.NewJSONLogger(log.NewSyncWriter(w))
	}
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
  landing page   %[1]s/

  try            curl -s %[1]s%[2]s | grep twilio_supersim_fleet

Stop it with Ctrl-C.

`, root, o.telemetryPath)
}
