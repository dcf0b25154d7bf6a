package twiliotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// document is a response taken apart, for the faults that change what it says.
type document struct {
	body    map[string]any
	list    string           // key of the list; "": the body is the only record
	records []map[string]any // parts of body
	number  uint64           // of the request
	replace any              // what stands for the list, if not nil
}

func takeApart(body []byte, q *request) *document {
	d := &document{number: q.number}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&d.body); err != nil {
		panic("twiliotest: " + err.Error()) // only of our own responses
	}
	for key, value := range d.body {
		if list, ok := value.([]any); ok {
			d.list = key
			d.records = make([]map[string]any, 0, len(list)) // an empty list stays one
			for _, r := range list {
				d.records = append(d.records, r.(map[string]any))
			}
		}
	}
	if _, ok := d.body["balance"]; ok {
		d.records = []map[string]any{d.body}
	}
	return d
}

func (d *document) putTogether() []byte {
	if _, ok := d.body[d.list]; ok {
		d.body[d.list] = d.records
		if d.replace != nil {
			d.body[d.list] = d.replace
		}
	}
	return encode(d.body)
}

// What kinds of fields there are.
func byteFields() []string {
	return []string{"data_upload", "data_download", "data_total", "data_limit"}
}
func moneyFields() []string {
	return []string{"data_total_billed", "price", "balance", "usage", "count"}
}
func unitFields() []string {
	return []string{"billed_unit", "price_unit", "usage_unit", "count_unit", "currency"}
}

// each replaces the fields that a record has. null stays null: what was not reported
// has no number to be changed, except for nullToo.
func (d *document) each(fields []string, nullToo bool, change func(old any) any) {
	for _, r := range d.records {
		for _, f := range fields {
			if old, ok := r[f]; ok && (old != nil || nullToo) {
				r[f] = change(old)
			}
		}
	}
}

func (d *document) apply(kind FaultKind) {
	switch kind {
	case ForeignNext, LoopNext, EndlessPages:
		d.link(func(self string) string { return d.nextLink(kind, self) })
	case NullNumbers, UnreadableNumbers, NegativeNumbers, HugeNumbers, OverflowingNumbers, ShrinkTotals:
		d.applyToNumbers(kind)
	case DuplicateRecords, ConflictingDuplicates, NoList, ListIsObject, NullRecord, EmptyList:
		d.applyToList(kind)
	default:
		d.applyToFields(kind)
	}
}

// nextLink is what a page names as the next one.
func (d *document) nextLink(kind FaultKind, self string) string {
	switch kind {
	case ForeignNext:
		if _, rest, absolute := strings.Cut(self, "://"); absolute {
			_, self, _ = strings.Cut(rest, "/")
			self = "/" + self
		}
		return attacker + self
	case EndlessPages:
		path, _, _ := strings.Cut(self, "&Page=")
		return fmt.Sprintf("%s&Page=1&PageToken=%s%d", path, endlessToken, d.number)
	}
	return self
}

func (d *document) applyToNumbers(kind FaultKind) {
	all := func(nullToo bool, bytes, money any) {
		d.each(byteFields(), nullToo, func(any) any { return bytes })
		d.each(moneyFields(), nullToo, func(any) any { return money })
	}
	switch kind {
	case NullNumbers:
		all(true, nil, nil)
	case UnreadableNumbers:
		d.unreadable()
	case NegativeNumbers:
		d.each(byteFields(), false, negative)
		d.each(moneyFields(), false, negative)
	case HugeNumbers:
		all(false, json.Number("4700000000000000000"), "1e308")
	case OverflowingNumbers:
		all(false, json.Number("9223372036854775808"), "1e999")
	case ShrinkTotals:
		d.shrink()
	}
}

func (d *document) applyToList(kind FaultKind) {
	switch kind {
	case DuplicateRecords:
		if len(d.records) > 0 {
			d.records = append(d.records, d.records[0])
		}
	case ConflictingDuplicates:
		if len(d.records) > 0 {
			d.records = append(d.records, conflicting(d.records[0]))
		}
	case NoList:
		delete(d.body, d.list)
	case ListIsObject:
		d.replace = map[string]any{}
	case NullRecord:
		d.replace = []any{nil}
	case EmptyList:
		d.records = []map[string]any{}
		d.link(func(string) string { return "" })
	}
}

