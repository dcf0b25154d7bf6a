package twiliotest

import "slices"

// FaultKind is a way to misbehave.
type FaultKind string

// Faults of the connection: no response arrives. Simulator.Transport returns the errors
// that net/http returns for them; over real sockets these faults do nothing. They name
// no certificate or address of their own: those of the errors are examples.
const (
	// DNSFailure is a host name that does not exist.
	DNSFailure FaultKind = "dns_failure"
	// ConnectionRefused is a port that nothing listens on.
	ConnectionRefused FaultKind = "connection_refused"
	// NoDescriptors is a process without file descriptors left for a socket.
	NoDescriptors FaultKind = "no_descriptors"
	// ProxyDown is an HTTP proxy that nothing listens for.
	ProxyDown FaultKind = "proxy_down"
	// ProxyRefused is an HTTP proxy that responds to CONNECT with 403.
	ProxyRefused FaultKind = "proxy_refused"
	// TLSExpired is a certificate that has expired.
	TLSExpired FaultKind = "tls_expired"
	// TLSWrongName is a certificate for another host.
	TLSWrongName FaultKind = "tls_wrong_name"
	// TLSUnknownAuthority is a certificate that no known CA has signed.
	TLSUnknownAuthority FaultKind = "tls_unknown_authority"
	// ConnectReset is a connection that is reset in the TLS handshake.
	ConnectReset FaultKind = "connect_reset"
	// CloseAfterRequest is a connection that is closed after the request.
	CloseAfterRequest FaultKind = "close_after_request"
	// TruncateHeaders is a connection that is closed after some of the response's
	// headers.
	TruncateHeaders FaultKind = "truncate_headers"
	// MalformedHeader is a response with a header line that has no colon, and repeats
	// the Authorization header.
	MalformedHeader FaultKind = "malformed_header"
)

// Faults that take the place of the response.
const (
	// RateLimit is 429 with code 20429, and Retry-After if the fault has one.
	RateLimit FaultKind = "rate_limit"
	// ServerError is 500 with code 20500. With another Status its code is 20000
	// and that status: 503 comes with 20503.
	ServerError FaultKind = "server_error"
	// HTMLError is 502, or the fault's Status, with a page of HTML.
	HTMLError FaultKind = "html_error"
	// Reset breaks the connection off before the response. On a kept-alive
	// connection net/http's Transport repeats a GET by itself once, so over real
	// sockets one Reset may go unseen; over Simulator.Transport none does.
	Reset FaultKind = "reset"
	// Unauthorized is 401 with code 20003, at KORE a gateway's 401.
	Unauthorized FaultKind = "unauthorized"
	// Forbidden is 403 with code 70051, at KORE too.
	Forbidden FaultKind = "forbidden"
	// Refusal is the fault's Status (400 if it has none) and Code in Twilio's words.
	// With Status 200 it is an error object that claims to be a success.
	Refusal FaultKind = "refusal"
	// EchoCredentials is 400 with a message that repeats the Authorization header
	// and the password in it, or the form with the client's secret.
	EchoCredentials FaultKind = "echo_credentials"
	// InvalidPageToken is 400 with code 21481, for requests with a PageToken; others
	// do not count.
	InvalidPageToken FaultKind = "invalid_page_token"
	// Redirect is 307, or the fault's Status, to the same resource at another path
	// of the same origin, which serves it.
	Redirect FaultKind = "redirect"
	// RedirectWithoutQuery does the same and loses the query.
	RedirectWithoutQuery FaultKind = "redirect_without_query"
	// RedirectLoop redirects each request to itself.
	RedirectLoop FaultKind = "redirect_loop"
	// RedirectEndless redirects each request to yet another path of the origin.
	RedirectEndless FaultKind = "redirect_endless"
	// RedirectForeign redirects to http://attacker.invalid.
	RedirectForeign FaultKind = "redirect_foreign"
)

// Slow waits for the fault's Delay on the clock of package time, then goes on. It
// ends early with the request's context.
const Slow FaultKind = "slow"

// Faults of what a listing reads while its pages are read. They change pages after the
// first, which a PageToken asks for; other requests do not count.
const (
	// PageOverlap begins a page with the last record of the page before, as if one
	// had been added at the front meanwhile.
	PageOverlap FaultKind = "page_overlap"
	// PageGap leaves out the first record of a page, as if one had been removed from
	// the front meanwhile.
	PageGap FaultKind = "page_gap"
)

