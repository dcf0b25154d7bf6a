package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivo/uniseg"
	"golang.org/x/net/html"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// names of SIMs that a page, a table or a spreadsheet could trip over.
func names() []string {
	return []string{
		`<script>alert("1")</script>`, `"quoted", and a comma`, "two\nlines", `=HYPERLINK("http://example.com","open")`,
		"+1", "-1", "@SUM(A1)", "東京 42", "'; DROP TABLE sims; --", strings.Repeat("long ", 30), "plain", "",
	}
}

const (
	sids     = "0123456789abcdef0123456789abcdef"
	fleetOne = "HF11111111111111111111111111111111"
	network  = "HW22222222222222222222222222222222"
)

// odd is an account with SIMs of odd names. Each used ten times its number in megabytes
// in the first hour of each day, at 0.0100001 a megabyte of upload.
func odd() twiliotest.Account {
	a := twiliotest.Account{
		FleetList:   []twiliotest.Fleet{{SID: fleetOne, UniqueName: `R&D <"fleet">`}},
		NetworkList: []twiliotest.Network{{SID: network, FriendlyName: "Onde & Claire", ISOCountry: "FR", MCC: "208", MNC: "01"}},
	}
	megabytes := make(map[string]int64)
	for i, name := range names() {
		sim := twiliotest.SIM{SID: "HS" + sids[i:] + sids[:i], UniqueName: name}
		if i%3 == 0 {
			sim.FleetSID = fleetOne
		}
		a.SIMList = append(a.SIMList, sim)
		megabytes[sim.SID] = int64(i+1) * 10
	}
	a.Usage = func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if hour.Hour() != 0 || hour.Before(date(1, 1)) {
			return nil
		}
		n := megabytes[sim.SID]
		return []twiliotest.Segment{{
			NetworkSID: network, Upload: n * 1_000_000, Download: 3*n*1_000_000 + int64(hour.Day()), MicroCost: n * 10_000,
			ByteDelay: 10 * time.Minute, BillDelay: 20 * time.Hour,
		}}
	}
	a.Monthly = func(month, _ time.Time) []twiliotest.MonthlyRecord {
		if month.Before(date(1, 1)) {
			return nil
		}
		record := func(category, usage, unit, price string) twiliotest.MonthlyRecord {
			return twiliotest.MonthlyRecord{Category: category, Count: twiliotest.Null, Usage: usage, UsageUnit: unit, Price: price, PriceUnit: "usd", AsOf: "2000-03-02T01:07:35+00:00"}
		}
		free := record("studio-engagements", "12", "engagements", twiliotest.Null)
		free.PriceUnit = ""
		return []twiliotest.MonthlyRecord{
			record("totalprice", "12345678901234567890.10", "usd", "12345678901234567890.10"),
			record("wireless-super-sim-data", "4000", "MB", "226.20"),
			record("sms", "3.52", "segments", "498.84515"), record("credits", "1", "credits", "-0.100"),
			record("nothing", "0", "calls", "0.00"), free,
		}
	}
	return a
}

// goldenSetup has an account at Twilio, one at KORE and one that fails.
func goldenSetup() *setup {
	a, b := odd(), odd()
	a.SID, a.AuthToken = accountSID, "token"
	b.SID, b.Provider, b.ClientID, b.ClientSecret, b.Currency, b.Monthly = koreSID, twiliotest.KORE, "c", "s", "EUR", nil
	return &setup{
		simulator: twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{a, b}}),
		yaml:      twilioYAML + koreYAML,
		wrap:      func(rt http.RoundTripper) http.RoundTripper { return rt },
	}
}

