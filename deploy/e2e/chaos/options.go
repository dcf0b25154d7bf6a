package main

import "time"

// options say how long and how hard to try the exporter.
type options struct {
	seed      uint64
	duration  time.Duration
	accounts  int
	segments  int           // of usage that each SIM has in an hour
	interval  time.Duration // of polls of usage; other polls are half as frequent
	scrapes   time.Duration // from one scrape of an honest scraper to its next one
	pace      time.Duration // about as long it takes from one event to the next
	restarts  int           // in the first part of the run
	storage   bool          // with storage.path: a restart loses nothing
	stopLimit time.Duration // how long the exporter may take to end after SIGTERM
	without   []string      // kinds of faults to leave out
	only      []string      // the only kinds of faults; empty: all
	exporter  string        // path of the program
	verbose   bool          // show the exporter's log
}

// rollover is how long a counter that appears shows 0. It is the least that a test can
// see.
func (o options) rollover() time.Duration { return 5 * o.scrapes }

func (o options) maxAge() time.Duration { return 6 * o.interval }

// longestPoll is longer than any successful poll takes.
const longestPoll = 90 * time.Second

// hourDelay is the configuration's hour_delay.
const hourDelay = time.Minute

// settle is how long months stay open.
const settle = 5 * time.Minute
