package backfill

import (
	"errors"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// A partWriter writes the samples of some rows of a group in a part.
type partWriter struct {
	*group
	part   part
	o      *openMetrics
	rows   []int
	from   int       // the usage's step that the part begins with
	values []float64 // of one counter after each step; used again
	labels []string  // the same
}

// of sets the series of a row, with more labels than its own.
func (w *partWriter) of(row int, more ...string) {
	w.labels = append(w.appendLabels(w.labels[:0], w.group.counters.keys[row]), more...)
	w.o.of(w.account.Name, w.labels...)
}

// counters writes the counters of bytes and money.
func (w *partWriter) counters(currencies []string) error {
	moments := w.bytes.moments(w.part)
	beginning, begins := w.bytes.beginning(w.part)
	for _, d := range []struct {
		family metric.Family
		before []int64
		pick   func(upload, download int64) int64
	}{
		{w.dimension.Upload, w.group.counters.upload, func(upload, _ int64) int64 { return upload }},
		{w.dimension.Download, w.group.counters.download, func(_, download int64) int64 { return download }},
	} {
		w.o.begin(d.family)
		for _, row := range w.rows {
			sum := d.before[row]
			w.values = append(w.values[:0], float64(sum))
			for step := range w.part.steps() {
				var ok bool
				if sum, ok = addBytes(sum, d.pick(w.usage.bytes(row, w.from+step))); !ok {
					return errors.New("the sum of bytes is too large")
				}
				w.values = append(w.values, float64(sum))
			}
			w.of(row)
			w.series(moments, beginning, begins && !w.group.counters.shown[row])
		}
	}
	moments = w.cost.moments(w.part)
	beginning, begins = w.cost.beginning(w.part)
	w.o.begin(w.dimension.Cost)
	for _, currency := range currencies {
		amounts, priced := w.group.counters.amounts(currency), w.group.counters.priced[currency]
		for _, row := range w.rows {
			w.values = append(w.values[:0], amounts[row].held)
			billed(amounts[row], w.usage, row, w.from, w.from+w.part.steps(), currency, &w.values)
			w.lower(row, currency)
			w.of(row, currency)
			w.series(moments, beginning, begins && !(priced && w.group.counters.shown[row]))
		}
	}
	return nil
}

// lower keeps the values of a counter of money within what the exporter will show at
// least.
func (w *partWriter) lower(row int, currency string) {
	most, ok := w.ceiling[row][currency]
	if !ok || !w.part.month.Equal(w.cost.open) {
		return
	}
	for i := range w.values {
		w.values[i] = min(w.values[i], most.float())
	}
}

// series writes the samples of a counter.
func (w *partWriter) series(moments []moment, beginning moment, begins bool) {
	write := func(m moment) {
		value := 0.0
		if m.steps != atZero {
			value = w.values[m.steps]
		}
		w.o.sample(m.at, value)
	}
	if begins && (len(moments) == 0 || beginning.at.Before(moments[0].at)) {
		write(beginning)
	}
	for _, m := range moments {
		write(m)
	}
}

// hourGauges writes the usage of each hour, at the first whole hour at which the
// exporter would show it.
func (w *partWriter) hourGauges() {
	for _, d := range []struct {
		family metric.Family
		pick   func(upload, download int64) int64
	}{
		{w.dimension.HourUpload, func(upload, _ int64) int64 { return upload }},
		{w.dimension.HourDownload, func(_, download int64) int64 { return download }},
	} {
		w.o.begin(d.family)
		for _, row := range w.rows {
			w.of(row)
			for step := range w.part.steps() {
				if at, ok := w.shownAt(w.hourEnd(step)); ok {
					w.o.sample(at, float64(d.pick(w.usage.bytes(row, w.from+step))))
				}
			}
		}
	}
}

func (w *partWriter) hourEnd(step int) time.Time {
	return w.part.start.Add(time.Duration(step+1) * time.Hour)
}

// shownAt is when the hour gauges show the hour that ends at a time, if they do.
func (j *job) shownAt(end time.Time) (time.Time, bool) {
	at := end.Add(j.account.Collectors.SuperSIMUsage.HourDelay)
	if whole := at.Truncate(time.Hour); whole.Before(at) {
		at = whole.Add(time.Hour)
	}
	return at, !at.After(j.options.To)
}

// ends writes up to when the group's counters count, and which hour its gauges describe.
func (w *partWriter) ends() {
	hour, usage, cost := collector.UsageEndFamilies()
	if w.options.Resolution == Hour {
		w.o.begin(hour)
		w.o.of(w.account.Name, w.dimension.Group)
		for step := range w.part.steps() {
			if at, ok := w.shownAt(w.hourEnd(step)); ok {
				w.o.sample(at, float64(w.hourEnd(step).Unix()))
			}
		}
	}
	for _, e := range []struct {
		family metric.Family
		timeline
	}{{usage, w.bytes}, {cost, w.cost}} {
		moments := e.moments(w.part)
		if m, ok := e.beginning(w.part); ok && w.part.first && (len(moments) == 0 || m.at.Before(moments[0].at)) {
			moments = append([]moment{m}, moments...)
		}
		w.o.begin(e.family)
		w.o.of(w.account.Name, w.dimension.Group)
		for _, m := range moments {
			w.o.sample(m.at, float64(e.countsTo(w.part, m).Unix()))
		}
	}
}
