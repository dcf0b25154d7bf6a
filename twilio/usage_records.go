package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Group is the dimension by which the API adds up usage.
type Group string

// The groups. GroupNone has one record for the whole account.
const (
	GroupNone       Group = ""
	GroupSim        Group = "sim"
	GroupFleet      Group = "fleet"
	GroupNetwork    Group = "network"
	GroupIsoCountry Group = "isoCountry"
)

// Granularity is the length of the period that one UsageRecord describes.
type Granularity string

// The granularities. The zero value is the API's default, all.
const (
	GranularityAll  Granularity = "all" // the whole range
	GranularityDay  Granularity = "day"
	GranularityHour Granularity = "hour"
)

// UsageRecordsParams are the parameters of UsageRecords. Zero values are not
// sent.
type UsageRecordsParams struct {
	Sim         string // SID or unique name
	Fleet       string // SID or unique name; the SIMs' fleet when the usage occurred
	Network     string // SID, HW and 32 hexadecimal digits
	IsoCountry  string // ISO 3166-1 alpha-2
	Group       Group
	Granularity Granularity
	StartTime   time.Time // inclusive, a whole hour; default: one month before EndTime
	EndTime     time.Time // exclusive, a whole hour, not in the future; default: now
	Paging
}

// A UsageRecord is the data usage of one key of the group in one period, as known
// to the API now: it adds bytes to past hours late, and their price up to 24
// hours later.
type UsageRecord struct {
	AccountSID string
	// Set only if grouped or filtered by; "" is the API's null.
	SimSID, FleetSID, NetworkSID, IsoCountry string
	Period                                   Period
	Upload, Download, Total                  Null[int64]           // bytes
	Billed                                   Null[decimal.Decimal] // in BilledUnit
	BilledUnit                               string                // ISO 4217 in upper case; "" while nothing has been billed
}

// A Period is a span of time, Start inclusive and End exclusive.
type Period struct{ Start, End time.Time }

// UsageRecords lists usage.
//
// With GranularityAll there is one record for each key of the group, unless the
// API demands that such a range start and end at midnight UTC (code 83601, which
// the documentation says of "certain requests"). In that case the listing has
// three parts that add up to the same: hours up to the first midnight, all from
// there to the last midnight, and hours from there on. So a caller has to add up
// the records of a key, whose periods do not overlap.
func (c *Client) UsageRecords(ctx context.Context, p UsageRecordsParams) iter.Seq2[UsageRecord, error] {
	if p.Granularity == "" {
		p.Granularity = GranularityAll
	}
	parts := p.parts()
	if _, err := p.encode(c.provider); err != nil || parts == nil {
		return c.usageRecords(ctx, p)
	}
	return func(yield func(UsageRecord, error) bool) {
		if !c.splitAll.Load() {
			yielded := false
			for record, err := range c.usageRecords(ctx, p) {
				if e, ok := errors.AsType[*APIError](err); ok && e.Code == codeNotMidnight && !yielded {
					c.splitAll.Store(true)
					break
				}
				yielded = true
				if !yield(record, err) {
					return
				}
			}
			if !c.splitAll.Load() || yielded {
				return
			}
		}
		for _, part := range parts {
			for record, err := range c.usageRecords(ctx, part) {
				if !yield(record, err) || err != nil {
					return
				}
			}
		}
	}
}

// UsageListings returns how many listings UsageRecords reads for a query: 1, or up to
// 3 once the API has demanded that ranges start and end at midnight UTC.
func (c *Client) UsageListings(p UsageRecordsParams) int {
	p.Granularity = cmp.Or(p.Granularity, GranularityAll)
	if !c.splitAll.Load() {
		return 1
	}
	return max(len(p.parts()), 1)
}

// parts are the listings that add up to one with GranularityAll, each as the API
// takes it if it demands midnights. There are none if the query is taken as it is.
func (p UsageRecordsParams) parts() []UsageRecordsParams {
	first, last := midnights(p.StartTime, p.EndTime)
	if p.Granularity != GranularityAll || p.StartTime.IsZero() || p.EndTime.IsZero() ||
		!p.StartTime.Before(first) && !last.Before(p.EndTime) {
		return nil
	}
	parts := []UsageRecordsParams{p, p, p}
	parts[0].Granularity, parts[0].EndTime = GranularityHour, slices.MinFunc([]time.Time{first, p.EndTime}, time.Time.Compare)
	parts[1].StartTime, parts[1].EndTime = first, last
	parts[2].Granularity, parts[2].StartTime = GranularityHour, slices.MaxFunc([]time.Time{first, last}, time.Time.Compare)
	return slices.DeleteFunc(parts, func(part UsageRecordsParams) bool { return !part.StartTime.Before(part.EndTime) })
}

