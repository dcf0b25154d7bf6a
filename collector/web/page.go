package web

import (
	"fmt"
	"hash/fnv"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// page is what the template shows. Its parts are plain, because at 500 accounts the
// template asks for 40,000 of them.
type page struct {
	Version            string
	Title, Lead, Shown string
	Metrics, Build     string // path of the metrics, and hash of the page's files
	AsOf               time.Time
	Since              string // when the process started
	Ready              bool
	Filter             filter
	States             []stateOption
	Accounts           []pageAccount
	SIMs               []pageSIM
}

type stateOption struct {
	State    status.State
	Selected bool
}

type pageAccount struct {
	ID, Name, Provider, SID string // ID of the element
	State                   status.State
	Open                    bool
	More                    template.URL // address of the page on which it is open
	Figures                 []figure
	Collectors              []pageCollector
	Month                   []monthRow
}

// figure is what shows of an account that is closed.
type figure struct {
	Of    string
	Value template.HTML
}

type pageCollector struct {
	Name, Every, Word, Until, Took string
	State                          status.State
	Last, Next                     template.HTML
	Requests, Records              int
	Chart                          template.HTML
	Error                          *pageError
}

type pageError struct {
	Code                                        int
	Explanation, Advice, Message, Page, Results string // Page of Twilio on the code; "" if it has none
	Again                                       bool   // the collector above has failed for the same reason
}

// monthRow is a number of the month.
type monthRow struct {
	Of, Until                       string
	Value, Before, Change, Forecast template.HTML
}

type pageSIM struct {
	Name, SID, Account, Since string
	Bytes, Last, Chart        template.HTML
}

// An account that is closed is one line, and asked for when it is opened: a page of 500
// open ones has 3 MB and 100,000 elements, which is too much for a phone.
const (
	allOpen  = 12 // up to so many accounts all are open
	mostOpen = 25 // of more accounts, the first that are not ok
)

// dash stands for what is not there.
const dash = "–"

func newPage(o status.Overview, f filter, metrics, build string) page {
	p := page{
		Version: o.Version, Title: "Twilio Exporter", Lead: lead(o), Metrics: metrics, Build: build,
		Filter: f, AsOf: o.Now.UTC().Truncate(time.Minute), Since: clock(o.Started), Ready: o.Ready,
	}
	selected := f.accounts(o.Accounts)
	if failing := o.States[status.Failing] + o.States[status.Expired]; failing > 0 {
		p.Title = fmt.Sprintf("%d failing – Twilio Exporter", failing)
	}
	p.Shown = count(len(selected), "account")
	if len(selected) < len(o.Accounts) {
		p.Shown = fmt.Sprintf("%d of %s", len(selected), count(len(o.Accounts), "account"))
	}
	for _, s := range status.States() {
		p.States = append(p.States, stateOption{s, s == f.State})
	}
	for i, a := range selected {
		account := newPageAccount(a)
		if len(selected) <= allOpen || i < mostOpen && a.State != status.OK || slices.Contains(f.Open, account.ID) {
			account.open(a)
		} else {
			account.More = template.URL("./?" + f.opening(account.ID).Encode() + "#" + account.ID) //nolint:gosec // encoded
		}
		p.Accounts = append(p.Accounts, account)
	}
	for _, s := range o.BusiestSIMs {
		p.SIMs = append(p.SIMs, newPageSIM(s))
	}
	return p
}

func newPageAccount(a status.Account) pageAccount {
	h := fnv.New64a()
	h.Write([]byte(a.Name))
	p := pageAccount{ID: fmt.Sprintf("a%x", h.Sum64()), Name: a.Name, Provider: a.Provider, SID: a.AccountSID, State: a.State}
	add := func(of, in, month string, until status.Time, value float64, before, forecast *float64, write func(float64) template.HTML) {
		row := monthRow{Of: of + ", " + monthName(month), Until: clock(until), Value: write(value), Before: "not known", Change: dash, Forecast: dash}
		f := figure{of, row.Value}
		if in != "" {
			row.Of = of + " in " + in + ", " + monthName(month)
			f.Value += template.HTML(" " + template.HTMLEscapeString(in)) //nolint:gosec // escaped
		}
		if before != nil {
			row.Before = write(*before)
			if *before > 0 {
				row.Change = change(value, *before)
				f.Value += " " + row.Change
			}
		}
		if forecast != nil {
			row.Forecast = write(*forecast)
		}
		p.Month, p.Figures = append(p.Month, row), append(p.Figures, f)
	}
	if t := a.Traffic; t != nil {
		add("Traffic", "", t.Month, t.Until, t.Bytes(), t.Previous, t.Forecast, bytesOf)
	}
	for _, c := range a.Costs {
		add("Cost", c.Currency, c.Month, c.Until, c.Amount, c.Previous, c.Forecast, money)
	}
	for _, b := range a.Bills {
		row := monthRow{Of: "Whole bill in " + b.Currency, Until: dash, Value: money(b.Amount), Before: dash, Change: dash, Forecast: dash}
		if len(a.Bills) > 1 && b.AccountSID != a.AccountSID {
			row.Of += ", " + b.AccountSID
		}
		if b.PreviousMonth != nil {
			row.Before = money(*b.PreviousMonth) + ` <span class="every">(whole month)</span>`
		}
		p.Month = append(p.Month, row)
	}
	return p
}

// open adds what shows of an account that is open.
func (p *pageAccount) open(a status.Account) {
	p.Open = true
	for _, c := range a.Collectors {
		collector := newPageCollector(a.Provider, c)
		if n := len(p.Collectors); n > 0 && collector.Error != nil {
			above := p.Collectors[n-1].Error
			collector.Error.Again = above != nil && above.Explanation == collector.Error.Explanation && above.Advice == collector.Error.Advice
		}
		p.Collectors = append(p.Collectors, collector)
	}
}

// lead says in one sentence how everything is.
func lead(o status.Overview) string {
	all := len(o.Accounts)
	switch {
	case all == 0:
		return "No accounts are polled."
	case o.States[status.OK] == all && all == 1:
		return "The account is polled successfully."
	case o.States[status.OK] == all:
		return fmt.Sprintf("All %d accounts are polled successfully.", all)
	}
	var parts []string
	for _, s := range []struct {
		state status.State
		words string
	}{
		{status.Expired, "with expired results"}, {status.Failing, "failing"}, {status.Waiting, "waiting for first polls"}, {status.OK, "ok"},
	} {
		if n := o.States[s.state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s.words))
		}
	}
	return count(all, "account") + ": " + strings.Join(parts, ", ") + "."
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.Itoa(n) + " " + of + "s"
}

