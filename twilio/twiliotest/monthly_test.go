package twiliotest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const monthlyPath = "/2010-04-01/Accounts/" + acct + "/Usage/Records/Monthly.json"

func TestMonthly(t *testing.T) {
	t.Parallel()
	s := twiliotest.New(options())
	records, _ := all(t, s, "usage_records", monthlyPath, "StartDate", "2024-04-30", "EndDate", "2024-05-20", "PageSize", "100")
	seen := make(map[string]bool)
	mixed, nullPrice, noCount := false, false, false
	for _, r := range records {
		c := r["category"].(string)
		k := c + r["start_date"].(string)
		if seen[k] {
			t.Errorf("%s twice", k)
		}
		seen[k] = true
		mixed = mixed || c != strings.ToLower(c)
		nullPrice = nullPrice || r["price"] == nil && r["price_unit"] == ""
		noCount = noCount || r["count"] == nil
		if r["as_of"] != "2024-05-20T12:00:30+00:00" || r["account_sid"] != acct {
			t.Errorf("%v", r)
		}
		if _, ok := r["subresource_uris"].(map[string]any); !ok {
			t.Errorf("%v", r["subresource_uris"])
		}
		if c == "totalprice" && (r["count"] != nil || r["count_unit"] != "" || r["usage"] != r["price"] || r["usage_unit"] != "usd" || r["price_unit"] != "usd") {
			t.Errorf("totalprice: %v", r)
		}
		if r["start_date"] == "2024-05-01" && r["end_date"] != "2024-05-31" {
			t.Errorf("end_date: %v", r["end_date"])
		}
	}
	if len(records)%2 != 0 || len(records) < 60 || !mixed || !nullPrice || !noCount || !seen["supersim2024-04-01"] || !seen["totalprice2024-05-01"] {
		t.Errorf("%d records, mixed %v, null price %v, null count %v", len(records), mixed, nullPrice, noCount)
	}
	few, pages := all(t, s, "usage_records", monthlyPath, "StartDate", "2024-04-30", "PageSize", "7")
	if len(few) != len(records) || pages != (len(records)+6)/7 {
		t.Errorf("%d records on %d pages", len(few), pages)
	}
	if r := get(t, s, monthlyPath); !strings.HasPrefix(r.next(), "/2010-04-01/Accounts/"+acct) {
		t.Errorf("next: %s", r.next())
	}
	if one, _ := all(t, s, "usage_records", monthlyPath, "Category", "sms", "StartDate", "2024-05-01"); len(one) != 1 {
		t.Errorf("sms: %v", one)
	}
	if relative, _ := all(t, s, "usage_records", monthlyPath, "StartDate", "-30days", "EndDate", "+30days"); len(relative) != len(records) {
		t.Errorf("relative dates: %d records", len(relative))
	}
	for _, args := range [][]string{
		{"StartDate", "2024-5-1"}, {"StartDate", "2024-05-01T00:00:00Z"}, {"EndDate", "tomorrow"}, {"StartDate", "2024-05-02", "EndDate", "2024-05-01"},
		{"IncludeSubaccounts", "yes"}, {"Category", "a b"}, {"PageSize", "1001"}, {"category", "sms"},
	} {
		if r := get(t, s, monthlyPath, args...); r.code() != 20001 {
			t.Errorf("%v: %s", args, r.body)
		}
	}
	if r := get(t, s, monthlyPath, "PageSize", "1000"); r.status != 500 || r.code() != 20500 {
		t.Errorf("page size 1000: %s", r.body)
	}
	if r := get(t, s, strings.TrimSuffix(monthlyPath, ".json")); r.status != 200 || !strings.HasPrefix(r.body, "<?xml") {
		t.Errorf("without .json: %s", r.body)
	}
}

// amounts are price and usage of each category of May.
func amounts(t *testing.T, s *twiliotest.Simulator, subaccounts string) map[string][2]int64 {
	t.Helper()
	records, _ := all(t, s, "usage_records", monthlyPath, "StartDate", "2024-05-01", "EndDate", "2024-05-31", "IncludeSubaccounts", subaccounts, "PageSize", "100")
	out := make(map[string][2]int64)
	for _, r := range records {
		var price int64
		if r["price"] != nil {
			price = micro(t, r["price"])
		}
		out[r["category"].(string)] = [2]int64{price, micro(t, r["usage"])}
	}
	return out
}