// TestGolden compares reports with their files in testdata: the tables of text and CSV of
// two accounts, and the structure of JSON and HTML of a small one, without the style sheet
// and the charts. With UPDATE_GOLDEN=1 in the environment it writes them.
func TestGolden(t *testing.T) {
	small := func() *setup {
		a := odd()
		a.SIMList = a.SIMList[:3]
		return newSetup(a, twiliotest.Readings{})
	}
	left := regexp.MustCompile(`(?s)(<style>).*(</style>)|(<svg).*?(</svg>)`)
	for file, x := range map[string]struct {
		setup func() *setup
		at    time.Time
	}{
		"over.text":    {goldenSetup, date(3, 4).Add(10 * time.Hour)},
		"over.csv":     {goldenSetup, date(3, 4).Add(10 * time.Hour)},
		"running.text": {goldenSetup, date(2, 10).Add(10*time.Hour + time.Minute)},
		"running.json": {small, date(2, 4).Add(10 * time.Hour)},
		"running.html": {small, date(2, 4).Add(10 * time.Hour)},
	} {
		t.Run(file, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := x.setup()
				sleepUntil(x.at)
				have := written(t, s.run(t, date(2, 1)), strings.TrimPrefix(filepath.Ext(file), "."), 2)
				have = left.ReplaceAllString(have, "$1$3…$2$4")
				file := filepath.Join("testdata", file)
				if os.Getenv("UPDATE_GOLDEN") != "" {
					if err := os.WriteFile(file, []byte(have), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if have != string(want) {
					t.Errorf("%s is not what is written now; see the difference after: UPDATE_GOLDEN=1 go test ./collector/report -run TestGolden", file)
				}
			})
		})
	}
}

// TestCSV: the header is the contract, amounts have the API's digits, no cell is a
// formula, and bytes add up to the total once.
func TestCSV(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := goldenSetup()
		sleepUntil(date(3, 4))
		text := written(t, s.run(t, date(2, 1)), "csv", 1)
		if header, _, _ := strings.Cut(text, "\n"); header != "account,dimension,key,name,upload_bytes,download_bytes,currency,cost,cost_share,previous_cost" {
			t.Errorf("have %s", header)
		}
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		named := make(map[string]bool)
		for _, row := range rows[1:] {
			seen[strings.Join(row[:3], "/")+"/"+row[6]] = true
			named[row[3]] = true
			for _, cell := range row[:4] {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
					t.Errorf("%q is a formula", cell)
				}
			}
			if row[1] == "sim" && row[7] == "" {
				t.Errorf("no cost in %q", row)
			}
		}
		if len(seen) != len(rows)-1 {
			t.Errorf("%d rows of %d keys", len(rows)-1, len(seen))
		}
		for _, name := range []string{`<script>alert("1")</script>`, `'=HYPERLINK("http://example.com","open")`, "'+1", "'-1", "'@SUM(A1)", "東京 42", "two�lines"} {
			if !named[name] {
				t.Errorf("no SIM %q", name)
			}
		}
		for _, line := range []string{
			// 29 days of 10 MB × (1+…+12) = 780 MB, at 0.01 a MB; 31 in January.
			"production,account," + accountSID + ",production,22620000000,67860005220,USD,226.2,1.000000,241.8\n",
			"production,country,FR,France,22620000000,67860005220,USD,226.2,1.000000,241.8\n",
			"production,category,totalprice,,,,USD,12345678901234567890.10,1.000000,12345678901234567890.10\n",
			"production,category,sms,,,,USD,498.84515,0.000000,498.84515\n",
			"production,category,credits,,,,USD,-0.100,0.000000,-0.100\n",
			"production,category,studio-engagements,,,,,,,\n",
			"europe,sim,HS" + sids[11:] + sids[:11] + ",,3480000000,10440000435,EUR,34.8,0.153846,37.2\n",
		} {
			if !strings.Contains(text, line) {
				t.Errorf("no %s in\n%s", line, text)
			}
		}
		if strings.Contains(text, "category,nothing") {
			t.Error("a category without usage is listed")
		}
	})
}

// TestFormulas: nothing that a spreadsheet could take for a formula begins with it, in the
// name of an account either.
func TestFormulas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := odd()
		for i, name := range []string{" =1+1", "\u00a0@x", "＝1+1", "＋1", "－1", "＠x", "x=1", " plain"} {
			a.SIMList[i].UniqueName = name
		}
		s := newSetup(a, twiliotest.Readings{})
		s.yaml = strings.Replace(s.yaml, "name: production", `name: "=production"`, 1)
		sleepUntil(date(3, 4))
		text := written(t, s.run(t, date(2, 1)), "csv", 0)
		for _, want := range []string{",' =1+1,", ",'\u00a0@x,", ",'＝1+1,", ",'＋1,", ",'－1,", ",'＠x,", ",x=1,", "\n'=production,"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %s", want, text)
			}
		}
		if strings.Contains(text, "' plain") {
			t.Error("a plain name is not as it was")
		}
	})
}

