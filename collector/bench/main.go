// Command bench measures what twilio_exporter costs, beside servers that show the
// same series in other ways: client_golang's const metrics, families gathered once,
// text kept as kube-state-metrics keeps it, and a server that only writes the
// exporter's bytes, which is the least that any server can do.
//
// The exporter's binary and each of these servers run as processes of their own, so
// that their CPU time and memory are read from outside; this needs Linux. The API is
// twiliotest, in the benchmark's own process. Everything listens on 127.0.0.1.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/peers"
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

// bench is what both commands need.
type bench struct {
	exporter  string    // path of the binary that is measured
	directory string    // for temporary files
	log       io.Writer // progress, for people
}

// logf writes one line of progress.
func (b *bench) logf(format string, values ...any) {
	fmt.Fprintf(b.log, time.Now().Format("15:04:05 ")+format+"\n", values...)
}

// command runs the command line until it is done or the context ends.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	app := kingpin.New("bench", "Measures what twilio_exporter costs, beside other servers of the same series.")
	app.HelpFlag.Short('h')
	b := &bench{log: stderr}
	app.Flag("exporter", "The exporter's binary; without it, that of the working tree is built.").PlaceHolder("FILE").StringVar(&b.exporter)
	silent := app.Flag("silent", "Percentage of the SIMs that have no usage.").Default("30").Uint64()

	var t tableOptions
	table := app.Command("table", "Measure everything and print a table for each size.").Default()
	table.Flag("sims", "SIMs of the account, with six series each; may be given more than once.").Default("50000", "170000").IntsVar(&t.sizes)
	table.Flag("rounds", "How often each scrape is measured; the servers take turns.").Default("5").IntVar(&t.rounds)
	table.Flag("sample", "How long one measurement of a scrape lasts, one scrape at least.").Default("1s").DurationVar(&t.sample)
	table.Flag("polls", "How many polls of each kind are measured.").Default("5").IntVar(&t.polls)

	var s soakOptions
	soak := app.Command("soak", "Let the exporter poll and be scraped for a long time; fails if a scrape does.")
	soak.Flag("sims", "SIMs of the account.").Default("100000").IntVar(&s.sims)
	soak.Flag("duration", "How long.").Default("1h").DurationVar(&s.duration)
	soak.Flag("interval", "From one poll to the next; every value changes in between.").Default("1m").DurationVar(&s.interval)
	soak.Flag("scrape-interval", "From one scrape to the next, for each of two clients.").Default("15s").DurationVar(&s.scrapeInterval)

	var kind, address, path string
	peer := app.Command("peer", "Serve what the exporter is compared with.").Hidden()
	peer.Arg("kind", "").Required().StringVar(&kind)
	peer.Arg("address", "").Required().StringVar(&address)
	peer.Arg("path", "").Required().StringVar(&path)

	chosen, err := app.Parse(args)
	if err != nil {
		return err
	}
	if chosen == peer.FullCommand() {
		handler, err := peers.New(kind, path)
		if err != nil {
			return err
		}
		return (&http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: time.Minute}).ListenAndServe()
	}
	if b.directory, err = os.MkdirTemp("", "twilio_exporter-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.directory) }() // it is a temporary directory
	if err := b.build(ctx); err != nil {
		return fmt.Errorf("build the exporter: %w", err)
	}
	t.silent, s.silent = *silent, *silent
	if chosen == soak.FullCommand() {
		return b.soak(ctx, s)
	}
	return b.table(ctx, t, stdout)
}

// build builds the exporter in its own module, unless its binary is given.
func (b *bench) build(ctx context.Context) error {
	if b.exporter != "" {
		var err error
		b.exporter, err = filepath.Abs(b.exporter)
		return err
	}
	b.exporter = filepath.Join(b.directory, "twilio_exporter")
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/twilio-exporter/twilio_exporter").Output()
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-C", strings.TrimSpace(string(root)), "-trimpath", "-o", b.exporter, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = b.log, b.log
	return build.Run()
}