func newPageCollector(provider string, c status.Collector) pageCollector {
	p := pageCollector{
		Name: c.Name, State: c.State, Every: model.Duration(time.Duration(c.Interval * float64(time.Second))).String(),
		Word: string(c.State), Until: clock(c.CountUntil), Took: dash, Requests: c.Requests, Records: c.Records,
		Last: relative("past", c.LastPoll), Next: relative("next", c.NextPoll), Chart: pollsChart(c),
	}
	if !c.Polling.IsZero() {
		p.Next = "polls now"
	}
	switch {
	case c.LastPoll.IsZero() && c.Polling.IsZero():
		p.Word = "waiting for the first poll"
	case c.LastPoll.IsZero():
		p.Word = "the first poll is under way"
	case c.Duration > 0:
		p.Took = time.Duration(c.Duration * float64(time.Second)).Round(time.Millisecond).String()
	}
	if c.Error == nil {
		return p
	}
	p.Word = "failed (" + c.Error.Reason + ")"
	p.Error = &pageError{
		Code: c.Error.Code, Explanation: c.Error.Explanation, Advice: c.Error.Advice, Message: c.Error.Message,
		Results: "There are no results yet.",
	}
	if c.Error.Code != 0 && provider == "twilio" {
		p.Error.Page = fmt.Sprintf("https://www.twilio.com/docs/api/errors/%d", c.Error.Code)
	}
	switch {
	case c.State == status.Expired:
		p.Error.Results = "The last results, of " + clock(c.Success) + ", are too old: none are exposed any more."
	case !c.Success.IsZero() && c.Expires.IsZero():
		p.Error.Results = "The results of " + clock(c.Success) + " stay in use."
	case !c.Success.IsZero():
		p.Error.Results = "The results of " + clock(c.Success) + " stay exposed until " + clock(c.Expires) + "."
	}
	return p
}

func newPageSIM(s status.SIM) pageSIM {
	p := pageSIM{Name: s.Name, SID: s.SID, Account: s.Account, Since: dash, Bytes: bytesOf(s.Bytes), Last: dash, Chart: hoursChart(s)}
	if known := slices.IndexFunc(s.Hours, func(v *float64) bool { return v != nil }); known >= 0 {
		p.Since = clock(status.Time{Time: s.HoursEnd.Add(-time.Duration(len(s.Hours)-known) * time.Hour)})
		if last := s.Hours[len(s.Hours)-1]; last != nil {
			p.Last = bytesOf(*last)
		}
	}
	return p
}
