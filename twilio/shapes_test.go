package twilio_test

import (
	"net/http"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestShapesThatAreNoText: an object where text belongs, and a record that is
// none, are not taken for something unreported.
func TestShapesThatAreNoText(t *testing.T) {
	for _, x := range []struct{ list, record, field string }{
		{"usage_records", `{"sim_sid":{},"data_upload":1}`, "sim_sid"},
		{"usage_records", `{"iso_country":["DE"],"data_upload":1}`, "iso_country"},
		{"usage_records", `{"billed_unit":true}`, "billed_unit"},
		{"usage_records", `null`, ""},
		{"sims", `{"sid":"HS1","fleet_sid":[]}`, "fleet_sid"},
		{"sims", `{"sid":{}}`, "sid"},
		{"fleets", `{"sid":"HF1","unique_name":{}}`, "unique_name"},
		{"networks", `{"sid":"HW1","friendly_name":false}`, "friendly_name"},
	} {
		client := newClient(t, always(http.StatusOK, superSIMPage(x.list, "", x.record)))
		var err error
		switch x.list {
		case "usage_records":
			err = failure(t, client.UsageRecords(t.Context(), twilio.UsageRecordsParams{}))
		case "sims":
			err = failure(t, client.Sims(t.Context()))
		case "fleets":
			err = failure(t, client.Fleets(t.Context()))
		case "networks":
			err = failure(t, client.Networks(t.Context()))
		}
		equal(t, x.record, twilio.ReasonResponse, twilio.ReasonOf(err))
		if x.field != "" {
			invalidField(t, x.field, err)
		}
	}
}

// The request ID is needed to report such a response to the vendor.
func TestBadLinksNameTheRequest(t *testing.T) {
	for _, kind := range []twiliotest.FaultKind{twiliotest.ForeignNext, twiliotest.LoopNext, twiliotest.NoList} {
		s := simulate()
		s.Inject(twiliotest.Fault{Kind: kind})
		err := failure(t, simulated(t, s).Sims(t.Context()))
		if as[*twilio.ResponseError](t, err).RequestID == "" {
			t.Errorf("%s: no request id in %v", kind, err)
		}
	}
}
