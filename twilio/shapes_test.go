package twilio_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
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
		{"fleets", `{"sid":"HF1","unique_name":{}}`, "unique_name"},
		{"networks", `{"sid":"HW1","friendly_name":false}`, "friendly_name"},
		{"sims", `{"sid":{}}`, "sid"},
	} {
		client, err := twilio.New(twilio.Options{
			UserAgent: "test",
			Transport: answer(`{"meta":{"next_page_url":null},"` + x.list + `":[` + x.record + `]}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		switch ctx := t.Context(); x.list {
		case "usage_records":
			for _, err = range client.UsageRecords(ctx, twilio.UsageRecordsParams{}) {
			}
		case "sims":
			for _, err = range client.Sims(ctx, twilio.SimsParams{}) {
			}
		case "fleets":
			for _, err = range client.Fleets(ctx, twilio.FleetsParams{}) {
			}
		case "networks":
			for _, err = range client.Networks(ctx, twilio.NetworksParams{}) {
			}
		}
		if twilio.ReasonOf(err) != twilio.ReasonAnswer {
			t.Errorf("%s: %v", x.record, err)
		}
		if e, ok := errors.AsType[*twilio.DecodeError](err); x.field != "" && (!ok || e.Field != x.field) {
			t.Errorf("%s: want an error of field %s, have %v", x.record, x.field, err)
		}
	}
}

// answer is a transport that gives every request the same body.
type answer string

func (a answer) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Request: req, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}
