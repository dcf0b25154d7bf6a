package collector

import (
	"context"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func accountBalance() metric.Family {
	return metric.Gauge("twilio_account_balance", "Balance of the account as of the last poll, in units of the currency.", "account_sid", "currency")
}

// AccountBalanceFamilies are those that AccountBalance has samples of.
func AccountBalanceFamilies() []metric.Family { return []metric.Family{accountBalance()} }

// AccountBalance collects the balance of an account.
type AccountBalance struct {
	account *Account
	none    bool           // it was said that the account has no balance
	last    []metric.Batch // of the last successful poll
}

// NewAccountBalance makes the collector for one account.
func NewAccountBalance(account *Account) *AccountBalance { return &AccountBalance{account: account} }

// Adopt implements Adopter: what was said is not said again.
func (c *AccountBalance) Adopt(previous Collector) {
	if p, ok := previous.(*AccountBalance); ok {
		c.none, c.last = p.none, p.last
	}
}

// Poll implements Collector.
func (c *AccountBalance) Poll(ctx context.Context) (Result, error) {
	balance, err := c.account.Client.Balance(ctx)
	if twilio.IsNotFound(err) && c.accountExists(ctx) {
		c.last = []metric.Batch{metric.NewBatch(accountBalance(), nil)}
		result := Result{Batches: c.last}
		if !c.none {
			c.none = true
			result.Warnings = []string{"the account has no balance (HTTP 404, code 20404), so it is not exposed"}
		}
		return result, nil
	}
	if err != nil {
		return Result{}, err
	}
	result := Result{Records: 1}
	var samples []metric.Sample
	switch {
	case !balance.Balance.Valid: // subaccounts have none
	case balance.Currency == "":
		result.Warnings = []string{"the API reports a balance without a currency, so it is not exposed"}
	default:
		sid := balance.AccountSID
		if sid == "" {
			sid = c.account.SID()
		}
		samples = append(samples, metric.Sample{
			Labels: []string{sid, balance.Currency}, Value: balance.Balance.V.InexactFloat64(),
		})
	}
	c.last = []metric.Batch{metric.NewBatch(accountBalance(), samples)}
	result.Batches = c.last
	return result, nil
}

// accountExists reports whether another resource of the account can be read. A
// wrong account_sid gets the same response as an account without a balance, such
// as one of Twilio Connect, and must not pass for one.
func (c *AccountBalance) accountExists(ctx context.Context) bool {
	now := time.Now().UTC()
	for _, err := range c.account.Client.MonthlyUsages(ctx, twilio.MonthlyUsageParams{
		Category: twilio.CategoryTotalPrice, StartDate: monthly.Start(now), EndDate: now, Paging: twilio.Paging{PageSize: 1},
	}) {
		return err == nil
	}
	return true
}
