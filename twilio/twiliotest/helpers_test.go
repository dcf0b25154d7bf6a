package twiliotest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const (
	acct   = "AC00000000000000000000000000000001"
	child  = "AC00000000000000000000000000000002"
	kore   = "AC0000000000000000000000000000000a"
	secret = "auth-token-of-the-account"
)

var noon = time.Date(2024, 5, 20, 12, 0, 30, 0, time.UTC)

func clock(t time.Time) func() time.Time { return func() time.Time { return t } }

func options() twiliotest.Options {
	return twiliotest.Options{
		Now: clock(noon),
		Accounts: []twiliotest.Account{
			{SID: acct, AuthToken: secret, KeySID: "SK1", KeySecret: "key-secret", Seed: 7},
			{SID: child, AuthToken: "child", Parent: acct, Seed: 8},
			{SID: kore, Provider: twiliotest.KORE, ClientID: "id", ClientSecret: "koresecret", Seed: 9},
		},
	}
}

// reply is a response and what its JSON says.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
	err    error
}

func (r reply) code() int {
	n, _ := r.json["code"].(json.Number)
	i, _ := n.Int64()
	return int(i)
}

func (r reply) list(t *testing.T, key string) []map[string]any {
	t.Helper()
	list, ok := r.json[key].([]any)
	if !ok {
		t.Fatalf("status %d, no list %s in %s", r.status, key, r.body)
	}
	out := make([]map[string]any, len(list))
	for i, v := range list {
		out[i] = v.(map[string]any)
	}
	return out
}

func (r reply) next() string {
	if m, ok := r.json["meta"].(map[string]any); ok {
		s, _ := m["next_page_url"].(string)
		return s
	}
	s, _ := r.json["next_page_uri"].(string)
	return s
}

func request(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodGet {
		r.Body = nil
	}
	r.Header.Set("User-Agent", "test/1")
	return r
}

func send(rt http.RoundTripper, r *http.Request) reply {
	res, err := rt.RoundTrip(r)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	out := reply{status: res.StatusCode, header: res.Header, body: string(b), err: err}
	d := json.NewDecoder(strings.NewReader(out.body))
	d.UseNumber()
	_ = d.Decode(&out.json)
	return out
}

// get asks with basic auth; pairs are name, value, …
func get(t *testing.T, s *twiliotest.Simulator, path string, pairs ...string) reply {
	t.Helper()
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	r := request(t, http.MethodGet, "https://supersim.twilio.com"+path+"?"+v.Encode(), "")
	r.SetBasicAuth(acct, secret)
	return send(s.Transport(), r)
}

// all follows the links to the last page.
func all(t *testing.T, s *twiliotest.Simulator, key, path string, pairs ...string) (records []map[string]any, pages int) {
	t.Helper()
	r := get(t, s, path, pairs...)
	for pages = 1; ; pages++ {
		records = append(records, r.list(t, key)...)
		next := r.next()
		if next == "" {
			return records, pages
		}
		if strings.HasPrefix(next, "/") {
			next = "https://api.twilio.com" + next
		}
		q := request(t, http.MethodGet, next, "")
		q.SetBasicAuth(acct, secret)
		r = send(s.Transport(), q)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func number(t *testing.T, v any) int64 {
	t.Helper()
	n, ok := v.(json.Number)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	i, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// micro reads an amount in millionths. What is not billed yet adds nothing to a sum.
func micro(t *testing.T, v any) int64 {
	t.Helper()
	if v == nil {
		return 0
	}
	s := fmt.Sprint(v)
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) > 6 || strings.HasSuffix(frac, "0") || strings.ContainsAny(s, "eE") {
		t.Fatalf("amount %q", s)
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", 6-len(frac)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func total(t *testing.T, records []map[string]any) twiliotest.Usage {
	t.Helper()
	var u twiliotest.Usage
	for _, r := range records {
		u.Upload += number(t, r["data_upload"])
		u.Download += number(t, r["data_download"])
		u.MicroCost += micro(t, r["data_total_billed"])
		u.Billed = u.Billed || r["billed_unit"] != nil
		if number(t, r["data_total"]) != number(t, r["data_upload"])+number(t, r["data_download"]) {
			t.Errorf("total is not the sum: %v", r)
		}
	}
	return u
}

func server(t *testing.T, s *twiliotest.Simulator) *httptest.Server {
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv
}

func sorted[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
