package report

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// source is an account to report.
type source struct {
	account   config.Account
	client    *twilio.Client
	found     bool  // a subaccount that was found
	elsewhere bool  // another shard reports the account; this one failed to list its subaccounts
	leftOut   int   // subaccounts that are not reported
	failure   error // of listing the subaccounts
}

// sources are the accounts of this shard in the order of the configuration, each with the
// subaccounts that are found, as the exporter watches them.
func (o Options) sources(ctx context.Context) ([]source, error) {
	all := o.Config.AllAccounts()
	families := make([][]source, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(accountsAtOnce)
	for i, a := range all {
		group.Go(func() (err error) {
			families[i], err = o.family(ctx, a)
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(families...), err
}

// family is an account with its subaccounts, as far as this shard serves them.
func (o Options) family(ctx context.Context, a config.Account) ([]source, error) {
	serves := o.Config.Serves(a.Name)
	if !serves && !a.Subaccounts.Enabled {
		return nil, nil
	}
	own, err := o.source(a)
	if err != nil || !a.Subaccounts.Enabled {
		return []source{own}, err
	}
	listed, _, err := collector.Subaccounts(ctx, &collector.Account{Client: own.client})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	own.failure = err
	if own.elsewhere = !serves; own.elsewhere {
		own.account.Collectors = config.Collectors{}
	}
	redactor := twilio.NewRedactor(a.Secrets(ctx, new(config.Files))...)
	subaccounts, leftOut := collector.SelectSubaccounts(o.Config, a, listed, redactor.Redact)
	own.leftOut = leftOut
	var family []source
	if serves || own.failure != nil {
		family = append(family, own)
	}
	for _, subaccount := range subaccounts {
		if !o.Config.ServesSubaccount(a.Name, subaccount.AccountSID) {
			continue
		}
		s, err := o.source(subaccount)
		if err != nil {
			return nil, err
		}
		s.found = true
		family = append(family, s)
	}
	return family, nil
}

func (o Options) source(a config.Account) (source, error) {
	client, err := o.Dial(a, nil, nil)
	if err != nil {
		return source{}, fmt.Errorf("account %q: %w", a.Name, err)
	}
	return source{account: a, client: client}, nil
}
