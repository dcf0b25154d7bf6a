package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The rows of a table, by the names that --only takes.
const (
	rowScrape          = "scrape"
	rowScrapeZstd      = "scrape-zstd"
	rowScrapeProtobuf  = "scrape-protobuf"
	rowScrapeTwo       = "scrape-two"
	rowScrapeWall      = "scrape-wall"
	rowPlain           = "plain"
	rowPlainProtobuf   = "plain-protobuf"
	rowPlainText       = "plain-text"
	rowFirstOM         = "first-openmetrics"
	rowFirstText       = "first-text"
	rowFirstProtobuf   = "first-protobuf"
	rowFirstZstd       = "first-zstd"
	rowPollScrape      = "poll-scrape"
	rowPollScrapeWall  = "poll-scrape-wall"
	rowPollScrapeMost  = "poll-scrape-longest"
	rowPollPause       = "poll-pause"
	rowPollChanged     = "poll-changed"
	rowPollUnchanged   = "poll-unchanged"
	rowHeap            = "heap"
	rowHeapPerSeries   = "heap-series"
	rowHeapPerSeriesNo = "heap-series-own"
	rowResident        = "resident"
	rowPeak            = "peak"
	rowAllocations     = "allocations"
	rowStart           = "start"
	rowSlowPoll        = "slow-poll"
	rowSlowStart       = "slow-start"

	// What rows are judged by, but is no row itself.
	compression = "compression"
)

// row is a line of the table.
type row struct {
	name string
	what string
	unit unit
	// raw is the benchmark's name for benchstat, with a key and a value where
	// there is a slash, and metric its unit there.
	raw, metric string
	target      func(s *sheet) string
	reached     func(s *sheet, all []*sheet) []bool // nothing: there is no target, or it cannot be told
}

// section is a part of the run that fills rows.
type section []string

func scrapeRows() section {
	return section{rowScrape, rowScrapeZstd, rowScrapeProtobuf, rowScrapeTwo, rowPlain, rowPlainProtobuf, rowPlainText}
}

func pollRows() section {
	return section{rowPollChanged, rowPollUnchanged, rowPollScrape, rowPollScrapeWall, rowPollScrapeMost, rowPollPause, rowScrapeWall}
}

func memoryRows() section {
	return section{rowHeap, rowHeapPerSeries, rowHeapPerSeriesNo, rowResident, rowPeak}
}

func firstRows() section {
	return section{rowFirstOM, rowFirstText, rowFirstProtobuf, rowFirstZstd}
}

func slowRows() section { return section{rowSlowPoll, rowSlowStart} }

// wants says whether a row is to be shown.
func (t tableOptions) wants(name string) bool {
	return len(t.only) == 0 || slices.ContainsFunc(t.only, func(part string) bool { return strings.Contains(name, part) })
}

// wantsAny says whether a section is to be run.
func (t tableOptions) wantsAny(s section) bool { return slices.ContainsFunc(s, t.wants) }

// A million is the number of series to which some targets are said; at other
// sizes they are in proportion.
const million = 1_000_000

func (s *sheet) millions() float64 { return float64(s.series) / million }

// below is one answer to whether a target is reached; none if something was not
// measured.
func below(value, limit float64) []bool {
	if math.IsNaN(value) || math.IsNaN(limit) {
		return nil
	}
	return []bool{value <= limit}
}

