package twilio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const attemptTimeout = 10 * time.Second

// temporary lists temporary faults: the reason of the retry, and the code by which
// the failed attempts are counted.
var temporary = []struct {
	name   string
	fault  twiliotest.Fault
	reason twilio.Reason
	code   string
}{
	{"429", twiliotest.Fault{Kind: twiliotest.RateLimit}, twilio.ReasonRateLimit, "429"},
	{"500", twiliotest.Fault{Kind: twiliotest.ServerError}, twilio.ReasonServer, "500"},
	{"502 of a gateway", twiliotest.Fault{Kind: twiliotest.HTMLError}, twilio.ReasonServer, "502"},
	{"503", twiliotest.Fault{Kind: twiliotest.ServerError, Status: 503}, twilio.ReasonServer, "503"},
	{"504 of a gateway", twiliotest.Fault{Kind: twiliotest.HTMLError, Status: 504}, twilio.ReasonServer, "504"},
	{"599", twiliotest.Fault{Kind: twiliotest.ServerError, Status: 599}, twilio.ReasonServer, "other"},
	{"reset", twiliotest.Fault{Kind: twiliotest.Reset}, twilio.ReasonNetwork, "error"},
	{"truncated body", twiliotest.Fault{Kind: twiliotest.Truncate}, twilio.ReasonTruncated, "200"},
	{"half a body as if it were all", twiliotest.Fault{Kind: twiliotest.MalformedJSON}, twilio.ReasonTruncated, "200"},
	{"timeout", twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Hour}, twilio.ReasonTimeout, "error"},
}

func TestTemporaryFaultsAreRetried(t *testing.T) {
	for _, test := range temporary {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulate()
				fault := test.fault
				fault.Times = 3
				s.Inject(fault)
				o := new(observer)
				c := simulated(t, s, retries(3), func(p *twilio.Options) { p.Observer, p.Timeout = o, attemptTimeout })
				records := mustList(t, c.Sims(t.Context()))
				equal(t, "records", 25, len(records))
				equal(t, "requests", 4, s.Requests(twiliotest.Sims))
				o.check(t, append(times(3, "sims "+test.code), "sims 200"), times(3, "sims "+string(test.reason)))
			})
		})
	}
}

func TestAttemptsAreCounted(t *testing.T) {
	for _, test := range temporary {
		for _, again := range []int{-1, 0, 2} {
			t.Run(fmt.Sprint(test.name, " ", again), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := simulate()
					s.Inject(test.fault)
					o := new(observer)
					c := simulated(t, s, retries(again), func(p *twilio.Options) { p.Observer, p.Timeout = o, attemptTimeout })
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					_, err := c.Balance(ctx)
					equal(t, "reason", test.reason, twilio.ReasonOf(err))
					if ctx.Err() != nil {
						t.Error("it did not stop")
					}
					attempts := 1 + max(again, 0)
					equal(t, "requests", attempts, s.Requests(twiliotest.Balance))
					o.check(t, times(attempts, "balance "+test.code), times(attempts-1, "balance "+string(test.reason)))
					switch test.reason {
					case twilio.ReasonRateLimit, twilio.ReasonServer:
						as[*twilio.APIError](t, err)
					default:
						equal(t, "endpoint", twilio.EndpointBalance, as[*twilio.TransportError](t, err).Endpoint)
					}
					if strings.Contains(err.Error(), "https://api.twilio.com") {
						t.Errorf("the URL is in %q", err)
					}
				})
			})
		}
	}
}

func TestPermanentFaultsAreNotRetried(t *testing.T) {
	for _, status := range []int{204, 400, 401, 403, 404, 405, 410, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := always(status, `{"message":"no"}`)
				o := new(observer)
				c := newClient(t, f, retries(5), func(p *twilio.Options) { p.Observer = o })
				start := time.Now()
				err := failure(t, c.Sims(t.Context()))
				equal(t, "status", status, as[*twilio.APIError](t, err).Status)
				equal(t, "requests", 1, f.count())
				equal(t, "time", 0, time.Since(start))
				equal(t, "retries", 0, len(o.retries))
			})
		})
	}
	for _, kind := range []twiliotest.FaultKind{twiliotest.NoList, twiliotest.UnreadableNumbers} {
		t.Run(string(kind), func(t *testing.T) {
			s := simulate()
			s.Inject(twiliotest.Fault{Kind: kind})
			now := time.Now().UTC().Truncate(24 * time.Hour)
			err := failure(t, simulated(t, s, retries(5)).UsageRecords(t.Context(), twilio.UsageRecordsParams{StartTime: now.AddDate(0, 0, -9), EndTime: now}))
			as[*twilio.ResponseError](t, err)
			equal(t, "requests", 1, s.TotalRequests())
		})
	}
}

