package exporter_test

import "github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"

// malformed is a fault that makes the responses of all endpoints invalid.
func malformed(name string, f twiliotest.Fault, log ...string) fault {
	return fault{name: name, Fault: f, effects: every(fails("answer", log...))}
}

func otherBody(text string) twiliotest.Fault {
	return twiliotest.Fault{Kind: twiliotest.OtherBody, Body: text}
}

func malformedBodies() section {
	// What ends in the middle was probably cut off on its way, by a proxy that has
	// given it a new length.
	cut := fails("truncated", "cut off")
	token := fails("answer")
	return section{
		title: "Malformed bodies with status 200",
		faults: []fault{
			{name: "half of the JSON", Fault: twiliotest.Fault{Kind: twiliotest.MalformedJSON}, effects: every(cut).but(token, twiliotest.Token)},
			{name: "empty body", Fault: otherBody(""), effects: every(cut).but(token, twiliotest.Token)},
			malformed("`null`", otherBody("null")),
			malformed("`{}`", otherBody("{}")),
			malformed("`[]`", otherBody("[]")),
			malformed("text", otherBody("maintenance until 18:00")),
			malformed("HTML", twiliotest.Fault{Kind: twiliotest.HTMLError, Status: 200}),
			malformed("an error object with status 200", twiliotest.Fault{Kind: twiliotest.Refusal, Status: 200, Code: 20500}),
			malformed("JSON, then text", twiliotest.Fault{Kind: twiliotest.TrailingData, Body: " and more"}),
			malformed("JSON, then JSON", twiliotest.Fault{Kind: twiliotest.TrailingData, Body: "{}"}),
			malformed("20,000 nested arrays", twiliotest.Fault{Kind: twiliotest.DeepJSON}),
			malformed("a key of a record twice, with different values", twiliotest.Fault{Kind: twiliotest.DuplicateKeys}),
			{name: "the list twice", Fault: twiliotest.Fault{Kind: twiliotest.DuplicateList}, effects: lists(fails("answer"))},
			{name: "no list", Fault: twiliotest.Fault{Kind: twiliotest.NoList}, effects: lists(fails("answer", "missing list "))},
			{name: "the list is an object", Fault: twiliotest.Fault{Kind: twiliotest.ListIsObject}, effects: lists(fails("answer"))},
			{name: "a record is null", Fault: twiliotest.Fault{Kind: twiliotest.NullRecord}, effects: lists(fails("answer", "null"))},
			{name: "fields that nobody knows", Fault: twiliotest.Fault{Kind: twiliotest.UnknownFields}, effects: every(effect{})},
			{name: "JSON as `text/plain`", Fault: twiliotest.Fault{Kind: twiliotest.PlainText}, effects: every(effect{})},
		},
	}
}

func compression() section {
	cut, token := fails("truncated", "cut off"), fails("truncated")
	return section{
		title: "Compression",
		faults: []fault{
			{name: "gzip", Fault: twiliotest.Fault{Kind: twiliotest.Gzip}, effects: every(effect{})},
			malformed("gzip that is not declared", twiliotest.Fault{Kind: twiliotest.GzipUnlabelled}),
			malformed("declared as gzip, but is not", twiliotest.Fault{Kind: twiliotest.GzipMislabelled}),
			{name: "half of the gzip", Fault: twiliotest.Fault{Kind: twiliotest.GzipTruncated}, effects: every(cut).but(token, twiliotest.Token)},
			malformed("gzip of 256 MiB in 260 KiB", twiliotest.Fault{Kind: twiliotest.GzipBomb}),
			malformed("a coding that nobody asked for", twiliotest.Fault{Kind: twiliotest.UnknownEncoding}),
		},
	}
}

func sizes() section {
	return section{
		title: "Sizes",
		faults: []fault{
			{
				name: "a value of 1 MiB", Fault: twiliotest.Fault{Kind: twiliotest.HugeText},
				// The first value of an account is its auth token.
				effects: every(fails("answer")).but(effect{note: "auth tokens are skipped"}, twiliotest.Accounts),
			},
			malformed("a page of 16 MiB", twiliotest.Fault{Kind: twiliotest.HugePage}),
			malformed("a text without end", twiliotest.Fault{Kind: twiliotest.EndlessText}),
		},
	}
}

func pages() section {
	const answer = "answer"
	// The dimension whose listing meets the fault first may have more or fewer pages.
	return section{
		title: "Pages",
		about: "Every page has one record here, so that each list has several pages.",
		faults: []fault{
			{
				name: "stale page token (400, code 21481)", paged: true, Fault: twiliotest.Fault{Kind: twiliotest.InvalidPageToken},
				effects: lists(effect{reason: "refused", log: []string{"code 21481"}, requests: 4, note: "starts again once"}),
			},
			{
				name: "stale page token once", paged: true, Fault: twiliotest.Fault{Kind: twiliotest.InvalidPageToken, Times: 1},
				effects: lists(effect{requests: unlimited, note: "starts again"}),
			},
			{
				name: "the link leads to the same page", Fault: twiliotest.Fault{Kind: twiliotest.LoopNext},
				effects: lists(effect{reason: answer, log: []string{"earlier page"}, requests: 2}),
			},
			{
				name: "the link leads to another origin", Fault: twiliotest.Fault{Kind: twiliotest.ForeignNext},
				effects: lists(fails(answer, "attacker.invalid")).but(fails(answer, "another origin"), twiliotest.Accounts),
			},
			{
				name: "pages without end (`max_records: 50`)", paged: true, api: ", max_records: 50",
				Fault:   twiliotest.Fault{Kind: twiliotest.EndlessPages},
				effects: lists(effect{reason: "limit", log: []string{"50 records"}, requests: 51}),
			},
			{
				name: "500 on the second page once", paged: true, Fault: twiliotest.Fault{Kind: twiliotest.ServerError, After: 1, Times: 1},
				effects: lists(effect{requests: unlimited}),
			},
			{
				name: "a record is added in front while pages are read", paged: true, Fault: twiliotest.Fault{Kind: twiliotest.PageOverlap},
				effects: lists(effect{requests: unlimited, note: "the record that comes twice counts once"}),
			},
			{
				name: "a record is removed in front while pages are read", paged: true, Fault: twiliotest.Fault{Kind: twiliotest.PageGap},
				effects: lists(effect{
					requests: unlimited, change: held(func(string, float64) float64 { return unchecked }),
					note: "nothing in the pages tells: a record is missed. Counters stay, its gauges are gone until the next poll",
				}).but(effect{requests: unlimited, note: "a subaccount stays until the next list lacks it, too"}, twiliotest.Accounts),
			},
		},
	}
}
