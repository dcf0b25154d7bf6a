package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// table is a dimension as text and HTML show it.
type table struct {
	By      dimension // "": days
	Title   string    // such as "Fleets"
	Label   string    // the title with the account's name
	Unit    string    // of traffic
	Lines   []line
	Digits  int  // most digits after the point of a cost
	Partly  bool // a cost has a mark because a part is not billed yet
	Compare bool // there is a month before
}

// line is a row of a table: one key and currency.
type line struct {
	Name, Key      string // one of them may be empty
	First          bool   // of its key
	Traffic        string // of a category: its usage, with its unit
	TrafficChange  string
	Cost, Currency string
	Partly         bool // a part is not billed yet
	Share          string
	Bar            string // the share, from 0 to 100
	Before, Change string
	Rest           bool // the sum of rows that are not shown
}

const (
	notBilled = "not billed yet"
	notRead   = "not read"
)

// tables are the dimensions of an account; top limits the SIMs, unless it is 0.
func (a *Account) tables(top int, compare bool) []table {
	var all []table
	for _, d := range a.dimensions() {
		if len(d.rows) == 0 {
			continue
		}
		t := table{By: d.by, Title: title(d.by), Compare: compare}
		rows := d.rows
		u := unitFor(rows)
		if t.Unit = u.name; d.by == byCategory {
			t.Unit = ""
		}
		var rest []Row
		if d.by == bySIM && top > 0 && len(rows) > top {
			t.Title = fmt.Sprintf("SIMs: the %d with the highest cost of %s", top, grouped3(strconv.Itoa(len(rows))))
			rows, rest = rows[:top], rows[top:]
		}
		for i := range rows {
			t.add(&rows[i], u)
		}
		if len(rest) > 0 {
			row := a.sum(rest)
			row.Name = grouped3(strconv.Itoa(len(rest))) + " others"
			if len(rest) == 1 {
				row.Name = "1 other"
			}
			n := len(t.Lines)
			t.add(&row, u)
			for i := n; i < len(t.Lines); i++ {
				t.Lines[i].Rest = true
			}
		}
		all = append(all, t)
	}
	return all
}

func (t *table) add(row *Row, u unit) {
	for i, c := range row.Costs {
		l := line{First: i == 0, Currency: c.Currency, Share: percentText(c.Share), Change: change(c.Cost, c.Previous), Before: moneyText(c.Previous)}
		if l.First {
			l.Name, l.Key = row.Name, row.Key
			if l.Key == "" && l.Name == "" {
				l.Name = "without a " + strings.Replace(string(t.By), "sim", "SIM", 1)
			}
			l.Traffic, l.TrafficChange = u.format(row.traffic()), changeOfBytes(row.traffic(), row.before())
			if t.By == byCategory {
				l.Name, l.Key, l.Traffic, l.TrafficChange = row.Key, "", "", ""
				if q := row.Usage; q != nil {
					l.Traffic = strings.TrimSpace(moneyText(q.Amount) + " " + q.Unit)
				}
			}
		}
		switch {
		case c.Cost.Valid:
			l.Cost, l.Partly = moneyText(c.Cost), row.Unbilled
			t.Digits = max(t.Digits, fractionDigits(l.Cost), fractionDigits(l.Before))
		case row.Unbilled:
			l.Cost = notBilled
		default:
			l.Cost = missing
		}
		if c.Share.Valid {
			l.Bar = decimal.Max(decimal.Zero, decimal.Min(c.Share.V.Shift(2), decimal.NewFromInt(100))).StringFixed(2)
		}
		t.Partly = t.Partly || l.Partly
		t.Lines = append(t.Lines, l)
	}
}

// sum adds up rows.
func (a *Account) sum(rows []Row) Row {
	var s Row
	for i := range rows {
		r := &rows[i]
		s.Upload, s.Download = sumBytes(s.Upload, r.Upload), sumBytes(s.Download, r.Download)
		s.PreviousUpload, s.PreviousDownload = sumBytes(s.PreviousUpload, r.PreviousUpload), sumBytes(s.PreviousDownload, r.PreviousDownload)
		s.Unbilled = s.Unbilled || r.Unbilled
		for _, c := range r.Costs {
			s.addCost(c)
		}
	}
	for i := range s.Costs {
		for _, c := range a.Total.Costs {
			if s.Costs[i].Currency == c.Currency {
				s.Costs[i].Share = ratio(s.Costs[i].Cost, c.Cost)
			}
		}
	}
	return s
}

