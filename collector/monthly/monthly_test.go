package monthly_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

func date(moment string) time.Time {
	layout := "2006-01-02 15:04"
	if strings.Count(moment, ":") == 2 {
		layout += ":05"
	}
	t, err := time.Parse(layout, moment)
	if err != nil {
		panic(err)
	}
	return t
}

func text(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return strings.TrimSuffix(t.Format("2006-01-02 15:04:05"), ":00")
}

// TestCalendar: which month is asked for, up to when, and whether it shows 0, on
// both sides of every edge.
func TestCalendar(t *testing.T) {
	const hour, minute = time.Hour, time.Minute
	for _, x := range []struct {
		settle, rollover time.Duration
		at               string
		month, end       string
		rolling          bool
	}{
		{2 * hour, 15 * minute, "2004-02-29 22:59:59", "2004-02-01 00:00", "2004-02-29 22:00", false},
		{2 * hour, 15 * minute, "2004-02-29 23:00", "2004-02-01 00:00", "2004-02-29 23:00", false},
		{2 * hour, 15 * minute, "2004-03-01 00:00", "2004-02-01 00:00", "2004-03-01 00:00", false},
		{2 * hour, 15 * minute, "2004-03-01 01:59:59", "2004-02-01 00:00", "2004-03-01 00:00", false},
		{2 * hour, 15 * minute, "2004-03-01 02:00", "2004-03-01 00:00", "2004-03-01 02:00", true},
		{2 * hour, 15 * minute, "2004-03-01 02:14:59", "2004-03-01 00:00", "2004-03-01 02:00", true},
		{2 * hour, 15 * minute, "2004-03-01 02:15", "2004-03-01 00:00", "2004-03-01 02:00", false},
		{2 * hour, 15 * minute, "2003-12-31 23:59:59", "2003-12-01 00:00", "2003-12-31 23:00", false},
		{2 * hour, 15 * minute, "2004-01-01 01:00", "2003-12-01 00:00", "2004-01-01 00:00", false},
		{2 * hour, 15 * minute, "2004-01-01 02:00", "2004-01-01 00:00", "2004-01-01 02:00", true},
		{24 * hour, 15 * minute, "2003-03-01 23:59:59", "2003-02-01 00:00", "2003-03-01 00:00", false},
		{24 * hour, 15 * minute, "2003-03-02 00:00", "2003-03-01 00:00", "2003-03-02 00:00", true},
		// A month is shown for rollover after its end in any case, and the new one
		// not before its first hour is whole.
		{0, 15 * minute, "2004-03-01 00:14:59", "2004-02-01 00:00", "2004-03-01 00:00", false},
		{0, 15 * minute, "2004-03-01 00:15", "2004-03-01 00:00", "2004-03-01 00:00", true},
		{0, 15 * minute, "2004-03-01 00:59:59", "2004-03-01 00:00", "2004-03-01 00:00", true},
		{0, 15 * minute, "2004-03-01 01:00", "2004-03-01 00:00", "2004-03-01 01:00", false},
		// Longer than a month.
		{45 * 24 * hour, hour, "2004-03-16 00:00", "2004-01-01 00:00", "2004-02-01 00:00", false},
	} {
		at := date(x.at)
		for _, at := range []time.Time{at, at.In(time.FixedZone("", -11*3600))} {
			w := monthly.NewCalendar(x.settle, x.rollover).At(at)
			if text(w.Month) != x.month || text(w.End) != x.end || w.InRollover(at) != x.rolling {
				t.Errorf("settle %s, rollover %s, %s: want %s to %s, in rollover %t; have %s to %s, %t",
					x.settle, x.rollover, at, x.month, x.end, x.rolling, text(w.Month), text(w.End), w.InRollover(at))
			}
			if want := w.Month.AddDate(0, -1, 0); !w.Previous().Equal(want) {
				t.Errorf("%s: want the month before to be %s, have %s", at, want, w.Previous())
			}
		}
	}
}

// column names the only column of these tests.
type column struct{}

// values are those of a column by id, for reports and for what is shown. An
// expected id has the value expected in a report.
type values map[string]float64

const expected = -1

// step is a moment at which a schedule polls, and what is shown after it.
type step struct {
	at       string
	report   values   // nil: the API cannot be read
	previous []string // had a counter in the month before
	show     values
	end      string // up to when the values count
	next     string // change; "" is not compared
}

