package twilio_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// Links that lead elsewhere get no request, and so no credentials.
func TestForeignLinks(t *testing.T) {
	foreign := []string{
		"https://attacker.invalid/v1/Sims?Page=1",
		"http://HOST/v1/Sims?Page=1",
		"http://HOST:443/v1/Sims?Page=1",
		"https://HOST:8443/v1/Sims?Page=1",
		"https://HOST:80/v1/Sims?Page=1",
		"https://user@HOST/v1/Sims?Page=1",
		"https://user:password@HOST/v1/Sims?Page=1",
		"https://HOST@attacker.invalid/v1/Sims?Page=1",
		"https://HOST.attacker.invalid/v1/Sims?Page=1",
		"https://attackerHOST/v1/Sims?Page=1",
		"https://HOST./v1/Sims?Page=1",
		"//attacker.invalid/v1/Sims?Page=1",
		"//attacker.invalid",
		"https:///v1/Sims",
		"https:opaque",
		"file:///etc/passwd",
		"javascript:alert(1)",
		"https://[::1]/v1/Sims",
	}
	type listing struct {
		host string
		run  func(*testing.T, http.RoundTripper) error
	}
	for name, l := range map[string]listing{
		"next_page_url": {"supersim.twilio.com", func(t *testing.T, rt http.RoundTripper) error {
			return failure(t, newClient(t, rt, retries(3)).Sims(t.Context()))
		}},
		"next_page_uri": {"api.twilio.com", func(t *testing.T, rt http.RoundTripper) error {
			return failure(t, newClient(t, rt, retries(3)).MonthlyUsages(t.Context(), twilio.MonthlyUsageParams{}))
		}},
	} {
		for _, link := range foreign {
			link = strings.ReplaceAll(link, "HOST", l.host)
			t.Run(name+" "+link, func(t *testing.T) {
				page := superSIMPage("sims", fmt.Sprintf("%q", link), `{"sid":"HS1"}`)
				if name == "next_page_uri" {
					page = monthlyPage(fmt.Sprintf("%q", link), `{"category":"sms"}`)
				}
				f := always(http.StatusOK, page)
				err := l.run(t, basicAuth{accountSID, authToken, f})
				as[*twilio.ResponseError](t, err)
				equal(t, "requests", 1, f.count())
				// It was detected before any request.
				if want := "next page not followed"; !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in %q", want, err)
				}
				if strings.Contains(err.Error(), "password") {
					t.Errorf("the link's credentials are in %q", err)
				}
			})
		}
	}
}

// Other ways to write the same origin are followed.
func TestLinksWithinTheOrigin(t *testing.T) {
	for link, want := range map[string]string{
		"https://supersim.twilio.com/v1/Sims?Page=1&PageToken=a%3Db": "https://supersim.twilio.com/v1/Sims?Page=1&PageToken=a%3Db",
		"https://supersim.twilio.com:443/v1/Sims?Page=1":             "https://supersim.twilio.com:443/v1/Sims?Page=1",
		"HTTPS://SuperSIM.Twilio.com/v1/Sims?Page=1":                 "https://SuperSIM.Twilio.com/v1/Sims?Page=1",
		"//supersim.twilio.com/v1/Sims?Page=1":                       "https://supersim.twilio.com/v1/Sims?Page=1",
		"/v1/Sims?Page=1":                                            "https://supersim.twilio.com/v1/Sims?Page=1",
		"Sims?Page=1":                                                "https://supersim.twilio.com/v1/Sims?Page=1",
		"?Page=1":                                                    "https://supersim.twilio.com/v1/Sims?Page=1",
	} {
		t.Run(link, func(t *testing.T) {
			f := inTurn(superSIMPage("sims", fmt.Sprintf("%q", link), `{"sid":"HS1"}`), superSIMPage("sims", "null", `{"sid":"HS2"}`))
			equal(t, "records", 2, len(mustList(t, newClient(t, f).Sims(t.Context()))))
			equal(t, "second request", want, f.requests[1].URL.String())
		})
	}
}