// Faults that change what a good response says: it stays valid JSON. They change all
// records of it, except where they say so, and responses of other status than 200 not
// at all.
const (
	// ForeignNext links every page to a next one on http://attacker.invalid.
	ForeignNext FaultKind = "foreign_next"
	// LoopNext links every page to itself as the next one.
	LoopNext FaultKind = "loop_next"
	// EndlessPages links every page to a next one with the records of the first.
	EndlessPages FaultKind = "endless_pages"
	// NullNumbers makes every number of usage, money and limits null.
	NullNumbers FaultKind = "null_numbers"
	// UnreadableNumbers makes them something that is no decimal, or not finite, or
	// not whole where bytes are; what, changes from request to request.
	UnreadableNumbers FaultKind = "unreadable_numbers"
	// NegativeNumbers makes them negative, 0 included.
	NegativeNumbers FaultKind = "negative_numbers"
	// HugeNumbers makes bytes 4.7e18, which is whole and fits an int64 but overflows
	// it when added, and money 1e308, which does the same to a float64.
	HugeNumbers FaultKind = "huge_numbers"
	// OverflowingNumbers makes bytes 2^63, which no int64 holds, and money 1e999.
	OverflowingNumbers FaultKind = "overflowing_numbers"
	// ShrinkTotals lowers all bytes, amounts and counts by a tenth. Bytes stay
	// whole, and upload and download add up to the total.
	ShrinkTotals FaultKind = "shrink_totals"
	// UnknownFields adds nested fields to the envelope and to every record.
	UnknownFields FaultKind = "unknown_fields"
	// UnknownEnums makes statuses, types, units of usage and countries words that nobody
	// has documented.
	UnknownEnums FaultKind = "unknown_enums"
	// ControlCharacters adds an escape sequence and a NUL to names.
	ControlCharacters FaultKind = "control_characters"
	// UnknownCurrency makes currencies a word that is no code of ISO 4217.
	UnknownCurrency FaultKind = "unknown_currency"
	// DuplicateRecords repeats the first record at the end of the page.
	DuplicateRecords FaultKind = "duplicate_records"
	// ConflictingDuplicates repeats it with other numbers; with another unique_name,
	// friendly_name or end_time where it has no numbers.
	ConflictingDuplicates FaultKind = "conflicting_duplicates"
	// NoList leaves out the list, but not the envelope.
	NoList FaultKind = "no_list"
	// ListIsObject makes the list an object.
	ListIsObject FaultKind = "list_is_object"
	// NullRecord makes the first record null.
	NullRecord FaultKind = "null_record"
	// EmptyList leaves out all records and the link to further pages.
	EmptyList FaultKind = "empty_list"
	// EmptyStrings makes amounts, counts and units "". Bytes stay.
	EmptyStrings FaultKind = "empty_strings"
	// HugeText makes the first text of the first record a mebibyte long.
	HugeText FaultKind = "huge_text"
	// MissingPeriod leaves out period, start_date and end_date, start_time and
	// end_time.
	MissingPeriod FaultKind = "missing_period"
	// OtherPeriod moves those of the first record to 1999.
	OtherPeriod FaultKind = "other_period"
)