// TestJSON: the keys are part of the interface, and amounts are strings.
func TestJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := goldenSetup()
		sleepUntil(date(3, 4))
		text := written(t, s.run(t, date(2, 1)), "json", 1)
		var document struct {
			OK       bool
			Accounts []struct {
				Total struct {
					Costs []map[string]any
				}
				SIMs []map[string]any
			}
		}
		if err := json.Unmarshal([]byte(text), &document); err != nil || !document.OK || len(document.Accounts) != 2 || len(document.Accounts[0].SIMs) != len(names()) {
			t.Fatalf("%v: %s", err, text)
		}
		if c := document.Accounts[1].Total.Costs[0]; c["currency"] != "EUR" || c["cost"] != "226.2" || c["cost_share"] != "1.000000" || c["previous_cost"] != "241.8" {
			t.Errorf("have %v", c)
		}
		for _, key := range []string{"month", "over", "made", "from", "to", "compared", "forecast", "fleets", "networks", "countries", "categories", "days", "differences", "errors", "notes", "key", "name", "upload_bytes", "download_bytes", "previous_upload_bytes", "previous_download_bytes", "unbilled"} {
			if !strings.Contains(text, `"`+key+`":`) {
				t.Errorf("no key %s", key)
			}
		}
	})
}

// TestHTML: the page is well formed, needs nothing from elsewhere and no script, names
// of SIMs are text, and it has what a screen reader needs.
func TestHTML(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := goldenSetup()
		sleepUntil(date(3, 4))
		page := written(t, s.run(t, date(2, 1)), "html", 0)
		for _, not := range []string{"<script", "ZgotmplZ", "@import", "url(", "javascript:"} {
			if strings.Contains(page, not) {
				t.Errorf("the page has %q", not)
			}
		}
		count := wellFormed(t, page)
		for name, want := range map[string]int{"h1": 1, "h2": 2, "figure": 4, "svg": 4, "title": 1, "main": 1} {
			if count[name] != want {
				t.Errorf("want %d of %s, have %d", want, name, count[name])
			}
		}
		if count["caption"] != count["table"] || count["table"] == 0 {
			t.Errorf("%d tables and %d captions", count["table"], count["caption"])
		}
		text := textOf(t, page)
		for _, name := range append(names(), `R&D <"fleet">`, "Onde & Claire", "12,345,678,901,234,567,890.10", "498.84515", "all accounts") {
			if name = strings.Join(strings.Fields(strings.ReplaceAll(name, "\n", "�")), " "); !strings.Contains(text, name) {
				t.Errorf("no %q in the page", name)
			}
		}
	})
}

