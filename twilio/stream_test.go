package twilio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// kind is one sort of listing, read into text.
type kind struct {
	key    string
	record string // with every field that the client reads
	page   func(next string, records ...string) string
	read   func(*testing.T, *twilio.Client) ([]string, error)
}

func kinds() []kind {
	superSIM := func(key string) func(string, ...string) string {
		return func(next string, records ...string) string { return superSIMPage(key, next, records...) }
	}
	return []kind{
		{"usage_records", `{"period":{"start_time":"2024-05-01T05:00:00Z","end_time":"2024-05-01T06:00:00Z"},"account_sid":"AC1","sim_sid":"HS1",` +
			`"fleet_sid":"HF1","network_sid":"HW1","iso_country":"DE","data_upload":1024,"data_download":"4096","data_total":5120,"data_total_billed":"0.0051","billed_unit":"USD"}`,
			usagePage, func(t *testing.T, c *twilio.Client) ([]string, error) {
				return shown(t, c.UsageRecords(t.Context(), twilio.UsageRecordsParams{}))
			}},
		{"sims", `{"sid":"HS1","account_sid":"AC1","unique_name":"pump","iccid":"8988307","status":"active","fleet_sid":"HF1"}`,
			superSIM("sims"), func(t *testing.T, c *twilio.Client) ([]string, error) {
				return shown(t, c.Sims(t.Context()))
			}},
		{"fleets", `{"sid":"HF1","account_sid":"AC1","unique_name":"pumps","data_limit":250}`,
			superSIM("fleets"), func(t *testing.T, c *twilio.Client) ([]string, error) {
				return shown(t, c.Fleets(t.Context()))
			}},
		{"networks", `{"sid":"HW1","friendly_name":"Net","iso_country":"DE"}`,
			superSIM("networks"), func(t *testing.T, c *twilio.Client) ([]string, error) {
				return shown(t, c.Networks(t.Context()))
			}},
		{"usage_records", `{"account_sid":"AC1","category":"sms","start_date":"2024-05-01","end_date":"2024-05-31","as_of":"2024-05-20T11:07:35+00:00",` +
			`"usage":"402","usage_unit":"segments","count":"352","count_unit":"messages","price":"3.52","price_unit":"usd"}`,
			monthlyPage, func(t *testing.T, c *twilio.Client) ([]string, error) {
				return shown(t, c.MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
			}},
	}
}

func shown[T any](t *testing.T, seq iter.Seq2[T, error]) ([]string, error) {
	records, err := list(t, seq)
	var out []string
	for _, r := range records {
		out = append(out, show(r))
	}
	return out, err
}

// of reads a listing of these responses, one page after the other.
func (k kind) of(t *testing.T, bodies ...string) []string {
	t.Helper()
	records, err := k.read(t, newClient(t, inTurn(bodies...)))
	if err != nil {
		t.Fatalf("%v, reading %.300s", err, bodies)
	}
	return records
}

func sameList(t *testing.T, what string, want, have []string) {
	t.Helper()
	if !slices.Equal(want, have) {
		t.Errorf("%s:\nwant %q,\nhave %q", what, want, have)
	}
}

// each runs a test for every sort of listing.
func each(t *testing.T, test func(*testing.T, kind)) {
	t.Helper()
	for i, k := range kinds() {
		t.Run(fmt.Sprint(i, " ", k.key), func(t *testing.T) { test(t, k) })
	}
}

// object is a record's fields.
func object(t *testing.T, record string) map[string]json.RawMessage {
	t.Helper()
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal([]byte(record), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// with is a record with one field changed, or without it if the value is "".
func with(t *testing.T, record, field, value string) string {
	t.Helper()
	fields := object(t, record)
	fields[field] = json.RawMessage(value)
	if value == "" {
		delete(fields, field)
	}
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What a record does not report is not taken from the record before, nor from
// the page before, nor from an attempt that failed.
func TestARecordStandsForItself(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		other := strings.NewReplacer("1\"", "2\"", "31\"", "30\"", "DE", "FR", "USD", "EUR", "usd", "eur", "active", "ready", "pump", "tank", "Net", "Web").Replace(k.record)
		for field := range object(t, k.record) {
			for _, value := range []string{"", "null", `""`} {
				if field == "sid" {
					value = `"X"` // which must be there
				}
				poor := with(t, k.record, field, value)
				want := k.of(t, k.page("null", poor))
				whole := k.of(t, k.page("null", k.record))
				if want[0] == whole[0] {
					t.Fatalf("%s is not read", field)
				}
				name := fmt.Sprintf("%s %q", field, value)
				have := k.of(t, k.page("null", k.record, poor, other, poor, k.record, k.record, `{"sid":"X"}`))
				sameList(t, name, []string{whole[0], want[0], want[0], whole[0], whole[0]}, slices.Concat(have[:2], have[3:6]))
				sameList(t, "the last of all", k.of(t, k.page("null", `{"sid":"X"}`)), have[6:])
				sameList(t, name+" on the next page", slices.Concat(whole, want), k.of(t, k.page(`"?Page=2"`, k.record), k.page("null", poor)))

				f := inTurn(k.page("null", k.record)[:len(k.record)+15], k.page("null", poor))
				synctest.Test(t, func(t *testing.T) {
					have, err := k.read(t, newClient(t, f, retries(1)))
					if err != nil {
						t.Fatal(err)
					}
					sameList(t, name+" after an attempt that failed", want, have)
				})
			}
		}
		if k.key == "usage_records" && strings.Contains(k.record, "period") {
			for _, period := range []string{`{}`, `null`, `"x"`, `[]`, `{"start_time":null}`} {
				poor := with(t, k.record, "period", period)
				sameList(t, period, slices.Concat(k.of(t, k.page("null", k.record)), k.of(t, k.page("null", poor))), k.of(t, k.page("null", k.record, poor)))
			}
		}
	})
}

// A response that is cut off gives nothing, wherever that happens and whether the
// transport notices or not, and is told from one that is malformed.
func TestCutAtEveryByte(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		escaped := with(t, k.record, "account_sid", `"\u00e9\ud83d\ude00\n é"`)
		body := k.page(`null`, k.record, with(t, escaped, "new", `{"x":[1.5e3,true,false,null,{"y":""}]}`))
		for cut := range len(body) {
			for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, errors.New("broken")} {
				f := &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
					resp := reply(r, http.StatusOK, "")
					resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(body[:cut]), iotest.ErrReader(end)))
					return resp, nil
				}}
				records, err := k.read(t, newClient(t, f))
				want := twilio.ReasonTruncated
				if end.Error() == "broken" {
					want = twilio.ReasonNetwork
				}
				if err == nil || len(records) > 0 || twilio.ReasonOf(err) != want {
					t.Fatalf("cut after %s by %q: %d records and %v", body[:cut], end, len(records), err)
				}
			}
		}
		want := k.of(t, body)
		for name, slow := range map[string]func(io.Reader) io.Reader{
			"byte by byte": iotest.OneByteReader, "by halves": iotest.HalfReader, "the end with the data": iotest.DataErrReader,
		} {
			f := &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
				resp := reply(r, http.StatusOK, "")
				resp.Body = io.NopCloser(slow(strings.NewReader(body)))
				return resp, nil
			}}
			have, err := k.read(t, newClient(t, f))
			if err != nil {
				t.Fatal(name, err)
			}
			sameList(t, name, want, have)
		}
	})
}