// options are those of a process that started at a moment.
func options(started string) monthly.Options {
	return monthly.Options{Settle: 2 * time.Hour, Rollover: 15 * time.Minute, MaxAge: 3 * time.Hour, Started: date(started)}
}

// run takes a ledger through the steps.
func run(t *testing.T, l *monthly.Ledger[column], steps ...step) {
	t.Helper()
	for _, s := range steps {
		now := date(s.at)
		l.Advance(now)
		if s.report != nil {
			commit(l, now, s.report, s.previous)
		}
		if have := show(l, now); !maps.Equal(have, s.show) {
			t.Errorf("%s: want %v, have %v", s.at, s.show, have)
		}
		if have := text(l.End(now)); have != s.end {
			t.Errorf("%s: want values up to %s, have up to %s", s.at, s.end, have)
		}
		if have := text(l.NextChange(now)); s.next != "" && have != s.next {
			t.Errorf("%s: want the next change at %s, have it at %s", s.at, s.next, have)
		}
	}
}

func commit(l *monthly.Ledger[column], now time.Time, report values, previous []string) []string {
	r := monthly.NewReport[column](l.Window(now))
	fill(r.Column(column{}), report, previous)
	var decreased []string
	for _, c := range l.Commit(now, r) {
		decreased = append(decreased, c.ID)
	}
	return decreased
}

func fill(r *monthly.ColumnReport, report values, previous []string) {
	for _, id := range slices.Sorted(maps.Keys(report)) {
		if v := report[id]; v == expected {
			r.Expect(id)
		} else {
			r.Add(id, v)
		}
	}
	for _, id := range previous {
		r.AddPrevious(id)
	}
}

func show(l *monthly.Ledger[column], now time.Time) values {
	have := values{}
	for i, id := range l.IDs(column{}) {
		have[id] = l.Values(column{}, now).At(i)
	}
	return have
}

// TestMonth: every edge of a month, from one that is settling to the next one's
// rollover.
func TestMonth(t *testing.T) {
	run(t, monthly.NewLedger[column](options("2004-02-29 23:30")),
		step{at: "2004-02-29 23:30", report: values{"a": 10}, show: values{"a": 10}, end: "2004-02-29 23:00", next: "2004-03-01 01:30"},
		step{at: "2004-03-01 00:30", report: values{"a": 12}, show: values{"a": 12}, end: "2004-03-01 00:00"},
		step{at: "2004-03-01 01:45", report: values{"a": 13}, show: values{"a": 13}, end: "2004-03-01 00:00", next: "2004-03-01 02:00"},
		step{at: "2004-03-01 01:59:59", show: values{"a": 13}, end: "2004-03-01 00:00", next: "2004-03-01 02:00"},
		step{at: "2004-03-01 02:00", report: values{"a": 99}, show: values{"a": 0}, end: "2004-03-01 00:00", next: "2004-03-01 02:15"},
		step{at: "2004-03-01 02:14:59", show: values{"a": 0}, end: "2004-03-01 00:00", next: "2004-03-01 02:15"},
		step{at: "2004-03-01 02:15", report: values{"a": 99}, show: values{"a": 99}, end: "2004-03-01 02:00", next: "2004-04-01 01:30"},
		step{at: "2004-03-31 23:59:59", report: values{"a": 500}, show: values{"a": 500}, end: "2004-03-31 23:00"},
		step{at: "2004-04-01 01:45", report: values{"a": 501}, show: values{"a": 501}, end: "2004-04-01 00:00", next: "2004-04-01 02:00"},
		step{at: "2004-04-01 02:00", report: values{"a": 1}, show: values{"a": 0}, end: "2004-04-01 00:00"},
		step{at: "2004-04-01 02:15", report: values{"a": 1}, show: values{"a": 1}, end: "2004-04-01 02:00"},
	)
}

// TestSilentInTheNewMonth: a counter of the month before shows 0 in the rollover
// and is gone after it, unless it is expected.
func TestSilentInTheNewMonth(t *testing.T) {
	run(t, monthly.NewLedger[column](options("2004-03-01 01:45")),
		step{at: "2004-03-01 01:45", report: values{"gone": 1, "silent": 2}, show: values{"gone": 1, "silent": 2}, end: "2004-03-01 00:00"},
		step{at: "2004-03-01 02:00", report: values{"silent": expected}, show: values{"gone": 0, "silent": 0}, end: "2004-03-01 00:00"},
		step{at: "2004-03-01 02:15", report: values{"silent": expected}, show: values{"silent": 0}, end: "2004-03-01 02:00"},
	)
}

