package exporter_test

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func connectionFaults() section {
	const network, truncated = "network", "truncated"
	cut := fails(truncated, "cut off")
	return section{
		title: "Connections",
		about: "The errors are those of net/http; a test compares them with those of real sockets.",
		faults: []fault{
			{name: "DNS has no such host", Fault: twiliotest.Fault{Kind: twiliotest.DNSFailure}, effects: every(fails(network, "no such host"))},
			{name: "connection refused", Fault: twiliotest.Fault{Kind: twiliotest.ConnectionRefused}, effects: every(fails(network, "connection refused"))},
			{name: "connection refused once", Fault: twiliotest.Fault{Kind: twiliotest.ConnectionRefused, Times: 1}, effects: every(succeedsAfter(2))},
			{name: "proxy down", Fault: twiliotest.Fault{Kind: twiliotest.ProxyDown}, effects: every(fails(network, "proxyconnect", "connection refused"))},
			{name: "no file descriptors left", Fault: twiliotest.Fault{Kind: twiliotest.NoDescriptors}, effects: every(fails(network, "too many open files"))},
			{name: "TLS: certificate expired", Fault: twiliotest.Fault{Kind: twiliotest.TLSExpired}, effects: every(fails(network, "certificate has expired"))},
			{name: "TLS: certificate for another name", Fault: twiliotest.Fault{Kind: twiliotest.TLSWrongName}, effects: every(fails(network, "certificate is valid for other.example"))},
			{name: "TLS: certificate changed between polls to one of an unknown CA", Fault: twiliotest.Fault{Kind: twiliotest.TLSUnknownAuthority}, effects: every(fails(network, "unknown authority"))},
			{name: "reset on connect, in the TLS handshake", Fault: twiliotest.Fault{Kind: twiliotest.ConnectReset}, effects: every(fails(network, "connection reset by peer"))},
			{name: "reset after the request", Fault: twiliotest.Fault{Kind: twiliotest.Reset}, effects: every(fails(network, "connection reset by peer"))},
			{name: "closed after the request", Fault: twiliotest.Fault{Kind: twiliotest.CloseAfterRequest}, effects: every(fails(network, "EOF"))},
			{name: "closed in the headers", Fault: twiliotest.Fault{Kind: twiliotest.TruncateHeaders}, effects: every(cut)},
			{name: "closed in the body", Fault: twiliotest.Fault{Kind: twiliotest.Truncate}, effects: every(cut)},
			{name: "closed in the body once", Fault: twiliotest.Fault{Kind: twiliotest.Truncate, Times: 1}, effects: every(succeedsAfter(2))},
			{name: "reset in the body", Fault: twiliotest.Fault{Kind: twiliotest.ResetBody}, effects: every(fails(network, "connection reset by peer"))},
		},
	}
}

func slowness() section {
	timeout := every(fails("timeout", "within 2s"))
	return section{
		title: "Slowness",
		about: "`timeout` is 2 seconds here, for one attempt with the whole response.",
		faults: []fault{
			{name: "headers after 1 s", Fault: twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Second}, effects: every(effect{})},
			{name: "headers after 3 s", Fault: twiliotest.Fault{Kind: twiliotest.Slow, Delay: 3 * time.Second}, effects: timeout},
			{name: "no response at all (hang)", Fault: twiliotest.Fault{Kind: twiliotest.Slow, Delay: 1000 * time.Hour}, effects: timeout},
			{name: "half the body, the rest after 1 s", Fault: twiliotest.Fault{Kind: twiliotest.SlowBody, Delay: time.Second}, effects: every(effect{})},
			{name: "half the body, the rest after 3 s", Fault: twiliotest.Fault{Kind: twiliotest.SlowBody, Delay: 3 * time.Second}, effects: timeout},
			{name: "half the body, then nothing (hang)", Fault: twiliotest.Fault{Kind: twiliotest.SlowBody, Delay: 1000 * time.Hour}, effects: timeout},
		},
	}
}