func TestPortsThatGoWithoutSaying(t *testing.T) {
	for origin, link := range map[string]string{
		"http://127.0.0.1":     "http://127.0.0.1:80/v1/Sims?Page=1",
		"http://127.0.0.1:80":  "http://127.0.0.1/v1/Sims?Page=1",
		"https://[::1]:443":    "https://[::1]/v1/Sims?Page=1",
		"http://127.0.0.1:443": "http://127.0.0.1:443/v1/Sims?Page=1",
	} {
		f := inTurn(superSIMPage("sims", fmt.Sprintf("%q", link)), superSIMPage("sims", "null"))
		mustList(t, newClient(t, f, func(o *twilio.Options) { o.SuperSIMURL = origin }).Sims(t.Context()))
		equal(t, "requests to "+origin, 2, f.count())
	}
	f := always(http.StatusOK, superSIMPage("sims", `"http://127.0.0.1/v1/Sims?Page=1"`))
	c := newClient(t, f, func(o *twilio.Options) { o.SuperSIMURL = "http://127.0.0.1:443" })
	as[*twilio.ResponseError](t, failure(t, c.Sims(t.Context())))
	equal(t, "requests", 1, f.count())
}

func TestEmptyLinkIsTheEnd(t *testing.T) {
	f := inTurn(superSIMPage("sims", `""`, `{"sid":"HS1"}`))
	equal(t, "records", 1, len(mustList(t, newClient(t, f).Sims(t.Context()))))
}

// The simulator links to a foreign host.
func TestSimulatedForeignLink(t *testing.T) {
	s := fleetOf(5)
	s.Inject(twiliotest.Fault{Kind: twiliotest.ForeignNext})
	err := failure(t, simulated(t, s, retries(3)).Sims(t.Context()))
	if want := "attacker.invalid"; !strings.Contains(as[*twilio.ResponseError](t, err).Error(), want) {
		t.Errorf("want %q in %q", want, err)
	}
	equal(t, "requests", 1, s.TotalRequests())
}

func TestRedirects(t *testing.T) {
	for _, test := range []struct {
		location string
		followed bool
	}{
		{"https://attacker.invalid/v1/Sims", false},
		{"http://supersim.twilio.com/v1/Sims", false},
		{"http://supersim.twilio.com:443/v1/Sims", false},
		{"https://supersim.twilio.com:8443/v1/Sims", false},
		{"https://user:pw@supersim.twilio.com/v1/Sims", false},
		{"//attacker.invalid/", false},
		{"/v2/Sims?PageSize=1000", true},
		{"https://supersim.twilio.com/v2/Sims?PageSize=1000", true},
	} {
		for _, status := range []int{301, 302, 307, 308} {
			t.Run(fmt.Sprint(test.location, " ", status), func(t *testing.T) {
				f := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
					if n == 0 {
						return reply(r, status, "", "Location", test.location), nil
					}
					return reply(r, http.StatusOK, superSIMPage("sims", "null", `{"sid":"HS1"}`)), nil
				}}
				c := newClient(t, basicAuth{accountSID, authToken, f}, retries(3))
				records, err := list(t, c.Sims(t.Context()))
				if !test.followed {
					as[*twilio.ResponseError](t, err)
					equal(t, "requests", 1, f.count())
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "records", 1, len(records))
				equal(t, "second request", "https://supersim.twilio.com/v2/Sims?PageSize=1000", f.requests[1].URL.String())
			})
		}
	}
}

// KORE has no account API, so its credentials never go to Twilio's.
func TestRedirectFromKOREToTwilio(t *testing.T) {
	f := always(http.StatusFound, "", "Location", "https://api.twilio.com/v1/Sims")
	err := failure(t, newClient(t, f, asKORE).Sims(t.Context()))
	as[*twilio.ResponseError](t, err)
	equal(t, "requests", 1, f.count())
}

// The same over sockets, with net/http as it is.
func TestRedirectOverSockets(t *testing.T) {
	stolen := 0
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen++ }))
	defer foreign.Close()
	api := httptest.NewServer(http.RedirectHandler(foreign.URL, http.StatusFound))
	defer api.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := newClient(t, basicAuth{accountSID, authToken, transport}, func(o *twilio.Options) { o.SuperSIMURL = api.URL })
	as[*twilio.ResponseError](t, failure(t, c.Sims(t.Context())))
	equal(t, "requests to the foreign host", 0, stolen)
}
