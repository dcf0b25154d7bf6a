// Command twilio_exporter exposes the usage and cost of Twilio Super SIM fleets to
// Prometheus.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/prometheus/common/version"
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
	status := command(ctx, hangup, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// command runs the whole program until the context ends, and returns its exit
// status.
func command(ctx context.Context, hangup <-chan os.Signal, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	o, exit, err := parseFlags(args, stdout, stderr)
	switch {
	case exit >= 0: // --help and --version
		return exit
	case err != nil:
		fmt.Fprintf(stderr, "twilio_exporter: %v, try --help\n", err)
		return 2
	}
	if err := serve(ctx, hangup, o, env, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
