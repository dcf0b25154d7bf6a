//go:build !linux

package main

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
)

func ownTime() (time.Duration, error) { return 0, process.Supported() }