// A permanent fault after a temporary one ends the attempts, also with the last of
// them.
func TestPermanentAfterTemporary(t *testing.T) {
	for _, again := range []int{1, 5} {
		synctest.Test(t, func(t *testing.T) {
			s := simulate()
			s.Inject(twiliotest.Fault{Kind: twiliotest.RateLimit, Times: 1, RetryAfter: "5"})
			s.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden})
			_, err := simulated(t, s, retries(again)).Balance(t.Context())
			equal(t, "reason", twilio.ReasonPermission, twilio.ReasonOf(err))
			if _, ok := err.(*twilio.APIError); !ok {
				t.Errorf("the error is still wrapped: %T", err)
			}
			equal(t, "requests", 2, s.TotalRequests())
		})
	}
}

// The pace is Twilio's advice: from 100 ms, doubled up to 30 s, give or take a
// tenth.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := always(http.StatusServiceUnavailable, "")
		_, err := newClient(t, f, retries(14)).Balance(t.Context())
		equal(t, "reason", twilio.ReasonServer, twilio.ReasonOf(err))
		waits := f.waits()
		equal(t, "waits", 14, len(waits))
		exact := 0
		for n, have := range waits {
			want := min(100*time.Millisecond<<n, 30*time.Second)
			between(t, fmt.Sprintf("wait %d", n), want-want/10, want+want/10+1, have)
			if have == want {
				exact++
			}
		}
		if exact == len(waits) {
			t.Error("the waits have no jitter")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	second := time.Second
	for _, test := range []struct {
		name, header string
		want         time.Duration // 0: the usual pace
	}{
		{"seconds", "7", 7 * second},
		{"one", "1", second},
		{"bound", "60", 60 * second},
		{"above the bound", "61", 60 * second},
		{"an hour", "3600", 60 * second},
		{"a date", "in 20 seconds", 20 * second},
		{"a date far away", "in 2000 seconds", 60 * second},
		{"a date in the past", "in -20 seconds", 0},
		{"zero", "0", 0},
		{"negative", "-5", 0},
		{"fraction", "1.5", 0},
		{"words", "soon", 0},
		{"words and numbers", "5 seconds", 0},
		{"nothing", "", 0},
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(test.name, " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					header := test.header
					if seconds := 0; len(header) > 3 && header[:3] == "in " {
						if _, err := fmt.Sscanf(header, "in %d seconds", &seconds); err != nil {
							t.Fatal(err)
						}
						// The header has whole seconds, as the bubble's clock has now.
						header = time.Now().Add(time.Duration(seconds) * second).UTC().Format(http.TimeFormat)
					}
					f := &fake{respond: func(n int, r *http.Request) (*http.Response, error) {
						if n == 0 {
							return reply(r, status, "", "Retry-After", header), nil
						}
						return reply(r, status, ""), nil
					}}
					var o observer
					_, err := newClient(t, f, retries(2), func(p *twilio.Options) { p.Observer = &o }).Balance(t.Context())
					equal(t, "status", status, as[*twilio.APIError](t, err).Status)
					if _, ok := err.(*twilio.APIError); !ok {
						t.Errorf("the error is still wrapped: %T", err)
					}
					waits := f.waits()
					want, next := test.want, 100*time.Millisecond
					if want == 0 {
						want, next = 100*time.Millisecond, 200*time.Millisecond
						between(t, "wait", want-want/10, want+want/10+1, waits[0])
					} else {
						// Never earlier than demanded.
						between(t, "wait", want, want+want/10+1, waits[0])
					}
					between(t, "wait after it", next-next/10, next+next/10+1, waits[1])
					equal(t, "retries observed", 2, len(o.retries))
				})
			})
		}
	}
	t.Run("is kept in the error", func(t *testing.T) {
		have := refused(t, 429, "", "Retry-After", "3600")
		equal(t, "RetryAfter", 60*second, have.RetryAfter)
		have = refused(t, 429, "", "Retry-After", "-1")
		equal(t, "RetryAfter", 0, have.RetryAfter)
	})
	t.Run("with the last attempt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := always(429, "", "Retry-After", "30")
			_, err := newClient(t, f, retries(1)).Balance(t.Context())
			if _, ok := err.(*twilio.APIError); !ok {
				t.Errorf("the error is still wrapped: %T", err)
			}
		})
	})
}

