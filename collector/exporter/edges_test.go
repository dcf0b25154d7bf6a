package exporter_test

import (
	"testing"
	"testing/synctest"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestEdgesDoNotWaitForTheInterval: with polls at twenty past the hour, the
// month's turn is shown when the clock says so.
func TestEdgesDoNotWaitForTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-29 22:20:00")
		simulators := map[string]*twiliotest.Simulator{"a": twiliotest.New(twiliotest.Options{
			Accounts: []twiliotest.Account{{SID: sidA, AuthToken: "token-a", SIMs: 3, Fleets: 1}},
		})}
		p := launch(t, "accounts:"+twilioAccount+only(
			"supersim_usage: {interval: 1h, groups: [account]}", "supersim_inventory: {}", "account_usage: {}"), simulators)
		defer p.stop()

		const polls = `twilio_exporter_polls_total{account="a",collector="supersim_usage"}`
		const end = `_end_timestamp_seconds{account="a",group="account"}`
		const usage, cost = "twilio_supersim_usage" + end, "twilio_supersim_cost" + end
		unix := func(s string) float64 { return float64(date(s).Unix()) }
		for _, x := range []struct {
			at           string
			polls        float64
			month        string // of the byte counters
			usage, cost  string // up to when they count
			accountMonth string // of account usage
		}{
			{"2004-02-29 22:20:01", 1, "2004-02-01", "2004-02-29 22:00", "2004-02-29 22:00", "2004-02-01"},
			{"2004-03-01 00:20:01", 3, "2004-02-01", "2004-03-01 00:00", "2004-03-01 00:00", "2004-02-01"},
			{"2004-03-01 01:30:00", 5, "2004-02-01", "2004-03-01 00:00", "2004-03-01 00:00", "2004-02-01"}, // the last read but one
			{"2004-03-01 01:44:59", 5, "2004-02-01", "2004-03-01 00:00", "2004-03-01 00:00", "2004-02-01"},
			{"2004-03-01 01:45:00", 6, "2004-02-01", "2004-03-01 00:00", "2004-03-01 00:00", "2004-02-01"}, // the last read
			{"2004-03-01 01:59:59", 6, "2004-02-01", "2004-03-01 00:00", "2004-03-01 00:00", "2004-02-01"},
			{"2004-03-01 02:00:00", 7, "2004-03-01", "2004-03-01 00:00", "2004-03-01 00:00", "2004-02-01"}, // 0
			{"2004-03-01 02:14:59", 7, "2004-03-01", "2004-03-01 00:00", "2004-03-01 00:00", "2004-02-01"},
			{"2004-03-01 02:15:00", 8, "2004-03-01", "2004-03-01 02:00", "2004-03-01 00:00", "2004-02-01"}, // the new month
			// The poll of twenty past is near enough to be the same one.
			{"2004-03-01 02:20:01", 8, "2004-03-01", "2004-03-01 02:00", "2004-03-01 00:00", "2004-02-01"},
			{"2004-03-01 03:20:01", 9, "2004-03-01", "2004-03-01 03:00", "2004-03-01 00:00", "2004-02-01"},
			{"2004-03-01 23:59:59", 31, "2004-03-01", "2004-03-01 23:00", "2004-03-01 00:00", "2004-02-01"},
			{"2004-03-02 00:00:00", 32, "2004-03-01", "2004-03-02 00:00", "2004-03-01 00:00", "2004-03-01"},
			{"2004-03-02 00:15:00", 33, "2004-03-01", "2004-03-02 00:00", "2004-03-02 00:00", "2004-03-01"},
		} {
			until(t, x.at)
			p.want(map[string]float64{polls: x.polls, usage: unix(x.usage), cost: unix(x.cost)})
			if have := p.created("twilio_supersim_account_upload_bytes_total"); !have.Equal(date(x.month + " 02:00")) {
				t.Errorf("%s: byte counters of %s, want %s", x.at, have, x.month)
			}
			if have := p.created("twilio_account_usage_total"); !have.Equal(date(x.accountMonth+" 00:00").AddDate(0, 0, 1)) {
				t.Errorf("%s: account usage of %s, want %s", x.at, have, x.accountMonth)
			}
		}
	})
}
