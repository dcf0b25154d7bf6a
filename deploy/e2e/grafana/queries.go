package grafana

import (
	"regexp"
	"strings"
)

// A Kind is the kind of element that a query belongs to.
type Kind string

// Kinds of queries.
const (
	OfPanel      Kind = "panel"
	OfVariable   Kind = "variable"
	OfAnnotation Kind = "annotation"
)

// A Query is PromQL with variables in it.
type Query struct {
	Dashboard string // its UID
	Panel     string // the title of the panel, the name of the variable or annotation
	RefID     string // of the panel's target
	Expr      string
	Instant   bool // if false, a range query
	Kind      Kind
	Legend    string
}

// Queries returns the queries of all variables, annotations and panels. A variable's
// label_values(selector, label) becomes group by (label) (selector), which has one
// series for each value of the variable.
func (d Dashboard) Queries() []Query {
	var queries []Query
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		queries = append(queries, Query{Dashboard: d.UID, Panel: v.Name, RefID: v.Query.RefID, Expr: v.promQL(), Instant: true, Kind: OfVariable})
	}
	for _, a := range d.Annotations.List {
		queries = append(queries, Query{Dashboard: d.UID, Panel: a.Name, RefID: a.Target.RefID, Expr: a.Target.Expr, Kind: OfAnnotation})
	}
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			queries = append(queries, Query{
				Dashboard: d.UID, Panel: p.Title, RefID: t.RefID, Expr: t.Expr,
				Instant: t.Instant, Kind: OfPanel, Legend: t.LegendFormat,
			})
		}
	}
	return queries
}

// promQL returns the PromQL equivalent of a variable's function. For an unknown
// function it returns text that does not parse.
func (v Variable) promQL() string {
	inner, ok := strings.CutSuffix(v.Query.Query, ")")
	switch v.Query.QryType {
	case LabelValues:
		inner, found := strings.CutPrefix(inner, "label_values(")
		comma := strings.LastIndex(inner, ",")
		if !ok || !found || comma < 0 {
			break
		}
		return "group by (" + strings.TrimSpace(inner[comma+1:]) + ") (" + inner[:comma] + ")"
	case QueryResult:
		if inner, found := strings.CutPrefix(inner, "query_result("); ok && found {
			return inner
		}
	}
	return "not a known function: " + v.Query.Query
}

// Fill replaces variables with values, in all three notations: $name, ${name} or
// ${name:format}, and [[name]]. A name without a value remains unchanged, like the
// $1 of label_replace.
func (q Query) Fill(vars map[string]string) string {
	return variables().ReplaceAllStringFunc(q.Expr, func(s string) string {
		if value, ok := vars[variableName(s)]; ok {
			return value
		}
		return s
	})
}

// Vars returns a value for every variable with which a query selects everything.
// The exception is sim, which selects nothing until the caller sets it to the SID of
// a SIM. The caller may change the map.
func Vars() map[string]string {
	return map[string]string{
		"datasource":      "prometheus",
		"account":         ".+",
		"fleet":           ".*",
		"currency":        ".+",
		"find":            "",
		"sim":             "",
		"__interval":      "1m",
		"__rate_interval": "5m",
		"__range":         "6h",
	}
}

// variables returns the expression that matches variables in a text.
func variables() *regexp.Regexp {
	return regexp.MustCompile(`\$\w+|\$\{[\w.]+(:\w+)?\}|\[\[\w+\]\]`)
}

// variableName returns the name of the variable s, which is in any notation.
func variableName(s string) string {
	name, _, _ := strings.Cut(strings.Trim(s, "${}[]"), ":")
	return name
}

// A Key identifies a query in ExpectedEmpty.
type Key struct {
	Dashboard, Panel, RefID string
}

// Key returns the key of the query.
func (q Query) Key() Key {
	return Key{q.Dashboard, q.Panel, q.RefID}
}