func rows() []row {
	asPrometheus := func(name, what, format string) row {
		return row{
			name: name, what: what, unit: cpu, raw: "Scrape/format=" + format, metric: "cpu-ns/op",
			target: func(s *sheet) string {
				return fmt.Sprintf("%s: 1/1000 of const metrics; %s: 1.5 × floor",
					cpu.show(s.of(name, consts)/1000), cpu.show(1.5*s.of(name, floor)))
			},
			reached: func(s *sheet, _ []*sheet) []bool {
				return append(below(s.of(name, ours), s.of(name, consts)/1000), below(s.of(name, ours), 1.5*s.of(name, floor))...)
			},
		}
	}
	// 25 ms for 300,000 series.
	plainLimit := func(s *sheet) float64 { return 25e6 * float64(s.series) / 300_000 }
	plain := func(name, what, raw string) row {
		return row{
			name: name, what: what, unit: cpu, raw: raw, metric: "cpu-ns/op",
			target:  func(s *sheet) string { return cpu.show(plainLimit(s)) + ": 25 ms per 300,000 series" },
			reached: func(s *sheet, _ []*sheet) []bool { return below(s.of(name, ours), plainLimit(s)) },
		}
	}
	than := func(name, base string) (func(*sheet) string, func(*sheet, []*sheet) []bool) {
		return func(s *sheet) string { return cpu.show(1.2*s.of(base, ours)) + ": 1.2 × at rest" },
			func(s *sheet, _ []*sheet) []bool { return below(s.of(name, ours), 1.2*s.of(base, ours)) }
	}
	at := func(name string, u unit, limit float64) (func(*sheet) string, func(*sheet, []*sheet) []bool) {
		return func(*sheet) string { return u.show(limit) },
			func(s *sheet, _ []*sheet) []bool { return below(s.of(name, ours), limit) }
	}
	with := func(r row, target func(*sheet) string, reached func(*sheet, []*sheet) []bool) row {
		r.target, r.reached = target, reached
		return r
	}

	two, twoReached := than(rowScrapeTwo, rowScrape)
	during, duringReached := than(rowPollScrape, rowScrape)
	longestScrape, longestReached := at(rowPollScrapeMost, wall, 100e6)
	perSeries, perSeriesReached := at(rowHeapPerSeries, size, 70)
	resident, residentReached := at(rowResident, size, 200e6)
	peak, peakReached := at(rowPeak, size, 300e6)
	start, startReached := at(rowSlowStart, wall, 1e9)

	return []row{
		asPrometheus(rowScrape, "CPU of a scrape by Prometheus (OpenMetrics, gzip)", "openmetrics-gzip"),
		asPrometheus(rowScrapeZstd, "… with zstd-scrape", "openmetrics-zstd"),
		asPrometheus(rowScrapeProtobuf, "… with protobuf first", "protobuf-gzip"),
		with(row{
			name: rowScrapeTwo, what: "… by two Prometheus servers at once", unit: cpu,
			raw: "Scrape/servers=2/format=openmetrics-gzip", metric: "cpu-ns/op",
		}, two, twoReached),
		with(row{
			name: rowPollScrape, what: "… during a poll (a poll with scrapes less one without)", unit: cpu,
			raw: "Scrape/during=poll/format=openmetrics-gzip", metric: "cpu-ns/op",
		}, during, duringReached),
		{
			name: rowScrapeWall, what: "time of a scrape at rest, two servers at a pace", unit: wall,
			raw: "Scrape/format=openmetrics-gzip", metric: "wall-ns/op",
		},
		{
			name: rowPollScrapeWall, what: "… during a poll at full speed", unit: wall,
			raw: "Scrape/during=poll/format=openmetrics-gzip", metric: "wall-ns/op",
		},
		with(row{
			name: rowPollScrapeMost, what: "… the longest", unit: wall,
			raw: "LongestScrape/during=poll/format=openmetrics-gzip", metric: "wall-ns/op",
		}, longestScrape, longestReached),
		{
			name: rowPollPause, what: "… the longest less the median at rest", unit: wall,
			raw: "Pause/during=poll/format=openmetrics-gzip", metric: "wall-ns/op",
			// A machine that is busy makes the floor wait as well.
			target: func(s *sheet) string {
				return wall.show(10e6) + "; " + wall.show(10e6+s.of(rowPollPause, floor)) + ": 10 ms more than the floor"
			},
			reached: func(s *sheet, _ []*sheet) []bool {
				return append(below(s.of(rowPollPause, ours), 10e6), below(s.of(rowPollPause, ours), 10e6+s.of(rowPollPause, floor))...)
			},
		},
		plain(rowPlain, "CPU of an uncompressed scrape (OpenMetrics)", "Scrape/format=openmetrics"),
		plain(rowPlainProtobuf, "… protobuf", "Scrape/format=protobuf"),
		plain(rowPlainText, "… text 0.0.4", "Scrape/format=text"),
		plain(rowFirstOM, "CPU of a format's first scrape: OpenMetrics, gzip", "FirstScrape/format=openmetrics-gzip"),
		plain(rowFirstZstd, "… OpenMetrics, zstd", "FirstScrape/format=openmetrics-zstd"),
		plain(rowFirstProtobuf, "… protobuf, gzip", "FirstScrape/format=protobuf-gzip"),
		plain(rowFirstText, "… text 0.0.4, gzip", "FirstScrape/format=text-gzip"),
		{name: rowHeap, what: "heap at rest", unit: size, raw: "Heap", metric: "B"},
		{name: rowHeapPerSeriesNo, what: "… per series", unit: size, raw: "HeapPerSeries/all=yes", metric: "B/series"},
		with(row{
			name: rowHeapPerSeries, what: "… per series, less that of an exporter without SIMs", unit: size,
			raw: "HeapPerSeries/all=no", metric: "B/series",
		}, perSeries, perSeriesReached),
		with(row{name: rowResident, what: "resident after a poll", unit: size, raw: "Resident", metric: "B"}, resident, residentReached),
		with(row{name: rowPeak, what: "… the most there ever was", unit: size, raw: "Peak", metric: "B"}, peak, peakReached),
		{
			name: rowPollChanged, what: "CPU of a poll that changes all values, its switch included", unit: cpu,
			raw: "Poll/changed=all", metric: "cpu-ns/op",
			target:  func(s *sheet) string { return cpu.show(3e9*s.millions()) + ": 3 s per 1,000,000 series" },
			reached: func(s *sheet, _ []*sheet) []bool { return below(s.of(rowPollChanged, ours), 3e9*s.millions()) },
		},
		{
			name: rowPollUnchanged, what: "… that changes nothing", unit: cpu, raw: "Poll/changed=none", metric: "cpu-ns/op",
			target: func(s *sheet) string {
				return cpu.show(s.unchangedLimit()) + ": the former less half of gzip -1 of the text"
			},
			reached: func(s *sheet, _ []*sheet) []bool { return below(s.of(rowPollUnchanged, ours), s.unchangedLimit()) },
		},
		{
			name: rowAllocations, what: "allocations of a scrape", unit: count, raw: "Allocations", metric: "allocs/op",
			target: func(*sheet) string { return "the same at every size" },
			reached: func(s *sheet, all []*sheet) []bool {
				var reached []bool
				for _, other := range all {
					a, b := s.of(rowAllocations, ours), other.of(rowAllocations, ours)
					if other.sims != s.sims {
						reached = append(reached, below(math.Abs(a-b), max(10, a/10))...)
					}
				}
				return reached
			},
		},
		{name: rowStart, what: "start to ready", unit: wall, raw: "Start", metric: "wall-ns/op"},
		{
			name: rowSlowPoll, what: "poll of a slow API, as a multiple of the least possible", unit: ratio,
			raw: "SlowPoll", metric: "least",
			target:  func(*sheet) string { return ratio.show(1.1) },
			reached: func(s *sheet, _ []*sheet) []bool { return below(s.of(rowSlowPoll, ours), 1.1) },
		},
		with(row{
			name: rowSlowStart, what: "start to ready with a slow API, less the first poll", unit: wall,
			raw: "SlowStart", metric: "wall-ns/op",
		}, start, startReached),
	}
}

// unchangedLimit is what a poll that changes nothing may cost if it compresses
// nothing. Half of what gzip takes at its fastest leaves room for what a poll that
// changes all values need not do again either, such as the info metrics.
func (s *sheet) unchangedLimit() float64 {
	return s.of(rowPollChanged, ours) - s.of(compression, ours)/2
}
