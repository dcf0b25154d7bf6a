// Package twilio is a client for the usage APIs of Twilio Super SIM, which KORE
// sells today, and of Twilio accounts. It reads listings page by page, exactly
// and within bounds, and does not know what its records are used for.
//
//	UsageRecords(ctx, params)       a listing: an iterator over records
//	  │ one page after the other, by URL
//	  ▼
//	request ── retry ── attempt     semaphore, timeout, Options.Transport
//	  │ HTTP 200: the body, as it streams
//	  ▼
//	decoder ── wire record          JSON tokens; the fields as they were sent
//	  │ checked and converted
//	  ▼
//	record                          UsageRecord, Sim, …, or the first error
//
// A listing is one query of a resource, read over one or more pages. A request
// is for one page, or for the balance, and takes one or more attempts; each
// attempt is one HTTP exchange, redirects included. Every error that ends a
// listing has a [Reason].
package twilio
