package collector

import (
	"context"
	"time"
)

func accountBalanceFamilies() []Family {
	return []Family{
		gauge(NameAccountBalance, "twilio_account_balance", "Balance of the account, in units of the currency.", "account_sid", "currency"),
	}
}

// AccountBalance collects what the account has left.
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
	var rows []Series
	switch {
	case !balance.Balance.Valid: // subaccounts have none
	case balance.Currency == "":
		result.Warnings = []string{"the API reports a balance without a currency, so it is not shown"}
	default:
		sid := balance.AccountSID
		if sid == "" {
			sid = c.account.SID()
		}
		rows = append(rows, Series{[]string{sid, balance.Currency}, balance.Balance.V.InexactFloat64()})
	}
	result.Batches = []Batch{NewBatch("twilio_account_balance", time.Time{}, rows)}
	return result, nil
}
