package report_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// oneSIM is an account with one SIM that used so many bytes in the first hour of each
// month, for so much.
func oneSIM(bytes, micro func(time.Month) int64) twiliotest.Account {
	a := odd()
	a.SIMList = a.SIMList[10:11]
	a.Usage = func(_ twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if hour.Day() != 1 || hour.Hour() != 0 || hour.Before(date(1, 1)) {
			return nil
		}
		return []twiliotest.Segment{{NetworkSID: network, Download: bytes(hour.Month()), MicroCost: micro(hour.Month())}}
	}
	return a
}

// TestRounding: what is rounded is rounded to the nearest, halves away from 0, and what is
// not 0 does not look like it.
func TestRounding(t *testing.T) {
	for _, x := range []struct {
		bytes, before int64
		micro, spent  int64
		want          string // the SIM's traffic, change, cost, share, cost before, change
	}{
		{9_999_999_999, 9_999_999_999, 1, 3, "10,000.00 0.0 % 0.000001 USD 100.0 % 0.000003 −66.7 %"},                   // MB
		{10_000_000_000, 10_000_000_000, 2_000_000, 1_000_000, "10.00 0.0 % 2 USD 100.0 % 1 +100.0 %"},                  // GB
		{4, 10_000_000, -1_000_000, -2_000_000, "<0.01 −100.0 % -1 USD 100.0 % -2 +50.0 %"},                             // credits that shrink
		{5_000, 0, 1_234_567_890_123, 0, "5.00 new 1,234,567.890123 USD 100.0 % 0 new"},                                 // kB
		{1005, 1000, 100_500_000, 100_450_000, "1.01 +0.5 % 100.5 USD 100.0 % 100.45 0.0 %"},                            // halves
		{1_000, 1_999, 200_100_000, 200_000_000, "1.00 −50.0 % 200.1 USD 100.0 % 200 +0.1 %"},                           // 0.05 %
		{123_456_789_012_345, 1, 999_999, 1_000_000, "123.46 +12,345,678,901,234,400.0 % 0.999999 USD 100.0 % 1 0.0 %"}, // TB
	} {
		synctest.Test(t, func(t *testing.T) {
			pick := func(february, january int64) func(time.Month) int64 {
				return func(m time.Month) int64 {
					if m == time.February {
						return february
					}
					return january
				}
			}
			s := newSetup(oneSIM(pick(x.bytes, x.before), pick(x.micro, x.spent)), twiliotest.Readings{})
			sleepUntil(date(3, 4))
			_, line, _ := strings.Cut(written(t, s.run(t, date(2, 1)), "text", 0), "HS")
			line, _, _ = strings.Cut(line, "\n")
			if have := strings.Join(strings.Fields(line)[1:], " "); have != x.want {
				t.Errorf("want %s, have %s", x.want, have)
			}
		})
	}
}
