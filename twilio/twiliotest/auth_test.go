package twiliotest_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestBasicAuth(t *testing.T) {
	s := twiliotest.New(options())
	for _, c := range []struct {
		user, password string
		status         int
	}{
		{acct, secret, 200}, {"SK1", "key-secret", 200}, {child, "child", 200},
		{acct, "key-secret", 401}, {"SK1", secret, 401}, {acct, "", 401}, {"", "", 401}, {"", "x", 401}, {"id", "koresecret", 401},
	} {
		r := request(t, "GET", "https://supersim.twilio.com/v1/Sims", "")
		r.SetBasicAuth(c.user, c.password)
		if have := send(s.Transport(), r); have.status != c.status || c.status == 401 && have.code() != 20003 {
			t.Errorf("%s:%s: %d %s", c.user, c.password, have.status, have.body)
		}
	}
	if r := send(s.Transport(), request(t, "GET", "https://supersim.twilio.com/v1/Sims", "")); r.code() != 20003 {
		t.Errorf("no credentials: %s", r.body)
	}
}

func TestRouting(t *testing.T) {
	s := twiliotest.New(options())
	for path, want := range map[string]int{
		"/": 20404, "/v1/Sims/HS1": 20404, "/v1/sims": 20404, "/2010-04-01/Accounts": 20404,
		"/2010-04-01/Accounts/AC1/Balance.json":                   20404,
		"/2010-04-01/Accounts/" + kore + "/Balance.json":          20404,
		"/2010-04-01/Accounts/" + child + "/Balance.json":         20404,
		"/2010-04-01/Accounts/" + acct + "/Balance.json":          0,
		"/2010-04-01/Accounts/" + acct + "/Usage/Records/Monthly": 0,
	} {
		if r := get(t, s, path); r.code() != want {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	r := request(t, "POST", "https://supersim.twilio.com/v1/Sims", "")
	if have := send(s.Transport(), r); have.status != 405 || have.code() != 20004 {
		t.Errorf("POST: %s", have.body)
	}
	for _, agent := range []string{"", "Go-http-client/1.1"} {
		r := request(t, "GET", "https://supersim.twilio.com/v1/Sims", "")
		r.SetBasicAuth(acct, secret)
		r.Header.Set("User-Agent", agent)
		if have := send(s.Transport(), r); have.status != 400 {
			t.Errorf("User-Agent %q: %d", agent, have.status)
		}
	}
	r = request(t, "GET", "https://supersim.twilio.com/v1/Sims", "")
	r.Header.Del("User-Agent")
	if have := send(s.Transport(), r); have.status != 400 {
		t.Errorf("no User-Agent: %d", have.status)
	}
	q := request(t, "GET", "https://api.twilio.com/2010-04-01/Accounts/"+acct+"/Balance.json", "")
	q.SetBasicAuth(child, "child")
	if have := send(s.Transport(), q); have.code() != 20003 {
		t.Errorf("a subaccount reads its parent: %s", have.body)
	}
	if n := s.TotalRequests(); n != 14 || len(s.RequestURIs()) != n || s.Requests(twiliotest.Balance) != 5 {
		t.Errorf("%d requests, %d of balance", n, s.Requests(twiliotest.Balance))
	}
	if l := s.Log(); l[13].Status != 401 || l[13].Account != child || l[13].URI != "/2010-04-01/Accounts/"+acct+"/Balance.json" {
		t.Errorf("log: %+v", l[13])
	}
	s.ResetCounts()
	if s.TotalRequests() != 0 || len(s.Log()) != 0 || s.MaxConcurrency() != 0 {
		t.Error("not reset")
	}
}

func tokenRequest(t *testing.T, form url.Values) *http.Request {
	r := request(t, "POST", "https://api.korewireless.com/api-services/v1/auth/token", form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func goodForm() url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {"id"}, "client_secret": {"koresecret"}}
}

func TestKORE(t *testing.T) {
	o := options()
	now := noon
	o.Now = func() time.Time { return now }
	s := twiliotest.New(o)
	rt := s.Transport()
	for _, c := range []struct {
		field, value string
		status       int
		kind         string
	}{
		{"client_secret", "wrong", 401, "invalid_client"},
		{"client_id", "wrong", 401, "invalid_client"},
		{"grant_type", "password", 400, "unsupported_grant_type"},
	} {
		form := goodForm()
		form.Set(c.field, c.value)
		if r := send(rt, tokenRequest(t, form)); r.status != c.status || r.json["error"] != c.kind || r.json["error_description"] == nil {
			t.Errorf("%s: %d %s", c.field, r.status, r.body)
		}
	}
	q := tokenRequest(t, goodForm())
	q.SetBasicAuth("id", "koresecret")
	if r := send(rt, q); r.status != 401 || r.json["error"] != "invalid_client" {
		t.Errorf("header: %s", r.body)
	}
	q = tokenRequest(t, goodForm())
	q.Header.Set("Content-Type", "application/json")
	if r := send(rt, q); r.status != 400 {
		t.Errorf("content type: %s", r.body)
	}

	fetch := func() string {
		r := send(rt, tokenRequest(t, goodForm()))
		if r.status != 200 || number(t, r.json["expires_in"]) != 3600 || r.json["token_type"] != "Bearer" || r.json["scope"] == nil {
			t.Fatalf("token: %s", r.body)
		}
		return r.json["access_token"].(string)
	}
	ask := func(token, path string) reply {
		q := request(t, "GET", "https://supersim.api.korewireless.com"+path, "")
		q.Header.Set("Authorization", "Bearer "+token)
		return send(rt, q)
	}
	token := fetch()
	if r := ask(token, "/v1/Sims"); r.status != 200 || len(r.list(t, "sims")) != 25 {
		t.Errorf("sims: %s", r.body)
	}
	for path, code := range map[string]int{"/v1/UsageRecords?PageSize=249": 0, "/v1/UsageRecords?PageSize=250": 83600, "/v1/Sims?PageSize=1000": 0} {
		if r := ask(token, path); r.code() != code {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	if r := ask(token, "/2010-04-01/Accounts/"+kore+"/Balance.json"); r.status != 404 || r.json["error"] == nil {
		t.Errorf("balance: %s", r.body)
	}
	if r := ask("unknown", "/v1/Sims"); r.status != 401 || r.json["message"] == nil || r.json["error"] == nil {
		t.Errorf("unknown token: %s", r.body)
	}
	now = now.Add(time.Hour)
	if r := ask(token, "/v1/Sims"); r.status != 403 || r.json["error"] == nil {
		t.Errorf("expired token: %s", r.body)
	}
	second := fetch()
	if second == token {
		t.Error("the same token twice")
	}
	s.RevokeTokens()
	if r := ask(second, "/v1/Sims"); r.status != 401 {
		t.Errorf("revoked token: %s", r.body)
	}
	if s.Tokens() != 2 || s.MaxTokenConcurrency() != 1 || s.Requests(twiliotest.Token) != 7 {
		t.Errorf("%d tokens, %d at a time, %d requests", s.Tokens(), s.MaxTokenConcurrency(), s.Requests(twiliotest.Token))
	}
	nulls := 0
	for _, f := range ask(fetch(), "/v1/Fleets").list(t, "fleets") {
		if f["data_limit"] == nil {
			nulls++
		}
	}
	if nulls != 0 {
		t.Errorf("%d of the first three fleets without limit", nulls)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Now, o.MaxConcurrent, o.Latency = nil, 2, time.Second
		s := twiliotest.New(o)
		var mu sync.Mutex
		statuses := make(map[int]int)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				r := get(t, s, "/v1/Networks")
				mu.Lock()
				defer mu.Unlock()
				statuses[r.status]++
				if r.status == 429 && r.code() != 20429 {
					t.Errorf("%s", r.body)
				}
			})
		}
		wg.Wait()
		if statuses[200] != 2 || statuses[429] != 3 || s.MaxConcurrency() < 3 || s.MaxConcurrencyOf(child) != 0 {
			t.Errorf("statuses %v, at most %d", statuses, s.MaxConcurrency())
		}
		if r := get(t, s, "/v1/Networks"); r.status != 200 {
			t.Errorf("afterwards: %d", r.status)
		}
	})
}
