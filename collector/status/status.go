// Package status holds what the status page and /api/v1/status say, as plain data: the
// exporter fills it in, and package web writes it as HTML and as JSON. It depends on
// the standard library alone. The keys of the JSON document are explained in
// deploy/status.md.
package status

import (
	"encoding/json"
	"time"
)

// A State is how an account or one of its collectors is doing.
type State string

// The states, the one that needs an operator most first.
const (
	// Expired is a collector whose last results are older than max_age, so that none of
	// them are exposed any more: its last polls failed, or the next one is overdue.
	Expired State = "expired"
	// Failing is a collector whose last poll failed; its results of before, if there are
	// any, are exposed.
	Failing State = "failing"
	// Waiting is a collector whose first poll has not ended.
	Waiting State = "waiting"
	// OK is a collector whose last poll succeeded.
	OK State = "ok"
)

// States lists the states, the one that needs an operator most first. The state of an
// account is the first of those of its collectors.
func States() []State { return []State{Expired, Failing, Waiting, OK} }

// An Overview is how everything is doing at a moment.
type Overview struct {
	Version string        `json:"version"`
	Now     Time          `json:"now"`
	Started Time          `json:"started"` // of the process: nothing about polls is known from before
	Ready   bool          `json:"ready"`
	States  map[State]int `json:"states"` // how many accounts have each state
	// Accounts are in the order of their states, and by name within one.
	Accounts    []Account `json:"accounts"`
	BusiestSIMs []SIM     `json:"busiest_sims"` // at most ten, those with the most bytes first
}

// An Account is how an account is doing.
type Account struct {
	Name       string      `json:"name"`
	Provider   string      `json:"provider"`
	AccountSID string      `json:"account_sid"` // "" as long as it is not known
	State      State       `json:"state"`
	Collectors []Collector `json:"collectors"`
	Traffic    *Traffic    `json:"traffic"` // nil if no total of the account is exposed
	Costs      []Cost      `json:"costs"`   // of Super SIM, by currency
	Bills      []Bill      `json:"bills"`   // of the whole account, by currency
}

// A Collector is how one collector of an account is doing.
type Collector struct {
	Name       string  `json:"collector"`
	State      State   `json:"state"`
	Interval   float64 `json:"interval_seconds"`
	LastPoll   Time    `json:"last_poll"` // end of the last poll
	Polling    Time    `json:"polling"`   // start of the poll that is under way
	NextPoll   Time    `json:"next_poll"`
	Duration   float64 `json:"duration_seconds"` // of the last poll
	Requests   int     `json:"requests"`         // of the last poll
	Records    int     `json:"records"`          // of the last successful poll
	Success    Time    `json:"last_success"`     // end of the last successful poll
	CountUntil Time    `json:"counts_until"`     // up to when the counters count that are exposed
	Expires    Time    `json:"expires"`          // when the results are too old to be exposed; zero: there are none
	Error      *Error  `json:"error"`            // of the last poll; nil if it succeeded
	Polls      []Poll  `json:"polls"`            // of the last 24 hours, at most MaxPolls, the oldest first
	PollsSince Time    `json:"polls_since"`      // all polls from then on are in Polls
}

// MaxPolls is how many polls of a collector are remembered.
const MaxPolls = 100

// An Error is why a poll failed.
type Error struct {
	Reason      string `json:"reason"`      // label value of twilio_exporter_poll_failures_total
	Status      int    `json:"http_status"` // 0 if there was no response
	Code        int    `json:"code"`        // of Twilio; 0 if the response has none
	Message     string `json:"message"`     // without secrets
	Explanation string `json:"explanation"` // of the code, or else of the reason
	Advice      string `json:"advice"`
	RequestID   string `json:"request_id"` // which Twilio's support asks for
}

// A Poll is one poll that has ended.
type Poll struct {
	Ended    Time    `json:"ended"`
	Duration float64 `json:"duration_seconds"`
	Requests int     `json:"requests"`
	Reason   string  `json:"reason"` // why it failed; "" if it succeeded
}

// Traffic is an account's bytes in a month, as far as they are counted.
type Traffic struct {
	Month    string   `json:"month"` // such as 2026-11
	Until    Time     `json:"until"`
	Upload   float64  `json:"upload_bytes"`
	Download float64  `json:"download_bytes"`
	Previous *float64 `json:"previous_bytes"` // up to the same moment of the month before; nil: not known
	Forecast *float64 `json:"forecast_bytes"` // of the whole month; nil: nothing is counted yet
}

// Bytes is upload and download.
func (t Traffic) Bytes() float64 { return t.Upload + t.Download }

// A Cost is what was billed for an account's traffic in a month, as far as it is counted.
type Cost struct {
	Month    string   `json:"month"`
	Until    Time     `json:"until"`
	Currency string   `json:"currency"`
	Amount   float64  `json:"amount"`
	Previous *float64 `json:"previous"` // up to the same moment of the month before; nil: not known
	Forecast *float64 `json:"forecast"` // of the whole month; nil: nothing is counted yet
}

// A Bill is the price of everything in the calendar month so far.
type Bill struct {
	AccountSID    string   `json:"account_sid"`
	Currency      string   `json:"currency"`
	Amount        float64  `json:"amount"`
	PreviousMonth *float64 `json:"previous_month"` // the whole month before; nil: not reported
}

// HoursShown is for how many closed hours a SIM's bytes are remembered.
const HoursShown = 24

// A SIM is one of the busiest SIMs.
type SIM struct {
	Account  string     `json:"account"`
	SID      string     `json:"sim_sid"`
	Name     string     `json:"unique_name"`
	Bytes    float64    `json:"bytes"`     // of the hours that are known
	HoursEnd Time       `json:"hours_end"` // end of the last of the hours
	Hours    []*float64 `json:"hours"`     // bytes of the last 24 closed hours, the oldest first; nil: not known
}

// A Time is a moment. The zero time is null in JSON.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler: RFC 3339 in UTC, to the millisecond.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Truncate(time.Millisecond))
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &t.Time) }
