package twilio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// FuzzAsEncodingJSON compares what the client makes of a page with what
// encoding/json does, which knows nothing of streaming and of what was read
// before.
func FuzzAsEncodingJSON(f *testing.F) {
	seeds(f, "usage_records", "usage_records")
	seeds(f, "sims", "sims")
	f.Add([]byte(usagePage("null", usageRecords(24)[:30]...)))
	f.Add([]byte(superSIMPage("sims", "null", sims()[:30]...)))
	f.Add([]byte(usagePage(`""`, `{"sim_sid":"a","sim_sid":null,"data_upload":1.50,"data_upload":"-0"}`, `{}`, `{"period":{},"billed_unit":"\u0075\ud83dsd"}`)))
	f.Add([]byte("{\"sims\":[{\"sid\":\"\xff\",\"s\\u0069d\":\"\\ud800\\u0041\",\"Sid\":1},{\"sid\":12e3}],\"meta\":{\"next_page_url\":null},\"x\":[{\"\":1}]}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 4<<10 {
			return // a value may be too long
		}
		var page map[string]any
		valid := decode(body, &page) == nil && page != nil
		check := func(key string, read func(*twilio.Client) ([]string, error), want func(map[string]any) (string, error)) {
			have, err := read(newClient(t, inTurn(string(body))))
			if err == nil && !valid {
				t.Fatalf("%s: taken, although encoding/json refuses it: %q", key, have)
			}
			if !valid {
				return
			}
			records, wantErr := pageOf(page, key, want)
			if _, ok := errors.AsType[linkError](wantErr); ok {
				return // whether that page is there is not to be compared
			}
			switch {
			case err == nil && wantErr != nil:
				t.Errorf("%s: taken, although it should be refused: %v", key, wantErr)
			case err == nil:
				sameList(t, key, records, have)
			}
			// The same page without repeated names, of which the client may refuse
			// one that does not count.
			again, err := json.Marshal(page)
			if err != nil {
				t.Fatal(err)
			}
			have, err = read(newClient(t, inTurn(string(again))))
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%s: want the error %v, have %v", key, wantErr, err)
			}
			if err == nil {
				sameList(t, key+", written again", records, have)
			}
		}
		check("usage_records", func(c *twilio.Client) ([]string, error) {
			return shown(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{}))
		}, usageOf)
		check("sims", func(c *twilio.Client) ([]string, error) {
			return shown(t, c.Sims(t.Context()))
		}, simOf)
	})
}

