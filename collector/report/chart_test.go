package report_test

import (
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/report"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// pictures are the SVGs of a page.
func pictures(t *testing.T, r report.Report) []string {
	t.Helper()
	page := written(t, r, "html", 5)
	wellFormed(t, page)
	return regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
}

// labels are the texts of a picture.
func labels(svg string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`<text [^>]*>([^<]*)</text>`).FindAllStringSubmatch(svg, -1) {
		all = append(all, m[1])
	}
	return all
}

type point struct{ x, y float64 }

// paths are those drawn in a style.
func paths(svg, style string) [][]point {
	var all [][]point
	for _, m := range regexp.MustCompile(`<path d="([^"]*)" style="([^"]*)"`).FindAllStringSubmatch(svg, -1) {
		if !strings.Contains(m[2], style) {
			continue
		}
		var path []point
		for _, p := range regexp.MustCompile(`[ML] (\d+) (\d+)`).FindAllStringSubmatch(m[1], -1) {
			x, _ := strconv.ParseFloat(p[1], 64)
			y, _ := strconv.ParseFloat(p[2], 64)
			path = append(path, point{x, y})
		}
		all = append(all, path)
	}
	return all
}

// bars are the heights of the bars of a color, without the square in the legend.
func bars(svg, color string) []float64 {
	var all []float64
	for _, p := range paths(svg, "stroke:none;fill:var("+color)[1:] {
		all = append(all, p[2].y-p[0].y)
	}
	return all
}

// near reports whether two heights are the same, up to rounded pixels.
func near(a, b float64) bool { return math.Abs(a-b) <= 1.5 }

// rising is an account with one SIM that used, on each day, so many gigabytes down as the
// day has, a hundredth of them up, and costs at prices of their own.
func rising(price func(day int) int64) twiliotest.Account {
	a := odd()
	a.SIMList = a.SIMList[:1]
	a.Usage = func(_ twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if hour.Hour() != 0 || hour.Before(date(1, 1)) {
			return nil
		}
		day := int64(hour.Day())
		return []twiliotest.Segment{{NetworkSID: network, Upload: day * 10_000_000, Download: day * 1_000_000_000, MicroCost: price(hour.Day())}}
	}
	return a
}

// TestTrafficChart: each day has a bar of its height above 0, also where all uploads are
// less than 1 of the unit.
func TestTrafficChart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(rising(func(int) int64 { return 1 }), twiliotest.Readings{})
		sleepUntil(date(3, 4))
		svg := pictures(t, s.run(t, date(2, 1)))[0]
		if have := labels(svg); !slices.Equal(have[:6], []string{"Download", "Upload", "30", "20", "10", "0"}) {
			t.Errorf("have the labels %q", have)
		}
		down, up := bars(svg, "--first"), bars(svg, "--second")
		grid := paths(svg, "stroke-width:1;stroke:var(--line")
		axis := paths(svg, "stroke-width:1;stroke:var(--axis")[0]
		scale := (axis[0].y - grid[0][0].y) / 30 // a gigabyte
		if len(down) != 29 || len(up) != 29 {
			t.Fatalf("have %d and %d bars", len(down), len(up))
		}
		for i := range down {
			if day := float64(i + 1); !near(down[i], day*scale) || !near(up[i], day*scale/100) {
				t.Errorf("%g: have bars of %g and %g, %g a gigabyte", day, down[i], up[i], scale)
			}
		}
	})
}

// TestRunningTrafficChart: days that are not over have no bar.
func TestRunningTrafficChart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(rising(func(int) int64 { return 1 }), twiliotest.Readings{})
		sleepUntil(date(2, 10).Add(23 * time.Hour))
		svg := pictures(t, s.run(t, date(2, 1)))[0]
		drawn := 0
		for _, height := range bars(svg, "--first") {
			if height > 0 {
				drawn++
			}
		}
		if drawn != 9 {
			t.Errorf("want 9 bars, have %d", drawn)
		}
	})
}

// lines are the solid line of the month and the dashed one of the month before.
func lines(t *testing.T, svg string) (this, before []point) {
	t.Helper()
	solid := paths(svg, "stroke-width:2;stroke:var(--first")
	dashed := paths(svg, "stroke-width:2;stroke-dasharray:6 4;stroke:var(--second")
	if len(solid) != 1 || len(dashed) != 1 || strings.Index(svg, "stroke-dasharray") > strings.Index(svg, "stroke-width:2;stroke:var(--first") {
		t.Fatalf("have %d and %d lines, or the dashed one above the other", len(solid), len(dashed))
	}
	return solid[0], dashed[0]
}

