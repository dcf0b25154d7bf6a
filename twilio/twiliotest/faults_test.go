package twiliotest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func faulty(t *testing.T, path string, f twiliotest.Fault, args ...string) reply {
	t.Helper()
	s := twiliotest.New(options())
	s.Inject(f)
	return get(t, s, path, args...)
}

func TestFaultsInPlaceOfTheAnswer(t *testing.T) {
	for _, c := range []struct {
		fault        twiliotest.Fault
		status, code int
		header       string // Retry-After
		body         string
	}{
		{twiliotest.Fault{Kind: twiliotest.RateLimit, RetryAfter: "7"}, 429, 20429, "7", ""},
		{twiliotest.Fault{Kind: twiliotest.ServerError}, 500, 20500, "", ""},
		{twiliotest.Fault{Kind: twiliotest.ServerError, Status: 503, RetryAfter: "1"}, 503, 20503, "1", ""},
		{twiliotest.Fault{Kind: twiliotest.HTMLError}, 502, 0, "", "<html>"},
		{twiliotest.Fault{Kind: twiliotest.Unauthorized}, 401, 20003, "", ""},
		{twiliotest.Fault{Kind: twiliotest.Forbidden}, 403, 70051, "", ""},
		{twiliotest.Fault{Kind: twiliotest.EchoCredentials}, 400, 20001, "", secret},
	} {
		r := faulty(t, "/v1/Sims", c.fault)
		if r.status != c.status || r.code() != c.code || r.header.Get("Retry-After") != c.header || !strings.Contains(r.body, c.body) {
			t.Errorf("%s: %d %v %s", c.fault.Kind, r.status, r.header, r.body)
		}
	}
	var op *net.OpError
	if r := faulty(t, "/v1/Sims", twiliotest.Fault{Kind: twiliotest.Reset}); !errors.As(r.err, &op) {
		t.Errorf("reset: %v", r.err)
	}
	if r := faulty(t, "/v1/Sims", twiliotest.Fault{Kind: twiliotest.Truncate}); r.status != 200 || !errors.Is(r.err, io.ErrUnexpectedEOF) || r.body == "" {
		t.Errorf("truncate: %d %v", r.status, r.err)
	}
	if r := faulty(t, "/v1/Sims", twiliotest.Fault{Kind: twiliotest.MalformedJSON}); r.status != 200 || r.err != nil || json.Valid([]byte(r.body)) {
		t.Errorf("malformed: %d %v", r.status, r.err)
	}
	r := tokenRequest(t, goodForm())
	s := twiliotest.New(options())
	s.Inject(twiliotest.Fault{Kind: twiliotest.EchoCredentials})
	if have := send(s.Transport(), r); !strings.Contains(have.body, "koresecret") {
		t.Errorf("echo of the form: %s", have.body)
	}
}

func TestFaultsOverSockets(t *testing.T) {
	s := twiliotest.New(options())
	srv := server(t, s)
	for _, kind := range []twiliotest.FaultKind{twiliotest.Reset, twiliotest.Truncate} {
		s.ClearFaults()
		s.Inject(twiliotest.Fault{Kind: kind})
		r := request(t, "GET", srv.URL+"/v1/Sims", "")
		r.SetBasicAuth(acct, secret)
		if have := send(srv.Client().Transport, r); have.err == nil {
			t.Errorf("%s: no error", kind)
		}
	}
	s.ClearFaults()
	r := request(t, "GET", srv.URL+"/v1/Sims?PageSize=5", "")
	r.SetBasicAuth(acct, secret)
	have := send(srv.Client().Transport, r)
	if !strings.HasPrefix(have.next(), srv.URL+"/v1/Sims?PageSize=5&Page=1&PageToken=") {
		t.Errorf("next: %s", have.next())
	}
	r = request(t, "GET", srv.URL+"/v1/Sims?PageSize=5", "")
	r.SetBasicAuth(acct, secret)
	r.Header.Set("X-Forwarded-Proto", "https")
	if have := send(srv.Client().Transport, r); !strings.HasPrefix(have.next(), "https://") {
		t.Errorf("next behind a proxy: %s", have.next())
	}
}

