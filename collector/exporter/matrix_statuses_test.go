package exporter_test

import (
	"fmt"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func refusal(name string, status, code int, reason string) fault {
	return fault{
		name:    name,
		Fault:   twiliotest.Fault{Kind: twiliotest.Refusal, Status: status, Code: code},
		effects: every(fails(reason, fmt.Sprintf("HTTP %d", status))),
	}
}

func refusals() section {
	const authentication, permission, refused = "authentication", "permission", "refused"
	s := section{
		title: "Refusals",
		about: "Another attempt would be refused too, so there is none before the next poll.",
		faults: []fault{
			refusal("400, code 20001", 400, 20001, refused),
		},
	}
	for code := 83600; code <= 83605; code++ {
		f := refusal(fmt.Sprintf("400, code %d", code), 400, code, refused)
		if code == 83601 {
			// The parts of the range may begin where it does.
			f.effects = f.effects.but(effect{
				reason: refused, log: []string{"code 83601"}, requests: unlimited, note: "asks once more, in parts that start and end at midnight",
			}, twiliotest.UsageRecords)
		}
		s.faults = append(s.faults, f)
	}
	none := effect{
		change: gone("twilio_account_balance"), warns: true, log: []string{"no balance"},
		note: "the account has no balance: no series, and a warning once",
	}
	deleted := effect{
		change: gone("twilio_supersim_sim_period_"), warns: true, log: []string{"no longer there"},
		note: "the SIM was deleted: no series, and a warning once",
	}
	s.faults = append(s.faults,
		fault{
			name: "401, code 20003", Fault: twiliotest.Fault{Kind: twiliotest.Unauthorized},
			effects: every(fails(authentication, "HTTP 401")),
		},
		refusal("401, code 20005: account not active", 401, 20005, authentication),
		refusal("403, code 20003: account suspended", 403, 20003, authentication),
		fault{
			name: "403, code 70051: permission missing", Fault: twiliotest.Fault{Kind: twiliotest.Forbidden},
			effects: every(fails(permission, "HTTP 403")),
		},
		fault{
			name: "404, code 20404", Fault: twiliotest.Fault{Kind: twiliotest.Refusal, Status: 404, Code: 20404},
			effects: every(fails(refused, "HTTP 404")).but(none, twiliotest.Balance).but(deleted, twiliotest.BillingPeriods),
		},
		fault{
			name: "400 that repeats the request's credentials", Fault: twiliotest.Fault{Kind: twiliotest.EchoCredentials},
			effects: every(fails(refused, "HTTP 400", "<secret>")).but(fails(refused, "HTTP 400"), twiliotest.Token),
		},
	)
	return s
}

func overload() section {
	limited := every(fails("rate_limit", "HTTP 429"))
	rateLimit := func(name, retryAfter string, waits time.Duration) fault {
		return fault{
			name: "429, " + name, waits: waits, effects: limited,
			Fault: twiliotest.Fault{Kind: twiliotest.RateLimit, RetryAfter: retryAfter},
		}
	}
	server := every(fails("server", "HTTP 5"))
	return section{
		title: "Too many requests, and failures of the server",
		about: "Without Retry-After an attempt waits 100 ms, the next one 200 ms. The header counts up to 60 s.",
		faults: []fault{
			rateLimit("no Retry-After", "", 0),
			rateLimit("Retry-After: 20", "20", 20*time.Second),
			rateLimit("Retry-After with a date 20 s after the poll begins", "Mon, 15 Mar 2004 12:07:20 GMT", 0),
			rateLimit("Retry-After with a date that is past", "Mon, 15 Mar 2004 11:00:00 GMT", 0),
			rateLimit("Retry-After: -5", "-5", 0),
			rateLimit("Retry-After: 99999999999999999999", "99999999999999999999", time.Minute),
			rateLimit("Retry-After: soon", "soon", 0),
			{name: "429 once, Retry-After: 20", waits: 20 * time.Second, effects: every(succeedsAfter(2)), Fault: twiliotest.Fault{Kind: twiliotest.RateLimit, RetryAfter: "20", Times: 1}},
			{name: "500, code 20500", effects: server, Fault: twiliotest.Fault{Kind: twiliotest.ServerError}},
			{name: "500 once", effects: every(succeedsAfter(2)), Fault: twiliotest.Fault{Kind: twiliotest.ServerError, Times: 1}},
			{name: "502 with HTML", effects: server, Fault: twiliotest.Fault{Kind: twiliotest.HTMLError}},
			{name: "503, code 20503", effects: server, Fault: twiliotest.Fault{Kind: twiliotest.ServerError, Status: 503}},
			{name: "503, Retry-After: 20", waits: 20 * time.Second, effects: server, Fault: twiliotest.Fault{Kind: twiliotest.ServerError, Status: 503, RetryAfter: "20"}},
		},
	}
}

func redirects() section {
	const answer = "answer"
	// A token request carries the secret in its body: it is never sent elsewhere.
	token := fails("refused", "HTTP 307")
	return section{
		title: "Redirects",
		about: "Within the origin they are followed, unless `follow_redirects` is off.",
		faults: []fault{
			{
				name: "307 within the origin", Fault: twiliotest.Fault{Kind: twiliotest.Redirect},
				effects: every(succeedsAfter(2)).but(token, twiliotest.Token),
			},
			{
				name: "307 within the origin that loses the query", Fault: twiliotest.Fault{Kind: twiliotest.RedirectWithoutQuery},
				effects: every(fails(answer, "parameters")).but(succeedsAfter(2), twiliotest.Balance).but(token, twiliotest.Token),
			},
			{
				name: "307 to itself, without end", Fault: twiliotest.Fault{Kind: twiliotest.RedirectLoop},
				effects: every(fails(answer)).but(token, twiliotest.Token),
			},
			{
				name: "307 to ever new paths", Fault: twiliotest.Fault{Kind: twiliotest.RedirectEndless},
				effects: every(effect{reason: answer, requests: 10}).but(token, twiliotest.Token),
			},
			{
				name: "307 to another origin", Fault: twiliotest.Fault{Kind: twiliotest.RedirectForeign},
				effects: every(fails(answer, "attacker.invalid")).but(token, twiliotest.Token),
			},
		},
	}
}
