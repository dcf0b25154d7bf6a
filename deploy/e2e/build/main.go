// Command build builds the programs that the end-to-end tests run, and prints its
// progress.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	_, err := programs.Build(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
