package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// PeriodType is the type of a billing period. Documented are ready and active;
// there may be more.
type PeriodType string

// PeriodReady is the type of a period that ends early if the SIM becomes active.
const PeriodReady PeriodType = "ready"

// A BillingPeriod is a span of time over which the usage of one Super SIM counts
// towards the data limit of its fleet. It is the SIM's own: it starts and ends at any
// second.
type BillingPeriod struct {
	SID        string // "" if unreported, like every field
	AccountSID string
	SimSID     string
	Type       PeriodType
	Period     // a bound that is unreported is zero
}

// Contains reports whether a moment is in the period. One whose start is unreported
// contains none, one whose end is unreported has not ended.
func (p Period) Contains(t time.Time) bool {
	return !p.Start.IsZero() && !t.Before(p.Start) && (p.End.IsZero() || t.Before(p.End))
}

// BillingPeriods lists the billing periods of a SIM, which is given by its SID. The
// order is not documented, and neither is whether past periods are listed.
func (c *Client) BillingPeriods(ctx context.Context, sim string) iter.Seq2[BillingPeriod, error] {
	if !isSID("HS", sim) {
		return fail[BillingPeriod](&ParameterError{"SimSid", "must be HS and 32 hexadecimal digits"})
	}
	q := url.Values{"PageSize": {strconv.Itoa(c.provider.pageSize(EndpointBillingPeriods))}}
	return listing[BillingPeriod]{
		endpoint: EndpointBillingPeriods, key: "billing_periods",
		url:  resource(c.superSIM, "/v1/Sims/"+sim+"/BillingPeriods", q),
		wire: func() wire[BillingPeriod] { return &wireBillingPeriod{account: c.accountSID, sim: sim} },
	}.all(ctx, c)
}

type wireBillingPeriod struct {
	account, sim string // those asked for; the account may be empty

	SID, AccountSID, SimSID, Type, Start, End scalar
}

func (w *wireBillingPeriod) field(name []byte) value {
	switch string(name) {
	case "sid":
		return &w.SID
	case "account_sid":
		return &w.AccountSID
	case "sim_sid":
		return &w.SimSID
	case "period_type":
		return &w.Type
	case "start_time":
		return &w.Start
	case "end_time":
		return &w.End
	}
	return nil
}

func (w *wireBillingPeriod) record() (p BillingPeriod, err error) {
	if err := cmp.Or(requireText(
		named{"sid", &w.SID}, named{"account_sid", &w.AccountSID}, named{"sim_sid", &w.SimSID}, named{"period_type", &w.Type},
	), w.AccountSID.fitAccount(w.account)); err != nil {
		return p, err
	}
	p = BillingPeriod{SID: w.SID.text(), AccountSID: w.AccountSID.shared(), SimSID: w.SimSID.shared(), Type: PeriodType(w.Type.shared())}
	if p.SimSID != "" && !strings.EqualFold(p.SimSID, w.sim) {
		return p, fmt.Errorf("sim_sid: %.40q, although %q was asked for", p.SimSID, w.sim)
	}
	const want = "a time in ISO 8601"
	start, err := w.Start.time("start_time", want, time.RFC3339)
	if err != nil {
		return p, err
	}
	end, err := w.End.time("end_time", want, time.RFC3339)
	if err != nil {
		return p, err
	}
	p.Start, p.End = start.V, end.V
	if start.Valid && end.Valid && !p.Start.Before(p.End) {
		return p, errors.New("it ends before it starts")
	}
	return p, nil
}