func TestPagesOfAnyOrder(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		want := k.of(t, k.page("null", k.record))
		link, stop := `"meta":{"key":"x","next_page_url":"?Page=2","page":0}`, `"meta":{"next_page_url":null}`
		if strings.HasPrefix(k.page(""), `{"page":0,"next_page_uri"`) {
			link, stop = `"next_page_uri":"?Page=2"`, `"next_page_uri":null`
		}
		records := `"` + k.key + `":[` + k.record + `]`
		last := `{` + records + `,` + stop + `}`
		for name, body := range map[string]string{
			"link first":     `{` + link + `,` + records + `}`,
			"link last":      `{` + records + `,` + link + `}`,
			"more after it":  `{` + records + `,"x":{"` + k.key + `":[{}],"meta":{}},` + link + `,"y":[[1],"` + k.key + `"],"z":"\u0041"}`,
			"more before it": `{"x":null,"y":[{"next_page_uri":null}],"z":-1.5e-7,` + link + `,` + records + `}`,
			"white space":    " \t\r\n{ " + strings.NewReplacer(`":`, "\" :\n", `,"`, "\t,\r\n\"").Replace(records+`,`+link) + " } \n\n",
			"escaped names":  `{"\u00` + fmt.Sprintf("%x", k.key[0]) + k.key[1:] + `":[` + k.record + `],` + link + `}`,
			"long name":      `{"` + strings.Repeat("x", 10_000) + `":1,` + records + `,` + link + `}`,
		} {
			sameList(t, name, slices.Concat(want, want), k.of(t, body, last))
		}
		for name, body := range map[string]string{
			"two lists": `{` + records + `,` + records + `,` + stop + `}`,
			"two links": `{` + link + `,` + records + `,` + stop + `}`,
		} {
			contradictory(t, name, k, body)
		}
	})
}

// contradictory fails a test unless a body is refused for a field that comes twice.
func contradictory(t *testing.T, name string, k kind, body string) {
	t.Helper()
	records, err := k.read(t, newClient(t, always(http.StatusOK, body)))
	if err == nil || !strings.Contains(as[*twilio.ResponseError](t, err).Error(), "duplicate object member name") {
		t.Errorf("%s: %d records and %v", name, len(records), err)
	}
}