// SplitsTotals reports whether the API has refused totals that do not start and end at
// midnight, so that UsageRecords returns several records of a key.
func (c *Client) SplitsTotals() bool { return c.splitAll.Load() }

// midnights returns the first and the last midnight UTC from start to end, both
// inclusive. If there is none, the first is after the last.
func midnights(start, end time.Time) (first, last time.Time) {
	const day = 24 * time.Hour
	first = start.UTC().Truncate(day)
	if first.Before(start) {
		first = first.Add(day)
	}
	return first, end.UTC().Truncate(day)
}

func (c *Client) usageRecords(ctx context.Context, p UsageRecordsParams) iter.Seq2[UsageRecord, error] {
	q, err := p.encode(c.provider)
	if err != nil {
		return fail[UsageRecord](err)
	}
	return listing[UsageRecord]{
		endpoint: EndpointUsageRecords, key: "usage_records", url: resource(c.superSIM, "/v1/UsageRecords", q),
		wire: func() wire[UsageRecord] { return &wireUsageRecord{client: c, params: p} },
	}.all(ctx, c)
}

// encode returns the query. It rejects what the API would refuse, with the API's
// error codes in brackets.
func (p UsageRecordsParams) encode(provider Provider) (url.Values, error) {
	q := query("Sim", p.Sim, "Fleet", p.Fleet, "Network", p.Network, "IsoCountry", p.IsoCountry,
		"Group", string(p.Group), "Granularity", string(p.Granularity))
	for _, hour := range []struct {
		name string
		t    time.Time
	}{{"StartTime", p.StartTime}, {"EndTime", p.EndTime}} {
		if hour.t.IsZero() {
			continue
		}
		if !hour.t.Equal(hour.t.Truncate(time.Hour)) {
			return nil, &ParameterError{hour.name, "must be a whole hour UTC (83602)"}
		}
		q.Set(hour.name, hour.t.UTC().Format("2006-01-02T15:04:05Z"))
	}
	if err := p.checkRange(); err != nil {
		return nil, err
	}
	if p.Network != "" && !isSID("HW", p.Network) {
		return nil, &ParameterError{"Network", "must be HW and 32 hexadecimal digits"}
	}
	if country := p.IsoCountry; country != "" && (len(country) != 2 || strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		return nil, &ParameterError{"IsoCountry", "must be two upper-case letters"}
	}
	if !slices.Contains([]Group{GroupNone, GroupSim, GroupFleet, GroupNetwork, GroupIsoCountry}, p.Group) {
		return nil, &ParameterError{"Group", "must be sim, fleet, network or isoCountry"}
	}
	if !slices.Contains([]Granularity{"", GranularityAll, GranularityDay, GranularityHour}, p.Granularity) {
		return nil, &ParameterError{"Granularity", "must be hour, day or all"}
	}
	return q, p.Paging.encode(q, provider, EndpointUsageRecords)
}

func (p UsageRecordsParams) checkRange() error {
	start, end := p.StartTime.UTC(), p.EndTime.UTC()
	if p.Granularity == GranularityDay {
		if !start.Equal(start.Truncate(24*time.Hour)) || !end.Equal(end.Truncate(24*time.Hour)) {
			return &ParameterError{"Granularity", "day needs StartTime and EndTime at midnight UTC (83601)"}
		}
	}
	if start.IsZero() || end.IsZero() {
		return nil
	}
	if !start.Before(end) {
		return &ParameterError{"StartTime", "must be before EndTime (83600)"}
	}
	if p.Group == GroupSim && end.Sub(start) > 31*24*time.Hour {
		return &ParameterError{"Group", "sim is limited to 31 days (83603)"}
	}
	var latest time.Time
	var limit string
	switch p.Granularity {
	case GranularityHour:
		latest, limit = start.AddDate(0, 0, 31), "hour is limited to 31 days"
	case GranularityDay:
		latest, limit = start.AddDate(0, 3, 0), "day is limited to 3 months"
	default:
		latest, limit = start.AddDate(0, 18, 0), "all is limited to 18 months"
	}
	if end.After(latest) {
		return &ParameterError{"Granularity", limit + " (83604)"}
	}
	return nil
}

