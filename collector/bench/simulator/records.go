package simulator

import (
	"strconv"
	"time"
)

// The records have every field of the real ones, in their order, as
// twilio/twiliotest has them: a page is as long as a real page.

const stamp = "2006-01-02T15:04:05Z"

// usageRecord is one of UsageRecords. A dimension that was not asked for is null.
type usageRecord struct {
	start, end                   string
	sim, fleet, network, country string
	usage
}

func (r usageRecord) appendTo(b []byte) []byte {
	b = append(b, `{"period":{"start_time":"`...)
	b = append(b, r.start...)
	b = append(b, `","end_time":"`...)
	b = append(b, r.end...)
	b = append(b, `"},"account_sid":"`+AccountSID+`","sim_sid":`...)
	b = appendText(b, r.sim)
	b = append(b, `,"fleet_sid":`...)
	b = appendText(b, r.fleet)
	b = append(b, `,"network_sid":`...)
	b = appendText(b, r.network)
	b = append(b, `,"iso_country":`...)
	b = appendText(b, r.country)
	b = append(b, `,"data_upload":`...)
	b = strconv.AppendInt(b, r.upload, 10)
	b = append(b, `,"data_download":`...)
	b = strconv.AppendInt(b, r.download, 10)
	b = append(b, `,"data_total":`...)
	b = strconv.AppendInt(b, r.upload+r.download, 10)
	b = append(b, `,"data_total_billed":"`...)
	b = appendMicro(b, r.micro)
	return append(b, `","billed_unit":"`+currency+`"}`...)
}

func (s *sim) appendTo(b []byte, fleet, base string) []byte {
	b = append(b, `{"sid":"`...)
	b = append(b, s.sid...)
	b = append(b, `","unique_name":"`...)
	b = append(b, s.name...)
	b = append(b, `","account_sid":"`+AccountSID+`","iccid":"`...)
	b = append(b, s.iccid...)
	b = append(b, `","status":"`...)
	b = append(b, s.status...)
	b = append(b, `","fleet_sid":"`...)
	b = append(b, fleet...)
	b = append(b, `","date_created":"`...)
	b = s.created.AppendFormat(b, stamp)
	b = append(b, `","date_updated":"`...)
	b = s.created.Add(100*time.Hour).AppendFormat(b, stamp)
	b = append(b, `","url":"`...)
	b = append(b, base+"/"+s.sid...)
	b = append(b, `","links":{"billing_periods":"`...)
	b = append(b, base+"/"+s.sid...)
	b = append(b, `/BillingPeriods","sim_ip_addresses":"`...)
	b = append(b, base+"/"+s.sid...)
	return append(b, `/IpAddresses"}}`...)
}

func appendFleet(b []byte, sid, name, base string) []byte {
	b = append(b, `{"account_sid":"`+AccountSID+`","sid":"`...)
	b = append(b, sid...)
	b = append(b, `","unique_name":"`...)
	b = append(b, name...)
	b = append(b, `","data_enabled":true,"data_limit":250,"data_metering":"payg","date_created":"2021-06-01T00:00:00Z","date_updated":"2021-06-01T00:00:00Z",`...)
	b = append(b, `"sms_commands_enabled":false,"sms_commands_method":"POST","sms_commands_url":null,"ip_commands_method":"POST","ip_commands_url":null,"network_access_profile_sid":"`...)
	b = append(b, makeSID("HA", 1)...)
	b = append(b, `","url":"`...)
	b = append(b, base+"/"+sid...)
	return append(b, `"}`...)
}

func (n carrier) appendTo(b []byte, base string) []byte {
	b = append(b, `{"sid":"`+n.sid+`","friendly_name":"`+n.name+`","iso_country":"`+n.country+`",`...)
	b = append(b, `"identifiers":[{"mcc":"`+n.mcc+`","mnc":"`+n.mnc+`"}],"url":"`+base+"/"+n.sid...)
	return append(b, `"}`...)
}

// appendText writes a text that needs no escapes, or null.
func appendText(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendMicro writes millionths as a decimal without trailing zeros.
func appendMicro(b []byte, n int64) []byte {
	const million = 1_000_000
	b = strconv.AppendInt(b, n/million, 10)
	part := n % million
	if part == 0 {
		return b
	}
	digits := strconv.AppendInt(nil, million+part, 10)
	digits[0] = '.'
	last := len(digits)
	for digits[last-1] == '0' {
		last--
	}
	return append(b, digits[:last]...)
}
