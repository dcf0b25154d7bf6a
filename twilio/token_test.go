package twilio_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// kore makes a client of the simulated KORE.
func kore(t *testing.T, s *twiliotest.Simulator, change ...func(*twilio.TokenOptions)) (*twilio.Client, *observer) {
	t.Helper()
	transport, seen := koreTransport(s, change...)
	return newClient(t, transport, asKORE), seen
}

// request lists the SIMs and returns the error.
func request(ctx context.Context, c *twilio.Client) error {
	for _, err := range c.Sims(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestTokenIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.Latency = time.Second })
		transport, _ := koreTransport(s)
		var group sync.WaitGroup
		for range 20 {
			c := newClient(t, transport, asKORE) // clients may share a transport
			group.Go(func() {
				if err := request(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		equal(t, "tokens", 1, s.Tokens())
		equal(t, "token requests", 1, s.Requests(twiliotest.Token))
		equal(t, "token requests at a time", 1, s.MaxTokenConcurrency())
		equal(t, "requests", 20, s.Requests(twiliotest.Sims))
	})
}

func TestTokenIsRenewedBeforeItEnds(t *testing.T) {
	for _, test := range []struct{ life, early time.Duration }{
		{time.Hour, time.Minute}, {24 * time.Hour, time.Minute}, {100 * time.Second, 10 * time.Second},
	} {
		t.Run(test.life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulate(func(o *twiliotest.Options) { o.TokenLifetime = test.life })
				c, seen := kore(t, s)
				for renewed := range 3 {
					for _, step := range []time.Duration{0, test.life - test.early - 1, 1} {
						time.Sleep(step)
						if err := request(t.Context(), c); err != nil {
							t.Fatal(err)
						}
						want := 1 + renewed
						if step == 1 {
							want++
						}
						equal(t, fmt.Sprintf("tokens after %s more", step), want, s.Tokens())
					}
				}
				for _, r := range s.Log() {
					equal(t, "status of "+r.URI, http.StatusOK, r.Status)
				}
				seen.check(t, times(4, "token 200"), nil)
			})
		})
	}
}

// A token that the API does not take is replaced once, and the request repeated
// once, whether it says 401 or 403.
func TestRefusedTokenIsReplaced(t *testing.T) {
	for name, refuse := range map[string]func(*twiliotest.Simulator){
		"401 for a revoked token": func(s *twiliotest.Simulator) { s.RevokeTokens() },
		"401": func(s *twiliotest.Simulator) {
			s.Inject(twiliotest.Fault{Kind: twiliotest.Unauthorized, Endpoint: twiliotest.Sims, Times: 1})
		},
		"403": func(s *twiliotest.Simulator) {
			s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Sims, Times: 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulate()
				c, _ := kore(t, s)
				if err := request(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				refuse(s)
				if err := request(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				equal(t, "tokens", 2, s.Tokens())
				equal(t, "requests", 3, s.Requests(twiliotest.Sims))
			})
		})
	}
}

// An expired token gets 403: here the client's own idea of its life is too long.
func TestExpiredTokenIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.TokenLifetime = time.Minute })
		c, _ := kore(t, s, func(o *twilio.TokenOptions) {
			o.TokenBase = rewrite{o.TokenBase, `"expires_in":60`, `"expires_in":6000`}
		})
		for want := 1; want <= 3; want++ {
			if err := request(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			equal(t, "tokens", want, s.Tokens())
			time.Sleep(2 * time.Minute)
		}
		statuses := make(map[int]int)
		for _, r := range s.Log() {
			if r.Endpoint == twiliotest.Sims {
				statuses[r.Status]++
			}
		}
		equal(t, "200", 3, statuses[200])
		equal(t, "403", 2, statuses[403])
	})
}

// rewrite changes the bodies of responses.
type rewrite struct {
	next     http.RoundTripper
	old, new string
}

func (f rewrite) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return reply(r, resp.StatusCode, strings.ReplaceAll(string(b), f.old, f.new)), nil
}

