package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// WriteText writes the report for a terminal. It shows that many SIMs, or all if top
// is 0.
func (r Report) WriteText(w io.Writer, top int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, r.heading())
	for _, sentence := range r.extent() {
		fmt.Fprintln(b, sentence)
	}
	if len(r.Accounts) > 1 {
		fmt.Fprintln(b)
		t := r.overview()
		t.write(b)
	}
	for i := range r.Accounts {
		a := &r.Accounts[i]
		fmt.Fprintf(b, "\n%s\n%s\n", a.title(), strings.Repeat("=", uniseg.StringWidth(a.title())))
		var lines [][]string
		for _, h := range a.headlines() {
			lines = append(lines, []string{h.What, h.Value, h.Unit, h.Change, h.Detail})
		}
		align(b, lines, []bool{false, true, false, true, false})
		for _, t := range a.tables(top, r.Compared != nil) {
			fmt.Fprintln(b)
			t.write(b)
		}
		for _, text := range a.Errors {
			fmt.Fprintf(b, "\nNot read: %s\n", text)
		}
		if len(a.Differences)+len(a.Notes) > 0 {
			fmt.Fprintln(b)
		}
		for _, d := range a.Differences {
			fmt.Fprintf(b, "- %s\n", d.sentence())
		}
		for _, note := range a.Notes {
			fmt.Fprintf(b, "- %s\n", note)
		}
	}
	return b.Flush()
}

func (a *Account) title() string { return fmt.Sprintf("%s (%s)", a.Name, a.identity()) }

// identity is the provider and, unless it is the name, the SID.
func (a *Account) identity() string {
	provider := "Twilio"
	if a.Provider == string(twilio.ProviderKORE) {
		provider = "KORE"
	}
	if a.AccountSID == "" || a.AccountSID == a.Name {
		return provider
	}
	return provider + ", " + a.AccountSID
}

// overview has one row for each account with SIMs, and the sum of each currency.
func (r *Report) overview() table {
	t := table{By: byAccount, Title: "Accounts", Compare: r.Compared != nil}
	var rows []Row
	var failed []line
	sum := Row{Name: "all accounts"}
	for _, a := range r.Accounts {
		if a.Total == nil {
			if len(a.Errors) > 0 && a.month.account.Collectors.SuperSIMUsage.Enabled {
				failed = append(failed, line{First: true, Name: a.Name, Traffic: missing, Cost: notRead})
				sum.Name = "all that were read"
			}
			continue
		}
		row := *a.Total
		row.Key = ""
		rows = append(rows, row)
		sum.Upload, sum.Download = sumBytes(sum.Upload, row.Upload), sumBytes(sum.Download, row.Download)
		sum.PreviousUpload, sum.PreviousDownload = sumBytes(sum.PreviousUpload, row.PreviousUpload), sumBytes(sum.PreviousDownload, row.PreviousDownload)
		sum.Unbilled = sum.Unbilled || row.Unbilled
	}
	sum.Costs = r.costs()
	if len(sum.Costs) == 0 {
		sum.Costs = []Cost{{}}
	}
	u := unitFor(append(rows, sum))
	t.Unit = u.name
	for i := range rows {
		t.add(&rows[i], u)
	}
	t.Lines = append(t.Lines, failed...)
	n := len(t.Lines)
	t.add(&sum, u)
	for i := n; i < len(t.Lines); i++ {
		t.Lines[i].Rest, t.Lines[i].Share, t.Lines[i].Bar = true, "", ""
	}
	return t
}

// write writes the table with its columns aligned, amounts by the point.
func (t *table) write(w io.Writer) {
	head := []string{"NAME", "KEY", "TRAFFIC (" + t.Unit + ")", "CHANGE", "COST", "", "", "SHARE", "BEFORE", "CHANGE"}
	switch t.By {
	case byCategory:
		head[0], head[1], head[2], head[3] = "CATEGORY", "", "USAGE", ""
	case byAccount:
		head[0], head[1] = "ACCOUNT", ""
	}
	rows := [][]string{head}
	for _, l := range t.Lines {
		mark := ""
		if l.Partly {
			mark = "*"
		}
		rows = append(rows, []string{
			shortened(l.Name), l.Key, l.Traffic, l.TrafficChange, t.atPoint(l.Cost), mark, l.Currency, l.Share, t.atPoint(l.Before), l.Change,
		})
	}
	if !t.Compare {
		for _, row := range rows {
			row[3], row[8], row[9] = "", "", ""
		}
	}
	fmt.Fprintln(w, t.Title)
	align(w, rows, []bool{false, false, true, true, true, false, false, true, true, true})
	if t.Partly {
		fmt.Fprintln(w, "* A part is not billed yet.")
	}
}

// longestName is how many columns a name takes in a table, at most.
const longestName = 40

// shortened is a name that fits. It has no characters that turn the direction of writing,
// which would not end with the name.
func shortened(name string) string {
	name = strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Bidi_Control, c) {
			return -1
		}
		return c
	}, name)
	if uniseg.StringWidth(name) <= longestName {
		return name
	}
	var b strings.Builder
	width := 1 // of the ellipsis
	for g := uniseg.NewGraphemes(name); g.Next() && width+g.Width() <= longestName; width += g.Width() {
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}

// atPoint adds spaces to an amount for the digits that others have more.
func (t *table) atPoint(text string) string {
	if text == notBilled || text == notRead {
		return text
	}
	return text + strings.Repeat(" ", pointed(t.Digits)-pointed(fractionDigits(text)))
}

// pointed is how long so many digits are with the point before them.
func pointed(digits int) int {
	if digits == 0 {
		return 0
	}
	return digits + 1
}

// align writes rows with columns of one width, two spaces apart; those of numbers stand
// to the right. Columns that are empty in all rows are left out.
func align(w io.Writer, rows [][]string, right []bool) {
	widths := make([]int, len(right))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
			if right[i] {
				cell = pad + cell
			} else {
				cell += pad
			}
			b.WriteString(cell)
			b.WriteString("  ")
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
