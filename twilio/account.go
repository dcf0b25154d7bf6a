package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/shopspring/decimal"
)

// ErrNoAccountAPI says that the account's usage and balance cannot be asked
// for: KORE has no such API, or no account SID was given.
var ErrNoAccountAPI = errors.New("no account API: it needs provider twilio and an account_sid")

// CategoryTotalPrice is the category whose price is the whole bill: it holds
// all others, which overlap each other too.
const CategoryTotalPrice = "totalprice"

// MonthlyUsageParams is a query of an account's monthly usage records. Zero
// values are not sent.
type MonthlyUsageParams struct {
	Category           string     // only this one; an open set of opaque words
	StartDate          time.Time  // inclusive, a day in UTC
	EndDate            time.Time  // inclusive, a day in UTC
	IncludeSubaccounts Null[bool] // the API's default is true
	Paging
}

// A MonthlyUsage is what an account used of one category in a calendar month,
// as far as it is known.
type MonthlyUsage struct {
	AccountSID string
	Category   string
	StartDate  time.Time // first day, UTC
	EndDate    time.Time // last day, UTC, inclusive
	AsOf       Null[time.Time]
	Usage      Null[decimal.Decimal] // in UsageUnit
	UsageUnit  string
	Count      Null[decimal.Decimal] // in CountUnit
	CountUnit  string
	Price      Null[decimal.Decimal] // in PriceUnit
	PriceUnit  string                // ISO 4217 in upper case
}

// MonthlyUsages lists an account's usage by category and calendar month.
func (c *Client) MonthlyUsages(ctx context.Context, p MonthlyUsageParams) iter.Seq2[MonthlyUsage, error] {
	path, err := c.accountPath("/Usage/Records/Monthly.json")
	if err != nil {
		return fail[MonthlyUsage](err)
	}
	q := query("Category", p.Category)
	for name, day := range map[string]time.Time{"StartDate": p.StartDate, "EndDate": p.EndDate} {
		if !day.IsZero() {
			q.Set(name, day.UTC().Format(time.DateOnly))
		}
	}
	if !p.StartDate.IsZero() && !p.EndDate.IsZero() && p.EndDate.Before(p.StartDate) {
		return fail[MonthlyUsage](&ParameterError{"StartDate", "must not be after EndDate"})
	}
	if p.IncludeSubaccounts.Valid {
		q.Set("IncludeSubaccounts", strconv.FormatBool(p.IncludeSubaccounts.V))
	}
	if err := p.encode(q, c.provider, EndpointMonthlyUsage); err != nil {
		return fail[MonthlyUsage](err)
	}
	return listing[MonthlyUsage]{
		endpoint: EndpointMonthlyUsage, key: "usage_records", url: resource(c.api, path, q),
		wire: func() wire[MonthlyUsage] { return new(wireMonthlyUsage) },
	}.all(ctx, c)
}

type wireMonthlyUsage struct {
	AccountSID, Category, StartDate, EndDate, AsOf       scalar
	Usage, UsageUnit, Count, CountUnit, Price, PriceUnit scalar
}

func (w *wireMonthlyUsage) field(name []byte) value {
	switch string(name) {
	case "account_sid":
		return &w.AccountSID
	case "category":
		return &w.Category
	case "start_date":
		return &w.StartDate
	case "end_date":
		return &w.EndDate
	case "as_of":
		return &w.AsOf
	case "usage":
		return &w.Usage
	case "usage_unit":
		return &w.UsageUnit
	case "count":
		return &w.Count
	case "count_unit":
		return &w.CountUnit
	case "price":
		return &w.Price
	case "price_unit":
		return &w.PriceUnit
	}
	return nil
}

func (w *wireMonthlyUsage) record() (r MonthlyUsage, err error) {
	if err := texts(
		named{"account_sid", &w.AccountSID}, named{"category", &w.Category}, named{"usage_unit", &w.UsageUnit},
		named{"count_unit", &w.CountUnit}, named{"price_unit", &w.PriceUnit},
	); err != nil {
		return r, err
	}
	r = MonthlyUsage{
		AccountSID: w.AccountSID.text(),
		Category:   w.Category.text(),
		UsageUnit:  w.UsageUnit.text(),
		CountUnit:  w.CountUnit.text(),
		PriceUnit:  w.PriceUnit.currency(),
	}
	var start, end Null[time.Time]
	if start, err = w.StartDate.time("start_date", "a date (YYYY-MM-DD)", time.DateOnly); err != nil {
		return r, err
	}
	if end, err = w.EndDate.time("end_date", "a date (YYYY-MM-DD)", time.DateOnly); err != nil {
		return r, err
	}
	r.StartDate, r.EndDate = start.V, end.V
	if r.AsOf, err = w.AsOf.time("as_of", "a time in ISO 8601", time.RFC3339); err != nil {
		return r, err
	}
	if r.Usage, err = w.Usage.decimal("usage"); err != nil {
		return r, err
	}
	if r.Count, err = w.Count.decimal("count"); err != nil {
		return r, err
	}
	r.Price, err = w.Price.decimal("price")
	return r, err
}

// A Balance is what an account has left, or owes.
type Balance struct {
	AccountSID string
	Balance    Null[decimal.Decimal] // unreported for subaccounts
	Currency   string                // ISO 4217 in upper case
}

// Balance asks for the account's balance.
func (c *Client) Balance(ctx context.Context) (Balance, error) {
	path, err := c.accountPath("/Balance.json")
	if err != nil {
		return Balance{}, err
	}
	var b Balance
	err = c.get(ctx, EndpointBalance, resource(c.api, path, nil), func(body io.Reader) error {
		var w struct {
			AccountSID scalar `json:"account_sid"`
			Balance    scalar `json:"balance"`
			Currency   scalar `json:"currency"`
		}
		if err := json.NewDecoder(body).Decode(&w); err != nil {
			return truncated(body, err)
		}
		amount, err := w.Balance.decimal("balance")
		b = Balance{AccountSID: w.AccountSID.text(), Balance: amount, Currency: w.Currency.currency()}
		return err
	})
	return b, err
}

func (c *Client) accountPath(path string) (string, error) {
	if !c.provider.HasAccountAPI() || c.accountSID == "" {
		return "", ErrNoAccountAPI
	}
	if !isSID("AC", c.accountSID) {
		return "", &ParameterError{"AccountSid", "must be AC and 32 hexadecimal digits"}
	}
	return "/2010-04-01/Accounts/" + c.accountSID + path, nil
}