func (d *document) applyToFields(kind FaultKind) {
	switch kind {
	case UnknownFields:
		extra := map[string]any{"nested": []any{json.Number("1"), map[string]any{"deep": nil}}, "text": "new"}
		d.body["x_added"] = extra
		if m, ok := d.body["meta"].(map[string]any); ok {
			m["x_added"] = extra
		}
		for _, r := range d.records {
			r["x_added"] = extra
		}
	case UnknownEnums:
		d.each([]string{"status", "usage_unit", "count_unit", "iso_country", "token_type", "period_type"}, false, func(old any) any { return fmt.Sprintf("brand-new-%v", old) })
	case ControlCharacters:
		d.each([]string{"unique_name", "friendly_name"}, false, func(old any) any { return fmt.Sprintf("%v\x1b[31m\x00", old) })
	case UnknownCurrency:
		d.each([]string{"billed_unit", "price_unit", "currency"}, false, func(any) any { return "doubloons" })
	case EmptyStrings:
		empty := func(any) any { return "" }
		d.each(moneyFields(), true, empty)
		d.each(unitFields(), true, empty)
	case HugeText:
		d.hugeText()
	case MissingPeriod:
		for _, r := range d.records {
			delete(r, "period")
			delete(r, "start_date")
			delete(r, "end_date")
			delete(r, "start_time")
			delete(r, "end_time")
		}
	case OtherPeriod:
		first := document{records: d.records[:min(1, len(d.records))]}
		first.each([]string{"period"}, false, func(any) any { return period{"1999-01-01T00:00:00Z", "1999-01-01T01:00:00Z"} })
		first.each([]string{"start_date"}, false, func(any) any { return "1999-01-01" })
		first.each([]string{"end_date"}, false, func(any) any { return "1999-01-31" })
		first.each([]string{"start_time"}, false, func(any) any { return "1999-01-01T00:00:00Z" })
		first.each([]string{"end_time"}, false, func(any) any { return "1999-01-31T00:00:00Z" })
	}
}

// hugeText makes the first text of the first record long, in the order of the names.
func (d *document) hugeText() {
	records := d.records
	if d.list == "" {
		records = []map[string]any{d.body} // a token
	}
	if len(records) == 0 {
		return
	}
	for _, f := range slices.Sorted(maps.Keys(records[0])) {
		if _, ok := records[0][f].(string); ok && f != "uri" && f != "url" {
			records[0][f] = strings.Repeat("x", mebibyte)
			return
		}
	}
}

// endlessToken begins the page tokens of EndlessPages.
const endlessToken = "PTendless"

// link sets the link to the next page, made of that to the page itself; "" is none.
func (d *document) link(next func(self string) string) {
	if m, ok := d.body["meta"].(map[string]any); ok {
		self, _ := m["url"].(string)
		m["next_page_url"] = next(self)
	}
	if self, ok := d.body["uri"].(string); ok {
		d.body["next_page_uri"] = next(self)
	}
}

// unreadable chooses by request: every one of these has been a number to some parser.
func (d *document) unreadable() {
	choices := []any{
		"NaN", "12,5", json.Number("1e999"), "Infinity", "0x1F", "1_000", "-", "1e999", true, []any{json.Number("1")},
	}
	if len(d.records) > 0 && d.records[0]["data_total"] != nil && d.number%4 == 0 {
		d.each(byteFields(), false, func(any) any { return json.Number("1.5") })
		return
	}
	choice := choices[d.number%uint64(len(choices))]
	d.each(byteFields(), false, func(any) any { return choice })
	d.each(moneyFields(), false, func(any) any { return choice })
}

// negative turns a number round; 0 becomes -1.
func negative(old any) any {
	turn := func(s string) string {
		if strings.Trim(s, "0.") == "" {
			return "-1"
		}
		return "-" + strings.TrimPrefix(s, "-")
	}
	switch v := old.(type) {
	case json.Number:
		return json.Number(turn(string(v)))
	case string:
		return turn(v)
	default:
		return old
	}
}

func (d *document) shrink() {
	d.each(moneyFields(), false, func(old any) any {
		switch v := old.(type) {
		case json.Number:
			return json.Number(scaleDecimal(string(v), 9, 10))
		case string:
			return scaleDecimal(v, 9, 10)
		default:
			return old
		}
	})
	for _, r := range d.records {
		var total int64
		for _, f := range []string{"data_upload", "data_download"} {
			n, ok := r[f].(json.Number)
			if !ok {
				continue
			}
			v, err := n.Int64()
			if err != nil {
				continue
			}
			v = v * 9 / 10
			r[f] = v
			total += v
		}
		if _, ok := r["data_total"].(json.Number); ok {
			r["data_total"] = total
		}
	}
}

// conflicting is a record that says something else about the same thing.
func conflicting(r map[string]any) map[string]any {
	c := maps.Clone(r)
	changed := false
	for _, f := range []string{"data_upload", "data_total", "data_total_billed", "usage", "price", "data_limit"} {
		switch v := c[f].(type) {
		case json.Number:
			c[f], changed = json.Number(addDecimals(string(v), "1")), true
		case string:
			c[f], changed = addDecimals(v, "1"), true
		}
	}
	if !changed {
		for _, f := range []string{"unique_name", "friendly_name"} {
			if _, ok := c[f]; ok {
				c[f] = "another"
			}
		}
		if _, ok := c["end_time"]; ok {
			c["end_time"] = "2999-01-01T00:00:00Z"
		}
	}
	return c
}
