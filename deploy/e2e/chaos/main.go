// Command chaos runs the exporter against simulated accounts whose APIs misbehave,
// while its configuration and its secrets change, hostile clients hold it up, and it is
// killed now and then. Every value that an honest scraper gets is compared with what
// was possible then.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

func main() {
	o := options{segments: 4, stopLimit: 10 * time.Second}
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "decides everything that is random")
	flag.DurationVar(&o.duration, "duration", time.Hour, "how long to run")
	flag.IntVar(&o.accounts, "accounts", 200, "simulated accounts")
	flag.DurationVar(&o.interval, "interval", 20*time.Second, "from one poll of usage to the next one")
	flag.DurationVar(&o.scrapes, "scrapes", 3*time.Second, "from one scrape to the next one, for each of three scrapers")
	flag.DurationVar(&o.pace, "pace", 4*time.Second, "about how long it takes from one event to the next")
	flag.IntVar(&o.restarts, "restarts", 8, "how often the exporter is killed or stopped, in the first two fifths of the time")
	flag.BoolVar(&o.storage, "storage", true, "with storage.path: what was shown before a restart has to go on after it")
	without := flag.String("without", "", "kinds of faults to leave out, separated by commas")
	only := flag.String("only", "", "the only kinds of faults, separated by commas")
	flag.StringVar(&o.exporter, "exporter", "", "the program to try; default: it is built")
	flag.BoolVar(&o.verbose, "log", false, "show the exporter's log")
	flag.Parse()
	o.without, o.only = kinds(*without), kinds(*only)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, o)
	if stop(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, o options) error {
	if o.exporter == "" {
		var err error
		if o.exporter, err = programs.BuildExporter(ctx, os.Stderr); err != nil {
			return err
		}
	}
	directory, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return err
	}
	err = try(ctx, o, directory, log.New(os.Stdout, "", log.LstdFlags|log.LUTC).Printf)
	return errors.Join(err, os.RemoveAll(directory))
}

// kinds splits a flag's list of faults.
func kinds(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' })
}
