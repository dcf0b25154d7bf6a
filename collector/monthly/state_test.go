package monthly_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// restarted is a ledger in another process, which starts at now and continues one that
// ended at since.
func restarted(t *testing.T, l *monthly.Ledger[column], since, now string, change func(*monthly.Options)) *monthly.Ledger[column] {
	t.Helper()
	o := options(now)
	if change != nil {
		change(&o)
	}
	next := monthly.NewLedger[column](o)
	if err := next.Restore(l.State(), date(since), date(now)); err != nil {
		t.Fatal(err)
	}
	return next
}

// TestRestoreHeldValues: what is held, and what is new, go on.
func TestRestoreHeldValues(t *testing.T) {
	l := monthly.NewLedger[column](options("2004-03-10 12:00"))
	run(t, l,
		step{at: "2004-03-10 12:00", report: values{"a": 10}, show: values{"a": 10}, end: "2004-03-10 12:00"},
		step{at: "2004-03-10 12:15", report: values{"a": 9, "b": 5}, show: values{"a": 10, "b": 0}, end: "2004-03-10 12:00"},
	)
	l = restarted(t, l, "2004-03-10 12:20", "2004-03-10 12:21", nil)
	run(t, l,
		step{at: "2004-03-10 12:21", show: values{"a": 10, "b": 0}, end: "2004-03-10 12:00", next: "2004-03-10 12:36"},
		// Reported lower than before is lower than reported, not than held.
		step{at: "2004-03-10 12:22", report: values{"a": 9, "b": 5, "c": 1}, show: values{"a": 10, "b": 0, "c": 0}, end: "2004-03-10 12:00"},
		step{at: "2004-03-10 12:36", show: values{"a": 10, "b": 5, "c": 0}, end: "2004-03-10 12:00"},
		step{at: "2004-03-10 12:37", show: values{"a": 10, "b": 5, "c": 1}, end: "2004-03-10 12:00"},
	)
	if decreased := commit(restarted(t, l, "2004-03-10 12:40", "2004-03-10 12:41", nil), date("2004-03-10 12:41"), values{"a": 9, "b": 4}, nil); !slices.Equal(decreased, []string{"b"}) {
		t.Errorf("want b lower than before, have %v", decreased)
	}
}

