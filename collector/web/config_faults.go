package web

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/twilio-exporter/twilio_exporter/collector/lifecycle"
)

// configTimeout bounds how long the web configuration and its files are read.
const configTimeout = 10 * time.Second

// ConfigFaults are the faults of the web configuration in a file, like those of the
// configuration: one a line, without any value. "" is no file.
func ConfigFaults(file string) error {
	ctx, cancel := context.WithTimeout(context.Background(), configTimeout)
	defer cancel()
	err := lifecycle.AwaitError(ctx, func() error { return toolkit.Validate(file) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lifecycle.ErrInterrupted):
		return fmt.Errorf("%s: no complete read of it and its files within %s", file, configTimeout)
	}
	// The values are what lines of the YAML library quote.
	located := regexp.MustCompile(`^(?:yaml: )?\s*line (\d+): (.*)`)
	values := regexp.MustCompile("`[^`]*`")
	var faults []error
	for line := range strings.Lines(err.Error()) {
		line = values.ReplaceAllString(strings.TrimRight(line, "\n"), "the value")
		if found := located.FindStringSubmatch(line); found != nil {
			faults = append(faults, fmt.Errorf("%s:%s: %s", file, found[1], found[2]))
		} else if line != "yaml: unmarshal errors:" {
			faults = append(faults, fmt.Errorf("%s: %s", file, line))
		}
	}
	return errors.Join(faults...)
}