// Faults of the body as it is sent, after those that change what it says.
const (
	// Truncate announces the whole body, sends half of it and breaks off.
	Truncate FaultKind = "truncate"
	// ResetBody does the same with a reset of the connection; over real sockets it
	// is Truncate.
	ResetBody FaultKind = "reset_body"
	// SlowBody sends half the body, and the rest after the fault's Delay.
	SlowBody FaultKind = "slow_body"
	// MalformedJSON sends half the body as if it were all.
	MalformedJSON FaultKind = "malformed_json"
	// OtherBody sends the fault's Body instead.
	OtherBody FaultKind = "other_body"
	// TrailingData sends the fault's Body after the real one.
	TrailingData FaultKind = "trailing_data"
	// DeepJSON adds a field of 20,000 nested arrays.
	DeepJSON FaultKind = "deep_json"
	// DuplicateKeys gives a key of the first record twice, with different values.
	DuplicateKeys FaultKind = "duplicate_keys"
	// DuplicateList gives the list twice, the second one empty.
	DuplicateList FaultKind = "duplicate_list"
	// HugePage adds 16 MiB in fields that nobody asks for.
	HugePage FaultKind = "huge_page"
	// EndlessText adds a text that does not end. It ends when nobody reads on, at the
	// latest after a gibibyte.
	EndlessText FaultKind = "endless_text"
	// Gzip compresses the body and says so, asked or not.
	Gzip FaultKind = "gzip"
	// GzipUnlabelled compresses it and does not say so.
	GzipUnlabelled FaultKind = "gzip_unlabelled"
	// GzipMislabelled says that it is compressed when it is not.
	GzipMislabelled FaultKind = "gzip_mislabelled"
	// GzipTruncated compresses it, says so and sends half of it as if it were all.
	GzipTruncated FaultKind = "gzip_truncated"
	// GzipBomb compresses 256 MiB of white space into some 260 KiB.
	GzipBomb FaultKind = "gzip_bomb"
	// PlainText says that the body is text/plain.
	PlainText FaultKind = "plain_text"
	// UnknownEncoding says that the body has a coding that nobody asked for.
	UnknownEncoding FaultKind = "unknown_encoding"
)

// Endpoints lists all endpoints.
func Endpoints() []Endpoint {
	return []Endpoint{UsageRecords, Sims, Fleets, Networks, BillingPeriods, Monthly, Balance, Accounts, Token}
}

// FaultKinds lists all kinds.
func FaultKinds() []FaultKind {
	return slices.Concat(connectionKinds(), replacingKinds(), []FaultKind{Slow, PageOverlap, PageGap}, documentKinds(), bodyKinds())
}

// InMemoryOnly reports whether the kind does nothing over real sockets, but over
// Simulator.Transport alone.
func (k FaultKind) InMemoryOnly() bool { return k.breaksConnection() }

func connectionKinds() []FaultKind {
	return []FaultKind{
		DNSFailure, ConnectionRefused, NoDescriptors, ProxyDown, ProxyRefused, TLSExpired, TLSWrongName, TLSUnknownAuthority,
		ConnectReset, CloseAfterRequest, TruncateHeaders, MalformedHeader,
	}
}

func replacingKinds() []FaultKind {
	return []FaultKind{
		RateLimit, ServerError, HTMLError, Reset, Unauthorized, Forbidden, Refusal, EchoCredentials, InvalidPageToken,
		Redirect, RedirectWithoutQuery, RedirectLoop, RedirectEndless, RedirectForeign,
	}
}

func documentKinds() []FaultKind {
	return []FaultKind{
		ForeignNext, LoopNext, EndlessPages, NullNumbers, UnreadableNumbers, NegativeNumbers, HugeNumbers, OverflowingNumbers,
		ShrinkTotals, UnknownFields, UnknownEnums, ControlCharacters, UnknownCurrency, DuplicateRecords, ConflictingDuplicates, NoList,
		ListIsObject, NullRecord, EmptyList, EmptyStrings, HugeText, MissingPeriod, OtherPeriod,
	}
}

func bodyKinds() []FaultKind {
	return []FaultKind{
		Truncate, ResetBody, SlowBody, MalformedJSON, OtherBody, TrailingData, DeepJSON, DuplicateKeys, DuplicateList,
		HugePage, EndlessText, Gzip, GzipUnlabelled, GzipMislabelled, GzipTruncated, GzipBomb, PlainText, UnknownEncoding,
	}
}

// breaksConnection reports whether the kind is one of the connection.
func (k FaultKind) breaksConnection() bool { return slices.Contains(connectionKinds(), k) }

// ofLaterPages reports whether the kind occurs on pages after the first only.
func (k FaultKind) ofLaterPages() bool {
	return k == InvalidPageToken || k == PageOverlap || k == PageGap
}

// replaces reports whether the kind takes the place of the response.
func (k FaultKind) replaces() bool { return slices.Contains(replacingKinds(), k) }

// changesDocument reports whether the kind changes what a response says.
func (k FaultKind) changesDocument() bool { return slices.Contains(documentKinds(), k) }