// Credentials that lack a permission are refused with every token: they fetch
// one a minute at most.
func TestRefusedWithEveryToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate()
		c, _ := kore(t, s)
		s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Sims})
		refusal := func(tokens, requests int) {
			t.Helper()
			s.ResetCounts()
			before := s.Tokens()
			err := as[*twilio.APIError](t, request(t.Context(), c))
			equal(t, "reason", twilio.ReasonPermission, twilio.ReasonOf(err))
			equal(t, "endpoint", twilio.EndpointSims, err.Endpoint)
			equal(t, "tokens", tokens, s.Tokens()-before)
			equal(t, "requests", requests, s.Requests(twiliotest.Sims))
		}
		refusal(2, 2) // the first one, and the one that replaced it
		for range 5 {
			time.Sleep(11 * time.Second)
			refusal(0, 1)
		}
		time.Sleep(5 * time.Second)
		refusal(1, 2)
		refusal(0, 1)
	})
}

// Many requests that are refused at the same time share the new token.
func TestRefusedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.Latency = time.Second })
		transport, _ := koreTransport(s)
		c := newClient(t, transport, asKORE, func(o *twilio.Options) { o.MaxConcurrency = 20 })
		if err := request(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		s.RevokeTokens()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if err := request(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		equal(t, "tokens", 2, s.Tokens())
		equal(t, "token requests at a time", 1, s.MaxTokenConcurrency())
	})
}

// A token that was renewed while a request was under way with the old one is the
// fresh one that its refusal asks for.
func TestRefusedAfterARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := tokenServer(func(n int, r *http.Request) (*http.Response, error) {
			return asJSON(r, http.StatusOK, fmt.Sprintf(`{"access_token":"token-%d","expires_in":3600}`, n+1)), nil
		})
		api := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				time.Sleep(2 * time.Minute)
				return reply(r, http.StatusForbidden, ""), nil
			}
			return reply(r, http.StatusOK, superSIMPage("sims", "null")), nil
		}}
		transport, _ := koreTransport(simulate(), options, func(o *twilio.TokenOptions) { o.Base = api })
		c := newClient(t, transport, asKORE, func(o *twilio.Options) { o.Timeout = time.Hour })
		_ = request(t.Context(), c)
		time.Sleep(58*time.Minute + 30*time.Second)
		slow := make(chan error)
		go func() { slow <- request(t.Context(), c) }()
		time.Sleep(time.Minute)
		if err := request(t.Context(), c); err != nil {
			t.Error(err)
		}
		if err := <-slow; err != nil {
			t.Error(err)
		}
		var tokens []string
		for _, r := range api.requests {
			tokens = append(tokens, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer token-"))
		}
		equal(t, "tokens used", "1 1 2 2", strings.Join(tokens, " "))
		equal(t, "token requests", 2, server.count())
	})
}

// The API's refusal is the better error where no new token is to be had.
func TestRefusedAndNoNewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate()
		c, _ := kore(t, s)
		if err := request(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		s.RevokeTokens()
		s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Endpoint: twiliotest.Token})
		err := as[*twilio.APIError](t, request(t.Context(), c))
		equal(t, "endpoint", twilio.EndpointSims, err.Endpoint)
		equal(t, "status", 401, err.Status)
	})
}

// tokenServer is a token endpoint in a few lines, beside an API that takes
// everything.
func tokenServer(respond func(n int, r *http.Request) (*http.Response, error)) (server *fake, options func(*twilio.TokenOptions)) {
	server = &fake{respond: respond}
	return server, func(o *twilio.TokenOptions) {
		o.Base, o.TokenBase = always(http.StatusOK, superSIMPage("sims", "null")), server
	}
}

const goodToken = `{"access_token":"the-token","token_type":"Bearer","expires_in":3600,"scope":"x"}`

// asJSON is a response of a token endpoint.
func asJSON(r *http.Request, status int, body string) *http.Response {
	return reply(r, status, body, "Content-Type", "application/json")
}

