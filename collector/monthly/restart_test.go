package monthly_test

import (
	"maps"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// found is one poll's report on the only column.
type found struct {
	at         string
	report     values
	unknown    []string
	incomplete bool
	previous   []string
	show       values
}

func runFound(t *testing.T, l *monthly.Ledger[column], steps ...found) {
	t.Helper()
	for _, s := range steps {
		now := date(s.at)
		l.Advance(now)
		r := monthly.NewReport[column](l.Window(now))
		fill(r.Column(column{}), s.report, s.previous)
		for _, id := range s.unknown {
			r.Column(column{}).Unknown(id)
		}
		if s.incomplete {
			r.Column(column{}).Incomplete()
		}
		l.Commit(now, r)
		if have := show(l, now); !maps.Equal(have, s.show) {
			t.Errorf("%s: want %v, have %v", s.at, s.show, have)
		}
	}
}

// TestIncompleteStart: what a first report may have left out had a counter before the
// restart, for all that is known. It is shown neither at 0 nor before its value at 0.
func TestIncompleteStart(t *testing.T) {
	runFound(t, monthly.NewLedger[column](options("2004-03-10 12:00")),
		found{at: "2004-03-10 12:00", incomplete: true, report: values{"a": 10, "b": expected, "c": expected}, show: values{"a": 10}},
		found{at: "2004-03-10 12:15", incomplete: true, report: values{"a": 11, "b": 5, "c": expected}, show: values{"a": 11, "b": 5}},
		// Now everything is there: the next one is new.
		found{at: "2004-03-10 12:30", report: values{"a": 11, "b": 5, "c": expected, "d": 4}, show: values{"a": 11, "b": 5, "c": 0, "d": 4}},
		found{at: "2004-03-10 12:45", report: values{"a": 11, "b": 5, "c": 1, "d": 4, "e": 3}, show: values{"a": 11, "b": 5, "c": 1, "d": 4, "e": 0}},
		// A later report that is incomplete takes nothing away, and makes nothing old.
		found{at: "2004-03-10 13:00", incomplete: true, report: values{"c": expected, "e": 3, "f": 2}, show: values{"a": 11, "b": 5, "c": 1, "d": 4, "e": 3, "f": 0}},
	)
}

// TestNothingAtTheStart: a column that had no id at all in an incomplete report.
func TestNothingAtTheStart(t *testing.T) {
	runFound(t, monthly.NewLedger[column](options("2004-03-10 12:00")),
		found{at: "2004-03-10 12:00", incomplete: true, report: values{}, show: values{}},
		found{at: "2004-03-10 12:15", report: values{"a": 10}, show: values{"a": 10}},
		found{at: "2004-03-10 12:30", report: values{"a": 10, "b": 1}, show: values{"a": 10, "b": 0}},
	)
}

// TestUnknownAtTheStart: a value that could not be found out at first.
func TestUnknownAtTheStart(t *testing.T) {
	runFound(t, monthly.NewLedger[column](options("2004-03-10 12:00")),
		found{at: "2004-03-10 12:00", report: values{"a": 10}, unknown: []string{"b", "c"}, show: values{"a": 10}},
		found{at: "2004-03-10 12:15", report: values{"a": 10, "c": 7}, unknown: []string{"b"}, show: values{"a": 10, "c": 7}},
		found{at: "2004-03-10 12:30", report: values{"a": 10, "b": 5, "c": 7}, show: values{"a": 10, "b": 5, "c": 7}},
		// Known before: it keeps its value. New and unknown: it has no counter, and 0
		// before its value.
		found{at: "2004-03-10 12:45", report: values{"a": 10, "c": 7}, unknown: []string{"b", "d"}, show: values{"a": 10, "b": 5, "c": 7}},
		found{at: "2004-03-10 13:00", report: values{"a": 10, "b": 5, "c": 7, "d": 2}, show: values{"a": 10, "b": 5, "c": 7, "d": 0}},
	)
}

// TestUnknownInTheRollover: in it every counter shows 0, so nothing is to be hidden.
func TestUnknownInTheRollover(t *testing.T) {
	runFound(t, monthly.NewLedger[column](options("2004-03-01 02:05")),
		found{at: "2004-03-01 02:05", incomplete: true, report: values{"a": 10, "b": expected}, unknown: []string{"c", "d"}, previous: []string{"c", "e"},
			show: values{"a": 0, "b": 0, "c": 0, "e": 0}},
		found{at: "2004-03-01 02:15", report: values{"a": 10, "b": 2, "c": 3, "d": 4}, show: values{"a": 10, "b": 2, "c": 3, "d": 4}},
	)
}

// TestShownByTheClock: a counter stops showing 0 when its time has come, whether the
// API can be read or not.
func TestShownByTheClock(t *testing.T) {
	l := monthly.NewLedger[column](options("2004-03-10 12:00"))
	runFound(t, l,
		found{at: "2004-03-10 12:00", report: values{"a": 10}, show: values{"a": 10}},
		found{at: "2004-03-10 12:15", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}},
		found{at: "2004-03-10 12:20", report: values{"a": 10, "b": 5, "c": 1}, show: values{"a": 10, "b": 0, "c": 0}},
	)
	for _, x := range []struct {
		at      string
		changed bool
	}{
		{"2004-03-10 12:29:59", false}, {"2004-03-10 12:30", true}, {"2004-03-10 12:30:01", false}, {"2004-03-10 12:36", true}, {"2004-03-10 12:37", false},
	} {
		if have := l.Advance(date(x.at)); have != x.changed {
			t.Errorf("%s: want a change: %t, have %t", x.at, x.changed, have)
		}
	}
}

// TestUnseen: a counter that appears when its month cannot wait any longer is lost, and
// that is told.
func TestUnseen(t *testing.T) {
	l := monthly.NewLedger[column](options("2004-02-29 23:00"))
	runFound(t, l,
		found{at: "2004-02-29 23:00", report: values{"a": 10}, show: values{"a": 10}},
		found{at: "2004-03-01 01:45", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}},
		// The month is left at 02:15, whatever still appears.
		found{at: "2004-03-01 02:01", report: values{"a": 10, "b": 5, "c": 1}, show: values{"a": 10, "b": 5, "c": 0}},
	)
	if n := l.TakeUnseen(); n != 0 {
		t.Errorf("%d counters are unseen before the month is left", n)
	}
	l.Advance(date("2004-03-01 02:15"))
	if n := l.TakeUnseen(); n != 1 {
		t.Errorf("want 1 unseen counter, have %d", n)
	}
	if n := l.TakeUnseen(); n != 0 {
		t.Errorf("%d are told twice", n)
	}
}