// A page has its list and its link itself, whatever came before.
func TestEveryPageHasItsParts(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		first := k.page(`"?Page=2"`, k.record)
		list, stop := `"`+k.key+`":[`+k.record+`]`, strings.Trim(strings.Replace(k.page("null"), `"`+k.key+`":[]`, "", 1), "{},")+"}"
		if !strings.Contains(stop, "meta") {
			stop = strings.TrimSuffix(stop, "}")
		}
		sameList(t, "whole", k.of(t, k.page("null", k.record, k.record)), k.of(t, first, `{`+list+`,`+stop+`}`))
		for name, second := range map[string]string{
			"no list": `{` + stop + `}`, "no link": `{` + list + `}`, "another list": `{"x":[],` + stop + `}`,
			"empty meta": `{` + list + `,"meta":{}}`, "null meta": `{` + list + `,"meta":null}`,
		} {
			records, err := k.read(t, newClient(t, inTurn(first, second)))
			equal(t, name, 1, len(records))
			text := as[*twilio.ResponseError](t, err).Error()
			if !strings.Contains(text, fmt.Sprintf("missing list %q", k.key)) && !strings.Contains(text, "missing link to the next page") {
				t.Errorf("%s: %s", name, text)
			}
		}
	})
}

// Names are the API's to the letter, in any spelling that JSON has for them.
func TestNames(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		want := k.of(t, k.page("null", k.record))
		for field, value := range object(t, k.record) {
			if field == "sid" {
				continue // without it there is no record
			}
			without := k.of(t, k.page("null", with(t, k.record, field, "")))
			rest := strings.TrimPrefix(with(t, k.record, field, ""), "{")
			for _, spelling := range []string{strings.ToUpper(field), field + " ", field + "\\u0000", "x" + field, field + "\xff", `\\` + field[1:]} {
				sameList(t, spelling, without, k.of(t, k.page("null", `{"`+spelling+`":`+string(value)+`,`+rest)))
			}
			escaped := ""
			for _, c := range field {
				escaped += fmt.Sprintf(`\u%04X`, c)
			}
			sameList(t, escaped, want, k.of(t, k.page("null", `{"`+escaped+`":`+string(value)+`,`+rest)))
			for _, first := range []string{`null`, `""`, `"x"`, `{}`, `[{"x":1}]`, `7`, `{"start_time":"x"}`, string(value)} {
				contradictory(t, field+" twice, first "+first, k, k.page("null", `{"`+field+`":`+first+`,`+k.record[1:]))
				contradictory(t, escaped+" twice, first "+first, k, k.page("null", `{"`+escaped+`":`+first+`,`+k.record[1:]))
			}
			contradictory(t, "an unknown field twice", k, k.page("null", `{"x":1,"x":1,`+k.record[1:]))
		}
	})
}

func TestTexts(t *testing.T) {
	for value, want := range map[string]string{
		`"\u0041\u00e9\u20AC"`: "Aé€", `"\ud83d\ude00"`: "😀", `"é😀"`: "é😀", `"a\"b\\c\/d\b\f\n\r\t"`: "a\"b\\c/d�����",
		`"\ud83d"`: "�", `"\ude00x"`: "�x", `"\ud83d\u0041"`: "�A", `"\ud83dx"`: "�x", `"\ud83d\ud83d\ude00"`: "�😀", `"\ud800\n"`: "��",
		"\"\xff\"": "�", "\"a\xc3\x28b\"": "a�(b", "\"\xe2\x82\"": "��", "\"\xed\xa0\x80\"": "���", "\"\\n\xff\"": "��", `"�"`: "�",
		`"\u0000"`: "�", "\"a\x7fb\u0085c\"": "a�b�c", `"\u009B31m\u001b"`: "�31m�", `" "`: " ", `"` + strings.Repeat("long ", 800) + `"`: strings.Repeat("long ", 800),
		`12`: "12", `-0`: "-0", `1.50`: "1.50", `1E+05`: "1E+05", `12345678901234567890.10`: "12345678901234567890.10", `89014103211118510720`: "89014103211118510720",
		`null`: "", `""`: "",
	} {
		records := mustList(t, newClient(t, inTurn(superSIMPage("sims", "null",
			fmt.Sprintf(`{"sid":"HS1","unique_name":%s,"fleet_sid":%[1]s,"iccid":%[1]s,"status":%[1]s}`, value), `{"sid":"HS2"}`,
			fmt.Sprintf(`{"sid":"HS3","unique_name":%s,"fleet_sid":%[1]s,"iccid":%[1]s,"status":%[1]s}`, value)))).Sims(t.Context()))
		for i, want := range []string{want, "", want} {
			r := records[i]
			for _, have := range []string{r.UniqueName, r.FleetSID, r.ICCID, string(r.Status)} {
				if have != want {
					t.Errorf("%.50s in record %d: want %.50q, have %.50q", value, i, want, have)
				}
			}
		}
	}
	for _, value := range []string{`"\x"`, `"\u12"`, `"\u12G4"`, "\"\n\"", "\"\x00\"", `'x'`, `01`, `1.`, `.5`, `+1`, `0x1`, `NaN`, `nul`, `True`, `-`, `1e`, `"a" "b"`} {
		for _, field := range []string{"unique_name", "unknown"} {
			c := newClient(t, always(http.StatusOK, superSIMPage("sims", "null", `{"sid":"HS1","`+field+`":`+value+`}`)))
			err := failure(t, c.Sims(t.Context()))
			equal(t, field+" "+value, twilio.ReasonResponse, twilio.ReasonOf(err))
		}
	}
}

