package exporter_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// sectionOutcome is a section with what was observed of its faults.
type sectionOutcome struct {
	section
	rows [][]outcomeAt // by fault and column
}

// faultsPage is the page about the matrix.
func faultsPage(sections []sectionOutcome) string {
	var b strings.Builder
	b.WriteString(faultsIntroduction)
	b.WriteString("\n## Reasons\n\n| reason | attempts | the log advises |\n| --- | --- | --- |\n")
	for _, reason := range twilio.Reasons() {
		attempts := "1"
		if slices.Contains(twilio.RetryReasons(), reason) {
			attempts = "1 + `max_retries`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", reason, attempts, reason.Advice())
	}
	for _, s := range sections {
		s.write(&b)
	}
	return b.String()
}

func (s sectionOutcome) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", s.title)
	if s.about != "" {
		fmt.Fprintf(b, "%s\n\n", s.about)
	}
	b.WriteString("| fault |")
	for _, c := range columns() {
		fmt.Fprintf(b, " %s |", c.title)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(columns())) + "\n")
	for i, f := range s.faults {
		fmt.Fprintf(b, "| %s |", f.name)
		for _, o := range s.rows[i] {
			fmt.Fprintf(b, " %s |", o.cell(f))
		}
		b.WriteString("\n")
	}
	s.writeLog(b)
}

// cell is what the metrics say, what changes, and how many requests it took.
func (o outcomeAt) cell(f fault) string {
	if o.notApplicable != "" {
		return "– " + o.notApplicable
	}
	text := "ok"
	if o.reason != "" {
		text = "`" + o.reason + "`"
	}
	switch {
	case o.requests == unlimited || o.title == "Token" && o.reason != "":
	case o.made > 1 && f.waits > 0:
		text += fmt.Sprintf(", %d requests %s apart", o.made, f.waits)
	case o.made > 1:
		text += fmt.Sprintf(", %d requests", o.made)
	}
	if o.note != "" {
		text += "; " + o.note
	}
	return text
}

// writeLog writes what is logged, each text once with the faults that have it.
func (s sectionOutcome) writeLog(b *strings.Builder) {
	var texts []string
	faults := make(map[string][]string)
	for i, f := range s.faults {
		titles, tested := make(map[string][]string), 0
		for _, o := range s.rows[i] {
			if o.notApplicable == "" {
				tested++
			}
			if o.err == "" {
				continue
			}
			text := "`" + strings.ReplaceAll(o.err, "`", "'") + "`"
			if o.advice != "" && o.advice != twilio.Reason(o.reason).Advice() {
				text += " with the advice `" + o.advice + "`"
			}
			titles[text] = append(titles[text], o.title)
		}
		for _, text := range slices.Sorted(maps.Keys(titles)) {
			if faults[text] == nil {
				texts = append(texts, text)
			}
			where := f.name
			if len(titles[text]) < tested {
				where += " (" + strings.Join(titles[text], ", ") + ")"
			}
			faults[text] = append(faults[text], where)
		}
	}
	if len(texts) == 0 {
		return
	}
	b.WriteString("\nThe log says:\n\n")
	for _, text := range texts {
		fmt.Fprintf(b, "- %s\n", text)
		for _, fault := range faults[text] {
			fmt.Fprintf(b, "  - %s\n", fault)
		}
	}
}

const faultsIntroduction = `# What happens when the API misbehaves

<!-- Written by UPDATE_GOLDEN=1 go test -run '^TestFaults$' ./collector/exporter. Do not edit. -->

Each cell is a test: an exporter polls well, meets the fault at one endpoint in its next poll, and polls again when the fault is over. The test settings are ` + "`api: {timeout: 2s, max_retries: 4}`" + ` and polls every 5 minutes.

How to read a cell:

- A reason such as ` + "`server`" + ` means that the poll of that endpoint's collector fails: ` + "`twilio_exporter_poll_success`" + ` is 0 and ` + "`twilio_exporter_poll_failures_total`" + ` counts the reason. **All results stay as they were**, none is partly replaced, until ` + "`max_age`" + ` drops them. The log has one line of level error, with the message below and the advice of the reason.
- "ok" means that the poll succeeds. What changes is said after it; nothing else does.
- Requests are counted where there is more than one: those of the listing that takes the most, further attempts and pages included. Each one is counted by ` + "`twilio_exporter_api_requests_total`" + `.
- Polls of all other collectors and accounts succeed. **With the next poll after the end of the fault everything is as before**, unless the cell says otherwise.

The collector ` + "`supersim_usage`" + ` requests UsageRecords; ` + "`supersim_inventory`" + ` Sims, Fleets and Networks; ` + "`account_usage`" + ` Monthly; ` + "`account_balance`" + ` Balance; ` + "`supersim_data_limits`" + `, which is on for its column alone, BillingPeriods; ` + "`subaccounts`" + `, the same, Accounts, without quoting a response. Token is the OAuth 2.0 endpoint of KORE, tested with an access token that has expired: without a new one, every poll of the account fails.

In messages, which ` + "`" + `supersim_usage` + "`" + ` begins with the usage and ` + "`supersim_data_limits`" + ` with the SIM that it asked for, ENDPOINT stands for the name of the endpoint (` + "`usage_records`, `sims`, `fleets`, `networks`, `billing_periods`, `monthly_usage`, `balance`, `accounts`, `token`" + `), RQ… for the ID that the API has given the request, and … for other details.
`
