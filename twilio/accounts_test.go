package twilio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// subaccount is the SID of a subaccount.
func subaccount(n int) string { return fmt.Sprintf("AC5b%030x", n) }

// family is a parent with three subaccounts in pages of two.
func family(change ...func(*twiliotest.Options)) *twiliotest.Simulator {
	return simulate(append(change, func(o *twiliotest.Options) {
		o.MaxPageSize = 2
		for n, status := range []string{"active", "suspended", "under-review"} {
			o.Accounts = append(o.Accounts, twiliotest.Account{
				SID: subaccount(n), AuthToken: fmt.Sprintf("auth-token-of-subaccount-%d", n), Parent: accountSID,
				FriendlyName: []string{"Müller & Co", "", "Müller & Co"}[n], Status: status, Seed: uint64(n),
			})
		}
	})...)
}

func TestAccounts(t *testing.T) {
	for name, x := range map[string]struct {
		readings twiliotest.AccountReadings
		want     []string
	}{
		"as documented": {want: []string{
			subaccount(0) + ` "Müller & Co" ` + accountSID + ` active`,
			subaccount(1) + ` "" ` + accountSID + ` suspended`,
			subaccount(2) + ` "Müller & Co" ` + accountSID + ` under-review`,
			accountSID + ` "" ` + accountSID + ` active`,
		}},
		"with nulls": {twiliotest.AccountReadings{NullNames: true, NullOwners: true, ParentUnlisted: true}, []string{
			subaccount(0) + ` "Müller & Co"  active`,
			subaccount(1) + ` ""  suspended`,
			subaccount(2) + ` "Müller & Co"  under-review`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := family(func(o *twiliotest.Options) { o.AccountReadings = x.readings })
			var have []string
			for _, a := range mustList(t, simulated(t, s).Accounts(t.Context())) {
				have = append(have, fmt.Sprintf("%s %q %s %s", a.SID, a.FriendlyName, a.OwnerSID, a.Status))
			}
			slices.Sort(have)
			if !slices.Equal(x.want, have) {
				t.Errorf("want %q, have %q", x.want, have)
			}
			uris := s.RequestURIs()
			equal(t, "pages", 2, len(uris))
			equal(t, "first page", "/2010-04-01/Accounts.json?PageSize=100", uris[0])
		})
	}
	equal(t, "KORE", true, errors.Is(failure(t, newClient(t, always(200, ""), asKORE).Accounts(t.Context())), twilio.ErrNoAccountAPI))
	for status, want := range map[twilio.AccountStatus]bool{
		twilio.AccountActive: true, twilio.AccountSuspended: false, twilio.AccountClosed: false, "": true, "under-review": true,
	} {
		equal(t, string(status), want, status.IsOpen())
	}
}

func accountsPage(next string, records ...string) string {
	return `{"accounts":[` + strings.Join(records, ",") + `],"page":0,"next_page_uri":` + next + `}`
}