// decode is json.Unmarshal that keeps numbers as they are.
func decode(body []byte, into any) error {
	if !json.Valid(body) {
		return errors.New("not JSON")
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	return dec.Decode(into)
}

type linkError struct{}

func (linkError) Error() string { return "there is a next page" }

// pageOf reads a page as encoding/json gives it.
func pageOf(page map[string]any, key string, record func(map[string]any) (string, error)) ([]string, error) {
	list, ok := page[key].([]any)
	if !ok {
		return nil, errors.New("no list")
	}
	var links []any
	if meta, ok := page["meta"]; ok && meta != nil {
		fields, ok := meta.(map[string]any)
		if !ok {
			return nil, errors.New("meta is no object")
		}
		if link, ok := fields["next_page_url"]; ok {
			links = append(links, link)
		}
	}
	if link, ok := page["next_page_uri"]; ok {
		links = append(links, link)
		if _, ok := page["meta"]; ok {
			return nil, linkError{} // which of them counts depends on their order
		}
	}
	if len(links) == 0 {
		return nil, errors.New("no link")
	}
	if link, ok := links[0].(string); ok && link != "" {
		return nil, linkError{}
	} else if !ok && links[0] != nil {
		return nil, errors.New("the link is no string")
	}
	var out []string
	for _, r := range list {
		fields, ok := r.(map[string]any)
		if !ok {
			return nil, errors.New("a record is no object")
		}
		shown, err := record(fields)
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

// textOf is a field's text, "" for nothing.
func textOf(fields map[string]any, field string) (string, error) {
	switch v := fields[field].(type) {
	case nil:
		return "", nil
	case string:
		return strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return utf8.RuneError
			}
			return r
		}, v), nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("%s is no text", field)
}

func textsOf(fields map[string]any, names ...string) ([]string, error) {
	var out []string
	for _, name := range names {
		text, err := textOf(fields, name)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func simOf(fields map[string]any) (string, error) {
	x, err := textsOf(fields, "sid", "account_sid", "unique_name", "iccid", "status", "fleet_sid")
	if err != nil {
		return "", err
	}
	if x[0] == "" || ofAnotherAccount(x[1]) {
		return "", errors.New("no SID, or another account's")
	}
	return show(twilio.Sim{SID: x[0], AccountSID: x[1], UniqueName: x[2], ICCID: x[3], Status: twilio.SimStatus(x[4]), FleetSID: x[5]}), nil
}

func ofAnotherAccount(sid string) bool {
	return regexp.MustCompile("^AC[0-9a-fA-F]{32}$").MatchString(sid) && !strings.EqualFold(sid, accountSID)
}

func usageOf(fields map[string]any) (string, error) {
	x, err := textsOf(fields, "account_sid", "sim_sid", "fleet_sid", "network_sid", "iso_country", "billed_unit",
		"data_upload", "data_download", "data_total", "data_total_billed")
	if err != nil {
		return "", err
	}
	if ofAnotherAccount(x[0]) || x[5] != "" && !regexp.MustCompile("^[A-Za-z]{3}$").MatchString(x[5]) {
		return "", errors.New("another account, or no currency")
	}
	r := twilio.UsageRecord{AccountSID: x[0], SimSID: x[1], FleetSID: x[2], NetworkSID: x[3], IsoCountry: x[4], BilledUnit: strings.ToUpper(x[5])}
	for i, n := range []*twilio.Null[int64]{&r.Upload, &r.Download, &r.Total} {
		d, err := amountOf(x[6+i])
		switch {
		case err != nil:
			return "", err
		case d.V.IsNegative() || !d.V.IsInteger() || !d.V.BigInt().IsInt64():
			return "", fmt.Errorf("%q are no bytes", x[6+i])
		}
		n.V, n.Valid = d.V.IntPart(), d.Valid
	}
	if r.Billed, err = amountOf(x[9]); err != nil {
		return "", err
	}
	if period, ok := fields["period"].(map[string]any); ok {
		x, err := textsOf(period, "start_time", "end_time")
		if err != nil {
			return "", err
		}
		for i, at := range []*time.Time{&r.Period.Start, &r.Period.End} {
			if x[i] != "" {
				if *at, err = time.Parse(time.RFC3339, x[i]); err != nil {
					return "", err
				}
				*at = at.UTC()
			}
		}
		if x[0] != "" && x[1] != "" && !r.Period.Start.Before(r.Period.End) {
			return "", errors.New("the period ends before it starts")
		}
	}
	return show(r), nil
}

// amountOf reads a decimal number by the library, with or without spaces around it.
func amountOf(text string) (twilio.Null[decimal.Decimal], error) {
	if text == "" {
		return twilio.Null[decimal.Decimal]{}, nil
	}
	text = strings.Trim(text, " ")
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	if len(mantissa) > 100 || strings.Trim(mantissa, "0123456789.+-") != "" {
		return twilio.Null[decimal.Decimal]{}, fmt.Errorf("%q is no number", text)
	}
	if n, err := strconv.Atoi(exponent); scientific && (err != nil || n > 308 || n < -308) {
		return twilio.Null[decimal.Decimal]{}, fmt.Errorf("%q is too large", text)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return twilio.Null[decimal.Decimal]{}, err
	}
	if f := d.InexactFloat64(); math.IsInf(f, 0) || math.IsNaN(f) {
		return twilio.Null[decimal.Decimal]{}, fmt.Errorf("%q does not fit a float64", text)
	}
	return twilio.Null[decimal.Decimal]{V: d, Valid: true}, nil
}

// sameAmount reads a text as an amount and as bytes, and compares value and
// exponent with the library's.
func sameAmount(t *testing.T, text string) {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil || strings.ContainsRune(text, '�') {
		return
	}
	values := []string{string(quoted)}
	if json.Valid([]byte(text)) && strings.Trim(text, "0123456789.+-eE") == "" {
		values = append(values, text)
	}
	want, wantErr := amountOf(text)
	for _, value := range values {
		r, err := usage(t, "data_total_billed", value)
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%s: want %v, have %v", value, wantErr, err)
			continue
		}
		if err != nil {
			continue
		}
		have := r.Billed
		if have.Valid != want.Valid || have.V.Exponent() != want.V.Exponent() || have.V.Coefficient().Cmp(want.V.Coefficient()) != 0 {
			t.Errorf("%s: want %v·10^%d, have %v·10^%d", value, want.V.Coefficient(), want.V.Exponent(), have.V.Coefficient(), have.V.Exponent())
		}
		whole := want.V.IsInteger() && !want.V.IsNegative() && want.V.BigInt().IsInt64()
		r, err = usage(t, "data_upload", value)
		if (err == nil) != whole {
			t.Errorf("%s as bytes: %v", value, err)
		}
		if err == nil && (r.Upload.V != want.V.IntPart() || r.Upload.Valid != want.Valid) {
			t.Errorf("%s as bytes: %v", value, r.Upload)
		}
	}
}

// amounts are numbers at the edges of the two ways to read one.
func amounts() []string {
	out := map[string]bool{"": true}
	for _, whole := range []string{"", "0", "00", "1", "7", "000000000000000001", "99999999999999999", "999999999999999999", "1000000000000000000",
		"9223372036854775807", "9223372036854775808", "18446744073709551616", strings.Repeat("9", 40), "1_0", "٣", "x", "+1", "0x1"} {
		for _, fraction := range []string{"", ".", ".0", ".5", ".50", ".000", ".0051", ".000000000000000001", ".99999999999999999", ".9999999999999999999", ".5.5", ".-5", ".+5", ".x"} {
			for _, sign := range []string{"", "-", "+", "--", " "} {
				for _, exponent := range []string{"", "e0", "E5", "e-7", "e+2", "e", "e309"} {
					out[sign+whole+fraction+exponent] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(out))
}

func TestAmountsAsTheLibraryReadsThem(t *testing.T) {
	for _, text := range amounts() {
		sameAmount(t, text)
	}
}

func FuzzAmounts(f *testing.F) {
	for _, text := range []string{"", "0", "-0", "0.0051", "1e5", "-3.50", "999999999999999999", "0.000000000000000001", "9223372036854775808", ".5", "5.", "-", "."} {
		f.Add(text)
	}
	f.Fuzz(sameAmount)
}
