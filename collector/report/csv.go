package report

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WriteCSV writes one row for each account, dimension, key and currency (RFC 4180, lines
// end with LF). The bytes of a key stand in its first row only, so that a sum over rows
// counts them once.
func (r Report) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{ // Error tells
		"account", "dimension", "key", "name", "upload_bytes", "download_bytes", "currency", "cost", "cost_share", "previous_cost",
	})
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if a.Total != nil {
			writeRows(c, a, byAccount, []Row{*a.Total})
		}
		for _, d := range a.dimensions() {
			writeRows(c, a, d.by, d.rows)
		}
	}
	c.Flush()
	return c.Error()
}

func writeRows(c *csv.Writer, a *Account, d dimension, rows []Row) {
	for i := range rows {
		row := &rows[i]
		upload, download := row.Upload.String(), row.Download.String()
		for _, cost := range row.Costs {
			_ = c.Write([]string{
				harmless(a.Name), string(d), harmless(row.Key), harmless(row.Name), upload, download,
				cost.Currency, cost.Cost.String(), cost.Share.String(), cost.Previous.String(),
			})
			upload, download = "", ""
		}
	}
}

// harmless puts an apostrophe before text that a spreadsheet would take for a formula.
// Whoever names a SIM must not run anything on the machine of whoever opens the file.
//
// Source: OWASP, CSV Injection. Numbers are written as they are: a negative amount is no
// formula.
func harmless(text string) string {
	start := strings.TrimLeftFunc(text, unicode.IsSpace) // as a spreadsheet does
	if first, size := utf8.DecodeRuneInString(start); size > 0 && strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + text
	}
	return text
}

// listed is a dimension with its rows.
type listed struct {
	by   dimension
	rows []Row
}

// dimensions are those that divide an account's usage and bill.
func (a *Account) dimensions() []listed {
	return []listed{{byFleet, a.Fleets}, {byNetwork, a.Networks}, {byCountry, a.Countries}, {bySIM, a.SIMs}, {byCategory, a.Categories}}
}
