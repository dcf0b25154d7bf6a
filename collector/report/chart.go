package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-analyze/charts"
	"github.com/shopspring/decimal"
)

// chart is a picture of the month, with what it shows in words.
type chart struct {
	Title, Description string
	SVG                template.HTML
}

const (
	chartWidth  = 560 // of the picture's own units; the page scales it
	chartHeight = 210
	chartFont   = 11
	chartSteps  = 4 // of the axis of values, at most
)

// The colors of the theme stand for variables of the page's style sheet, so that one
// picture fits light and dark.
func colors() (first, second, text, grid, axis charts.Color) {
	return charts.Color{R: 37, G: 99, B: 235, A: 255}, charts.Color{R: 131, G: 145, B: 167, A: 255}, charts.Color{R: 71, G: 79, B: 91, A: 255},
		charts.Color{R: 228, G: 231, B: 236, A: 255}, charts.Color{R: 152, G: 162, B: 179, A: 255}
}

func variables() *strings.Replacer {
	return strings.NewReplacer(
		"stroke-width:2;stroke:rgb(131,145,167)", "stroke-width:2;stroke-dasharray:6 4;stroke:var(--second,#8391a7)",
		"rgb(37,99,235)", "var(--first,#2563eb)", "rgb(131,145,167)", "var(--second,#8391a7)", "rgb(71,79,91)", "var(--quiet,#474f5b)",
		"rgb(228,231,236)", "var(--line,#e4e7ec)", "rgb(152,162,179)", "var(--axis,#98a2b3)",
		"fill:white", "fill:none", "font-family:'Roboto Medium',sans-serif", "",
	)
}

func theme() charts.ColorPalette {
	first, second, text, grid, axis := colors()
	return charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: axis, AxisSplitLineColor: grid, BackgroundColor: charts.ColorWhite, TextColor: text,
		SeriesColors: []charts.Color{first, second},
	})
}

// charts are those of an account: traffic by day, and the cost so far in each currency.
func (m *month) charts() ([]chart, error) {
	if m.this == nil {
		return nil, nil
	}
	all := make([]chart, 0, 2)
	traffic, err := m.trafficChart()
	if err != nil || traffic == nil {
		return nil, err
	}
	all = append(all, *traffic)
	for _, currency := range m.currencies() {
		cost, err := m.costChart(currency)
		if err != nil {
			return nil, err
		}
		all = append(all, *cost)
	}
	return all, nil
}

// trafficChart has a bar for each day of the month; nil if no day is whole yet.
func (m *month) trafficChart() (*chart, error) {
	days := m.dayRows()
	if len(days) == 0 {
		return nil, nil
	}
	rows := make([]Row, len(days))
	for i, d := range days {
		rows[i] = Row{Upload: d.Upload, Download: d.Download}
	}
	u := unitFor(rows)
	n := len(m.dates(m.span.begin))
	upload, download := make([]float64, n), make([]float64, n)
	var busiest Day
	for i, d := range days {
		// In bytes: the library moves the foot of stacked bars to below 0 where all are
		// less than 1.
		upload[i], download[i] = float64(d.Upload.V), float64(d.Download.V)
		if sumBytes(d.Upload, d.Download).V > sumBytes(busiest.Upload, busiest.Download).V {
			busiest = d
		}
	}
	o := charts.NewBarChartOptionWithData([][]float64{download, upload})
	o.Theme = theme()
	o.StackSeries = charts.Ptr(true)
	o.Padding = charts.NewBoxEqual(8)
	o.Legend = legend("Download", "Upload")
	o.CategoryAxis = dayAxis(n)
	o.ValueAxis[0] = valueAxis(0, float64(sumBytes(busiest.Upload, busiest.Download).V), u.power)
	c := &chart{
		Title:       "Traffic by day, " + u.name,
		Description: fmt.Sprintf("A bar for each day of the month: download and, on top of it, upload, in %s.", u.name),
	}
	if busiest.Date != "" {
		c.Description += fmt.Sprintf(" The busiest day is %s with %s %s.", busiest.Date, u.format(sumBytes(busiest.Upload, busiest.Download)), u.name)
	}
	return c, c.draw(func(p *charts.Painter) error { return p.BarChart(o) })
}