func TestMonthlyGrowsAndSettles(t *testing.T) {
	t.Parallel()
	o := options()
	now := time.Date(2024, 5, 1, 1, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	s := twiliotest.New(o)
	end := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	last := amounts(t, s, "true")
	var atEnd map[string][2]int64
	for ; now.Before(end.Add(30 * time.Hour)); now = now.Add(11 * time.Hour) {
		next := amounts(t, s, "true")
		for c, a := range last {
			if next[c][0] < a[0] || next[c][1] < a[1] {
				t.Fatalf("%s, %s: %v after %v", now, c, next[c], a)
			}
		}
		last = next
		if now.Before(end) {
			atEnd = next
		}
	}
	if atEnd["sms"] == last["sms"] || atEnd["supersim"] == last["supersim"] {
		t.Error("nothing was late")
	}
	now = now.AddDate(0, 0, 3)
	settled := amounts(t, s, "true")
	for c := range settled {
		if settled[c] != last[c] {
			t.Errorf("%s still changes after a day: %v, %v", c, last[c], settled[c])
		}
	}
	may := twiliotest.Filter{}
	want := s.Final(acct, may, end.AddDate(0, -1, 0), end)
	if own := amounts(t, s, "false")["supersim"]; own != [2]int64{want.MicroCost, want.Upload + want.Download} {
		t.Errorf("supersim: have %v, want %+v", own, want)
	}
	sub := s.Final(child, may, end.AddDate(0, -1, 0), end)
	if both := settled["supersim"]; both[0] != want.MicroCost+sub.MicroCost {
		t.Errorf("with subaccounts: have %v, want %d", both, want.MicroCost+sub.MicroCost)
	}
}

func TestCustomMonthly(t *testing.T) {
	o := options()
	o.Accounts[0].Monthly = func(month, at time.Time) []twiliotest.MonthlyRecord {
		return []twiliotest.MonthlyRecord{{Category: "x", Count: twiliotest.Null, Usage: "1.5", Price: "", PriceUnit: "eur", AsOf: "never"}}
	}
	o.Accounts[1].Monthly = func(month, at time.Time) []twiliotest.MonthlyRecord {
		return []twiliotest.MonthlyRecord{{Category: "x", Count: "3", Usage: "1", Price: "0.25", PriceUnit: "eur"}, {Category: "y"}}
	}
	s := twiliotest.New(o)
	own, _ := all(t, s, "usage_records", monthlyPath, "StartDate", "2024-05-01", "IncludeSubaccounts", "false")
	if len(own) != 1 || own[0]["count"] != nil || own[0]["price"] != "" || own[0]["as_of"] != "never" || own[0]["end_date"] != "2024-05-31" {
		t.Errorf("own: %v", own)
	}
	both, _ := all(t, s, "usage_records", monthlyPath, "StartDate", "2024-05-01")
	i := slices.IndexFunc(both, func(r map[string]any) bool { return r["category"] == "x" })
	if len(both) != 2 || both[i]["count"] != "3" || both[i]["usage"] != "2.5" || both[i]["price"] != "0.25" {
		t.Errorf("both: %v", both)
	}
}

func TestBalance(t *testing.T) {
	o := options()
	s := twiliotest.New(o)
	path := "/2010-04-01/Accounts/" + acct + "/Balance.json"
	if r := get(t, s, path); r.json["currency"] != "USD" || micro(t, r.json["balance"]) <= 0 || r.json["account_sid"] != acct {
		t.Errorf("generated: %s", r.body)
	}
	o.Accounts[0].Balance, o.Accounts[0].Currency = "-123.45", "EUR"
	if r := get(t, twiliotest.New(o), path); r.json["balance"] != "-123.45" || r.json["currency"] != "EUR" {
		t.Errorf("given: %s", r.body)
	}
	if r := get(t, s, path, "Page", "0"); r.code() != 20001 {
		t.Errorf("with a parameter: %s", r.body)
	}
}
