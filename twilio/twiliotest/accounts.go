package twiliotest

import (
	"net/http"
	"slices"
	"time"
)

// AccountReadings say how the account API behaves where its documentation leaves it
// open. The zero value is the default of each.
type AccountReadings struct {
	// ParentUnlisted leaves the account whose credentials ask out of the list of
	// accounts.
	ParentUnlisted bool
	// NullNames lists an account without a name with null instead of "".
	NullNames bool
	// NullOwners lists accounts with null instead of their owner.
	NullOwners bool
	// SuspendedForbidden refuses the credentials of a suspended or closed account with
	// 403 instead of 401.
	SuspendedForbidden bool
	// KeysStayHome refuses an API key for the paths of its account's subaccounts.
	KeysStayHome bool
}

// standing is what can change about an account while the service runs. The simulator's
// mutex guards it.
type standing struct{ name, status string }

// Rename gives an account another friendly name; "" is none.
func (s *Simulator) Rename(accountSID, name string) {
	w := s.world(accountSID)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.standing.name = name
}

// SetStatus makes an account active, suspended, closed or something unheard of.
func (s *Simulator) SetStatus(accountSID, status string) {
	w := s.world(accountSID)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.standing.status = status
}

// exists reports whether the account has been created at a time.
func (w *world) exists(at time.Time) bool { return !at.Before(w.account.Created) }

// isOpen reports whether the account's own credentials are accepted: with the parent,
// its subaccounts are suspended. The caller holds s.mu.
func (s *Simulator) isOpen(w *world) bool {
	if w.standing.status == "suspended" || w.standing.status == "closed" {
		return false
	}
	parent := s.worlds[w.account.Parent]
	return parent == nil || s.isOpen(parent)
}

// inactive is how the service refuses the credentials of an account that is not open.
func (s *Simulator) inactive() *response {
	if s.options.SuspendedForbidden {
		return failure(http.StatusForbidden, 20003, "This account is not active")
	}
	return unauthenticated(Twilio)
}

// accountJSON is an account as the service lists it, with a secret.
type accountJSON struct {
	AuthToken    string            `json:"auth_token"`
	DateCreated  string            `json:"date_created"`
	DateUpdated  string            `json:"date_updated"`
	FriendlyName any               `json:"friendly_name"`
	Owner        any               `json:"owner_account_sid"`
	SID          string            `json:"sid"`
	Status       string            `json:"status"`
	Subresources map[string]string `json:"subresource_uris"`
	Type         string            `json:"type"`
	URI          string            `json:"uri"`
}

// accounts lists the account of the credentials and its subaccounts, in no order.
func (s *Simulator) accounts(q *request) *response {
	p, bad := readParams(q, 20001, "Status", "FriendlyName")
	if bad != nil {
		return bad
	}
	g, bad := s.readPaging(q, &p, maxPageSize)
	if bad != nil {
		return bad
	}
	if q.byKey && q.world.account.StandardKey {
		return unauthenticated(Twilio)
	}
	return g.respond(q, "accounts", func() listing {
		var all []accountJSON
		for _, w := range s.order {
			own := w == q.world
			if !w.exists(g.at) || own && s.options.ParentUnlisted || !own && w.account.Parent != q.world.account.SID {
				continue
			}
			a := s.accountJSON(w)
			status, byStatus := p.values["Status"]
			name, byName := p.values["FriendlyName"]
			if (!byStatus || a.Status == status) && (!byName || a.FriendlyName == name) {
				all = append(all, a)
			}
		}
		slices.SortFunc(all, func(a, b accountJSON) int {
			if hashString('o', a.SID) < hashString('o', b.SID) {
				return -1
			}
			return 1
		})
		return listing{n: len(all), record: func(i int) any { return all[i] }}
	})
}

func (s *Simulator) accountJSON(w *world) accountJSON {
	s.mu.Lock()
	defer s.mu.Unlock()
	const rfc2822 = "Mon, 02 Jan 2006 15:04:05 -0700"
	uri := "/2010-04-01/Accounts/" + w.account.SID
	a := accountJSON{
		AuthToken:    or(w.account.AuthToken, hex32(hash(w.account.Seed, 'A'))),
		DateCreated:  w.account.Created.Format(rfc2822),
		DateUpdated:  w.account.Created.Format(rfc2822),
		FriendlyName: w.standing.name,
		Owner:        or(w.account.Parent, w.account.SID),
		SID:          w.account.SID,
		Status:       w.standing.status,
		Subresources: map[string]string{"balance": uri + "/Balance.json", "usage": uri + "/Usage.json"},
		Type:         "Full",
		URI:          uri + ".json",
	}
	if s.options.NullOwners {
		a.Owner = nil
	}
	if s.options.NullNames && a.FriendlyName == "" {
		a.FriendlyName = nil
	}
	return a
}