// TestRestoreAtTheEnd: whatever phase of the month's end a process ends and starts in, the
// next one shows the last values of the month, then 0, then the new month.
func TestRestoreAtTheEnd(t *testing.T) {
	begin := func() *monthly.Ledger[column] {
		l := monthly.NewLedger[column](options("2004-02-10 12:00"))
		run(t, l,
			step{at: "2004-02-29 23:00", report: values{"a": 10}, show: values{"a": 10}, end: "2004-02-29 23:00"},
			step{at: "2004-03-01 01:45", report: values{"a": 13}, show: values{"a": 13}, end: "2004-03-01 00:00", next: "2004-03-01 02:00"},
		)
		return l
	}
	t.Run("before it is left", func(t *testing.T) {
		run(t, restarted(t, begin(), "2004-03-01 01:46", "2004-03-01 01:59", nil),
			step{at: "2004-03-01 01:59", show: values{"a": 13}, end: "2004-03-01 00:00"},
			step{at: "2004-03-01 02:01", show: values{"a": 13}, end: "2004-03-01 00:00"}, // not read to its end since
			step{at: "2004-03-01 02:02", report: values{"a": 13}, show: values{"a": 13}, end: "2004-03-01 00:00", next: "2004-03-01 02:15:30"},
			step{at: "2004-03-01 02:15:30", show: values{"a": 0}, end: "2004-03-01 00:00", next: "2004-03-01 02:30:30"},
			step{at: "2004-03-01 02:30:30", report: values{"a": 2}, show: values{"a": 2}, end: "2004-03-01 02:00"},
		)
	})
	t.Run("over the whole passage", func(t *testing.T) {
		l := restarted(t, begin(), "2004-03-01 01:46", "2004-03-02 07:00", nil)
		run(t, l,
			step{at: "2004-03-02 07:00", report: values{"a": 14}, show: values{"a": 14}, end: "2004-03-01 00:00", next: "2004-03-02 07:13:30"},
			step{at: "2004-03-02 07:13:30", show: values{"a": 0}, end: "2004-03-01 00:00", next: "2004-03-02 07:28:30"},
			step{at: "2004-03-02 07:28:30", report: values{"a": 2}, show: values{"a": 2}, end: "2004-03-02 07:00"},
		)
		if want := "2004-03-02 07:13:30"; text(l.Created()) != want {
			t.Errorf("want the counters created at %s, have %s", want, text(l.Created()))
		}
	})
	t.Run("while it shows 0", func(t *testing.T) {
		l := begin()
		run(t, l, step{at: "2004-03-01 02:00", show: values{"a": 0}, end: "2004-03-01 00:00"})
		run(t, restarted(t, l, "2004-03-01 02:00:01", "2004-03-01 02:40", nil),
			step{at: "2004-03-01 02:40", report: values{"a": 2}, show: values{"a": 0}, end: "2004-03-01 00:00", next: "2004-03-01 02:55"},
			step{at: "2004-03-01 02:55", report: values{"a": 2}, show: values{"a": 2}, end: "2004-03-01 02:00"},
		)
	})
	t.Run("with another settle", func(t *testing.T) {
		l := begin()
		run(t, l,
			step{at: "2004-03-01 02:00", show: values{"a": 0}, end: "2004-03-01 00:00"},
			step{at: "2004-03-01 02:15", report: values{"a": 2}, show: values{"a": 2}, end: "2004-03-01 02:00"},
		)
		run(t, restarted(t, l, "2004-03-01 02:16", "2004-03-01 02:17", func(o *monthly.Options) { o.Settle = 5 * time.Hour }),
			step{at: "2004-03-01 02:17", report: values{"a": 3}, show: values{"a": 3}, end: "2004-03-01 02:00"},
		)
		run(t, restarted(t, begin(), "2004-03-01 01:50", "2004-03-01 01:51", func(o *monthly.Options) { o.Settle = 5 * time.Hour }),
			step{at: "2004-03-01 02:30", report: values{"a": 14}, show: values{"a": 14}, end: "2004-03-01 00:00", next: "2004-03-01 04:30"},
		)
	})
	t.Run("left late", func(t *testing.T) {
		l := begin()
		run(t, l, step{at: "2004-03-01 03:00", show: values{"a": 0}, end: "2004-03-01 00:00"})
		if created := restarted(t, l, "2004-03-01 03:20", "2004-03-01 03:30", nil).Created(); text(created) != "2004-03-01 03:00" {
			t.Errorf("the counters are created at %s", text(created))
		}
	})
}

// TestRestoreRefuses: a state that a ledger could not continue with changes nothing.
func TestRestoreRefuses(t *testing.T) {
	valid := func() monthly.State[column] {
		l := monthly.NewLedger[column](options("2004-03-10 12:00"))
		commit(l, date("2004-03-10 12:00"), values{"a": 1, "b": 2}, nil)
		return l.State()
	}
	for name, spoil := range map[string]func(*monthly.State[column]){
		"no month":          func(s *monthly.State[column]) { s.Month = time.Time{} },
		"no start":          func(s *monthly.State[column]) { s.Month = s.Month.Add(time.Hour) },
		"two columns":       func(s *monthly.State[column]) { s.Columns = append(s.Columns, s.Columns...) },
		"a missing value":   func(s *monthly.State[column]) { s.Columns[0].Held = s.Columns[0].Held[:1] },
		"too many times":    func(s *monthly.State[column]) { s.Columns[0].ZeroUntil = []int64{1, 2, 3} },
		"not sorted":        func(s *monthly.State[column]) { s.Columns[0].IDs = []string{"b", "a"} },
		"twice":             func(s *monthly.State[column]) { s.Columns[0].IDs = []string{"a", "a"} },
		"less than nothing": func(s *monthly.State[column]) { s.Columns[0].Held = []float64{1, -1} },
	} {
		l, s := monthly.NewLedger[column](options("2004-03-10 13:00")), valid()
		spoil(&s)
		if err := l.Restore(s, date("2004-03-10 12:30"), date("2004-03-10 13:00")); err == nil || l.HasReport() {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := monthly.NewLedger[column](options("2004-05-01 03:00"))
	if err := l.Restore(valid(), date("2004-03-10 12:30"), date("2004-05-01 03:00")); !errors.Is(err, monthly.ErrTooOld) || l.HasReport() {
		t.Errorf("want %v, have %v", monthly.ErrTooOld, err)
	}
	if err := l.Restore(valid(), date("2004-03-10 12:30"), date("2004-05-01 01:59")); err != nil || !maps.Equal(show(l, date("2004-05-01 01:59")), values{"a": 1, "b": 2}) {
		t.Errorf("the month before: %v", err)
	}
}
