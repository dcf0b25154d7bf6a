package twilio

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// AccountStatus is the status of an account. The API may report others than those
// that it documents.
type AccountStatus string

// The statuses that the API documents.
//
// Source: Twilio's API 2010-04-01, resource Account, property status.
const (
	AccountActive    AccountStatus = "active"
	AccountSuspended AccountStatus = "suspended"
	AccountClosed    AccountStatus = "closed"
)

// IsOpen reports whether the API can be asked about an account of this status: any
// but suspended and closed.
func (s AccountStatus) IsOpen() bool { return s != AccountSuspended && s != AccountClosed }

// An Account is an account as the account API lists it. Its auth token, which the
// API sends too, is never read.
type Account struct {
	SID          string // AC and 32 hexadecimal digits
	FriendlyName string // up to 64 characters at Twilio; "" if it has none
	OwnerSID     string // of the parent, or SID itself; "" if the API does not report it
	Status       AccountStatus
}

// Accounts lists the accounts that the credentials belong to: the account itself and,
// if it is a parent, its subaccounts of every status. It needs the auth token or a
// Main API key.
//
// The responses hold the auth token of each account. Therefore no error of it quotes
// a response.
func (c *Client) Accounts(ctx context.Context) iter.Seq2[Account, error] {
	if !c.provider.HasAccountAPI() {
		return fail[Account](ErrNoAccountAPI)
	}
	q := url.Values{"PageSize": {strconv.Itoa(c.provider.pageSize(EndpointAccounts))}}
	return listing[Account]{
		endpoint: EndpointAccounts, key: "accounts", url: resource(c.api, "/2010-04-01/Accounts.json", q),
		wire: func() wire[Account] { return new(wireAccount) }, confidential: true,
	}.all(ctx, c)
}

// wireAccount has no field for the auth token, which the decoder skips.
type wireAccount struct{ SID, FriendlyName, OwnerSID, Status scalar }

func (w *wireAccount) field(name []byte) value {
	switch string(name) {
	case "sid":
		return &w.SID
	case "friendly_name":
		return &w.FriendlyName
	case "owner_account_sid":
		return &w.OwnerSID
	case "status":
		return &w.Status
	}
	return nil
}

func (w *wireAccount) record() (Account, error) {
	for _, f := range []named{
		{"sid", &w.SID}, {"friendly_name", &w.FriendlyName}, {"owner_account_sid", &w.OwnerSID}, {"status", &w.Status},
	} {
		if !f.isText() {
			return Account{}, fmt.Errorf("%s: the value is not text", f.field)
		}
	}
	if !isSID("AC", string(w.SID.content())) {
		return Account{}, errors.New("sid: the value is not AC and 32 hexadecimal digits")
	}
	return Account{
		SID: w.SID.text(), FriendlyName: strings.TrimSpace(w.FriendlyName.text()), OwnerSID: w.OwnerSID.shared(),
		Status: AccountStatus(w.Status.shared()),
	}, nil
}

// withoutQuotes replaces errors about a response that quote it: those of the JSON
// syntax, and of links.
func withoutQuotes(err error) error {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("not valid JSON at byte %d", e.ByteOffset)
	}
	if _, ok := errors.AsType[*originError](err); ok {
		return errors.New("the link to the next page leads to another origin")
	}
	return err
}
