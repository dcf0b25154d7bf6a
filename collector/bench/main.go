// Command bench measures what twilio_exporter costs, beside others that show the
// same series: client_golang's const metrics, ready families, text kept as
// kube-state-metrics keeps it, and a server that writes bytes that it has, which
// is the least that any server can do.
//
// Every server is a process of its own, and so is the simulated API, so that the
// CPU time of each is read from outside. All of them listen on 127.0.0.1 only.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/peers"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command does what the command line says until it is done or the context ends.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	app := kingpin.New("bench", "Measures what twilio_exporter costs, beside others that show the same series.")
	app.HelpFlag.Short('h')
	var build buildOptions
	app.Flag("exporter", "The exporter's binary; without it, the one of this module is built.").PlaceHolder("FILE").StringVar(&build.exporter)

	b := bench{log: stderr}
	app.Flag("calm", "How long a process must do next to nothing before it counts as at rest.").Default("100ms").DurationVar(&b.calm)

	var t tableOptions
	table := app.Command("table", "Measure everything and print a table for each size.").Default()
	table.Flag("sims", "SIMs of the account; may be given more than once.").Default("50000", "170000").IntsVar(&t.sims)
	table.Flag("silent", "Of a hundred SIMs, how many have no usage.").Default("30").IntVar(&t.silent)
	table.Flag("rounds", "How often each scrape is measured; the servers take turns.").Default("5").IntVar(&t.rounds)
	table.Flag("sample", "How long one measurement of a scrape goes on, at least one scrape.").Default("1s").DurationVar(&t.sample)
	table.Flag("polls", "How many polls of each kind are measured.").Default("5").IntVar(&t.polls)
	table.Flag("poll-length", "How long the polls take during which scrapes are measured.").Default("10s").DurationVar(&t.pollLength)
	table.Flag("pace", "How often each of two Prometheus servers scrapes during a poll.").Default("50ms").DurationVar(&t.pace)
	table.Flag("restarts", "How often the first scrape of a format is measured on an exporter just started, at the smallest size.").Default("3").IntVar(&t.restarts)
	table.Flag("slow-sims", "SIMs of the account behind a slow API.").Default("100000").IntVar(&t.slowSIMs)
	table.Flag("slow-page", "How long that API takes for a page.").Default("300ms").DurationVar(&t.slowPage)
	table.Flag("page-size", "The most records that the API puts on a page.").Default("1000").IntVar(&t.pageSize)
	table.Flag("only", "Names of rows, or parts of them; may be given more than once.").StringsVar(&t.only)
	table.Flag("raw", "Write what was measured to this file too, for benchstat.").PlaceHolder("FILE").StringVar(&t.raw)
	table.Flag("perf", "Record the exporter with perf while it is measured, into this directory.").PlaceHolder("DIR").StringVar(&t.perf)

	var s soakOptions
	soak := app.Command("soak", "Let the exporter poll and be scraped for a long time.")
	soak.Flag("sims", "SIMs of the account.").Default("100000").IntVar(&s.sims)
	soak.Flag("silent", "Of a hundred SIMs, how many have no usage.").Default("30").IntVar(&s.silent)
	soak.Flag("duration", "How long.").Default("1h").DurationVar(&s.duration)
	soak.Flag("interval", "From one poll to the next; every value changes in between.").Default("1m").DurationVar(&s.interval)
	soak.Flag("scrape-interval", "From one scrape to the next, of each of two Prometheus servers.").Default("15s").DurationVar(&s.scrape)
	soak.Flag("log-every", "How often to say how it goes.").Default("1m").DurationVar(&s.every)
	soak.Flag("prometheus", "Run two real Prometheus servers of this binary as well.").PlaceHolder("FILE").StringVar(&s.prometheus)

	var o simulator.Options
	api := app.Command("simulator", "Serve the simulated API.").Hidden()
	api.Flag("sims", "").Required().IntVar(&o.SIMs)
	api.Flag("silent", "").Required().IntVar(&o.Silent)
	api.Flag("page-size", "").Required().IntVar(&o.PageSize)
	var kind, path string
	peer := app.Command("peer", "Serve what the exporter is compared with.").Hidden()
	peer.Arg("kind", "").Required().StringVar(&kind)
	peer.Arg("path", "").Required().StringVar(&path)

	chosen, err := app.Parse(args)
	if err != nil {
		return err
	}
	switch chosen {
	case api.FullCommand():
		return serve(ctx, stdout, simulator.New(o))
	case peer.FullCommand():
		handler, err := peers.New(kind, path)
		if err != nil {
			return err
		}
		return serve(ctx, stdout, handler)
	}

	if err := process.Supported(); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find the benchmark's own binary: %w", err)
	}
	if b.directory, err = os.MkdirTemp("", "twilio_exporter-bench-"); err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer b.remove(b.directory)
	if b.exporter, err = build.binary(ctx, b.directory); err != nil {
		return err
	}
	if chosen == soak.FullCommand() {
		return b.soak(ctx, s)
	}
	return b.table(ctx, t, stdout)
}

// serve serves until the context ends, and says where.
func serve(ctx context.Context, stdout io.Writer, handler http.Handler) error {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	fmt.Fprintf(stdout, "listening address=%s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// address finds where a process says it listens; so do the exporter and
// Prometheus.
func address() *regexp.Regexp {
	return regexp.MustCompile(`(?i)listening.* address=(127\.0\.0\.1:\d+)`)
}
