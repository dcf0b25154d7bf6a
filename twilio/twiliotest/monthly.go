package twiliotest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Null in a field of a MonthlyRecord is JSON's null, where "" is an empty string.
const Null = "\x00null"

// MonthlyRecord is an account usage record of one category and calendar month as the
// service writes it: numbers are text, and every field of them can be Null or "".
type MonthlyRecord struct {
	Category, Description string
	Count, CountUnit      string
	Usage, UsageUnit      string
	Price                 string // in PriceUnit
	PriceUnit             string // a currency in lower case

	// These are filled in where they are "": the account that was asked for, the
	// time of the request (2022-03-29T01:07:35+00:00), and the month's first and
	// last day (2022-03-01).
	AccountSID, AsOf, StartDate, EndDate string
}

type monthlyJSON struct {
	AccountSID      any               `json:"account_sid"`
	APIVersion      string            `json:"api_version"`
	AsOf            any               `json:"as_of"`
	Category        any               `json:"category"`
	Count           any               `json:"count"`
	CountUnit       any               `json:"count_unit"`
	Description     any               `json:"description"`
	EndDate         any               `json:"end_date"`
	Price           any               `json:"price"`
	PriceUnit       any               `json:"price_unit"`
	StartDate       any               `json:"start_date"`
	SubresourceURIs map[string]string `json:"subresource_uris"`
	URI             string            `json:"uri"`
	Usage           any               `json:"usage"`
	UsageUnit       any               `json:"usage_unit"`
}

const (
	date     = "2006-01-02"
	asOf     = "2006-01-02T15:04:05+00:00"
	maxYears = 20 // of months in one response
)

func (s *Simulator) monthly(q *request, target *world) *response {
	p, bad := readParams(q, 20001, "Category", "StartDate", "EndDate", "IncludeSubaccounts")
	if bad != nil {
		return bad
	}
	g, bad := s.readPaging(q, &p, maxPageSize)
	if bad != nil {
		return bad
	}
	// As a published bug report has it; the documentation allows it.
	if g.size == maxPageSize {
		return failure(http.StatusInternalServerError, 20500, "Something broke while listing so many records")
	}
	bad = firstRefusal(
		p.enum("IncludeSubaccounts", "true", "false"),
		p.matches("Category", "the name of a category", isCategory),
	)
	if bad != nil {
		return bad
	}
	today := g.at.Truncate(day)
	from, okFrom := p.date("StartDate", today, addMonths(today, -12))
	to, okTo := p.date("EndDate", today, today)
	switch {
	case !okFrom || !okTo:
		return p.refuse("StartDate and EndDate have to look like " + date + " or -30days")
	case from.After(to):
		return p.refuse("StartDate has to be no later than EndDate")
	}
	page := g.respond(q, "usage_records", func() listing {
		records := s.monthlyRecords(target, from, to, g.at, p.values["IncludeSubaccounts"] != "false")
		if c, ok := p.values["Category"]; ok {
			records = slices.DeleteFunc(records, func(r MonthlyRecord) bool { return r.Category != c })
		}
		return listing{n: len(records), record: func(i int) any { return records[i].json(target.account.SID) }}
	})
	if q.xml {
		return asXML(g)
	}
	return page
}

// asXML is what a client gets that forgets .json; nobody reads further than that.
func asXML(g paging) *response {
	body := fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TwilioResponse><UsageRecords page=\"%d\" pagesize=\"%d\"></UsageRecords></TwilioResponse>\n", g.page, g.size)
	return &response{status: http.StatusOK, kind: "application/xml", body: []byte(body)}
}

func isCategory(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
}

// date reads a day or, as documented, a number of days from today: -30days.
func (p *params) date(name string, today, absent time.Time) (time.Time, bool) {
	v, ok := p.values[name]
	if !ok {
		return absent, true
	}
	if n, relative := strings.CutSuffix(v, "days"); relative && len(n) > 1 && digits(n[1:]) && (n[0] == '+' || n[0] == '-') {
		days, err := strconv.Atoi(n)
		return today.AddDate(0, 0, days), err == nil && days > -100_000 && days < 100_000
	}
	return parseExact(date, v)
}

// monthlyRecords are the records of every month that [from, to] touches and that has
// begun, newest month first. Subaccounts are added up into them.
func (s *Simulator) monthlyRecords(w *world, from, to, at time.Time, subaccounts bool) []MonthlyRecord {
	var out []MonthlyRecord
	month := monthOf(minTime(to, at))
	first := monthOf(from)
	if oldest := addMonths(month, -12*maxYears); first.Before(oldest) {
		first = oldest
	}
	for ; !month.Before(first); month = addMonths(month, -1) {
		records := w.month(month, at)
		if subaccounts {
			for _, child := range s.order {
				if child.account.Parent == w.account.SID && child.exists(at) {
					records = merge(records, child.month(month, at))
				}
			}
		}
		for _, r := range records {
			r.AccountSID = or(r.AccountSID, w.account.SID)
			r.AsOf = or(r.AsOf, at.Format(asOf))
			r.StartDate = or(r.StartDate, month.Format(date))
			r.EndDate = or(r.EndDate, addMonths(month, 1).AddDate(0, 0, -1).Format(date))
			out = append(out, r)
		}
	}
	return out
}

func (w *world) month(month, at time.Time) []MonthlyRecord {
	if w.account.Monthly != nil {
		return slices.Clone(w.account.Monthly(month, at))
	}
	return w.generatedMonth(month, at)
}

// merge adds a subaccount's records to those of its parent, category by category.
func merge(parent, child []MonthlyRecord) []MonthlyRecord {
	for _, c := range child {
		i := slices.IndexFunc(parent, func(p MonthlyRecord) bool { return p.Category == c.Category })
		if i < 0 {
			c.AccountSID = ""
			parent = append(parent, c)
			continue
		}
		p := &parent[i]
		p.Count = addDecimals(p.Count, c.Count)
		p.Usage = addDecimals(p.Usage, c.Usage)
		p.Price = addDecimals(p.Price, c.Price)
	}
	return parent
}

func (r *MonthlyRecord) json(asked string) monthlyJSON {
	base := "/2010-04-01/Accounts/" + asked + "/Usage/Records"
	query := ".json?Category=" + r.Category
	uris := make(map[string]string, 8)
	for key, resource := range map[string]string{
		"all_time": "AllTime", "daily": "Daily", "last_month": "LastMonth", "monthly": "Monthly",
		"this_month": "ThisMonth", "today": "Today", "yearly": "Yearly", "yesterday": "Yesterday",
	} {
		uris[key] = base + "/" + resource + query
	}
	return monthlyJSON{
		AccountSID:      nullable(r.AccountSID),
		APIVersion:      "2010-04-01",
		AsOf:            nullable(r.AsOf),
		Category:        nullable(r.Category),
		Count:           nullable(r.Count),
		CountUnit:       nullable(r.CountUnit),
		Description:     nullable(r.Description),
		EndDate:         nullable(r.EndDate),
		Price:           nullable(r.Price),
		PriceUnit:       nullable(r.PriceUnit),
		StartDate:       nullable(r.StartDate),
		SubresourceURIs: uris,
		URI:             base + "/Monthly" + query + "&StartDate=" + r.StartDate + "&EndDate=" + r.EndDate,
		Usage:           nullable(r.Usage),
		UsageUnit:       nullable(r.UsageUnit),
	}
}

func nullable(s string) any {
	if s == Null {
		return nil
	}
	return s
}

func or(s, absent string) string {
	if s == "" {
		return absent
	}
	return s
}

func monthOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
