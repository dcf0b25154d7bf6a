package web

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// page is what the template shows.
type page struct {
	status.Overview

	Title, Lead, Shown string
	Metrics, Build     string // path of the metrics, and hash of the page's files
	AsOf               time.Time
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
	status.Account

	ID         string // of the element
	Open       bool
	Collectors []pageCollector
}

type pageCollector struct {
	status.Collector

	Every, Word, Took string
	Chart             template.HTML
	Error             *pageError
}

type pageError struct {
	status.Error

	Page    string // of Twilio on the code; "" if it has none
	Results string // what is exposed meanwhile
}

type pageSIM struct {
	status.SIM

	Last  *float64 // bytes of the last hour; nil: not known
	Since status.Time
	Chart template.HTML
}

// manyAccounts is from how many accounts on only those are open that are not ok.
const manyAccounts = 12

func newPage(o status.Overview, f filter, metrics, build string) page {
	p := page{Overview: o, Metrics: metrics, Build: build, Filter: f, AsOf: o.Now.UTC().Truncate(time.Minute)}
	selected := f.accounts(o.Accounts)
	failing := o.States[status.Failing] + o.States[status.Expired]
	p.Lead = lead(o)
	p.Title = "Twilio Exporter"
	if failing > 0 {
		p.Title = fmt.Sprintf("%d failing – Twilio Exporter", failing)
	}
	p.Shown = count(len(selected), "account")
	if len(selected) < len(o.Accounts) {
		p.Shown = fmt.Sprintf("%d of %s", len(selected), count(len(o.Accounts), "account"))
	}
	for _, s := range status.States() {
		p.States = append(p.States, stateOption{s, s == f.State})
	}
	for _, a := range selected {
		h := fnv.New64a()
		h.Write([]byte(a.Name))
		account := pageAccount{Account: a, ID: fmt.Sprintf("a%x", h.Sum64()), Open: a.State != status.OK || len(selected) <= manyAccounts}
		for _, c := range a.Collectors {
			account.Collectors = append(account.Collectors, newPageCollector(a.Provider, c))
		}
		p.Accounts = append(p.Accounts, account)
	}
	for _, s := range o.BusiestSIMs {
		p.SIMs = append(p.SIMs, newPageSIM(s))
	}
	return p
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
		{status.Expired, "failing and without results"}, {status.Failing, "failing"}, {status.Waiting, "waiting for first polls"}, {status.OK, "ok"},
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
		Collector: c, Every: model.Duration(time.Duration(c.Interval * float64(time.Second))).String(),
		Took: "–", Word: string(c.State), Chart: pollsChart(c),
	}
	switch {
	case c.LastPoll.IsZero():
		p.Word = "the first poll is under way"
	case c.Duration > 0:
		p.Took = time.Duration(c.Duration * float64(time.Second)).Round(time.Millisecond).String()
	}
	if c.Error == nil {
		return p
	}
	p.Word = "failed (" + c.Error.Reason + ")"
	p.Error = &pageError{Error: *c.Error, Results: "There are no results yet."}
	if c.Error.Code != 0 && provider == "twilio" {
		p.Error.Page = fmt.Sprintf("https://www.twilio.com/docs/api/errors/%d", c.Error.Code)
	}
	switch {
	case c.State == status.Expired:
		p.Error.Results = "The last results, of " + clock(c.Success) + ", are too old: none are exposed any more."
	case !c.Success.IsZero():
		p.Error.Results = "The results of " + clock(c.Success) + " stay exposed until " + clock(c.Expires) + "."
	}
	return p
}

func newPageSIM(s status.SIM) pageSIM {
	p := pageSIM{SIM: s, Chart: hoursChart(s)}
	known := slices.IndexFunc(s.Hours, func(v *float64) bool { return v != nil })
	if known >= 0 {
		p.Since = status.Time{Time: s.HoursEnd.Add(-time.Duration(len(s.Hours)-known) * time.Hour)}
		p.Last = s.Hours[len(s.Hours)-1]
	}
	return p
}

// pageFuncs are the template's functions.
func pageFuncs() template.FuncMap {
	return template.FuncMap{
		"clock": clock, "month": monthName,
		"past":  func(t status.Time) template.HTML { return clockElement("past", t) },
		"next":  func(t status.Time) template.HTML { return clockElement("next", t) },
		"bytes": func(v any) template.HTML { return data(number(v), bytesText(number(v))) },
		"money": func(v any) template.HTML { return data(number(v), moneyText(number(v))) },
		"change": func(now float64, before *float64) template.HTML {
			if before == nil || *before <= 0 {
				return ""
			}
			percent := strings.Replace(fmt.Sprintf("%+.0f\u202f%%", 100*(now/(*before)-1)), "-", "−", 1)
			return template.HTML(`<span class="change">` + percent + `</span>`) //nolint:gosec // a number
		},
	}
}

// clockElement is a moment that the script makes relative.
func clockElement(class string, t status.Time) template.HTML {
	return template.HTML(fmt.Sprintf(`<time class="%s" datetime="%s">%s</time>`, class, t.UTC().Format(time.RFC3339), clock(t))) //nolint:gosec // digits and letters
}

// number is that of a float64, or of what a pointer to one points to.
func number(v any) float64 {
	if p, ok := v.(*float64); ok {
		return *p
	}
	n, _ := v.(float64)
	return n
}

// data is a number with its exact value.
func data(exact float64, text string) template.HTML {
	return template.HTML(`<data value="` + strconv.FormatFloat(exact, 'f', -1, 64) + `">` + text + `</data>`) //nolint:gosec // digits
}

// clock is a moment in UTC, without its year.
func clock(t status.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 Jan 15:04")
}

// monthName is November 2026 for 2026-11.
func monthName(month string) string {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return month
	}
	return t.Format("January 2006")
}

// bytesText is a number of bytes with at least three digits: 1.23 GB is 1.23e9 bytes, as
// Twilio counts.
func bytesText(v float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for ; math.Abs(v) >= 999.5 && i < len(units)-1; i++ {
		v /= 1000
	}
	if i == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " B"
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(max(math.Abs(v), 1)))))
	return strconv.FormatFloat(v, 'f', decimals, 64) + " " + units[i]
}

// moneyText is an amount with two decimals, or four if it is small.
func moneyText(v float64) string {
	decimals := 2
	if v != 0 && math.Abs(v) < 1 {
		decimals = 4
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u202f" + whole[i:] // a narrow space
	}
	return sign + whole + "." + cmp.Or(fraction, "00")
}
