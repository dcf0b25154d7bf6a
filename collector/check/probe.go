package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// Answer is what a probe found out about a question that the documentation leaves open.
// It names no account but in Account, and no SID.
type Answer struct {
	Account     string `json:"account"`
	Question    string `json:"question"`
	Answer      string `json:"answer"`
	Consequence string `json:"consequence"` // for the exporter, with the settings that follow
}

// probe asks one account's APIs what the documentation leaves open.
type probe struct {
	account  config.Account
	options  Options
	client   *twilio.Client
	recorder *recorder
	hour     time.Time // the last whole one
	midnight time.Time // the last one
	answers  []Answer

	first   map[time.Time]rawUsage // the account's hours as they were listed first; nil if they were not
	firstAt time.Time
	paged   []rawUsage // hours of SIMs
	settled *groupSums // of a day that is long over; nil if they were not read
	recent  groupSums
}

// newProbe makes a probe as of a time.
func newProbe(a config.Account, o Options, client *twilio.Client, r *recorder, now time.Time) *probe {
	now = now.UTC()
	r.switchOn()
	return &probe{account: a, options: o, client: client, recorder: r, hour: now.Truncate(time.Hour), midnight: now.Truncate(24 * time.Hour)}
}

// ask asks everything that is asked once. An error is the end of the context: a request
// that fails leaves its questions open, and says so.
func (p *probe) ask(ctx context.Context) error {
	all := []func(context.Context) error{p.askAlignment, p.askPages, p.askHours, p.askTotal, p.askPaging, p.askGroups}
	if p.client.Provider().HasAccountAPI() {
		all = append(all, p.askSubaccount)
	}
	return inOrder(ctx, all)
}

// askLater asks a second time what changes.
func (p *probe) askLater(ctx context.Context) error {
	if err := inOrder(ctx, []func(context.Context) error{p.askHoursAgain, p.askGroupsAgain}); err != nil {
		return err
	}
	requests, compressed := p.recorder.counts()
	answer := "no"
	if compressed > 0 {
		answer = fmt.Sprintf("yes, %d of %d", compressed, requests)
	}
	p.add(qCompressed, answer, "none: the exporter asks for gzip and reads both")
	return nil
}

func inOrder(ctx context.Context, all []func(context.Context) error) error {
	for _, ask := range all {
		if err := ask(ctx); err != nil {
			return err
		}
	}
	return nil
}

// The questions.
const (
	qAlignment  = "Does Granularity=all take whole hours, or only midnights?"
	qPeriod     = "What period do records of Granularity=all bear?"
	qAmounts    = "Are amounts strings or numbers?"
	qUnbilled   = "What stands for usage that is not billed yet?"
	qPartly     = "What is the amount of a total that is billed in part?"
	qBills      = "When is usage billed?"
	qNull       = "Are bytes of whole hours null?"
	qLateBytes  = "How late are bytes?"
	qLateBills  = "How late are bills?"
	qPageSize   = "How many records does a page have?"
	qOrder      = "In what order are records?"
	qShift      = "Do records move between the pages of a listing?"
	qGroups     = "Do groups agree with the total?"
	qShort      = "Do listings of groups lack records for a time?"
	qAccountSID = "Do usage records name the account?"
	qSubaccount = "What does a subaccount without a balance answer?"
	qCompressed = "Are responses compressed?"
	notSeen     = "not seen"
	noSetting   = "none: the exporter is right either way"
	notFoundOut = "not found out"
)

func (p *probe) add(question, answer, consequence string) {
	p.answers = append(p.answers, Answer{p.account.Name, question, answer, consequence})
}

// failed leaves questions open because of an error, whose text could name SIDs. It returns
// the error if it is the end of the context.
func (p *probe) failed(ctx context.Context, err error, questions ...string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	answer := fmt.Sprintf("%s: the request failed (%s)", notFoundOut, twilio.ReasonOf(err))
	if e, ok := errors.AsType[*twilio.APIError](err); ok {
		answer = fmt.Sprintf("%s: HTTP %d, code %d", notFoundOut, e.Status, e.Code)
	}
	for _, question := range questions {
		p.add(question, answer, "probe again once it works")
	}
	return nil
}

// list lists usage, up to as many records; 0 is all. The pages are those that the API
// sent.
func (p *probe) list(ctx context.Context, params twilio.UsageRecordsParams, most int) ([]twilio.UsageRecord, []rawPage, error) {
	p.recorder.take()
	var records []twilio.UsageRecord
	for record, err := range p.client.UsageRecords(ctx, params) {
		if err != nil {
			return nil, nil, err
		}
		if records = append(records, record); len(records) == most {
			break
		}
	}
	return records, p.recorder.take(), nil
}