// After a refusal the next token is requested after 30 s, then after twice that,
// up to 15 minutes; until then the refusal is repeated.
func TestBackoffAfterATokenIsRefused(t *testing.T) {
	for _, test := range []struct {
		name, body string
		status     int
		reason     twilio.Reason
		first      time.Duration
	}{
		{"401", `{"error":"invalid_client","error_description":"who?"}`, 401, twilio.ReasonAuthentication, 30 * time.Second},
		{"400 invalid_client", `{"error":"invalid_client"}`, 400, twilio.ReasonAuthentication, 30 * time.Second},
		{"400", `{"error":"invalid_scope"}`, 400, twilio.ReasonRefused, 30 * time.Second},
		{"403", `{"message":"no"}`, 403, twilio.ReasonPermission, 30 * time.Second},
		{"404", `<html>`, 404, twilio.ReasonRefused, 30 * time.Second},
		{"500", `{"error":"broken"}`, 500, twilio.ReasonServer, time.Second},
		{"429", ``, 429, twilio.ReasonRateLimit, time.Second},
		{"200 without a token", `{}`, 200, twilio.ReasonResponse, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
					return asJSON(r, test.status, test.body), nil
				})
				c, _ := kore(t, simulate(), options)
				start := time.Now()
				for time.Since(start) < 80*time.Minute {
					err := request(t.Context(), c)
					equal(t, "reason", test.reason, twilio.ReasonOf(err))
					if !strings.HasPrefix(err.Error(), "token: ") {
						t.Errorf("the error is not the token endpoint's: %v", err)
					}
					time.Sleep(time.Second)
				}
				for n, have := range server.waits() {
					want := min(test.first<<n, 15*time.Minute)
					equal(t, fmt.Sprintf("wait %d", n), want, have)
				}
				between(t, "token requests", 10, 15, server.count())
			})
		})
	}
}

func TestChangedSecretIsUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate()
		secret := "outdated"
		c, _ := kore(t, s, func(o *twilio.TokenOptions) {
			o.ClientSecret = func(context.Context) (string, error) { return secret, nil }
		})
		for range 3 {
			err := as[*twilio.APIError](t, request(t.Context(), c))
			equal(t, "endpoint", twilio.EndpointToken, err.Endpoint)
			equal(t, "reason", twilio.ReasonAuthentication, twilio.ReasonOf(err))
			no(t, err, secret)
		}
		equal(t, "token requests", 1, s.Requests(twiliotest.Token))
		secret = koreSecret
		if err := request(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		equal(t, "token requests", 2, s.Requests(twiliotest.Token))
	})
}

// A success ends the backoff: the next failure waits from the start.
func TestBackoffStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := tokenServer(func(n int, r *http.Request) (*http.Response, error) {
			if n == 3 {
				return asJSON(r, http.StatusOK, `{"access_token":"t","expires_in":10}`), nil
			}
			return asJSON(r, http.StatusInternalServerError, ""), nil
		})
		c, _ := kore(t, simulate(), options)
		for range 40 {
			_ = request(t.Context(), c)
			time.Sleep(500 * time.Millisecond)
		}
		want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 9 * time.Second, time.Second, 2 * time.Second}
		have := server.waits()
		if !slices.Equal(want, have[:min(len(want), len(have))]) {
			t.Errorf("waits: want %v, have %v", want, have)
		}
	})
}

// While the renewal fails, the old token does until it ends.
func TestOldTokenWhileRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate()
		c, _ := kore(t, s)
		if err := request(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Endpoint: twiliotest.Token})
		time.Sleep(59 * time.Minute)
		for range 59 {
			if err := request(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		between(t, "token requests", 5, 8, s.Requests(twiliotest.Token)) // with their backoff
		time.Sleep(2 * time.Second)
		err := as[*twilio.APIError](t, request(t.Context(), c))
		equal(t, "endpoint", twilio.EndpointToken, err.Endpoint)
		equal(t, "reason", twilio.ReasonServer, twilio.ReasonOf(err))
		s.ClearFaults()
		time.Sleep(15 * time.Minute)
		if err := request(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	})
}