// TestCostChart: a line rises and falls with what the month has come to, below 0 too, and
// ends where days are not billed.
func TestCostChart(t *testing.T) {
	for _, x := range []struct {
		name    string
		price   func(day int) int64
		at      time.Time
		days    int // of the line of February
		axis    []string
		perAxis float64 // from the first to the last label
	}{
		{"over", func(int) int64 { return 2_000_000 }, date(3, 4), 29, []string{"80", "60", "40", "20", "0"}, 80},
		{"cents", func(int) int64 { return 20_000 }, date(3, 4), 29, []string{"0.8", "0.6", "0.4", "0.2", "0"}, 0.8},
		{"running", func(int) int64 { return 2_000_000 }, date(2, 20).Add(5 * time.Hour), 18, []string{"80", "60", "40", "20", "0"}, 80},
		{"credits", func(day int) int64 { return map[bool]int64{true: 2_000_000, false: -4_000_000}[day <= 10] }, date(3, 4), 29, []string{"50", "0", "-50", "-100"}, 150},
		{"negative", func(int) int64 { return -1_000_000 }, date(3, 4), 29, []string{"0", "-10", "-20", "-30", "-40"}, 40},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(rising(x.price), twiliotest.Readings{})
				sleepUntil(x.at)
				svg := pictures(t, s.run(t, date(2, 1)))[1]
				if have := labels(svg); !slices.Equal(have[:2+len(x.axis)], append([]string{"January", "February"}, x.axis...)) {
					t.Errorf("have the labels %q", have)
				}
				this, before := lines(t, svg)
				grid := append(paths(svg, "stroke-width:1;stroke:var(--line"), paths(svg, "stroke-width:1;stroke:var(--axis")[0])
				scale := (grid[len(grid)-1][0].y - grid[0][0].y) / x.perAxis
				if len(this) != x.days || len(before) != 31 {
					t.Fatalf("have lines of %d and %d days", len(this), len(before))
				}
				for _, line := range [][]point{this, before} {
					var sum float64
					for i := 1; i < len(line); i++ {
						sum += float64(x.price(i+1)) / 1e6
						if !near(line[0].y-line[i].y, sum*scale) {
							t.Errorf("day %d: want %g above the first, have %g", i+1, sum*scale, line[0].y-line[i].y)
						}
					}
				}
			})
		})
	}
}

// TestShortCostChart: a line of one day is a dot, and one of none is not there.
func TestShortCostChart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(rising(func(int) int64 { return 2_000_000 }), twiliotest.Readings{})
		sleepUntil(date(2, 2).Add(time.Hour))
		r := s.run(t, date(2, 1))
		if svg, page := pictures(t, r)[1], written(t, r, "html", 0); len(paths(svg, "stroke-width:2;stroke:var(--first")) != 0 || !strings.Contains(page, "in USD: no day is billed completely yet, and a dashed one for the month before: 62 up to 2000-01-31.") {
			t.Errorf("have %s", page)
		}
		sleepUntil(date(2, 3).Add(time.Hour))
		r = s.run(t, date(2, 1))
		if svg := pictures(t, r)[1]; strings.Count(svg, "<circle") != 3 { // two in the legend
			t.Errorf("have %s", svg)
		}
	})
}

// TestUnbilledDay: a day that has no amount yet ends the line, and the forecast is of the
// days that have one.
func TestUnbilledDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(rising(func(int) int64 { return 2_000_000 }), twiliotest.Readings{})
		day := regexp.MustCompile(`("start_time":"2000-02-15[^{}]*\}[^{}]*"data_total_billed":)"2"`)
		s.wrap = rewritten(func(r *http.Request, body string) string {
			if r.URL.Query().Get("Granularity") == "day" {
				return day.ReplaceAllString(body, "${1}null")
			}
			return body
		})
		sleepUntil(date(2, 20).Add(5 * time.Hour))
		r := s.run(t, date(2, 1))
		if this, _ := lines(t, pictures(t, r)[1]); len(this) != 14 {
			t.Errorf("have a line of %d days", len(this))
		}
		// 2 on each of the 17 days that are billed, and as much on the 12 others.
		if f := r.Accounts[0].Forecast; f.Costs[0].Cost.String() != "58.00" {
			t.Errorf("have %s", toJSON(t, f))
		}
	})
}
