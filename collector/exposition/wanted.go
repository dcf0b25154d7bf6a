package exposition

import (
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// wanted remembers what scrapers ask for.
type wanted struct {
	// When a format was last asked for compressed, and when it was when somebody
	// had asked before, in seconds since the epoch; 0: never.
	asked, again [formats]atomic.Int64
	names        atomic.Pointer[[]*dto.MetricFamily]
}

// forgotten is after how long a format is no longer kept ready for scrapers that
// do not come any more.
const forgotten = time.Hour

// note notes that a format is asked for, and says whether it is wanted from now
// on: from the second time on. Who looks once shall not make every poll dearer.
func (w *wanted) note(f format, now time.Time) (becomes bool) {
	return fresh(w.asked[f].Swap(now.Unix()), now) && !fresh(w.again[f].Swap(now.Unix()), now)
}

// expect has a format wanted before anybody asks.
func (w *wanted) expect(f format, now time.Time) { w.again[f].Store(now.Unix()) }

// at says whether a format is wanted.
func (w *wanted) at(f format, now time.Time) bool { return fresh(w.again[f].Load(), now) }

func fresh(last int64, now time.Time) bool {
	return last != 0 && now.Sub(time.Unix(last, 0)) < forgotten
}

// noteOthers notes which other families come in between.
func (w *wanted) noteOthers(others []*dto.MetricFamily) {
	names := make([]*dto.MetricFamily, len(others))
	for i, f := range others {
		name := f.GetName()
		names[i] = &dto.MetricFamily{Name: &name}
	}
	w.names.Store(&names)
}

// others are the other families, by their names alone.
func (w *wanted) others() []*dto.MetricFamily {
	if names := w.names.Load(); names != nil {
		return *names
	}
	return nil
}
