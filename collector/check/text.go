package check

import (
	"encoding/json"
	"fmt"
	"io"
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
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, api.API, reachable, accepted, permitted, result, latency(api.Latency))
		}
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "ACCOUNT\tSIMS\tFLEETS\tREQUESTS/HOUR\tREQUESTS/DAY\tSERIES\tMEMORY")
	for _, a := range r.Accounts {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.0f\t%.0f\t%d\t%d MB\n", a.Name, a.SIMs, a.Fleets,
			a.Plan.RequestsPerHour, a.Plan.RequestsPerDay, a.Plan.Series, (a.Plan.MemoryBytes+1<<20-1)>>20)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, a := range r.Accounts {
		for _, api := range a.APIs {
			if !api.OK {
				fmt.Fprintf(w, "\n%s, %s: %s\n  → %s\n", a.Name, api.API, api.Message, api.Advice)
			}
		}
		for _, text := range a.Advice {
			fmt.Fprintf(w, "\n%s: %s\n", a.Name, text)
		}
	}
	verdict := "\nEverything that is polled works."
	if !r.OK {
		verdict = "\nNot everything that is polled works."
	}
	if _, err := fmt.Fprintln(w, verdict); err != nil {
		return err
	}
	return r.writeProbe(w)
}

// columns say how far a request came.
func (a API) columns() (reachable, accepted, permitted, result string) {
	const yes, no, unknown = "yes", "no", "-"
	switch a.reason {
	case "":
		return yes, yes, yes, "ok"
	case twilio.ReasonNetwork, twilio.ReasonTimeout, twilio.ReasonTruncated:
		return no, unknown, unknown, string(a.reason)
	case twilio.ReasonAuthentication:
		return yes, no, unknown, string(a.reason)
	case twilio.ReasonPermission:
		return yes, yes, no, string(a.reason)
	case twilio.ReasonServer, twilio.ReasonRateLimit:
		return yes, unknown, unknown, string(a.reason)
	}
	return yes, yes, yes, string(a.reason)
}

func latency(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return max(time.Duration(seconds*float64(time.Second)).Round(time.Millisecond), time.Millisecond).String()
}