type wireUsageRecord struct {
	client *Client
	params UsageRecordsParams // of the listing
	warned bool

	AccountSID, SimSID, FleetSID, NetworkSID, IsoCountry scalar
	Period                                               wirePeriod
	Upload, Download, Total, Billed, BilledUnit          scalar
}

func (w *wireUsageRecord) field(name []byte) value {
	switch string(name) {
	case "account_sid":
		return &w.AccountSID
	case "sim_sid":
		return &w.SimSID
	case "fleet_sid":
		return &w.FleetSID
	case "network_sid":
		return &w.NetworkSID
	case "iso_country":
		return &w.IsoCountry
	case "period":
		return &w.Period
	case "data_upload":
		return &w.Upload
	case "data_download":
		return &w.Download
	case "data_total":
		return &w.Total
	case "data_total_billed":
		return &w.Billed
	case "billed_unit":
		return &w.BilledUnit
	}
	return nil
}

func (w *wireUsageRecord) record() (r UsageRecord, err error) {
	if err := requireText(
		named{"account_sid", &w.AccountSID}, named{"sim_sid", &w.SimSID}, named{"fleet_sid", &w.FleetSID},
		named{"network_sid", &w.NetworkSID}, named{"iso_country", &w.IsoCountry}, named{"billed_unit", &w.BilledUnit},
	); err != nil {
		return r, err
	}
	r = UsageRecord{
		AccountSID: w.AccountSID.shared(),
		SimSID:     w.SimSID.text(),
		FleetSID:   w.FleetSID.shared(),
		NetworkSID: w.NetworkSID.shared(),
		IsoCountry: w.IsoCountry.shared(),
	}
	if r.BilledUnit, err = w.BilledUnit.currency("billed_unit"); err != nil {
		return r, err
	}
	if r.Period, err = w.Period.period(); err != nil {
		return r, err
	}
	if r.Upload, err = w.Upload.bytes("data_upload"); err != nil {
		return r, err
	}
	if r.Download, err = w.Download.bytes("data_download"); err != nil {
		return r, err
	}
	if r.Total, err = w.Total.bytes("data_total"); err != nil {
		return r, err
	}
	if r.Billed, err = w.Billed.decimal("data_total_billed"); err != nil {
		return r, err
	}
	if err := cmp.Or(w.AccountSID.fitAccount(w.client.accountSID), r.fitKey(w.params)); err != nil {
		return r, err
	}
	sent := r.Period
	cut, err := r.fitPeriod(w.params)
	if cut && !w.warned {
		w.warned = true
		w.client.warnings.add(EndpointUsageRecords, fmt.Sprintf(
			"the API cuts periods in another way than was asked for, such as from %s to %s by %s; they are counted all the same",
			moment(sent.Start), moment(sent.End), w.params.Granularity))
	}
	return r, err
}

// wirePeriod has no type in the API's schema. In the examples it is an object;
// null and absent occur too.
type wirePeriod struct{ start, end scalar }

func (w *wirePeriod) read(d *decoder) error {
	w.start.clear()
	w.end.clear()
	if d.json.PeekKind() != '{' {
		return d.json.SkipValue()
	}
	return d.object(w)
}

func (w *wirePeriod) field(name []byte) value {
	switch string(name) {
	case "start_time":
		return &w.start
	case "end_time":
		return &w.end
	}
	return nil
}

func (w *wirePeriod) period() (Period, error) {
	const want = "a time in ISO 8601"
	start, err := w.start.time("period.start_time", want, time.RFC3339)
	if err != nil {
		return Period{}, err
	}
	end, err := w.end.time("period.end_time", want, time.RFC3339)
	return Period{start.V, end.V}, err
}

// isSID reports whether s is a SID of a kind: its two letters and 32 hexadecimal
// digits.
func isSID(kind, s string) bool {
	return len(s) == 34 && s[:2] == kind && strings.Trim(s[2:], "0123456789abcdefABCDEF") == ""
}