// TestAppears: what first appears while the ledger runs shows 0 for rollover;
// what a first report names does not.
func TestAppears(t *testing.T) {
	run(t, monthly.NewLedger[column](options("2004-03-10 12:00")),
		step{at: "2004-03-10 12:00", report: values{"a": 10}, show: values{"a": 10}, end: "2004-03-10 12:00"},
		step{at: "2004-03-10 12:15", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-10 12:00", next: "2004-03-10 12:30"},
		step{at: "2004-03-10 12:29:59", show: values{"a": 10, "b": 0}, end: "2004-03-10 12:00", next: "2004-03-10 12:30"},
		step{at: "2004-03-10 12:30", show: values{"a": 10, "b": 5}, end: "2004-03-10 12:00"},
	)
}

// TestClockSetBack: what has been shown of a month is not taken back, which would count
// it again, and what shows 0 does so for as long as the clock says.
func TestClockSetBack(t *testing.T) {
	run(t, monthly.NewLedger[column](options("2004-03-01 01:45")),
		step{at: "2004-03-01 01:45", report: values{"a": 13}, show: values{"a": 13}, end: "2004-03-01 00:00"},
		step{at: "2004-03-01 02:00", report: values{"a": 1}, show: values{"a": 0}, end: "2004-03-01 00:00"},
		step{at: "2004-03-01 02:15", report: values{"a": 2}, show: values{"a": 2}, end: "2004-03-01 02:00"},
		step{at: "2004-03-01 02:05", report: values{"a": 2, "b": 1}, show: values{"a": 2, "b": 0}, end: "2004-03-01 02:00"},
		step{at: "2004-02-29 12:00", report: values{"b": 1}, show: values{"a": 2, "b": 0}, end: "2004-02-29 12:00"},
		step{at: "2004-03-01 02:30", report: values{"a": 3, "b": 1}, show: values{"a": 3, "b": 1}, end: "2004-03-01 02:00"},
	)
}

// TestAppearsAtTheEnd: what first appears shortly before its month is left is shown
// at 0 and at its value, too. The month waits for it if it must.
func TestAppearsAtTheEnd(t *testing.T) {
	before := step{at: "2004-03-01 01:00", report: values{"a": 10}, show: values{"a": 10}, end: "2004-03-01 00:00", next: "2004-03-01 01:30"}
	run(t, monthly.NewLedger[column](options("2004-02-10 12:00")), before,
		step{at: "2004-03-01 01:30", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-01 00:00", next: "2004-03-01 01:45"},
		step{at: "2004-03-01 01:45", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 5}, end: "2004-03-01 00:00", next: "2004-03-01 02:00"},
		step{at: "2004-03-01 02:00", show: values{"a": 0, "b": 0}, end: "2004-03-01 00:00"},
	)
	run(t, monthly.NewLedger[column](options("2004-02-10 12:00")), before,
		step{at: "2004-03-01 01:40", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-01 00:00", next: "2004-03-01 01:45"},
		step{at: "2004-03-01 01:45", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-01 00:00", next: "2004-03-01 01:55"},
		step{at: "2004-03-01 01:55", show: values{"a": 10, "b": 5}, end: "2004-03-01 00:00", next: "2004-03-01 02:00"},
		step{at: "2004-03-01 02:00", show: values{"a": 10, "b": 5}, end: "2004-03-01 00:00", next: "2004-03-01 02:08:30"},
		step{at: "2004-03-01 02:08:30", show: values{"a": 0, "b": 0}, end: "2004-03-01 00:00", next: "2004-03-01 02:23:30"},
	)
	run(t, monthly.NewLedger[column](options("2004-02-10 12:00")), before,
		step{at: "2004-03-01 01:45", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-01 00:00"},
		step{at: "2004-03-01 02:00", show: values{"a": 10, "b": 5}, end: "2004-03-01 00:00", next: "2004-03-01 02:13:30"},
		step{at: "2004-03-01 02:13:30", show: values{"a": 0, "b": 0}, end: "2004-03-01 00:00"},
	)
}

// TestSlowPoll: a poll that began before the month's last hour was over has not
// read the month to its end, however late it is committed.
func TestSlowPoll(t *testing.T) {
	o := options("2004-02-10 12:00")
	o.Settle = 0
	l := monthly.NewLedger[column](o)
	run(t, l, step{at: "2004-02-29 22:30", report: values{"a": 10}, show: values{"a": 10}, end: "2004-02-29 22:00"})
	slow := monthly.NewReport[column](l.Window(date("2004-02-29 23:58")))
	slow.Column(column{}).Add("a", 11) // up to 23:00
	l.Commit(date("2004-03-01 00:14"), slow)
	run(t, l,
		step{at: "2004-03-01 00:14", show: values{"a": 11}, end: "2004-02-29 23:00", next: "2004-03-01 00:15"},
		step{at: "2004-03-01 00:15", report: values{"a": 12}, show: values{"a": 12}, end: "2004-03-01 00:00", next: "2004-03-01 00:28:30"},
		step{at: "2004-03-01 00:28:30", show: values{"a": 0}, end: "2004-03-01 00:00"},
	)
}

// TestHeld: a counter never falls within its month, and what is not reported
// keeps its value.
func TestHeld(t *testing.T) {
	l := monthly.NewLedger[column](options("2004-03-10 12:00"))
	now := date("2004-03-10 12:00")
	for _, x := range []struct {
		report    values
		show      values
		decreased string
	}{
		{values{"a": 10, "b": 1}, values{"a": 10, "b": 1}, "[]"},
		{values{"a": 8}, values{"a": 10, "b": 1}, "[a]"},
		{values{"a": 8, "b": expected}, values{"a": 10, "b": 1}, "[]"}, // once for each decrease
		{values{"a": 9}, values{"a": 10, "b": 1}, "[]"},
		{values{"a": 11}, values{"a": 11, "b": 1}, "[]"},
	} {
		before := l.Values(column{}, now)
		shown := fmt.Sprint(before.Values())
		if have := fmt.Sprint(commit(l, now, x.report, nil)); have != x.decreased {
			t.Errorf("%v: want %s to have decreased, have %s", x.report, x.decreased, have)
		}
		if have := show(l, now); !maps.Equal(have, x.show) {
			t.Errorf("%v: want %v, have %v", x.report, x.show, have)
		}
		if fmt.Sprint(before.Values()) != shown {
			t.Errorf("%v: what was shown before changed from %s to %v", x.report, shown, before.Values())
		}
	}
}

// TestUnreadEnd: a month that could not be read at its end is not left until it
// was, and its last values are shown for as long as a scrape needs.
func TestUnreadEnd(t *testing.T) {
	run(t, monthly.NewLedger[column](options("2004-02-29 23:30")),
		step{at: "2004-02-29 23:30", report: values{"a": 10}, show: values{"a": 10}, end: "2004-02-29 23:00"},
		step{at: "2004-03-01 01:45", show: values{"a": 10}, end: "2004-02-29 23:00", next: "2004-03-01 02:00"},
		step{at: "2004-03-01 02:00", show: values{"a": 10}, end: "2004-02-29 23:00"},
		step{at: "2004-03-01 02:20", report: values{"a": 17, "b": 3}, show: values{"a": 17, "b": 0}, end: "2004-03-01 00:00", next: "2004-03-01 02:35"},
		step{at: "2004-03-01 02:35", show: values{"a": 17, "b": 3}, end: "2004-03-01 00:00", next: "2004-03-01 02:48:30"},
		step{at: "2004-03-01 02:48:30", report: values{"a": 2}, show: values{"a": 0, "b": 0}, end: "2004-03-01 00:00", next: "2004-03-01 03:03:30"},
		step{at: "2004-03-01 03:03:30", report: values{"a": 2}, show: values{"a": 2}, end: "2004-03-01 03:00"},
	)
}

// TestRestart: a ledger without a past shows what one with a past does, in every
// phase of the month.
func TestRestart(t *testing.T) {
	for _, s := range []step{
		{at: "2004-03-01 01:30", report: values{"a": 13}, show: values{"a": 13}, end: "2004-03-01 00:00"},
		{at: "2004-03-01 02:05", report: values{"a": 99}, previous: []string{"a", "b"}, show: values{"a": 0, "b": 0}, end: "2004-03-01 00:00", next: "2004-03-01 02:15"},
		{at: "2004-03-01 02:15", report: values{"a": 99}, show: values{"a": 99}, end: "2004-03-01 02:00"},
		{at: "2004-03-01 02:15", report: values{"a": 99}, previous: []string{"b"}, show: values{"a": 99}, end: "2004-03-01 02:00"},
		{at: "2004-03-31 23:59", report: values{"a": 500, "b": expected}, show: values{"a": 500, "b": 0}, end: "2004-03-31 23:00"},
	} {
		run(t, monthly.NewLedger[column](options(s.at)), s)
	}
}

// TestStartedInRollover: if the API cannot be read from before the rollover on,
// the first report is shown at 0 first, because nothing has shown the month yet.
func TestStartedInRollover(t *testing.T) {
	run(t, monthly.NewLedger[column](options("2004-03-01 02:10")),
		step{at: "2004-03-01 02:20", report: values{"a": 99}, show: values{"a": 0}, end: "2004-03-01 00:00", next: "2004-03-01 02:35"},
		step{at: "2004-03-01 02:35", show: values{"a": 99}, end: "2004-03-01 02:00"},
	)
}

// TestKeep: the counters of a column that a poll did not ask for stay as they are: at
// their values, at 0 while they are new, and in the new month at 0 until they are read.
func TestKeep(t *testing.T) {
	l := monthly.NewLedger[column](options("2004-03-10 12:00"))
	run(t, l,
		step{at: "2004-03-10 12:00", report: values{"a": 13}, show: values{"a": 13}, end: "2004-03-10 12:00"},
		step{at: "2004-03-10 13:00", report: values{"a": 14, "b": 5}, show: values{"a": 14, "b": 0}, end: "2004-03-10 13:00", next: "2004-03-10 13:15"})
	keep := func(at, next string, want values) {
		t.Helper()
		now := date(at)
		l.Advance(now)
		r := monthly.NewReport[column](l.Window(now))
		r.Keep(func(column) bool { return true })
		if decreased := l.Commit(now, r); len(decreased) > 0 {
			t.Errorf("%s: %v decreased", at, decreased)
		}
		if have := show(l, now); !maps.Equal(have, want) {
			t.Errorf("%s: want %v, have %v", at, want, have)
		}
		if have := text(l.NextChange(now)); have != next {
			t.Errorf("%s: want the next change at %s, have it at %s", at, next, have)
		}
		if have := text(l.NextEdge(now)); have != "2004-04-01 01:30" && now.Before(date("2004-04-01 00:00")) {
			t.Errorf("%s: want the next edge at two rollovers before the month is left, have it at %s", at, have)
		}
	}
	keep("2004-03-10 13:10", "2004-03-10 13:15", values{"a": 14, "b": 0})
	keep("2004-03-10 14:10", "2004-04-01 01:30", values{"a": 14, "b": 5})
	run(t, l,
		step{at: "2004-04-01 01:45", report: values{"a": 20, "b": 5}, show: values{"a": 20, "b": 5}, end: "2004-04-01 00:00"},
		step{at: "2004-04-01 02:00", show: values{"a": 0, "b": 0}, end: "2004-04-01 00:00"})
	keep("2004-04-01 02:20", "2004-05-01 01:30", values{"a": 0, "b": 0})
	run(t, l, step{at: "2004-04-01 03:00", report: values{"a": 1}, show: values{"a": 1}, end: "2004-04-01 03:00"})
}

// TestAdopt: the counters go on by the options of the new ledger.
func TestAdopt(t *testing.T) {
	old := monthly.NewLedger[column](options("2004-03-01 01:50"))
	run(t, old, step{at: "2004-03-01 01:50", report: values{"a": 13}, show: values{"a": 13}, end: "2004-03-01 00:00"})
	o := options("2004-03-01 01:55")
	o.Settle = 3 * time.Hour
	l := monthly.NewLedger[column](o)
	l.Adopt(old)
	if !l.HasReport() || !l.Created().Equal(date("2004-02-01 02:00")) {
		t.Errorf("want the counters of February, have them created at %s", l.Created())
	}
	run(t, l,
		step{at: "2004-03-01 01:55", show: values{"a": 13}, end: "2004-03-01 00:00"},
		step{at: "2004-03-01 02:00", report: values{"a": 0}, show: values{"a": 0}, end: "2004-03-01 00:00"}, // the end that was read
	)
}

// TestShareIDs: reports that name the same ids hold them once, also when they
// have become counters.
func TestShareIDs(t *testing.T) {
	l := monthly.NewLedger[string](options("2004-03-10 12:00"))
	r := monthly.NewReport[string](l.Window(date("2004-03-10 12:00")))
	for _, k := range []string{"x", "y", "z"} {
		r.Column(k).Add("a", 1)
		r.Column(k).Add("b", 2)
	}
	r.Column("z").Add("c", 3)
	monthly.ShareIDs(r.Column("x"), r.Column("y"), r.Column("z"))
	l.Commit(date("2004-03-10 12:00"), r)
	x, y, z := l.IDs("x"), l.IDs("y"), l.IDs("z")
	if &x[0] != &y[0] || &x[0] == &z[0] {
		t.Error("want x and y to share their ids, and z not to")
	}
	if len(slices.Collect(l.Columns())) != 3 {
		t.Errorf("want three columns")
	}
}

// TestCreated: the counters count anew from when they left the month before: by the
// clock, or later where that month could not be left or the poll came late.
func TestCreated(t *testing.T) {
	l := monthly.NewLedger[column](options("2004-02-10 12:00"))
	for _, x := range []struct {
		at      string
		read    bool
		created string
	}{
		{"2004-02-10 12:00", true, "2004-02-01 02:00"},
		{"2004-03-01 01:45", true, "2004-02-01 02:00"},
		{"2004-03-01 01:59:59", false, "2004-02-01 02:00"},
		{"2004-03-01 02:00:01", false, "2004-03-01 02:00:01"},
		{"2004-03-01 12:00", true, "2004-03-01 02:00:01"},
		{"2004-04-01 04:00", false, "2004-03-01 02:00:01"}, // not read to its end
		{"2004-04-01 05:00", true, "2004-03-01 02:00:01"},
		{"2004-04-01 05:13:30", false, "2004-04-01 05:13:30"},
	} {
		now := date(x.at)
		l.Advance(now)
		if x.read {
			commit(l, now, values{"a": 1}, nil)
		}
		if have := text(l.Created()); have != x.created {
			t.Errorf("%s: want created %s, have %s", x.at, x.created, have)
		}
	}
}

// TestUnseenZero: a 0 that was not shown to its end, because results expired
// meanwhile, is shown again.
func TestUnseenZero(t *testing.T) {
	o := options("2004-03-10 12:00")
	o.MaxAge = 5 * time.Minute
	run(t, monthly.NewLedger[column](o),
		step{at: "2004-03-10 12:00", report: values{"a": 10}, show: values{"a": 10}, end: "2004-03-10 12:00"},
		step{at: "2004-03-10 12:04", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-10 12:00", next: "2004-03-10 12:19"},
		step{at: "2004-03-10 12:20", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-10 12:00", next: "2004-03-10 12:35"},
		step{at: "2004-03-10 12:24", report: values{"a": 10, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-10 12:00"},
		step{at: "2004-03-10 12:35", show: values{"a": 10, "b": 5}, end: "2004-03-10 12:00"},
	)
}

// TestFirstReportAtTheEnd: a month whose first report comes when it is about to be
// left is shown at 0, then at its values, and only then left.
func TestFirstReportAtTheEnd(t *testing.T) {
	run(t, monthly.NewLedger[column](options("2004-03-01 01:00")),
		step{at: "2004-04-01 01:50", report: values{"a": 7}, show: values{"a": 0}, end: "2004-03-01 00:00", next: "2004-04-01 02:00"},
		step{at: "2004-04-01 02:00", show: values{"a": 0}, end: "2004-03-01 00:00", next: "2004-04-01 02:05"},
		step{at: "2004-04-01 02:05", report: values{"a": 7}, show: values{"a": 7}, end: "2004-04-01 00:00", next: "2004-04-01 02:18:30"},
		step{at: "2004-04-01 02:18:30", show: values{"a": 0}, end: "2004-04-01 00:00"},
	)
}

// TestAppearsAllTheTime: a month does not wait for ever for what appears in it.
func TestAppearsAllTheTime(t *testing.T) {
	l := monthly.NewLedger[column](options("2004-02-10 12:00"))
	report := values{}
	for now := date("2004-03-01 01:00"); now.Before(date("2004-03-01 02:30")); now = now.Add(time.Minute) {
		l.Advance(now)
		if left := !l.Created().Before(date("2004-03-01 00:00")); left {
			if now.After(date("2004-03-01 02:15")) {
				t.Errorf("the month was left at %s", text(now))
			}
			return
		}
		report[now.Format("15:04")] = 1
		commit(l, now, report, nil)
	}
	t.Error("the month was not left")
}