// The client's credentials are in the form and nowhere else, the token in the
// header of API requests.
func TestWhereCredentialsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var form string
		server, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
			b, err := io.ReadAll(r.Body)
			form = string(b)
			return asJSON(r, http.StatusOK, goodToken), err
		})
		api := always(http.StatusOK, superSIMPage("sims", "null"))
		c, _ := kore(t, simulate(), options, func(o *twilio.TokenOptions) {
			o.Base = api
			o.Scopes, o.Params = []string{"a", "b"}, map[string]string{"audience": "x y"}
		})
		if err := request(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		want := url.Values{
			"grant_type": {"client_credentials"}, "client_id": {koreID}, "client_secret": {koreSecret},
			"scope": {"a b"}, "audience": {"x y"},
		}
		equal(t, "form", want.Encode(), form)
		r := server.requests[0]
		equal(t, "method", http.MethodPost, r.Method)
		equal(t, "URL", twilio.ProviderKORE.TokenURL(), r.URL.String())
		equal(t, "Content-Type", "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
		equal(t, "User-Agent", userAgent, r.Header.Get("User-Agent"))
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), koreSecret) || name == "Authorization" {
				t.Errorf("header %s: %q", name, values)
			}
		}
		q := api.requests[0]
		equal(t, "Authorization", "Bearer the-token", q.Header.Get("Authorization"))
		equal(t, "User-Agent", userAgent, q.Header.Get("User-Agent"))
	})
}

// The caller's request is not changed, as RoundTripper demands.
func TestRequestIsNotChanged(t *testing.T) {
	_, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
		return asJSON(r, http.StatusOK, goodToken), nil
	})
	transport, _ := koreTransport(simulate(), options)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, twilio.ProviderKORE.SuperSIMURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	equal(t, "headers", 0, len(r.Header))
}

// A request that waits for the token request of another ends with its own context.
func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.Latency = 10 * time.Second })
		c, _ := kore(t, s)
		first := make(chan error)
		go func() { first <- request(t.Context(), c) }()
		synctest.Wait()
		cancelled(t, c, 3*time.Second)
		equal(t, "token requests", 1, s.Requests(twiliotest.Token))
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

// A caller that goes away during its token request does not fail the others.
func TestCancelledTokenRequestIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.Latency = 5 * time.Second })
		c, _ := kore(t, s)
		second := make(chan error)
		go func() {
			time.Sleep(time.Second)
			second <- request(t.Context(), c)
		}()
		cancelled(t, c, 3*time.Second)
		if err := <-second; err != nil {
			t.Error(err)
		}
		equal(t, "tokens", 1, s.Tokens())
	})
}

func TestLifeOfATokenThatDoesNotSay(t *testing.T) {
	for name, test := range map[string]struct {
		body     string
		requests int // tokens in 100 hours of a request an hour
	}{
		"nothing":    {`{"access_token":"t"}`, 1},
		"null":       {`{"access_token":"t","expires_in":null}`, 1},
		"zero":       {`{"access_token":"t","expires_in":0}`, 1},
		"a string":   {`{"access_token":"t","expires_in":"36000"}`, 10},
		"a number":   {`{"access_token":"t","expires_in":36000}`, 10},
		"a lifetime": {`{"access_token":"t","expires_in":99999999999}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, options := tokenServer(func(_ int, r *http.Request) (*http.Response, error) {
					return asJSON(r, http.StatusOK, test.body), nil
				})
				c, _ := kore(t, simulate(), options)
				for range 100 {
					if err := request(t.Context(), c); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Hour)
				}
				equal(t, "token requests", test.requests, server.count())
			})
		})
	}
}

func TestCloseIdleConnections(t *testing.T) {
	base, tokenBase := new(closer), new(closer)
	transport, _ := koreTransport(simulate(), func(o *twilio.TokenOptions) { o.Base, o.TokenBase = base, tokenBase })
	c, ok := transport.(interface{ CloseIdleConnections() })
	if !ok {
		t.Fatal("it has no CloseIdleConnections")
	}
	c.CloseIdleConnections()
	equal(t, "base", 1, base.closed)
	equal(t, "token base", 1, tokenBase.closed)

	transport, _ = koreTransport(simulate()) // over transports without it
	transport.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

type closer struct {
	http.RoundTripper
	closed int
}

func (c *closer) CloseIdleConnections() { c.closed++ }
