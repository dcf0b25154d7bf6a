package exposition

import (
	"sync/atomic"
	"time"
)

// demand remembers which formats scrapers ask for, compressed.
type demand struct {
	// In seconds since the epoch, 0 is never: the last request, and the last
	// that came within the hour after another.
	requested, repeated [formats]atomic.Int64
}

// demandLasts is for how long after the last request a format is kept compressed.
const demandLasts = time.Hour

// note notes a request and reports whether it begins demand for the format. The
// second request does: a single one must not make every later poll more expensive.
func (d *demand) note(f format, now time.Time) (begins bool) {
	return recent(d.requested[f].Swap(now.Unix()), now) && !recent(d.repeated[f].Swap(now.Unix()), now)
}

// expect begins demand for a format before anybody asks.
func (d *demand) expect(f format, now time.Time) { d.repeated[f].Store(now.Unix()) }

// has reports whether there is demand for a format.
func (d *demand) has(f format, now time.Time) bool { return recent(d.repeated[f].Load(), now) }

func recent(unix int64, now time.Time) bool {
	return unix != 0 && now.Sub(time.Unix(unix, 0)) < demandLasts
}