// askAlignment asks for two days up to one in the morning.
func (p *probe) askAlignment(ctx context.Context) error {
	_, pages, err := p.list(ctx, twilio.UsageRecordsParams{
		Group: twilio.GroupSim, Granularity: twilio.GranularityAll,
		StartTime: p.midnight.AddDate(0, 0, -2), EndTime: p.midnight.Add(-23 * time.Hour), Paging: twilio.Paging{PageSize: 100},
	}, 1)
	if err != nil {
		return p.failed(ctx, err, qAlignment, qPeriod)
	}
	if p.client.SplitsTotals() {
		p.add(qAlignment, "only midnights (code 83601)",
			"totals end at midnight, and polls read the hours since then one by one: lengthen supersim_usage.interval or leave sim out of groups if that takes too many requests")
	} else {
		p.add(qAlignment, "whole hours", "none: one listing for each group")
	}
	p.answerPeriod(pages)
	return nil
}

// answerPeriod compares the periods of records with what was asked for.
func (p *probe) answerPeriod(pages []rawPage) {
	var asked, shorter, none, other int
	for _, page := range pages {
		if page.asked.Get("Granularity") == string(twilio.GranularityHour) {
			continue
		}
		for _, r := range page.Records {
			start, err := time.Parse(time.RFC3339, r.Period.Start)
			end, endErr := time.Parse(time.RFC3339, r.Period.End)
			switch {
			case r.Period.Start == "":
				none++
			case err != nil || endErr != nil || start.Before(page.start) || end.After(page.end):
				other++
			case start.Equal(page.start) && end.Equal(page.end):
				asked++
			default:
				shorter++
			}
		}
	}
	switch total := asked + shorter + none + other; {
	case total == 0:
		p.add(qPeriod, notSeen+": no usage in the two days that were asked for", noSetting)
	case other > 0:
		p.add(qPeriod, fmt.Sprintf("another than was asked for, in %d of %d records", other, total), "polls fail if it does not overlap the range: please report this")
	case none > 0:
		p.add(qPeriod, fmt.Sprintf("none, in %d of %d records", none, total), noSetting)
	case shorter > 0:
		p.add(qPeriod, fmt.Sprintf("that of the usage, within the range that was asked for (%d of %d records are shorter)", shorter, total), noSetting)
	default:
		p.add(qPeriod, fmt.Sprintf("the range that was asked for (%d records)", total), noSetting)
	}
}

// askPages asks for the first page of a listing that is long if there is much usage.
func (p *probe) askPages(ctx context.Context) error {
	size := p.client.Provider().MaxPageSize(twilio.EndpointUsageRecords)
	_, pages, err := p.list(ctx, twilio.UsageRecordsParams{
		Group: twilio.GroupSim, Granularity: twilio.GranularityHour,
		StartTime: p.hour.AddDate(0, 0, -31), EndTime: p.hour, Paging: twilio.Paging{PageSize: size},
	}, 1)
	if err != nil {
		return p.failed(ctx, err, qPageSize)
	}
	if len(pages) == 0 {
		p.add(qPageSize, notSeen, noSetting)
		return nil
	}
	page := pages[0]
	p.paged = page.Records
	switch n := len(page.Records); {
	case page.Meta.Next == nil:
		p.add(qPageSize, fmt.Sprintf("%s: %d were asked for, and there are %d only (page_size says %d)", notSeen, size, n, page.Meta.PageSize), noSetting)
	case n < size:
		p.add(qPageSize, fmt.Sprintf("%d where %d were asked for (page_size says %d)", n, size, page.Meta.PageSize),
			fmt.Sprintf("polls of many SIMs take up to %d times the requests of the plan: mind it in supersim_usage.interval and max_requests_per_hour", (size+n-1)/max(n, 1)))
	default:
		p.add(qPageSize, fmt.Sprintf("as many as were asked for: %d", n), "none: the plan counts with it")
	}
	return nil
}

// askSubaccount asks for the balance of a subaccount.
func (p *probe) askSubaccount(ctx context.Context) error {
	sid := ""
	for a, err := range p.client.Accounts(ctx) {
		if err != nil {
			return p.failed(ctx, err, qSubaccount)
		}
		if a.SID != p.client.AccountSID() && a.Status.IsOpen() {
			sid = a.SID
			break
		}
	}
	if sid == "" {
		p.add(qSubaccount, notSeen+": the account has no open subaccount", noSetting)
		return nil
	}
	client, err := p.options.Dial(p.account.Subaccount(p.account.Name, sid), p.recorder.wrap, newTraffic())
	if err != nil {
		return p.failed(ctx, err, qSubaccount)
	}
	_, err = client.Balance(ctx)
	refusal, refused := errors.AsType[*twilio.APIError](err)
	switch {
	case err == nil:
		p.add(qSubaccount, "HTTP 200, as if it had one", noSetting)
	case twilio.IsNotFound(err) && refused:
		p.add(qSubaccount, fmt.Sprintf("HTTP %d, code %d", refusal.Status, refusal.Code), "none: the exporter takes it as no balance")
	case refused:
		p.add(qSubaccount, fmt.Sprintf("HTTP %d, code %d", refusal.Status, refusal.Code), "set account_balance.enabled to false for accounts that are subaccounts")
	default:
		return p.failed(ctx, err, qSubaccount)
	}
	return nil
}
