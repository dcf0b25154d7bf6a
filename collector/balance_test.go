package collector_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/twilio-exporter/twilio_exporter/collector"
)

// An account that has no balance has none. One that does not exist is an error.
func TestAccountWithoutABalance(t *testing.T) {
	const notFound = `{"code":20404,"message":"The requested resource was not found","status":404}`
	for name, test := range map[string]struct {
		balance, monthly, body string
		taken                  bool
	}{
		"none":              {"404", "200", notFound, true},
		"no such account":   {"404", "404", notFound, false},
		"no credentials":    {"404", "401", notFound, false},
		"a gateway's 404":   {"404", "200", `<html>`, false},
		"404 of other code": {"404", "200", `{"code":20003}`, false},
		"the code alone":    {"400", "200", notFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, options(nil))
				r.respond(func(req *http.Request) (status int, body string) {
					if strings.HasSuffix(req.URL.Path, "/Balance.json") {
						fmt.Sscan(test.balance, &status)
						return status, test.body
					}
					if fmt.Sscan(test.monthly, &status); status == http.StatusOK {
						return status, `{"usage_records":[],"next_page_uri":null}`
					}
					return status, notFound
				})
				c := collector.NewAccountBalance(r.account)
				r.poll(c)
				if test.taken != (r.err == nil) {
					t.Fatalf("have %v", r.err)
				}
				if r.err != nil {
					return
				}
				said := len(r.last.Warnings)
				r.want(map[string]float64{"account_balance " + accountSID + " USD": none})
				r.good(c)
				reloaded := collector.NewAccountBalance(r.account)
				reloaded.Adopt(c)
				said += len(r.last.Warnings)
				r.good(reloaded)
				if said += len(r.last.Warnings); said != 1 {
					t.Errorf("said %d times", said)
				}
			})
		})
	}
}
