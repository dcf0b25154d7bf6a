package collector

import (
	"context"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

func accountBalance() metric.Family {
	return metric.Gauge("twilio_account_balance", "Balance of the account as of the last poll, in units of the currency.", "account_sid", "currency")
}

// AccountBalanceFamilies are those that AccountBalance has samples of.
func AccountBalanceFamilies() []metric.Family { return []metric.Family{accountBalance()} }

// AccountBalance collects the balance of an account.
type AccountBalance struct{ account *Account }

// NewAccountBalance makes the collector for one account.
func NewAccountBalance(account *Account) *AccountBalance { return &AccountBalance{account} }

// Poll implements Collector.
func (c *AccountBalance) Poll(ctx context.Context) (Result, error) {
	balance, err := c.account.Client.Balance(ctx)
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
	result.Batches = []metric.Batch{metric.NewBatch(accountBalance(), samples)}
	return result, nil
}
