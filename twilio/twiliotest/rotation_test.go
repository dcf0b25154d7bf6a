package twiliotest_test

import (
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestRotate(t *testing.T) {
	s := twiliotest.New(options())
	status := func(user, password string) int {
		r := request(t, "GET", "https://supersim.twilio.com/v1/Sims", "")
		r.SetBasicAuth(user, password)
		return send(s.Transport(), r).status
	}
	s.Rotate(child, "new")
	if have := [...]int{status(child, "child"), status(child, "new"), status(acct, secret)}; have != [...]int{401, 200, 200} {
		t.Errorf("have %v after the rotation", have)
	}
}

func TestFired(t *testing.T) {
	s := twiliotest.New(options())
	s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Times: 2})
	s.Inject(twiliotest.Fault{Kind: twiliotest.NoList, Endpoint: twiliotest.Fleets})
	for range 3 {
		get(t, s, "/v1/Sims")
	}
	if have := s.Fired(); have[twiliotest.Forbidden] != 2 || have[twiliotest.NoList] != 0 {
		t.Errorf("have %v", have)
	}
	if s.ClearFaults(); len(s.Fired()) != 0 {
		t.Errorf("have %v without faults", s.Fired())
	}
}
