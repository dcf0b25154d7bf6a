package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// The charts are SVG paths of vertical lines: 500 accounts have 2,000 of them on one page.

// pollSlots is how many bars a chart of polls has at most.
const pollSlots = 48

// pollsChart shows the polls of the last day: one bar for the polls of each half hour, or
// of a shorter time if no more are known. Its height is how long the longest took,
// compared with the longest of all by the square root; a failed one is red and at full
// height.
func pollsChart(c status.Collector) template.HTML {
	if len(c.Polls) == 0 {
		return ""
	}
	first, last := c.Polls[0].Ended, c.Polls[len(c.Polls)-1].Ended
	slot := max(last.Sub(first.Time)/pollSlots, time.Duration(c.Interval*float64(time.Second)), time.Second)
	var took [pollSlots + 2]float64
	var failed [pollSlots + 2]bool
	var longest float64
	failures := 0
	for _, p := range c.Polls {
		// The last poll is at the right.
		i := max(0, pollSlots+1-int(math.Round(float64(last.Sub(p.Ended.Time))/float64(slot))))
		took[i] = max(took[i], p.Duration, 1e-3)
		longest = max(longest, took[i])
		if p.Reason != "" {
			failed[i] = true
			failures++
		}
	}
	var good, bad strings.Builder
	for i := range took {
		switch x := 2*i + 1; {
		case failed[i]:
			fmt.Fprintf(&bad, "M%d 20V2", x)
		case took[i] > 0:
			fmt.Fprintf(&good, "M%d 20V%.0f", x, 17-13*math.Sqrt(took[i]/longest))
		}
	}
	label := fmt.Sprintf("%s since %s, %d failed", count(len(c.Polls), "poll"), clock(c.PollsSince), failures)
	return chart(100, label, svgPath("g", good.String())+svgPath("b", bad.String()))
}

// hoursChart shows the bytes of a SIM's hours, compared with the largest.
func hoursChart(s status.SIM) template.HTML {
	var most float64
	known := 0
	for _, v := range s.Hours {
		if v != nil {
			most = max(most, *v)
			known++
		}
	}
	var bars, unknown strings.Builder
	for i, v := range s.Hours {
		switch {
		case v == nil:
			fmt.Fprintf(&unknown, "M%d 19h4", 4*i)
		case most > 0:
			fmt.Fprintf(&bars, "M%d 20V%.1f", 4*i+2, 19-17*(*v)/most)
		}
	}
	label := fmt.Sprintf("%s up to %s, at most %s in one", count(known, "hour"), clock(s.HoursEnd), bytesText(most))
	return chart(4*status.HoursShown, label, svgPath("u", unknown.String())+svgPath("h", bars.String()))
}

func svgPath(class, d string) string {
	if d == "" {
		return ""
	}
	return `<path class="` + class + `" d="` + d + `"/>`
}

// chart is an SVG of paths made here. The label holds digits and words of this package.
func chart(width int, label, paths string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %d 20" preserveAspectRatio="none" role="img" aria-label="%s">%s</svg>`, width, label, paths)) //nolint:gosec // see above
}
