package collector_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestNewCategoryAfterARestoredStart: where the process before had found its listings to
// be complete, a category and unit that is first named after the start is new.
func TestNewCategoryAfterARestoredStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, accountOptions(months{"2004-03": func(at time.Time) []twiliotest.MonthlyRecord {
			if at.Before(date("2004-03-10 06:00")) {
				return []twiliotest.MonthlyRecord{sms("352")}
			}
			return []twiliotest.MonthlyRecord{sms("352"), {Category: "fax", Usage: "9", UsageUnit: "pages", Count: twiliotest.Null, Price: twiliotest.Null}}
		}}))
		before := collector.NewAccountUsage(r.account, accountUsage())
		r.good(before)
		r.recheck(before)
		s := before.State()
		var state bytes.Buffer
		encoder, decoder := gob.NewEncoder(&state), gob.NewDecoder(&state)
		if err := errors.Join(encoder.Encode(s.Rows), encoder.Encode(s.Head)); err != nil {
			t.Fatal(err)
		}
		decode := func(s collector.State) error {
			return errors.Join(decoder.Decode(s.Rows), decoder.Decode(s.Head))
		}
		until(t, "2004-03-10 06:00")
		c := collector.NewAccountUsage(r.account, accountUsage())
		if _, err := c.Restore(decode, time.Now(), time.Now()); err != nil {
			t.Fatal(err)
		}
		r.good(c)
		r.want(map[string]float64{
			"account_usage_total " + accountSID + " sms messages": 352,
			"account_usage_total " + accountSID + " fax pages":    0,
		})
		time.Sleep(15 * time.Minute)
		r.good(c)
		r.want(map[string]float64{"account_usage_total " + accountSID + " fax pages": 9})
	})
}