// costChart has a line for what the month has come to day by day and, below it, a dashed
// one for the month before.
func (m *month) costChart(currency string) (*chart, error) {
	this, last := m.cumulated(m.span.begin, currency)
	names, values := []string{m.span.begin.Format("January")}, [][]float64{this}
	first, second, _, _, _ := colors()
	shades := []charts.Color{first}
	description := fmt.Sprintf("A line for the cost of the days so far in %s: %s", currency, last)
	if m.previous != nil {
		start := m.span.begin.AddDate(0, -1, 0)
		before, sum := m.cumulated(start, currency)
		names, values, shades = []string{start.Format("January"), names[0]}, [][]float64{before, this}, []charts.Color{second, first}
		description += fmt.Sprintf(", and a dashed one for the month before: %s", sum)
	}
	n := max(len(values[0]), len(values[len(values)-1]))
	least, most := 0.0, 0.0
	for i, line := range values {
		for _, value := range line {
			least, most = min(least, value), max(most, value)
		}
		for len(values[i]) < n {
			values[i] = append(values[i], charts.GetNullValue())
		}
	}
	o := charts.NewLineChartOptionWithData(values)
	o.Theme = theme().WithSeriesColors(shades)
	o.Padding = charts.NewBoxEqual(8)
	o.Legend = legend(names...)
	o.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	o.LineStrokeWidth = 2
	o.XAxis = dayAxis(n)
	o.YAxis = []charts.YAxisOption{valueAxis(least, most, 0)}
	c := &chart{Title: "Cost so far, " + currency, Description: description + "."}
	return c, c.draw(func(p *charts.Painter) error { return p.LineChart(o) })
}

// cumulated is what a month has come to at the end of each of its days, up to the first
// that is not billed completely, and says which is the last.
func (m *month) cumulated(start time.Time, currency string) (values []float64, last string) {
	sum, until := decimal.Zero, m.billedUntil()
	for _, date := range m.dates(start) {
		day, _ := time.Parse(time.DateOnly, date) // it was written in that form
		cost := m.days.of(date).cost(currency)
		if !day.Before(until) || !cost.Valid {
			break
		}
		sum = sum.Add(cost.V)
		f, _ := sum.Float64() // a picture needs no more
		values = append(values, f)
		last = date
	}
	if last == "" {
		return values, "no day is billed completely yet"
	}
	return values, fmt.Sprintf("%s up to %s", moneyText(amount(sum)), last)
}

// dates are the days of a month.
func (m *month) dates(start time.Time) []string {
	var all []string
	for t := start; t.Before(start.AddDate(0, 1, 0)); t = t.AddDate(0, 0, 1) {
		all = append(all, t.Format(time.DateOnly))
	}
	return all
}

func legend(names ...string) charts.LegendOption {
	return charts.LegendOption{SeriesNames: names, FontStyle: charts.FontStyle{FontSize: chartFont}, Offset: charts.OffsetLeft}
}

// valueAxis is an axis that has 0 and some values on it, with round labels in a power of
// ten.
func valueAxis(least, most float64, power int32) charts.ValueAxisOption {
	step := math.Pow10(int(power))
	if span := most - least; span > 0 {
		step = math.Pow(10, math.Floor(math.Log10(span/chartSteps)))
		for _, factor := range []float64{1, 2, 5, 10} {
			if step*factor*chartSteps >= span {
				step *= factor
				break
			}
		}
	}
	const roundoff = 1e-9
	low, high := math.Floor(least/step+roundoff), math.Ceil(most/step-roundoff)
	if low == high {
		high++
	}
	return charts.ValueAxisOption{
		Min: charts.Ptr(min(low*step, least)), Max: charts.Ptr(max(high*step, most)), LabelCount: int(high-low) + 1, RangeValuePaddingScale: charts.Ptr(0.0),
		PreferNiceIntervals: charts.Ptr(false), LabelFontStyle: charts.FontStyle{FontSize: chartFont},
		ValueFormatter: func(f float64) string { return grouped3(decimal.NewFromFloat(f).Shift(-power).Round(6).String()) },
	}
}

// dayAxis has a label at each fifth day.
func dayAxis(days int) charts.CategoryAxisOption {
	labels := make([]string, days)
	for i := range labels {
		if day := i + 1; day == 1 || day%5 == 0 {
			labels[i] = strconv.Itoa(day)
		}
	}
	return charts.CategoryAxisOption{
		Labels: labels, LabelCount: days, LabelFontStyle: charts.FontStyle{FontSize: chartFont}, BoundaryGap: charts.Ptr(true),
	}
}

// draw makes the picture. Its texts are numbers and words of this package, and a currency
// of three letters.
func (c *chart) draw(draw func(*charts.Painter) error) error {
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: chartHeight})
	if err := draw(p); err != nil {
		return fmt.Errorf("chart %q: %w", c.Title, err)
	}
	svg, err := p.Bytes()
	if err != nil {
		return fmt.Errorf("chart %q: %w", c.Title, err)
	}
	c.SVG = template.HTML(variables().Replace(string(svg))) //nolint:gosec // see above
	return nil
}