func (r *Row) addCost(c Cost) {
	for i := range r.Costs {
		if s := &r.Costs[i]; s.Currency == c.Currency {
			s.Cost, s.Previous = plusAmount(s.Cost, c.Cost), plusAmount(s.Previous, c.Previous)
			return
		}
	}
	r.Costs = append(r.Costs, Cost{Currency: c.Currency, Cost: c.Cost, Previous: c.Previous})
}

func title(d dimension) string {
	switch d {
	case bySIM:
		return "SIMs"
	case byCountry:
		return "Countries"
	case byCategory:
		return "Bill by category"
	}
	return strings.ToUpper(string(d[:1])) + string(d[1:]) + "s"
}

func fractionDigits(digits string) int {
	_, fraction, _ := strings.Cut(digits, ".")
	return len(fraction)
}

// heading says what the report is of.
func (r *Report) heading() string {
	return "Super SIM usage and cost in " + r.span.begin.Format("January 2006")
}

// extent says what is counted and compared, as sentences.
func (r *Report) extent() []string {
	s := r.span
	counted := fmt.Sprintf("From %s to %s.", moment(s.month.start), moment(s.month.end))
	if !s.over {
		counted = fmt.Sprintf("The month is not over: it is counted from %s to %s.", moment(s.month.start), moment(s.month.end))
	}
	compared := "There is nothing to compare with yet."
	if !s.hasBefore() {
		compared = "There is no month to compare with."
	}
	switch {
	case s.previous.isEmpty():
	case s.previous.end.Equal(s.begin):
		compared = fmt.Sprintf("Compared with all of %s.", s.previous.start.Format("January 2006"))
	default:
		compared = fmt.Sprintf("Compared with %s up to the same day and hour, %s.", s.previous.start.Format("January 2006"), moment(s.previous.end))
	}
	return []string{counted, compared}
}

// headline is a number of the account as a whole.
type headline struct{ What, Value, Unit, Change, Detail string }

// headlines are traffic, costs and forecast.
func (a *Account) headlines() []headline {
	if a.Total == nil {
		return nil
	}
	u := unitFor([]Row{*a.Total})
	t := a.Total
	all := []headline{{
		"Traffic", u.format(t.traffic()), u.name, changeOfBytes(t.traffic(), t.before()),
		fmt.Sprintf("%s %s up, %s %s down", u.format(t.Upload), u.name, u.format(t.Download), u.name),
	}}
	for _, c := range t.Costs {
		h := headline{"Cost", moneyText(c.Cost), c.Currency, change(c.Cost, c.Previous), ""}
		if !c.Cost.Valid && t.Unbilled {
			h.Value = notBilled
		} else if t.Unbilled {
			h.Detail = "a part is not billed yet"
		}
		if c.Previous.Valid {
			h.Detail = strings.TrimPrefix(h.Detail+"; before: "+moneyText(c.Previous), "; ")
		}
		all = append(all, h)
	}
	if f := a.Forecast; f != nil {
		detail := fmt.Sprintf("estimate for the whole month, from the average of the last %d days", f.Days)
		all = append(all, headline{"Traffic forecast", u.format(Bytes{f.Bytes, true}), u.name, "", detail})
		for _, c := range f.Costs {
			all = append(all, headline{"Cost forecast", moneyText(c.Cost), c.Currency, "", detail})
		}
	}
	return all
}

// sentence is a difference in words.
func (d Difference) sentence() string {
	var off []string
	if d.Bytes != 0 {
		off = append(off, grouped3(strconv.FormatInt(d.Bytes, 10))+" bytes")
	}
	if d.Cost.Valid {
		off = append(off, moneyText(d.Cost)+" "+d.Currency)
	}
	what := "The account's total less the sum over " + d.What
	if strings.HasPrefix(d.What, "bill") {
		what = "The " + d.What + ", less the account's total"
	}
	return fmt.Sprintf("%s is %s. Likely reason: %s.", what, strings.Join(off, " and "), d.Reason)
}
