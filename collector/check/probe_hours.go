package check

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// probedHours is of how many hours the probe looks for late bytes and bills.
const probedHours = 168

// askHours lists the hours of the account, which answer most questions at once.
func (p *probe) askHours(ctx context.Context) error {
	_, pages, err := p.listHours(ctx)
	if err != nil {
		return p.failed(ctx, err, qAmounts, qUnbilled, qBills, qNull, qOrder, qAccountSID, qLateBytes, qLateBills)
	}
	var records []rawUsage
	for _, page := range pages {
		records = append(records, page.Records...)
	}
	p.first, p.firstAt = hoursOf(records), time.Now()
	if len(records) == 0 {
		for _, question := range []string{qAmounts, qUnbilled, qBills, qNull, qOrder, qAccountSID} {
			p.add(question, notSeen+": there is no usage in the last week", noSetting)
		}
		return nil
	}
	p.answerRecords(records)
	return nil
}

// answerRecords says what at least one record of an hour shows.
func (p *probe) answerRecords(records []rawUsage) {
	p.add(qAmounts, amounts(records), "none: both are read exactly")
	p.answerUnbilled(records)
	p.answerBills()
	p.answerNull(slices.Concat(records, p.paged))
	p.paged = nil // it is large, and accounts wait for each other
	p.add(qOrder, order(records), noSetting)
	p.answerAccountSID(records)
}

// answerAccountSID says whether records name the account.
func (p *probe) answerAccountSID(records []rawUsage) {
	answer, consequence := "yes", noSetting
	switch field := records[0].AccountSID; {
	case field == nil:
		answer = "no, the field is absent"
	case isNothing(field):
		answer = "no, it is null"
	}
	if answer != "yes" && p.account.AccountSID == "" {
		consequence = "the label account_sid is empty unless SIMs name the account: set account_sid in the configuration"
	}
	p.add(qAccountSID, answer, consequence)
}

func (p *probe) listHours(ctx context.Context) ([]twilio.UsageRecord, []rawPage, error) {
	return p.list(ctx, twilio.UsageRecordsParams{
		Granularity: twilio.GranularityHour, StartTime: p.hour.Add(-probedHours * time.Hour), EndTime: p.hour,
	}, 0)
}

// hoursOf are records by the start of their hour.
func hoursOf(records []rawUsage) map[time.Time]rawUsage {
	hours := make(map[time.Time]rawUsage)
	for _, r := range records {
		if start, err := time.Parse(time.RFC3339, r.Period.Start); err == nil {
			hours[start.UTC()] = r // a key has one zone
		}
	}
	return hours
}

// amounts names the ways in which amounts are written.
func amounts(records []rawUsage) string {
	ways := make(map[string]bool)
	for _, r := range records {
		if isNothing(r.Billed) {
			continue
		}
		text, quoted := strings.CutPrefix(string(r.Billed), `"`)
		text = strings.TrimSuffix(text, `"`)
		way := "numbers"
		if quoted {
			way = "strings"
		}
		if strings.TrimSpace(text) != text {
			way += " with spaces"
		}
		if strings.ContainsAny(text, "eE") {
			way += " with exponents"
		}
		ways[way] = true
	}
	if len(ways) == 0 {
		return notSeen + ": no amount in the last week"
	}
	return strings.Join(slices.Sorted(maps.Keys(ways)), " and ")
}

// answerUnbilled says how the hours look that are not billed.
func (p *probe) answerUnbilled(records []rawUsage) {
	ways := make(map[string]bool)
	show := func(field []byte) string {
		switch {
		case field == nil:
			return "absent"
		case string(field) == "null":
			return "null"
		case string(field) == `""`:
			return "empty"
		case strings.Trim(string(field), `" 0.e+-`) == "":
			return "0"
		}
		return "there"
	}
	for _, r := range records {
		if !r.isBilled() {
			ways[fmt.Sprintf("amount %s, unit %s", show(r.Billed), show(r.Unit))] = true
		}
	}
	if len(ways) == 0 {
		p.add(qUnbilled, notSeen+": every hour of the last week has an amount", noSetting)
		return
	}
	p.add(qUnbilled, strings.Join(slices.Sorted(maps.Keys(ways)), "; "), noSetting)
}

