package grafana_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// labelSet is the set of labels that a series may have.
type labelSet map[string]bool

func set(names ...string) labelSet {
	s := labelSet{}
	for _, n := range names {
		s[n] = true
	}
	return s
}

func (s labelSet) sorted() []string { return slices.Sorted(maps.Keys(s)) }

func union(a, b labelSet) labelSet {
	u := labelSet{}
	maps.Copy(u, a)
	maps.Copy(u, b)
	return u
}

// catalog maps every metric that a query may use to its labels.
type catalog map[string]labelSet

// newCatalog returns the metrics of the exporter, of Prometheus and client_golang,
// and of the recording rules.
func newCatalog(t *testing.T) catalog {
	t.Helper()
	scraped := set("job", "instance")
	c := catalog{}
	for _, f := range exporter.Families(config.Collectors{}) {
		l := union(set(f.Labels...), scraped)
		if f.PerAccount {
			l["account"] = true
		}
		names := []string{f.Name}
		if f.Type == metric.TypeHistogram {
			names = []string{f.Name + "_sum", f.Name + "_count"}
			c[f.Name+"_bucket"] = union(l, set("le"))
		}
		for _, n := range names {
			c[n] = l
		}
	}
	for _, n := range []string{
		"up", "scrape_duration_seconds", "scrape_samples_scraped",
		"process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total",
		"process_open_fds", "process_max_fds", "go_goroutines", "go_memstats_heap_inuse_bytes",
	} {
		c[n] = scraped
	}
	c["ALERTS"] = set("alertname", "alertstate", "severity", "account", "account_sid", "fleet_sid", "sim_sid", "currency")
	c.addRules(t)
	return c
}

