package collector

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// Subaccounts lists the subaccounts of an account, of every status, sorted by SID. It
// returns how many records the list has, the account's own included.
func Subaccounts(ctx context.Context, a *Account) (subaccounts []twilio.Account, records int, err error) {
	held := a.hold()
	defer held.release()
	all, err := readListing(held, twilio.EndpointAccounts, func() iter.Seq2[twilio.Account, error] { return a.Client.Accounts(ctx) },
		order[twilio.Account]{
			compare: func(x, y twilio.Account) int { return strings.Compare(x.SID, y.SID) },
			same:    func(x, y twilio.Account) bool { return x == y },
			name:    func(x twilio.Account) string { return fmt.Sprintf("account %q", x.SID) },
			size: func(x twilio.Account) int64 {
				return int64(len(x.SID) + len(x.FriendlyName) + len(x.OwnerSID) + len(x.Status) + 64)
			},
		}, 0)
	if err != nil {
		switch twilio.ReasonOf(err) {
		case twilio.ReasonAuthentication, twilio.ReasonPermission:
			err = fmt.Errorf("%w; to list subaccounts takes the auth token or a Main API key of the account", err)
		}
		return nil, 0, err
	}
	own := a.Client.AccountSID()
	for _, account := range all {
		if !strings.EqualFold(account.SID, own) && (account.OwnerSID == "" || strings.EqualFold(account.OwnerSID, own)) {
			subaccounts = append(subaccounts, account)
		}
	}
	return subaccounts, len(all), nil
}