// An account that cannot be told from others fails the listing.
func TestAccountShapes(t *testing.T) {
	sid := `"sid":"` + subaccount(1) + `"`
	for record, want := range map[string]string{
		`{` + sid + `}`: `"" ""`,
		`{` + sid + `,"friendly_name":" a\u0000b ","status":"active"}`:         "\"a\ufffdb\" \"active\"",
		`{` + sid + `,"friendly_name":12,"status":null}`:                       `"12" ""`,
		`{` + sid + `,"owner_account_sid":null,"auth_token":{"x":["secret"]}}`: `"" ""`,
		`{"sid":"AC1"}`:                         "",
		`{"sid":null}`:                          "",
		`{"sid":"` + subaccount(1) + `/../x"}`:  "",
		`{"friendly_name":"x"}`:                 "",
		`{` + sid + `,"friendly_name":{"a":1}}`: "",
		`{` + sid + `,"friendly_name":"` + strings.Repeat("x", 5000) + `"}`: "",
		`{` + sid + `,"status":true}`:                                       "",
		`{` + sid + `,"owner_account_sid":[]}`:                              "",
		`null`:                                                              "",
	} {
		records, err := list(t, newClient(t, inTurn(accountsPage("null", record))).Accounts(t.Context()))
		if want == "" {
			as[*twilio.ResponseError](t, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", record, err)
			continue
		}
		equal(t, record, want, fmt.Sprintf("%q %q", records[0].FriendlyName, records[0].Status))
	}
}

// tokenPlaces are bodies that hold an auth token where it belongs and where it does not.
func tokenPlaces() map[string]func(token string) string {
	sid := `"sid":"` + subaccount(1) + `"`
	record := func(fields string) func(string) string {
		return func(token string) string {
			return accountsPage("null", `{`+strings.ReplaceAll(fields, "TOKEN", token)+`,`+sid+`}`)
		}
	}
	body := func(text string) func(string) string {
		return func(token string) string { return strings.ReplaceAll(text, "TOKEN", token) }
	}
	return map[string]func(string) string{
		"as documented":  record(`"auth_token":"TOKEN"`),
		"twice":          record(`"auth_token":"TOKEN","auth_token":"TOKEN"`),
		"as a name":      record(`"auth_token":{"TOKEN":1,"TOKEN":2}`),
		"as a field":     record(`"TOKEN":1,"TOKEN":2`),
		"in another":     record(`"friendly_name":{"auth_token":"TOKEN"}`),
		"in the status":  record(`"status":["TOKEN"]`),
		"in the owner":   record(`"owner_account_sid":{"TOKEN":1}`),
		"as SID":         body(accountsPage("null", `{"sid":"TOKEN"}`)),
		"in the SID":     body(accountsPage("null", `{"sid":{"auth_token":"TOKEN"}}`)),
		"bad escape":     record(`"auth_token":"TOKEN\x"`),
		"bad character":  record(`"auth_token":"TOKEN` + "\x01" + `"`),
		"no quotes":      record(`"auth_token":TOKEN`),
		"after the body": body(accountsPage("null") + `"TOKEN"`),
		"no JSON":        body(`TOKEN`),
		"no list":        body(`{"auth_token":"TOKEN"}`),
		"a message":      body(`{"accounts":{"message":"TOKEN"}}`),
		"the link":       body(accountsPage(`"https://TOKEN/x"`)),
		"no link":        body(accountsPage(`{"auth_token":"TOKEN"}`)),
		"a bad link":     body(accountsPage(`"https://%zzTOKEN/x"`)),
		"cut off":        body(`{"accounts":[{"auth_token":"TOKEN`),
	}
}

// FuzzAuthTokens: the auth token of an account, wherever a response has it and however
// the response is damaged, is neither in what is returned nor in an error.
func FuzzAuthTokens(f *testing.F) {
	places := tokenPlaces()
	names := slices.Sorted(maps.Keys(places))
	for i := range names {
		f.Add(uint8(i), 0, "", 200)
		f.Add(uint8(i), 40, "}", 200)
		f.Add(uint8(i), 3, "", 403)
	}
	const token = "5ec2e7a1b0c4d3f68897a6b5c4d3e2f1"
	f.Fuzz(func(t *testing.T, place uint8, cut int, insert string, status int) {
		if status < 200 || status > 599 || status/100 == 3 || strings.Contains(insert, "message") || strings.Contains(insert, "error") {
			return // an error object's own text is shown
		}
		body := places[names[int(place)%len(names)]](token)
		if cut > 0 && cut < len(body) {
			body = body[:cut] + insert + body[cut:]
		}
		var all strings.Builder
		for account, err := range newClient(t, always(status, body)).Accounts(t.Context()) {
			fmt.Fprintf(&all, "%v %+v %#v\n", err, err, err)
			if err == nil {
				text, _ := json.Marshal(account)
				all.Write(text)
			}
		}
		for i := range len(token) - 7 {
			if strings.Contains(all.String(), token[i:i+8]) {
				t.Fatalf("%q of the token shows: %s", token[i:i+8], all.String())
			}
		}
	})
}

// Credentials open what is theirs: a parent lists its subaccounts and reads their
// usage, in whatever state they are; a subaccount lists itself; a Standard key lists
// nothing; the Super SIM API shows the SIMs of the credentials' own account.
func TestWhoseCredentials(t *testing.T) {
	for _, readings := range []twiliotest.AccountReadings{{}, {SuspendedForbidden: true, KeysStayHome: true}} {
		s := family(func(o *twiliotest.Options) {
			o.AccountReadings = readings
			o.Accounts[0].KeySID, o.Accounts[0].KeySecret, o.Accounts[0].StandardKey = "SK1", "key-secret", true
		})
		of := func(user, password, sid string) *twilio.Client {
			return newClient(t, basicAuth{user, password, s.Transport()}, func(o *twilio.Options) { o.AccountSID = sid })
		}
		usage := func(c *twilio.Client) error {
			return lastError(c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
		}
		status := func(err error) int {
			if err == nil {
				return http.StatusOK
			}
			return as[*twilio.APIError](t, err).Status
		}
		parentOf := func(n int) *twilio.Client { return of(accountSID, authToken, subaccount(n)) }
		own := func(n int) *twilio.Client {
			return of(subaccount(n), fmt.Sprintf("auth-token-of-subaccount-%d", n), subaccount(n))
		}
		suspended, keys := http.StatusUnauthorized, http.StatusOK
		if readings.SuspendedForbidden {
			suspended, keys = http.StatusForbidden, http.StatusUnauthorized
		}
		equal(t, "the parent reads usage", http.StatusOK, status(usage(parentOf(0))))
		equal(t, "of a suspended one, too", http.StatusOK, status(usage(parentOf(1))))
		equal(t, "the parent's key", keys, status(usage(of("SK1", "key-secret", subaccount(0)))))
		equal(t, "the key for the list", http.StatusUnauthorized, status(failure(t, of("SK1", "key-secret", accountSID).Accounts(t.Context()))))
		equal(t, "the subaccount reads usage", http.StatusOK, status(usage(own(0))))
		equal(t, "a suspended one", suspended, status(usage(own(1))))
		equal(t, "with the parent's token", http.StatusUnauthorized, status(usage(of(subaccount(0), authToken, subaccount(0)))))
		_, err := parentOf(0).Balance(t.Context())
		equal(t, "no balance", true, twilio.IsNotFound(err))
		listed := mustList(t, own(0).Accounts(t.Context()))
		equal(t, "a subaccount lists itself", 1, len(listed))
		equal(t, "a subaccount lists itself", subaccount(0), listed[0].SID)
		parents := mustList(t, of(accountSID, authToken, "").Sims(t.Context()))
		subs := mustList(t, of(subaccount(0), "auth-token-of-subaccount-0", "").Sims(t.Context()))
		equal(t, "the parent's SIMs", accountSID, parents[0].AccountSID)
		equal(t, "the subaccount's SIMs", subaccount(0), subs[0].AccountSID)
		for _, sim := range parents {
			equal(t, "only its own", accountSID, sim.AccountSID)
		}
		s.SetStatus(accountSID, "suspended")
		equal(t, "with its parent", suspended, status(usage(own(0))))
	}
}

func lastError[T any](seq func(func(T, error) bool)) (last error) {
	for _, err := range seq {
		last = err
	}
	return last
}

// A listing that is read again has renamed and closed accounts.
func TestAccountsChange(t *testing.T) {
	s := family()
	s.Rename(subaccount(0), "Schmidt")
	s.SetStatus(subaccount(0), "closed")
	for _, a := range mustList(t, simulated(t, s).Accounts(context.Background())) {
		if a.SID == subaccount(0) {
			equal(t, "account", twilio.Account{subaccount(0), "Schmidt", accountSID, "closed"}, a)
		}
	}
}
