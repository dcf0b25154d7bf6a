package backfill_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestPace: however many requests are under way at a time, and also where listings are
// empty, no hour has more of them than configured, and not many less.
func TestPace(t *testing.T) {
	for _, concurrency := range []string{"1", "2", "7"} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(date("2001-11-20 10:00")))
			usage := func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
				if hour.Month() == time.March { // in the other months, listings are empty
					return busy(sim, hour)
				}
				return nil
			}
			s := newSetup(t, twiliotest.Options{Now: time.Now, MaxPageSize: 20, Accounts: []twiliotest.Account{account(usage)}}, time.Time{}, "2001-01-01", "2001-05-01")
			s.options.Groups, s.latency = []string{"sim", "network", "fleet", "sim_network"}, 3*time.Second
			s.yaml = "api: {max_requests_per_hour: 100, max_concurrency: " + concurrency + "}"
			s.mustRun(t)
			most := 0
			for i, first := range s.sentAt {
				n := 0
				for _, at := range s.sentAt[i:] {
					if at.Sub(first) < time.Hour {
						n++
					}
				}
				most = max(most, n)
			}
			if most > 100 || most < 90 {
				t.Errorf("%s at a time: %d requests in an hour", concurrency, most)
			}
			took := s.sentAt[len(s.sentAt)-1].Sub(s.sentAt[0])
			if n := len(s.sentAt); n < 250 || took > time.Hour*time.Duration(n)/90 {
				t.Errorf("%s at a time: %d requests in %s", concurrency, n, took)
			}
			if !strings.Contains(s.log.String(), "With max_requests_per_hour: 100, that is about ") {
				t.Error(s.log.String())
			}
		})
	}
}

// TestProgress: lines say how far a run is. How long it takes is known to a tenth once
// some chunks of each group have been read, although nine of ten SIMs have no usage.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(date("2001-11-20 10:00")))
		usage := func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
			if strings.HasSuffix(sim.SID, "0") { // one of ten
				return []twiliotest.Segment{{NetworkSID: home, Upload: 1}}
			}
			return nil
		}
		a := account(usage)
		for len(a.SIMList) < 100 {
			a.SIMList = append(a.SIMList, twiliotest.SIM{SID: simSID(len(a.SIMList) + 1), FleetSID: fleetSID})
		}
		s := newSetup(t, twiliotest.Options{Now: time.Now, Accounts: []twiliotest.Account{a}}, time.Time{}, "2001-03-01", "2001-09-01")
		s.options.Groups, s.latency = []string{"sim"}, 3*time.Second
		s.yaml = "api: {max_concurrency: 1}"
		s.mustRun(t)
		end := s.sentAt[len(s.sentAt)-1].Add(s.latency)
		planned, _, sent, _ := s.planned(t)
		lines := regexp.MustCompile(`(?m)^([0-9]+) of about ([0-9]+) requests, about (.*) left$`).FindAllStringSubmatch(s.log.String(), -1)
		const inventory = 2
		if want := (sent - inventory) * 3 / 12; len(lines) < want-1 || len(lines) > want+1 { // one in ten seconds, after a request
			t.Errorf("want %d lines, have %d: %s", want, len(lines), s.log.String())
		}
		for i, line := range lines {
			n, _ := strconv.Atoi(line[1])
			of, _ := strconv.Atoi(line[2])
			left, err := time.ParseDuration(line[3])
			if err != nil {
				t.Fatal(err)
			}
			if n != 4*(i+1) {
				t.Errorf("line %d: %q", i, line[0])
			}
			at := s.sentAt[inventory+n-1].Add(s.latency)
			if n < sent/3 {
				if of > planned {
					t.Errorf("of %d planned: %q", planned, line[0])
				}
				continue
			}
			if of < (sent-inventory)*9/10 || of > (sent-inventory)*11/10 {
				t.Errorf("of %d: %q", sent-inventory, line[0])
			}
			if off := left - end.Sub(at); off > end.Sub(at)/10+6*time.Second || off < -end.Sub(at)/10-6*time.Second {
				t.Errorf("%s are left: %q", end.Sub(at), line[0])
			}
		}
		if planned < 5*sent {
			t.Errorf("%d requests planned, %d sent: this tests nothing", planned, sent)
		}
	})
}

// TestBar: on a terminal a bar shows the progress. It is removed before each other line,
// and at the end.
func TestBar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(date("2001-11-20 10:00")))
		s := newSetup(t, twiliotest.Options{Now: time.Now, Accounts: []twiliotest.Account{account(busy)}}, time.Time{}, "2001-03-01", "2001-05-01")
		s.options.Groups, s.options.Resolution, s.options.Terminal, s.latency = []string{"sim"}, backfill.Hour, true, time.Second
		s.mustRun(t)
		log := s.log.String()
		_, bar, _ := strings.Cut(log, "or later.\n")
		if bar == "" {
			_, bar, _ = strings.Cut(log, "or never.\n")
		}
		if !regexp.MustCompile(`requests +[0-9]+% \|.*\| \([0-9]+/[0-9]+\)`).MatchString(bar) {
			t.Errorf("no bar in %q", log)
		}
		if strings.Contains(log, " of about ") {
			t.Errorf("lines beside the bar: %q", log)
		}
		last := strings.LastIndexByte(strings.TrimSuffix(log, "\n"), '\r')
		if rest := log[last+1:]; !regexp.MustCompile(`^(\x1b\[[0-9;]*K)? *[0-9]+ files with [0-9,]+ samples, .*\n$`).MatchString(rest) {
			t.Errorf("after the bar: %q", rest)
		}
	})
}
