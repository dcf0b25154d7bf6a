package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// Write writes the report as text, csv, json or html. Text and HTML show so many SIMs,
// or all if top is 0.
func (r Report) Write(w io.Writer, format string, top int) error {
	switch format {
	case "text":
		return r.WriteText(w, top)
	case "csv":
		return r.WriteCSV(w)
	case "json":
		return r.WriteJSON(w)
	case "html":
		return r.WriteHTML(w, top)
	}
	return fmt.Errorf("a report has no format %q", format)
}

// WriteJSON writes one JSON document. Amounts are strings, which no reader rounds.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
