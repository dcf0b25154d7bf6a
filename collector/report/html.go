package report

import (
	"bufio"
	_ "embed" // of the page
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle string

// page is what the template shows.
type page struct {
	Heading  string
	Extent   []string
	Made     string
	Style    template.CSS
	Overview *table
	Sections []section
}

// section is an account.
type section struct {
	ID, Name    string
	Account     string // provider and SID
	Errors      []string
	Headlines   []headline
	Charts      []chart
	Days        table
	Tables      []table
	Differences []string
	Notes       []string
}

// WriteHTML writes one page that needs nothing else: no script, font, image or style from
// elsewhere. It shows that many SIMs, or all if top is 0.
func (r Report) WriteHTML(w io.Writer, top int) error {
	p := page{
		Heading: r.heading(), Extent: r.extent(), Made: moment(r.span.now),
		Style: template.CSS(pageStyle), //nolint:gosec // it is in this package
	}
	if len(r.Accounts) > 1 {
		overview := r.overview()
		overview.Label = overview.Title
		p.Overview = &overview
	}
	for i := range r.Accounts {
		a := &r.Accounts[i]
		pictures, err := a.month.charts()
		if err != nil {
			return err
		}
		s := section{
			ID: fmt.Sprintf("account-%d", i+1), Name: a.Name, Account: a.identity(), Errors: a.Errors, Headlines: a.headlines(), Charts: pictures,
			Days: a.dayTable(), Tables: a.tables(top, r.Compared != nil), Notes: a.Notes,
		}
		s.Days.Label = s.Days.Title + ", " + a.Name
		for j := range s.Tables {
			s.Tables[j].Label = s.Tables[j].Title + ", " + a.Name
		}
		for _, d := range a.Differences {
			s.Differences = append(s.Differences, d.sentence())
		}
		p.Sections = append(p.Sections, s)
	}
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if err := t.Execute(b, p); err != nil {
		return err
	}
	return b.Flush()
}

// dayTable has what the charts show.
func (a *Account) dayTable() table {
	t := table{Title: "Days"}
	rows := make([]Row, len(a.Days))
	for i, d := range a.Days {
		rows[i] = Row{Name: d.Date, Upload: d.Upload, Download: d.Download, Costs: d.Costs, Unbilled: d.Unbilled}
	}
	u := unitFor(rows)
	t.Unit = u.name
	for i := range rows {
		t.add(&rows[i], u)
	}
	return t
}

// Whole is the amount before the point.
func (l line) Whole() string { return wholeOf(l.Cost) }

// Fraction is the amount's point and what follows.
func (l line) Fraction() string { return strings.TrimPrefix(l.Cost, wholeOf(l.Cost)) }

// BeforeWhole is the amount of the month before, before the point.
func (l line) BeforeWhole() string { return wholeOf(l.Before) }

// BeforeFraction is its point and what follows.
func (l line) BeforeFraction() string { return strings.TrimPrefix(l.Before, wholeOf(l.Before)) }

// IsAmount reports whether there is a cost.
func (l line) IsAmount() bool { return l.Cost != notBilled && l.Cost != notRead && l.Cost != missing }

func wholeOf(digits string) string {
	whole, _, _ := strings.Cut(digits, ".")
	return whole
}

// IsCategory reports whether it is the bill.
func (t table) IsCategory() bool { return t.By == byCategory }