// answerBills says which hours are billed.
func (p *probe) answerBills() {
	var newest, oldest time.Time // start of the newest hour that is billed, and of the oldest one that is not
	for start, r := range p.first {
		switch billed := r.isBilled(); {
		case billed && start.After(newest):
			newest = start
		case !billed && (oldest.IsZero() || start.Before(oldest)):
			oldest = start
		}
	}
	billedEnd, openEnd := newest.Add(time.Hour), oldest.Add(time.Hour)
	switch {
	case newest.IsZero():
		p.add(qBills, notSeen+": no hour of the last week has an amount", "costs stay 0 until one has; if that lasts, see whether the usage is billed elsewhere")
	case oldest.IsZero():
		p.add(qBills, "every hour of the last week has an amount", p.settleCost(0))
	case newest.After(oldest):
		p.add(qBills, fmt.Sprintf("in no order: an hour that ended %s ago has an amount, and one that ended %s ago has none", p.age(billedEnd), p.age(openEnd)),
			p.settleCost(p.sinceNow(openEnd)))
	case billedEnd.Equal(billedEnd.Truncate(24 * time.Hour)):
		p.add(qBills, fmt.Sprintf("the hours up to a midnight %s ago have amounts: a day at a time, or by chance; another probe, some hours later, tells", p.age(billedEnd)),
			p.settleCost(p.sinceNow(billedEnd)))
	default:
		p.add(qBills, fmt.Sprintf("an hour that ended %s ago or earlier has an amount", p.age(billedEnd)), p.settleCost(p.sinceNow(billedEnd)))
	}
}

// settleCost is the setting that follows from how long bills take.
func (p *probe) settleCost(age time.Duration) string {
	return within("settle.cost", p.account.Collectors.SuperSIMUsage.Settle.Cost, age)
}

// within is the setting that follows from usage that came so long after its hour's end.
func within(key string, configured, age time.Duration) string {
	if age <= configured {
		return fmt.Sprintf("none: within supersim_usage.%s (%s)", key, model.Duration(configured))
	}
	return fmt.Sprintf("set supersim_usage.%s to %s or more: what comes later in a month's end is not counted", key, wholeHours(age))
}

// wholeHours is a time, rounded up.
func wholeHours(d time.Duration) model.Duration {
	return model.Duration((d + time.Hour - 1).Truncate(time.Hour))
}

// answerNull says of which hours the bytes are null.
func (p *probe) answerNull(records []rawUsage) {
	null := 0
	var oldest time.Time
	for _, r := range records {
		if !isNothing(r.Upload) && !isNothing(r.Download) && !isNothing(r.Total) {
			continue
		}
		null++
		if start, err := time.Parse(time.RFC3339, r.Period.Start); err == nil && (oldest.IsZero() || start.Before(oldest)) {
			oldest = start
		}
	}
	if null == 0 {
		p.add(qNull, fmt.Sprintf("no, in none of %d records", len(records)), noSetting)
		return
	}
	age, delay := p.sinceNow(oldest.Add(time.Hour)), p.account.Collectors.SuperSIMUsage.HourDelay
	consequence := fmt.Sprintf("none: within supersim_usage.hour_delay (%s)", model.Duration(delay))
	if age > delay {
		consequence = fmt.Sprintf("the gauges of such an hour are missing: set supersim_usage.hour_delay to %s or more", wholeHours(age))
	}
	p.add(qNull, fmt.Sprintf("yes, in %d of %d records; the oldest hour ended %s ago", null, len(records), p.age(oldest.Add(time.Hour))), consequence)
}

// order names the order of records by time.
func order(records []rawUsage) string {
	rising, falling := 0, 0
	for i := 1; i < len(records); i++ {
		switch cmp.Compare(records[i-1].Period.Start, records[i].Period.Start) {
		case -1:
			rising++
		case 1:
			falling++
		}
	}
	switch {
	case rising+falling == 0:
		return notSeen + ": one hour only"
	case rising == 0:
		return "newest first"
	case falling == 0:
		return "oldest first"
	}
	return "none"
}

// sinceNow is how long before the first listing a moment was.
func (p *probe) sinceNow(t time.Time) time.Duration { return p.firstAt.Sub(t) }

// age is that to the minute, as text.
func (p *probe) age(t time.Time) string {
	return model.Duration(p.sinceNow(t).Round(time.Minute)).String()
}