// wellFormed checks that elements are closed in the order in which they were opened,
// and what each element must and must not have. It counts the elements.
func wellFormed(t *testing.T, page string) map[string]int {
	t.Helper()
	void := []string{"meta", "br", "hr", "img", "input", "link"}
	count := make(map[string]int)
	var open []string
	described := false // by the element around it
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		token := z.Token()
		switch kind {
		case html.ErrorToken:
			if z.Err() != io.EOF || len(open) > 0 {
				t.Errorf("%v with %q open", z.Err(), open)
			}
			return count
		case html.StartTagToken, html.SelfClosingTagToken:
			count[token.Data]++
			if kind == html.StartTagToken && !slices.Contains(void, token.Data) {
				open = append(open, token.Data)
			}
			if token.Data == "svg" && !described {
				t.Error("a picture is not described")
			}
			described = strings.Contains(token.String(), `role="img"`)
			checkElement(t, token)
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Fatalf("</%s> closes %q", token.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func checkElement(t *testing.T, token html.Token) {
	t.Helper()
	attributes := make(map[string]string)
	for _, a := range token.Attr {
		if _, twice := attributes[a.Key]; twice {
			t.Errorf("<%s> has %s twice", token.Data, a.Key)
		}
		attributes[a.Key] = a.Val
		switch {
		case slices.Contains([]string{"src", "href", "xlink:href", "srcset", "data", "action", "background"}, a.Key) && !strings.HasPrefix(a.Val, "#"):
			t.Errorf("<%s> refers to %q", token.Data, a.Val)
		case strings.HasPrefix(a.Key, "on"):
			t.Errorf("<%s> has a script in %s", token.Data, a.Key)
		}
	}
	switch {
	case slices.Contains([]string{"script", "link", "iframe", "object", "img", "form"}, token.Data):
		t.Errorf("there is a <%s>", token.Data)
	case token.Data == "th" && attributes["scope"] == "":
		t.Error("a <th> has no scope")
	case (attributes["role"] == "img" || attributes["role"] == "region") && attributes["aria-label"] == "":
		t.Errorf("a <%s> is not described", token.Data)
	case token.Data == "html" && attributes["lang"] != "en":
		t.Error("the page has no language")
	}
}

// textOf is what a reader sees, with single spaces.
func textOf(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// TestWidth: columns stand below each other whatever the names are, and no name turns the
// direction of what follows it.
func TestWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := odd()
		for i, name := range []string{strings.Repeat("東", 30), "cafe\u0301", "👨‍👩‍👧", "\u202Eevil", "שלום", strings.Repeat("x", 40), strings.Repeat("x", 41)} {
			a.SIMList[i].UniqueName = name
		}
		s := newSetup(a, twiliotest.Readings{})
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		text := written(t, r, "text", 0)
		_, rows, _ := strings.Cut(text, "\nSIMs\n")
		want := strings.Index(rows, "KEY")
		if want != 42 { // the longest name, and two spaces
			t.Errorf("the keys stand in column %d", want)
		}
		for _, line := range strings.Split(rows, "\n")[1:13] {
			if name, _, _ := strings.Cut(line, "HS"); uniseg.StringWidth(name) != want {
				t.Errorf("want a key in column %d of %s", want, line)
			}
		}
		if strings.Contains(text, "\u202E") || !strings.Contains(text, strings.Repeat("x", 40)+"  ") || !strings.Contains(text, strings.Repeat("x", 39)+"…  ") || !strings.Contains(text, strings.Repeat("東", 19)+"…  ") {
			t.Errorf("have %s", text)
		}
		if page := written(t, r, "html", 0); !strings.Contains(page, "<bdi>\u202Eevil</bdi>") {
			t.Error("the direction of a name is not its own")
		}
	})
}

// TestTop: only text and HTML are limited, and the rest is added up.
func TestTop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(odd(), twiliotest.Readings{})
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		for _, format := range []string{"text", "html", "csv", "json"} {
			want := map[string]int{"text": 3, "html": 3, "csv": 12, "json": 12}[format]
			if n := strings.Count(written(t, r, format, 3), "HS"); n != want {
				t.Errorf("%s: want %d SIMs, have %d", format, want, n)
			}
			if n := strings.Count(written(t, r, format, 0), "HS"); n != 12 {
				t.Errorf("%s: want all 12 SIMs, have %d", format, n)
			}
		}
		// The nine smaller ones: 29 days × 10 MB × (1+…+9) × 4.
		if text := written(t, r, "text", 3); !strings.Contains(text, "9 others") || !strings.Contains(text, "52.20") || !strings.Contains(text, "130.5 ") {
			t.Errorf("have %s", text)
		}
	})
}

// TestCountries: the embedded names are those of CLDR.
func TestCountries(t *testing.T) {
	list, err := os.ReadFile("countries.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(list)) {
		code, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if want := display.English.Regions().Name(language.MustParseRegion(code)); name != want || name == "" {
			t.Errorf("%s: want %q, have %q", code, want, name)
		}
		n++
	}
	if n < 249 {
		t.Errorf("%d countries only", n)
	}
}