// Strings that come again stay right when there are more of them than the client
// remembers.
func TestManyFleets(t *testing.T) {
	var records []string
	fleet := func(i int) string { return fmt.Sprintf("HF%d", i*i%1000) }
	for i := range 3000 {
		records = append(records, fmt.Sprintf(`{"sid":"HS%d","fleet_sid":%q,"account_sid":"%s"}`, i, fleet(i), strings.Repeat("x", i%600)))
	}
	for i, r := range mustList(t, newClient(t, inTurn(superSIMPage("sims", "null", records...))).Sims(t.Context())) {
		if r.FleetSID != fleet(i) || len(r.AccountSID) != i%600 || r.SID != fmt.Sprint("HS", i) {
			t.Fatalf("record %d is %v", i, r)
		}
	}
}

// The body is read to its end, or its connection could not be used again, and
// nothing may follow the JSON value.
func TestEndOfBody(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		body := k.page("null", k.record)
		ended := false
		f := &fake{respond: func(_ int, r *http.Request) (*http.Response, error) {
			resp := reply(r, http.StatusOK, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(body+"\n"), readerFunc(func([]byte) (int, error) {
				ended = true
				return 0, io.EOF
			})))
			return resp, nil
		}}
		if _, err := k.read(t, newClient(t, f)); err != nil {
			t.Error(err)
		}
		equal(t, "read to the end", true, ended)
		for _, more := range []string{"x", "{}", body, "}", "]", ",", `"`, "null", "\x00", "\n\n0"} {
			f := always(http.StatusOK, body+more)
			records, err := k.read(t, newClient(t, f, retries(2)))
			if err == nil {
				t.Fatalf("%q after the value: %d records", more, len(records))
			}
			equal(t, more, twilio.ReasonResponse, twilio.ReasonOf(err))
			equal(t, "requests", 1, f.count())
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// An error about a record's shape says which one, and nothing that it holds.
func TestErrorsAboutShapes(t *testing.T) {
	const iccid = "89883070000001234567"
	for _, record := range []string{`"` + iccid + `"`, iccid, `["` + iccid + `"]`, `{"iccid":"` + iccid + `" x}`, `{"iccid":` + iccid + `x}`} {
		err := failure(t, newClient(t, inTurn(superSIMPage("sims", "null", `{"sid":"HS1"}`, record))).Sims(t.Context()))
		if text := err.Error(); strings.Contains(text, iccid) || !strings.Contains(text, "record 2 of the page: ") {
			t.Errorf("%s: %s", record, text)
		}
	}
}

func TestNoTimeIsNoZeroTime(t *testing.T) {
	for i, r := range mustList(t, newClient(t, inTurn(monthlyPage("null", `{}`, `{"as_of":null}`, `{"as_of":"2024-05-20T11:07:35Z"}`, `{}`, `{"as_of":""}`))).
		MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{})) {
		equal(t, fmt.Sprint("reported in record ", i), i == 2, r.AsOf.Valid)
	}
}

// Few allocations are left for a record: three for its names, or for its SID and
// its amount.
func TestAllocations(t *testing.T) {
	for key, records := range map[string][]string{"usage_records": usageRecords(24), "sims": sims()} {
		c := newClient(t, always(http.StatusOK, superSIMPage(key, "null", records...)))
		read := 0
		allocations := testing.AllocsPerRun(3, func() {
			read = 0
			var err error
			if key == "sims" {
				for _, err = range c.Sims(t.Context()) {
					read++
				}
			} else {
				for _, err = range c.UsageRecords(t.Context(), twilio.UsageRecordsParams{}) {
					read++
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
		equal(t, "records", len(records), read)
		between(t, key+": allocations for a record", 0, 3.5, allocations/float64(read))
	}
}
