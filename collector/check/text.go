package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// WriteJSON writes the report as one JSON document.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// WriteText writes the report as a table, with what to do below it.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ACCOUNT\tAPI\tREACHABLE\tCREDENTIALS\tPERMITTED\tRESULT\tLATENCY")
	for _, a := range r.Accounts {
		for _, api := range a.APIs {
			reachable, accepted, permitted, result := api.columns()
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.shown(), api.API, reachable, accepted, permitted, result, latency(api.Latency))
		}
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "ACCOUNT\tSIMS\tFLEETS\tREQUESTS/HOUR\tREQUESTS/DAY\tSERIES\tMEMORY")
	for _, a := range r.Accounts {
		fmt.Fprintln(t, a.planned())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, a := range r.Accounts {
		a.writeAdvice(w)
	}
	verdict := "\nEverything that is polled works."
	if !r.OK {
		verdict = "\nNot everything that is polled works."
		if n := len(r.Accounts); n > 1 {
			verdict += fmt.Sprintf(" It does in %d of %d accounts.", r.working(), n)
		}
	}
	if _, err := fmt.Fprintln(w, verdict); err != nil {
		return err
	}
	return r.writeProbe(w)
}

// working is in how many accounts everything works.
func (r Report) working() (n int) {
	for _, a := range r.Accounts {
		if a.works() {
			n++
		}
	}
	return n
}

// shown is the name, on one line and without what a terminal would take for a command.
func (a Account) shown() string {
	if strings.ContainsFunc(a.Name, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(a.Name)
	}
	return a.Name
}

// planned is the account's row of the plan. What could not be read is no number, and
// neither is what depends on it.
func (a Account) planned() string {
	sims, fleets, plan := fmt.Sprint(a.SIMs), fmt.Sprint(a.Fleets), fmt.Sprintf("%.0f\t%.0f\t%d\t%d MB",
		a.Plan.RequestsPerHour, a.Plan.RequestsPerDay, a.Plan.Series, (a.Plan.MemoryBytes+1<<20-1)>>20)
	const unknown = "-"
	for _, api := range a.APIs {
		if api.OK {
			continue
		}
		switch api.API {
		case twilio.EndpointSims:
			sims = unknown
		case twilio.EndpointFleets:
			fleets = unknown
		case twilio.EndpointUsageRecords:
		default:
			continue
		}
		plan = "-\t-\t-\t-"
	}
	return strings.Join([]string{a.shown(), sims, fleets, plan}, "\t")
}

// writeAdvice writes what does not work and what is amiss, and what to do about it: once
// for all APIs of which it is the same.
func (a Account) writeAdvice(w io.Writer) {
	var names []string // of APIs with the same message
	for i, api := range a.APIs {
		if api.Advice == "" {
			continue
		}
		if len(names) == 0 && (i == 0 || a.APIs[i-1].Advice != api.Advice) {
			fmt.Fprintln(w)
		}
		names = append(names, string(api.API))
		next := API{}
		if i+1 < len(a.APIs) {
			next = a.APIs[i+1]
		}
		if message := api.message(); next.Advice != api.Advice || next.message() != message {
			fmt.Fprintf(w, "%s, %s: %s\n", a.shown(), strings.Join(names, ", "), message)
			names = nil
		}
		if next.Advice != api.Advice {
			fmt.Fprintf(w, "  → %s\n", api.Advice)
		}
	}
	if a.notProbed {
		fmt.Fprintf(w, "\n%s: not probed, because its usage was not read\n", a.shown())
	}
}

// message is how the API responded, without its name.
func (a API) message() string {
	if a.OK {
		return "ok"
	}
	return strings.TrimPrefix(a.Message, string(a.API)+": ")
}

// columns say how far a request came.
func (a API) columns() (reachable, accepted, permitted, result string) {
	const yes, no, unknown = "yes", "no", "-"
	switch a.reason {
	case "":
		return yes, yes, yes, "ok"
	case twilio.ReasonNetwork, twilio.ReasonTimeout:
		return no, unknown, unknown, string(a.reason)
	case twilio.ReasonAuthentication:
		if a.Status == 0 { // not sent
			return unknown, no, unknown, string(a.reason)
		}
		return yes, no, unknown, string(a.reason)
	case twilio.ReasonPermission:
		return yes, yes, no, string(a.reason)
	case twilio.ReasonRefused, twilio.ReasonLimit:
		if a.Code != 0 || a.reason == twilio.ReasonLimit {
			return yes, yes, yes, string(a.reason)
		}
	}
	// Whatever is between this machine and the API may have sent that.
	return yes, unknown, unknown, string(a.reason)
}

func latency(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return max(time.Duration(seconds*float64(time.Second)).Round(time.Millisecond), time.Millisecond).String()
}