// addRules adds the recorded series. A rule may depend on a later one.
func (c catalog) addRules(t *testing.T) {
	t.Helper()
	type rule struct {
		Record string            `yaml:"record"`
		Expr   string            `yaml:"expr"`
		Labels map[string]string `yaml:"labels"`
	}
	files, err := filepath.Glob("../../prometheus/rules/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	var open []rule
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var content struct {
			Groups []struct {
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		if err := yaml.Unmarshal(b, &content); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, g := range content.Groups {
			for _, r := range g.Rules {
				if r.Record != "" {
					open = append(open, r)
				}
			}
		}
	}
	var problems []error
	for len(open) > 0 {
		problems = nil
		left := slices.DeleteFunc(slices.Clone(open), func(r rule) bool {
			e, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			if err != nil {
				t.Fatalf("%s: %v", r.Record, err)
			}
			a := analysis{catalog: c}
			l := a.labels(e)
			if len(a.problems) > 0 {
				problems = append(problems, fmt.Errorf("rule %s: %v", r.Record, a.problems))
				return false
			}
			l = maps.Clone(l)
			for n := range r.Labels {
				l[n] = true
			}
			c[r.Record] = union(c[r.Record], l)
			return true
		})
		if len(left) == len(open) {
			t.Fatalf("rules that cannot be analyzed: %v", problems)
		}
		open = left
	}
}

// analysis derives the labels of a query's series, and collects problems: metrics
// that do not exist, labels that a metric does not have, aggregation across
// currencies.
type analysis struct {
	catalog catalog
	// oneCurrency is true if the panel is repeated by currency.
	oneCurrency bool
	problems    []string
}

func (a *analysis) problem(format string, args ...any) {
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

// names returns the names of the metrics that a selector selects.
func names(v *parser.VectorSelector) []string {
	if v.Name != "" {
		return []string{v.Name}
	}
	for _, m := range v.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			return strings.Split(m.Value, "|")
		}
	}
	return nil
}

func (a *analysis) labels(e parser.Expr) labelSet {
	switch e := e.(type) {
	case *parser.VectorSelector:
		all := labelSet{}
		found := names(e)
		if len(found) == 0 {
			a.problem("selector without a metric name: %s", e)
		}
		for _, n := range found {
			l, ok := a.catalog[n]
			if !ok {
				a.problem("no metric %s", n)
			}
			all = union(all, l)
		}
		for _, m := range e.LabelMatchers {
			if m.Name != model.MetricNameLabel && !all[m.Name] {
				a.problem("%s has no label %s", strings.Join(found, "|"), m.Name)
			}
		}
		return all
	case *parser.MatrixSelector:
		return a.labels(e.VectorSelector)
	case *parser.SubqueryExpr:
		return a.labels(e.Expr)
	case *parser.ParenExpr:
		return a.labels(e.Expr)
	case *parser.StepInvariantExpr:
		return a.labels(e.Expr)
	case *parser.UnaryExpr:
		return a.labels(e.Expr)
	case *parser.AggregateExpr:
		return a.aggregation(e)
	case *parser.BinaryExpr:
		return a.binary(e)
	case *parser.Call:
		return a.call(e)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return labelSet{}
	}
	a.problem("cannot derive the labels of %T", e)
	return labelSet{}
}

func (a *analysis) aggregation(e *parser.AggregateExpr) labelSet {
	inner := a.labels(e.Expr)
	for _, l := range e.Grouping {
		if !inner[l] {
			a.problem("%s by a label that does not exist: %s", e.Op, l)
		}
	}
	if e.Op == parser.TOPK || e.Op == parser.BOTTOMK {
		return inner
	}
	kept := set(e.Grouping...)
	if e.Without {
		kept = maps.Clone(inner)
		for _, l := range e.Grouping {
			delete(kept, l)
		}
	}
	if inner["currency"] && !kept["currency"] && !a.oneCurrency && !slices.Contains([]parser.ItemType{parser.COUNT, parser.GROUP}, e.Op) && !strings.Contains(e.Expr.String(), "ALERTS") {
		a.problem("aggregates across currencies: %s", e)
	}
	return kept
}

func (a *analysis) binary(e *parser.BinaryExpr) labelSet {
	l, r := a.labels(e.LHS), a.labels(e.RHS)
	if e.LHS.Type() == parser.ValueTypeScalar {
		return r
	}
	if e.RHS.Type() == parser.ValueTypeScalar || e.VectorMatching == nil {
		return l
	}
	m := e.VectorMatching
	for _, n := range m.MatchingLabels {
		if m.On && (!l[n] || !r[n]) {
			a.problem("on (%s), a label that one side does not have: %s", n, e)
		}
	}
	if !m.On && e.Op != parser.LOR && !maps.Equal(l, r) {
		a.problem("sides with different labels and no on: %v %s %v", l.sorted(), e.Op, r.sorted())
	}
	switch e.Op {
	case parser.LAND, parser.LUNLESS:
		return l
	case parser.LOR:
		return union(l, r)
	}
	many, one := l, r
	switch m.Card {
	case parser.CardOneToOne:
		if m.On {
			return set(m.MatchingLabels...)
		}
		return l
	case parser.CardOneToMany:
		many, one = r, l
	}
	for _, n := range m.Include {
		if !one[n] {
			a.problem("group_… (%s), a label that the other side does not have: %s", n, e)
		}
	}
	return union(many, set(m.Include...))
}

func (a *analysis) call(e *parser.Call) labelSet {
	text := func(i int) string { return e.Args[i].(*parser.StringLiteral).Val }
	switch e.Func.Name {
	case "vector", "time", "scalar":
		for _, arg := range e.Args {
			a.labels(arg)
		}
		return labelSet{}
	case "label_replace":
		l := a.labels(e.Args[0])
		if src := text(3); src != "" && !l[src] {
			a.problem("label_replace from a label that does not exist: %s", src)
		}
		return union(l, set(text(1)))
	case "label_join":
		l := a.labels(e.Args[0])
		for i := 3; i < len(e.Args); i++ {
			if !l[text(i)] {
				a.problem("label_join of a label that does not exist: %s", text(i))
			}
		}
		return union(l, set(text(1)))
	case "histogram_quantile":
		l := maps.Clone(a.labels(e.Args[1]))
		if !l["le"] {
			a.problem("histogram_quantile without le")
		}
		delete(l, "le")
		return l
	}
	l := labelSet{}
	for _, arg := range e.Args {
		l = union(l, a.labels(arg))
	}
	return l
}

// perSIM reports whether a selector selects a series for each SIM.
func (c catalog) perSIM(v *parser.VectorSelector) bool {
	return slices.ContainsFunc(names(v), func(n string) bool { return n != "ALERTS" && c[n]["sim_sid"] })
}

// oneSIM reports whether a selector is limited to one SIM.
func oneSIM(v *parser.VectorSelector) bool {
	return slices.ContainsFunc(v.LabelMatchers, func(m *labels.Matcher) bool {
		return m.Name == "sim_sid" && m.Type == labels.MatchEqual
	})
}

// bounded reports whether the number of series that a query returns is independent
// of the number of SIMs.
func (c catalog) bounded(e parser.Expr) bool {
	switch e := e.(type) {
	case *parser.VectorSelector:
		return !c.perSIM(e) || oneSIM(e)
	case *parser.AggregateExpr:
		if slices.Contains(e.Grouping, "sim_sid") != e.Without {
			return c.bounded(e.Expr)
		}
		return true
	case *parser.BinaryExpr:
		l, r := c.bounded(e.LHS), c.bounded(e.RHS)
		if e.VectorMatching == nil {
			return l && r
		}
		bySIM := e.VectorMatching.On && slices.Contains(e.VectorMatching.MatchingLabels, "sim_sid")
		switch e.Op {
		case parser.LOR:
			return l && r
		case parser.LUNLESS:
			return l
		case parser.LAND:
			return l || r && bySIM
		default:
			return l && r || bySIM && (l || r)
		}
	case *parser.Call:
		for _, arg := range e.Args {
			if !c.bounded(arg) {
				return false
			}
		}
		return true
	case *parser.MatrixSelector:
		return c.bounded(e.VectorSelector)
	case *parser.SubqueryExpr:
		return c.bounded(e.Expr)
	case *parser.ParenExpr:
		return c.bounded(e.Expr)
	case *parser.StepInvariantExpr:
		return c.bounded(e.Expr)
	case *parser.UnaryExpr:
		return c.bounded(e.Expr)
	}
	return true
}

// selectors returns all selectors of a query.
func selectors(e parser.Expr) []*parser.VectorSelector {
	var found []*parser.VectorSelector
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			found = append(found, v)
		}
		return nil
	})
	return found
}
