package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/shopspring/decimal"
)

// ErrNoAccountAPI is returned for the account's usage and balance where the
// provider has no account API, as KORE, or no account SID was given.
var ErrNoAccountAPI = errors.New("no account API: it needs provider twilio and an account_sid")

// CategoryTotalPrice is the category whose price is the whole bill. It includes
// all other categories, which overlap each other too.
const CategoryTotalPrice = "totalprice"

// MonthlyUsageParams are the parameters of MonthlyUsages. Zero values are not
// sent.
type MonthlyUsageParams struct {
	Category           string     // one of an open set; default: all
	StartDate          time.Time  // inclusive, a day in UTC
	EndDate            time.Time  // inclusive, a day in UTC
	IncludeSubaccounts Null[bool] // the API's default is true
	Paging
}

// A MonthlyUsage is an account's usage of one category in one calendar month, as
// known to the API at AsOf.
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
		wire: func() wire[MonthlyUsage] { return &wireMonthlyUsage{client: c, params: p} },
	}.all(ctx, c)
}

type wireMonthlyUsage struct {
	client *Client
	params MonthlyUsageParams // of the listing

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
	if err := requireText(
		named{"account_sid", &w.AccountSID}, named{"category", &w.Category}, named{"usage_unit", &w.UsageUnit},
		named{"count_unit", &w.CountUnit}, named{"price_unit", &w.PriceUnit},
	); err != nil {
		return r, err
	}
	r = MonthlyUsage{
		AccountSID: w.AccountSID.shared(),
		Category:   w.Category.shared(),
		UsageUnit:  w.UsageUnit.shared(),
		CountUnit:  w.CountUnit.shared(),
	}
	if r.PriceUnit, err = w.PriceUnit.currency("price_unit"); err != nil {
		return r, err
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
	if r.Price, err = w.Price.decimal("price"); err != nil {
		return r, err
	}
	// With subaccounts, the records may be theirs.
	if with := w.params.IncludeSubaccounts; with.Valid && !with.V {
		if err := w.AccountSID.fitAccount(w.client.accountSID); err != nil {
			return r, err
		}
	}
	return r, r.fitMonth(w.params)
}

// A Balance is the balance of an account.
type Balance struct {
	AccountSID string
	Balance    Null[decimal.Decimal] // negative for debt; not reported for subaccounts
	Currency   string                // ISO 4217 in upper case
}

// Balance returns the account's balance.
func (c *Client) Balance(ctx context.Context) (Balance, error) {
	path, err := c.accountPath("/Balance.json")
	if err != nil {
		return Balance{}, err
	}
	var b Balance
	err = c.get(ctx, EndpointBalance, resource(c.api, path, nil), func(body io.Reader) error {
		var account, balance, currency, message scalar
		if err := new(decoder).read(body, object{
			"account_sid": &account, "balance": &balance, "currency": &currency, "message": &message,
		}); err != nil {
			return err
		}
		if len(account.raw)+len(balance.raw)+len(currency.raw) == 0 {
			return fmt.Errorf("not a balance: %q", cmp.Or(errorMessage(&message), "none of its fields"))
		}
		if err := cmp.Or(requireText(named{"account_sid", &account}, named{"currency", &currency}), account.fitAccount(c.accountSID)); err != nil {
			return err
		}
		amount, err := balance.decimal("balance")
		if err != nil {
			return err
		}
		unit, err := currency.currency("currency")
		b = Balance{AccountSID: account.text(), Balance: amount, Currency: unit}
		return err
	})
	return b, err
}

// accountPath returns the path of a resource of the account.
func (c *Client) accountPath(path string) (string, error) {
	if !c.provider.HasAccountAPI() || c.accountSID == "" {
		return "", ErrNoAccountAPI
	}
	if !isSID("AC", c.accountSID) {
		return "", &ParameterError{"AccountSid", "must be AC and 32 hexadecimal digits"}
	}
	return "/2010-04-01/Accounts/" + c.accountSID + path, nil
}