func TestFaultsInTheAnswer(t *testing.T) {
	s := twiliotest.New(options())
	usage := func(kind twiliotest.FaultKind) (reply, []map[string]any) {
		s.ClearFaults()
		if kind != "" {
			s.Inject(twiliotest.Fault{Kind: kind})
		}
		r := get(t, s, "/v1/UsageRecords", "Group", "sim")
		if kind == twiliotest.NoList {
			return r, nil
		}
		return r, r.list(t, "usage_records")
	}
	_, plain := usage("")
	if r, _ := usage(twiliotest.ForeignNext); !strings.HasPrefix(r.next(), "http://attacker.invalid/v1/UsageRecords?") {
		t.Errorf("foreign: %s", r.next())
	}
	if r, _ := usage(twiliotest.LoopNext); r.next() != r.json["meta"].(map[string]any)["url"] {
		t.Errorf("loop: %s", r.next())
	}
	if r, _ := usage(twiliotest.NoList); r.json["usage_records"] != nil || r.json["meta"] == nil {
		t.Errorf("no list: %s", r.body)
	}
	if r, records := usage(twiliotest.UnknownFields); records[0]["x_added"] == nil || r.json["x_added"] == nil {
		t.Errorf("unknown: %s", r.body)
	}
	if _, records := usage(twiliotest.NullNumbers); records[0]["data_upload"] != nil || records[0]["data_total_billed"] != nil {
		t.Errorf("null: %v", records[0])
	}
	if _, records := usage(twiliotest.NegativeNumbers); number(t, records[0]["data_upload"]) >= 0 || !strings.HasPrefix(records[0]["data_total_billed"].(string), "-") {
		t.Errorf("negative: %v", records[0])
	}
	if _, records := usage(twiliotest.EmptyStrings); records[0]["data_total_billed"] != "" || records[0]["billed_unit"] != "" {
		t.Errorf("empty: %v", records[0])
	}
	if _, records := usage(twiliotest.MissingPeriod); records[0]["period"] != nil {
		t.Errorf("period: %v", records[0])
	}
	if _, records := usage(twiliotest.ShrinkTotals); total(t, records).Upload >= total(t, plain).Upload || number(t, records[0]["data_upload"]) != number(t, plain[0]["data_upload"])*9/10 {
		t.Errorf("shrink: %v", records[0])
	}
	n := len(plain)
	if _, records := usage(twiliotest.DuplicateRecords); len(records) != n+1 || records[n]["data_upload"] != records[0]["data_upload"] || records[n]["sim_sid"] != records[0]["sim_sid"] {
		t.Errorf("duplicate: %v", records[n])
	}
	if _, records := usage(twiliotest.ConflictingDuplicates); len(records) != n+1 || records[n]["data_upload"] == records[0]["data_upload"] || records[n]["sim_sid"] != records[0]["sim_sid"] {
		t.Errorf("conflict: %v", records[n])
	}
	seen := make(map[string]bool)
	for range 12 {
		_, records := usage(twiliotest.UnreadableNumbers)
		b, _ := json.Marshal(records[0]["data_upload"])
		seen[string(b)] = true
	}
	if len(seen) < 6 || !seen["1.5"] {
		t.Errorf("unreadable: %v", seen)
	}
	for _, kind := range []twiliotest.FaultKind{twiliotest.ForeignNext, twiliotest.LoopNext} {
		s.ClearFaults()
		s.Inject(twiliotest.Fault{Kind: kind})
		if r := get(t, s, monthlyPath); !strings.Contains(r.next(), "/Usage/Records/Monthly.json?") {
			t.Errorf("%s on account usage: %s", kind, r.next())
		}
	}
	s.ClearFaults()
	s.Inject(twiliotest.Fault{Kind: twiliotest.InvalidPageToken, Times: 1})
	r := get(t, s, "/v1/Sims", "PageSize", "10")
	q := request(t, "GET", r.next(), "")
	q.SetBasicAuth(acct, secret)
	if have := send(s.Transport(), q); r.status != 200 || have.code() != 21481 {
		t.Errorf("page token: %d, %s", r.status, have.body)
	}
}

func TestFaultsAreCounted(t *testing.T) {
	s := twiliotest.New(options())
	s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Endpoint: twiliotest.Networks})
	s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Account: child})
	s.Inject(twiliotest.Fault{Kind: twiliotest.RateLimit, Endpoint: twiliotest.Sims, After: 1, Times: 2})
	s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Sims, Times: 1})
	for i, want := range []int{403, 429, 429, 200, 200} {
		if r := get(t, s, "/v1/Sims"); r.status != want {
			t.Errorf("request %d: have %d, want %d", i, r.status, want)
		}
	}
}

func TestTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Now = nil
		s := twiliotest.New(o)
		client := &http.Client{Transport: s.Transport(), Timeout: 3 * time.Second}
		ask := func(ctx context.Context) (*http.Response, error) {
			r := request(t, "GET", "http://supersim/v1/Sims", "").WithContext(ctx)
			r.SetBasicAuth(acct, secret)
			return client.Do(r)
		}
		s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Minute, Times: 2})
		began := time.Now()
		if _, err := ask(t.Context()); err == nil || time.Since(began) != 3*time.Second {
			t.Errorf("timeout: %v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}

		// A body that nobody reads, then one that is given up half-way.
		res, err := ask(t.Context())
		if err != nil || res.StatusCode != 200 || res.Request == nil {
			t.Fatal(res, err)
		}
		_ = res.Body.Close()
		ctx, cancel = context.WithCancel(t.Context())
		if res, err = ask(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled body: %v", err)
		}
		_ = res.Body.Close()
		s.ClearFaults()
		s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 2 * time.Second})
		began = time.Now()
		if res, err = ask(t.Context()); err != nil || time.Since(began) != 2*time.Second {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}) // synctest.Test fails if a goroutine is left
}