// stalled is a body of a beginning after which nothing comes any more.
type stalled struct {
	beginning io.Reader
	ctx       context.Context
}

func (s stalled) Read(p []byte) (int, error) {
	if n, _ := s.beginning.Read(p); n > 0 {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (stalled) Close() error { return nil }

// The timeout is for all of one attempt: a body that stalls is cut off.
func TestTimeoutCoversTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.respond = func(n int, r *http.Request) (*http.Response, error) {
			resp := reply(r, http.StatusOK, superSIMPage("sims", "null", `{"sid":"HS1"}`))
			if n < 2 {
				resp.Body = stalled{strings.NewReader(`{"sims":[{"sid":"HS0"},`), r.Context()}
			}
			return resp, nil
		}
		var o observer
		c := newClient(t, f, retries(2), func(p *twilio.Options) { p.Timeout, p.Observer = attemptTimeout, &o })
		records := mustList(t, c.Sims(t.Context()))
		equal(t, "records", 1, len(records))
		equal(t, "record", "HS1", records[0].SID)
		for _, wait := range f.waits() {
			between(t, "time between attempts", attemptTimeout+90*time.Millisecond, attemptTimeout+220*time.Millisecond, wait)
		}
		equal(t, "time of an attempt", attemptTimeout, o.took[0])
		o.check(t, times(3, "sims 200"), times(2, "sims timeout"))
	})
}

func TestTimeoutHasADefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(func(o *twiliotest.Options) { o.Latency = time.Hour })
		start := time.Now()
		_, err := simulated(t, s).Balance(t.Context())
		equal(t, "reason", twilio.ReasonTimeout, twilio.ReasonOf(err))
		equal(t, "time", 30*time.Second, time.Since(start))
		equal(t, "error", "balance: no complete response within 30s", err.Error())
	})
}

// Timeouts of a transport's own, such as a TLS handshake's, count as timeouts.
func TestReasonsOfTransportErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want twilio.Reason
	}{
		{&net.OpError{Op: "dial", Err: timeoutError{}}, twilio.ReasonTimeout},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, twilio.ReasonNetwork},
		{&net.DNSError{Err: "no such host", Name: "x"}, twilio.ReasonNetwork},
		{io.ErrUnexpectedEOF, twilio.ReasonTruncated},
		{io.EOF, twilio.ReasonNetwork},
		{errors.New("tls: bad certificate"), twilio.ReasonNetwork},
	} {
		f := &fake{respond: func(int, *http.Request) (*http.Response, error) { return nil, test.err }}
		err := failure(t, newClient(t, f).Sims(t.Context()))
		e := as[*twilio.TransportError](t, err)
		equal(t, test.err.Error(), test.want, e.Reason)
		if errors.Unwrap(err) == nil {
			t.Error("it wraps nothing")
		}
	}
}

type timeoutError struct{}

func (timeoutError) Error() string { return "handshake took too long" }
func (timeoutError) Timeout() bool { return true }

// A page that is requested again is yielded once.
func TestRetriedPagesAreYieldedOnce(t *testing.T) {
	for _, kind := range []twiliotest.FaultKind{twiliotest.Truncate, twiliotest.MalformedJSON, twiliotest.Reset, twiliotest.ServerError} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := fleetOf(7)
				s.Inject(twiliotest.Fault{Kind: kind, After: 1, Times: 2})
				seen := make(map[string]int)
				for _, r := range mustList(t, simulated(t, s, retries(2), pagesOf(3)).Sims(t.Context())) {
					seen[r.SID]++
				}
				equal(t, "different records", 7, len(seen))
				for sid, n := range seen {
					equal(t, sid, 1, n)
				}
				equal(t, "requests", 5, s.TotalRequests())
			})
		})
	}
}

// Every page has its own attempts.
func TestEveryPageHasItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fleetOf(9)
		for page := range 3 {
			s.Inject(twiliotest.Fault{Kind: twiliotest.RateLimit, After: page, Times: 2})
		}
		records, err := list(t, simulated(t, s, retries(6), pagesOf(3)).Sims(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "records", 9, len(records))
		equal(t, "requests", 9, s.TotalRequests())
	})
}
