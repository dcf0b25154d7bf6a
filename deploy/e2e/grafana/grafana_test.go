package grafana_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/grafana"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const dir = "../../grafana/dashboards"

func load(t *testing.T) []grafana.Dashboard {
	t.Helper()
	dashboards, err := grafana.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dashboards
}

// forPanels calls f for every panel that is not a row.
func forPanels(t *testing.T, f func(t *testing.T, d grafana.Dashboard, p grafana.Panel)) {
	t.Helper()
	for _, d := range load(t) {
		for _, p := range d.Panels {
			if p.Type != "row" {
				t.Run(d.UID+"/"+p.Title, func(t *testing.T) { f(t, d, p) })
			}
		}
	}
}

func parse(t *testing.T, expr string) parser.Expr {
	t.Helper()
	q := grafana.Query{Expr: expr}
	e, err := parser.NewParser(parser.Options{}).ParseExpr(q.Fill(grafana.Vars()))
	if err != nil {
		t.Fatalf("%v\n%s", err, expr)
	}
	return e
}

func datasource() grafana.Datasource {
	return grafana.Datasource{Type: "prometheus", UID: "${datasource}"}
}

func TestDashboards(t *testing.T) {
	want := map[string]string{
		"overview.json": "twilio-overview", "fleet-and-sim.json": "twilio-fleet-and-sim",
		"spend.json": "twilio-spend", "exporter.json": "twilio-exporter",
	}
	got := map[string]string{}
	titles := map[string]bool{}
	for _, d := range load(t) {
		got[d.File] = d.UID
		if titles[d.Title] || d.Title == "" || d.Description == "" {
			t.Errorf("%s: title %q, description %q", d.File, d.Title, d.Description)
		}
		titles[d.Title] = true
		if d.SchemaVersion != grafana.SchemaVersion || d.ID != nil || !d.Editable || d.Timezone != "utc" || !slices.Contains([]string{"1m", "5m"}, d.Refresh) || d.Time.To != "now" || d.Time.From == "" {
			t.Errorf("%s: wrong settings: %+v", d.File, d)
		}
		if !slices.Equal(d.Tags, []string{"twilio"}) {
			t.Errorf("%s: tags %q", d.File, d.Tags)
		}
		ids, names := map[int]bool{}, map[string]bool{}
		for _, p := range d.Panels {
			if p.ID < 1 || ids[p.ID] {
				t.Errorf("%s: panel %q: id %d", d.File, p.Title, p.ID)
			}
			if p.Title == "" || names[p.Title] {
				t.Errorf("%s: title %q is empty or not unique", d.File, p.Title)
			}
			ids[p.ID], names[p.Title] = true, true
			if p.Type == "row" && (p.Collapsed || len(p.Panels) > 0 || len(p.Targets) > 0) {
				t.Errorf("%s: row %q contains panels", d.File, p.Title)
			}
		}
		if len(d.Links) != 1 || d.Links[0].Type != "dashboards" || !slices.Equal(d.Links[0].Tags, d.Tags) || !d.Links[0].IncludeVars || !d.Links[0].KeepTime {
			t.Errorf("%s: does not link to the others with time range and variables: %+v", d.File, d.Links)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("files and UIDs %v, want %v", got, want)
	}
}

func TestLayout(t *testing.T) {
	for _, d := range load(t) {
		cells := map[[2]int]string{}
		for _, p := range d.Panels {
			g := p.GridPos
			if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
				t.Errorf("%s: %q is outside of the grid: %+v", d.UID, p.Title, g)
			}
			if p.Type == "row" && (g.H != 1 || g.W != 24) || p.Repeat != "" && g.W != 24 {
				t.Errorf("%s: %q must span the whole width: %+v", d.UID, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other, ok := cells[[2]int{x, y}]; ok {
						t.Fatalf("%s: %q overlaps %q", d.UID, p.Title, other)
					}
					cells[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

func TestPanels(t *testing.T) {
	// The units of Grafana that are in use, with their range of sensible decimals.
	units := map[string][2]int{
		"none": {0, 4}, "short": {0, 2}, "percentunit": {0, 1}, "s": {0, 3},
		"decbytes": {0, 2}, "bytes": {0, 2}, "Bps": {0, 2},
	}
	forPanels(t, func(t *testing.T, d grafana.Dashboard, p grafana.Panel) {
		if len(p.Description) < 20 || !strings.HasSuffix(p.Description, ".") {
			t.Errorf("description %q", p.Description)
		}
		if p.Datasource != datasource() {
			t.Errorf("datasource %+v", p.Datasource)
		}
		f := p.FieldConfig.Defaults
		if _, ok := units[f.Unit]; !ok {
			t.Errorf("unit %q", f.Unit)
		}
		if f.NoValue == "" {
			t.Error("no text for a missing value")
		}
		if p.Table == nil && f.Decimals == nil && f.Unit != "Bps" && f.Unit != "decbytes" {
			t.Error("no decimals")
		}
		check := func(unit string, decimals *int) {
			if r := units[unit]; decimals != nil && (*decimals < r[0] || *decimals > r[1]) {
				t.Errorf("%d decimals of %s", *decimals, unit)
			}
		}
		check(f.Unit, f.Decimals)
		for _, o := range p.FieldConfig.Overrides {
			unit, decimals := f.Unit, f.Decimals
			for _, property := range o.Properties {
				v, err := property.Decode()
				if err != nil {
					t.Error(err)
				}
				switch v := v.(type) {
				case *string:
					if property.ID == "unit" {
						unit = *v
						if _, ok := units[unit]; !ok {
							t.Errorf("unit %q", unit)
						}
					}
				case *int:
					decimals = v
				case *grafana.Thresholds:
					checkSteps(t, v)
				}
			}
			check(unit, decimals)
			if o.Matcher.ID == "byRegexp" {
				if _, err := regexp.Compile(strings.Trim(o.Matcher.Options, "/")); err != nil {
					t.Error(err)
				}
			}
		}
		if f.Thresholds != nil {
			checkSteps(t, f.Thresholds)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if refs[q.RefID] || q.RefID == "" {
				t.Errorf("refId %q", q.RefID)
			}
			refs[q.RefID] = true
			if q.Datasource != datasource() {
				t.Errorf("datasource %+v", q.Datasource)
			}
			if q.Instant == q.Range {
				t.Errorf("%s: must be either instant or range", q.RefID)
			}
			if q.Instant != (p.TimeSeries == nil) {
				t.Errorf("%s: time series need a range query, all other panels an instant query", q.RefID)
			}
			table := p.Table != nil || p.Geomap != nil
			if (q.Format == "table") != table || (q.LegendFormat == "") != table {
				t.Errorf("%s: format %q, legend %q", q.RefID, q.Format, q.LegendFormat)
			}
		}
		if len(refs) == 0 {
			t.Error("no queries")
		}
	})
}

func checkSteps(t *testing.T, th *grafana.Thresholds) {
	t.Helper()
	for i, s := range th.Steps {
		if (i == 0) != (s.Value == nil) || i > 1 && *s.Value <= *th.Steps[i-1].Value {
			t.Errorf("thresholds are not in order: %+v", th.Steps)
		}
	}
}

// TestQueries checks that every query parses, uses only metrics and labels that
// exist, and does not aggregate across currencies.
func TestQueries(t *testing.T) {
	c := newCatalog(t)
	for _, d := range load(t) {
		repeats := map[string]string{}
		for _, p := range d.Panels {
			repeats[p.Title] = p.Repeat
		}
		for _, q := range d.Queries() {
			t.Run(d.UID+"/"+q.Panel+"/"+q.RefID, func(t *testing.T) {
				a := analysis{catalog: c, oneCurrency: q.Kind == grafana.OfPanel && repeats[q.Panel] == "currency"}
				got := a.labels(parse(t, q.Expr))
				for _, p := range a.problems {
					t.Error(p)
				}
				for _, m := range regexp.MustCompile(`{{(.*?)}}`).FindAllStringSubmatch(q.Legend, -1) {
					if !got[m[1]] {
						t.Errorf("legend %q has %s, which is not among %v", q.Legend, m[1], got.sorted())
					}
				}
			})
		}
	}
}

// TestLegends checks that the legend tells the series of a panel apart.
func TestLegends(t *testing.T) {
	c := newCatalog(t)
	forPanels(t, func(t *testing.T, d grafana.Dashboard, p grafana.Panel) {
		legends := map[string]bool{}
		for _, q := range p.Targets {
			if q.Format == "table" {
				continue
			}
			if legends[q.LegendFormat] {
				t.Errorf("legend %q twice", q.LegendFormat)
			}
			legends[q.LegendFormat] = true
			e := parse(t, q.Expr)
			a := analysis{catalog: c, oneCurrency: p.Repeat == "currency"}
			got := a.labels(e)
			// A SIM belongs to one account and fleet. account_sid adds nothing to account,
			// and a name replaces the SID.
			if slices.ContainsFunc(selectors(e), oneSIM) {
				got = maps.Clone(got)
				for _, l := range []string{"account", "sim_sid", "fleet_sid"} {
					delete(got, l)
				}
			}
			for l := range got {
				if l == "account_sid" || got["name"] && (l == "fleet_sid" || l == "unique_name") {
					continue
				}
				if !strings.Contains(q.LegendFormat, "{{"+l+"}}") {
					t.Errorf("series that differ in %s have the same legend: %q of %v", l, q.LegendFormat, got.sorted())
				}
			}
		}
	})
}

// TestTables checks that the rows of a table's queries can be merged, and that all
// columns have names.
func TestTables(t *testing.T) {
	forPanels(t, func(t *testing.T, d grafana.Dashboard, p grafana.Panel) {
		if p.Table == nil {
			return
		}
		columns := map[string]int{} // number of queries
		for _, q := range p.Targets {
			by, ok := parse(t, q.Expr).(*parser.AggregateExpr)
			if !ok || by.Without || by.Op == parser.TOPK {
				t.Fatalf("%s: rows of tables must come from an aggregation by labels", q.RefID)
			}
			for _, l := range by.Grouping {
				columns[l]++
			}
		}
		for l, n := range columns {
			if n != 1 && n != len(p.Targets) {
				t.Errorf("label %s is in %d of %d queries, want in one or in all: rows are merged by the common labels", l, n, len(p.Targets))
			}
		}
		if len(p.Targets) > 1 {
			for _, q := range p.Targets {
				columns["Value #"+q.RefID]++
			}
			columns["Value"]++ // Grafana's name if only one query returns something
			if p.Transformations[0].ID != "merge" {
				t.Error("the first transformation is not merge")
			}
		} else {
			columns["Value"]++
		}
		i := slices.IndexFunc(p.Transformations, func(t grafana.Transformation) bool { return t.ID == "organize" })
		if i < 0 {
			t.Fatal("no transformation organize")
		}
		o := p.Transformations[i].Options
		if !o.ExcludeByName["Time"] {
			t.Error("shows the time of the query")
		}
		names := map[string]bool{}
		for c := range columns {
			_, placed := o.IndexByName[c]
			if placed == o.ExcludeByName[c] {
				t.Errorf("column %s: in the order %v, excluded %v", c, placed, o.ExcludeByName[c])
			}
			if name := o.RenameByName[c]; name != "" {
				names[name] = true
			} else if !o.ExcludeByName[c] {
				names[c] = true
			}
			if strings.HasPrefix(c, "Value") && placed && o.RenameByName[c] == "" {
				t.Errorf("column %s has no name", c)
			}
		}
		for c := range o.IndexByName {
			if columns[c] == 0 {
				t.Errorf("column %s does not exist", c)
			}
		}
		for _, ov := range p.FieldConfig.Overrides {
			if ov.Matcher.ID != "byName" || !names[ov.Matcher.Options] {
				t.Errorf("override for %q, which is not among the columns %v", ov.Matcher.Options, slices.Sorted(maps.Keys(names)))
			}
		}
		for _, s := range p.Table.SortBy {
			if !names[s.DisplayName] {
				t.Errorf("sorted by %q, which is not a column", s.DisplayName)
			}
		}
		for _, tr := range p.Transformations {
			for _, s := range tr.Options.Sort {
				if !names[s.Field] {
					t.Errorf("sorted by %q, which is not a column", s.Field)
				}
			}
		}
	})
}

// TestOverridesMatchSeries checks that an override matches the legend of a query.
func TestOverridesMatchSeries(t *testing.T) {
	forPanels(t, func(t *testing.T, d grafana.Dashboard, p grafana.Panel) {
		if p.Table != nil {
			return
		}
		for _, o := range p.FieldConfig.Overrides {
			matched := slices.ContainsFunc(p.Targets, func(q grafana.Target) bool {
				if o.Matcher.ID == "byName" {
					return q.LegendFormat == o.Matcher.Options
				}
				return regexp.MustCompile(strings.Trim(o.Matcher.Options, "/")).MatchString(q.LegendFormat)
			})
			if !matched {
				t.Errorf("no legend matches %s", o.Matcher.Options)
			}
		}
	})
}

// TestVariablesFilter checks that every selector filters by $account, unless its
// metric has no such label, and that queries of dashboards with $fleet or $currency
// filter by those.
func TestVariablesFilter(t *testing.T) {
	c := newCatalog(t)
	// Queries of variables other than sim list all fleets, and queries for one SIM
	// need no filter by fleet.
	exempt := func(q grafana.Query, e parser.Expr) bool {
		return q.Kind == grafana.OfVariable && q.Panel != "sim" || slices.ContainsFunc(selectors(e), oneSIM)
	}
	filters := func(v *parser.VectorSelector, label, value string) bool {
		return slices.ContainsFunc(v.LabelMatchers, func(m *labels.Matcher) bool {
			return m.Name == label && m.Type == labels.MatchRegexp && (m.Value == value || m.Value == value+"|")
		})
	}
	for _, d := range load(t) {
		for _, q := range d.Queries() {
			if q.Kind == grafana.OfVariable && q.Panel == "account" {
				continue // the variable itself
			}
			t.Run(d.UID+"/"+q.Panel+"/"+q.RefID, func(t *testing.T) {
				vars := grafana.Vars()
				vars["account"], vars["fleet"], vars["currency"] = "ACCOUNT", "FLEET", "CURRENCY"
				e, err := parser.NewParser(parser.Options{}).ParseExpr(q.Fill(vars))
				if err != nil {
					t.Fatal(err)
				}
				fleet, currency, money := false, false, false
				for _, v := range selectors(e) {
					has := labelSet{}
					for _, n := range names(v) {
						has = union(has, c[n])
					}
					if has["account"] && !filters(v, "account", "ACCOUNT") {
						t.Errorf("does not filter by $account: %s", v)
					}
					if !has["account"] && !filtersJob(v) {
						t.Errorf("filters neither by $account nor by job: %s", v)
					}
					fleet = fleet || filters(v, "fleet_sid", "FLEET")
					currency = currency || filters(v, "currency", "CURRENCY")
					money = money || has["currency"]
				}
				if d.UID == "twilio-fleet-and-sim" && !fleet && !exempt(q, e) {
					t.Error("does not filter by $fleet")
				}
				if d.UID == "twilio-spend" && money && !currency && q.Kind != grafana.OfVariable {
					t.Error("does not filter by $currency")
				}
			})
		}
	}
}

// filtersJob reports whether a selector is limited to the scrape job.
func filtersJob(v *parser.VectorSelector) bool {
	return slices.ContainsFunc(v.LabelMatchers, func(m *labels.Matcher) bool {
		return m.Name == "job" && m.Type == labels.MatchEqual && m.Value == "twilio"
	})
}

// TestCardinality checks that no query returns a series for each SIM, and that no
// range query reads the series of all SIMs.
func TestCardinality(t *testing.T) {
	c := newCatalog(t)
	for _, d := range load(t) {
		for _, q := range d.Queries() {
			e := parse(t, q.Expr)
			if !c.bounded(e) {
				t.Errorf("%s/%s/%s returns a series for each SIM:\n%s", d.UID, q.Panel, q.RefID, q.Expr)
			}
			for _, v := range selectors(e) {
				if !q.Instant && c.perSIM(v) && !oneSIM(v) {
					t.Errorf("%s/%s/%s reads the series of all SIMs over a range: %s", d.UID, q.Panel, q.RefID, v)
				}
			}
		}
	}
}

// TestReplicasCountOnce checks that an account that several exporters poll is not
// counted several times.
func TestReplicasCountOnce(t *testing.T) {
	for _, d := range load(t) {
		for _, q := range d.Queries() {
			parser.Inspect(parse(t, q.Expr), func(n parser.Node, path []parser.Node) error {
				v, ok := n.(*parser.VectorSelector)
				if !ok || strings.Contains(v.Name, ":") || !strings.HasPrefix(v.Name, "twilio_") {
					return nil
				}
				for i := len(path) - 1; i >= 0; i-- {
					switch p := path[i].(type) {
					case *parser.AggregateExpr:
						// Polls and requests belong to one exporter, so they are summed.
						perExporter := strings.HasPrefix(v.Name, "twilio_exporter_")
						if p.Op == parser.SUM && !perExporter || p.Op == parser.COUNT {
							t.Errorf("%s/%s/%s: %s counts a replica's series twice", d.UID, q.Panel, q.RefID, p)
						}
						return nil
					case *parser.BinaryExpr:
						if p.Op == parser.LAND || p.Op == parser.LUNLESS {
							return nil // tests only for existence
						}
						if p.Op == parser.LOR && len(p.VectorMatching.MatchingLabels) == 0 {
							continue // a union; the enclosing expression decides
						}
						below := parser.Node(v)
						if i+1 < len(path) {
							below = path[i+1]
						}
						if p.VectorMatching != nil && p.VectorMatching.Card == parser.CardManyToOne && below == p.LHS {
							continue // the many side; the enclosing expression decides
						}
						if p.VectorMatching != nil {
							t.Errorf("%s/%s/%s: %s is matched with other series while it still has instance", d.UID, q.Panel, q.RefID, v)
							return nil
						}
					}
				}
				t.Errorf("%s/%s/%s: %s is not aggregated", d.UID, q.Panel, q.RefID, v)
				return nil
			})
		}
	}
}

func TestVariables(t *testing.T) {
	builtIn := []string{"__rate_interval", "__interval", "__range", "__url_time_range"}
	mention := regexp.MustCompile(`\$\{?([A-Za-z_]\w*)`)
	for _, d := range load(t) {
		defined, used := map[string]grafana.Variable{}, map[string]bool{}
		for _, v := range d.Templating.List {
			if _, ok := defined[v.Name]; ok || v.Label == "" {
				t.Errorf("%s: variable %q is not unique or has no label", d.UID, v.Name)
			}
			defined[v.Name] = v
			if v.Type == "query" {
				if v.Datasource == nil || *v.Datasource != datasource() || v.Definition != v.Query.Query || v.Refresh != 2 || v.Description == "" {
					t.Errorf("%s: variable %s: %+v", d.UID, v.Name, v)
				}
				if v.IncludeAll != (v.AllValue != "") || v.IncludeAll != slices.Equal(v.Current.Value, []string{"$__all"}) {
					t.Errorf("%s: the default of variable %s is not All", d.UID, v.Name)
				}
			}
			// A variable may use only variables that are defined before it.
			for _, m := range mention.FindAllStringSubmatch(v.Query.Query, -1) {
				if _, ok := defined[m[1]]; !ok || m[1] == v.Name {
					t.Errorf("%s: variable %s uses %s", d.UID, v.Name, m[1])
				}
				used[m[1]] = true
			}
		}
		if v := defined["datasource"]; v.Type != "datasource" || v.Query.Text != "prometheus" {
			t.Errorf("%s: variable datasource: %+v", d.UID, v)
		}
		if v := defined["account"]; !v.Multi || !v.IncludeAll || v.Query.Query != "label_values(twilio_account_info, account)" {
			t.Errorf("%s: variable account: %+v", d.UID, v)
		}
		whole, err := os.ReadFile(filepath.Join(dir, d.File))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mention.FindAllStringSubmatch(string(whole), -1) {
			if m[1] == "__data" || m[1] == "__all" || slices.Contains(builtIn, m[1]) {
				continue
			}
			if _, ok := defined[m[1]]; !ok {
				t.Errorf("%s: $%s is not defined", d.UID, m[1])
			}
			used[m[1]] = true
		}
		for name := range defined {
			if !used[name] {
				t.Errorf("%s: variable %s is not used", d.UID, name)
			}
			if _, ok := grafana.Vars()[name]; !ok {
				t.Errorf("%s: Vars has no %s", d.UID, name)
			}
		}
	}
}

// TestVariableRegexes checks the regular expressions that extract text and value of
// an option from Grafana's form of a query result: labels sorted by name, followed by
// value and time.
func TestVariableRegexes(t *testing.T) {
	for _, d := range load(t) {
		for _, v := range d.Templating.List {
			if v.Regex == "" {
				continue
			}
			by := map[string]string{"fleet": "fleet_sid", "sim": "sim_sid"}[v.Name]
			re := regexp.MustCompile(strings.ReplaceAll(strings.Trim(v.Regex, "/"), "(?<", "(?P<"))
			m := re.FindStringSubmatch(`{` + by + `="XX1",text="van 7 · demo"} 12 1700000000000`)
			if m == nil || m[re.SubexpIndex("value")] != "XX1" || m[re.SubexpIndex("text")] != "van 7 · demo" {
				t.Errorf("%s: %s matches %q", v.Name, v.Regex, m)
			}
			if !strings.Contains(v.Query.Query, "by ("+by+", text)") {
				t.Errorf("%s: not by %s and text: %s", v.Name, by, v.Query.Query)
			}
		}
	}
}

// TestLinks checks that data links point to existing dashboards, set variables of
// those dashboards, and use columns of the table.
func TestLinks(t *testing.T) {
	dashboards := load(t)
	targets := map[string]map[string]bool{}
	for _, d := range dashboards {
		vars := map[string]bool{}
		for _, v := range d.Templating.List {
			vars["var-"+v.Name] = true
		}
		targets[d.UID] = vars
	}
	field := regexp.MustCompile(`\$\{__data\.fields\.(\w+)(:percentencode)?\}`)
	links := map[string]int{}
	forPanels(t, func(t *testing.T, d grafana.Dashboard, p grafana.Panel) {
		for _, o := range p.FieldConfig.Overrides {
			for _, property := range o.Properties {
				v, err := property.Decode()
				list, ok := v.(*[]grafana.Link)
				if err != nil || !ok {
					continue
				}
				for _, link := range *list {
					path, query, _ := strings.Cut(link.URL, "?")
					parts := strings.Split(path, "/")
					if len(parts) != 4 || parts[1] != "d" || targets[parts[2]] == nil || parts[2] != parts[3] || link.TargetBlank || link.Title == "" {
						t.Fatalf("link %+v", link)
					}
					links[parts[2]]++
					for _, m := range field.FindAllStringSubmatch(link.URL, -1) {
						organize := p.Transformations[slices.IndexFunc(p.Transformations, func(t grafana.Transformation) bool { return t.ID == "organize" })].Options
						if _, ok := organize.IndexByName[m[1]]; !ok || organize.RenameByName[m[1]] != "" || m[2] == "" {
							t.Errorf("%s: column %s does not exist under this name, or is not encoded", link.URL, m[1])
						}
					}
					values, err := url.ParseQuery(field.ReplaceAllString(query, "x"))
					if err != nil {
						t.Fatal(err)
					}
					if !values.Has("${__url_time_range}") || !values.Has("${datasource:queryparam}") || !values.Has("var-account") {
						t.Errorf("%s: does not keep time range, datasource and account", link.URL)
					}
					for name := range values {
						if strings.HasPrefix(name, "var-") && !targets[parts[2]][name] {
							t.Errorf("%s: %s has no %s", link.URL, parts[2], name)
						}
					}
				}
			}
		}
	})
	if links["twilio-fleet-and-sim"] < 6 {
		t.Errorf("too few links: %v", links)
	}
}

// TestCategoriesDoNotOverlap checks that no category of the tables includes another.
// A category includes the categories that start with its name and a dash.
func TestCategoriesDoNotOverlap(t *testing.T) {
	set := categories(t)
	for _, a := range set {
		for _, b := range set {
			if a != b && strings.HasPrefix(b, a+"-") {
				t.Errorf("%s includes %s", a, b)
			}
		}
		// Aliases of other categories, and categories that include everything.
		if a == "totalprice" || a == "supersim" || a == "wireless" || a == "category" {
			t.Errorf("%s overlaps", a)
		}
	}
	// Twilio's list of categories is not part of this project. If a copy is available,
	// check against it.
	file := os.Getenv("TWILIO_USAGE_CATEGORIES")
	if file == "" {
		return
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range set {
		if !slices.Contains(all, c) {
			t.Errorf("Twilio has no category %s", c)
		}
	}
	for _, name := range all {
		var in []string
		for _, c := range set {
			if name == c || strings.HasPrefix(name, c+"-") {
				in = append(in, c)
			}
		}
		if len(in) > 1 {
			t.Errorf("%s is in %v", name, in)
		}
	}
}

// categories returns the categories that the tables show, which must be the same in
// all queries.
func categories(t *testing.T) []string {
	t.Helper()
	var found string
	for _, d := range load(t) {
		for _, q := range d.Queries() {
			for _, v := range selectors(parse(t, q.Expr)) {
				for _, m := range v.LabelMatchers {
					if m.Name != "category" || m.Type != labels.MatchRegexp {
						continue
					}
					if found != "" && m.Value != found {
						t.Errorf("two sets of categories: %s and %s", found, m.Value)
					}
					found = m.Value
				}
			}
		}
	}
	set := strings.Split(found, "|")
	if len(set) < 3 || !slices.IsSorted(set) {
		t.Fatalf("categories %q", set)
	}
	return set
}

// TestExpectedEmptyNamesQueries checks that ExpectedEmpty has no outdated entries.
func TestExpectedEmptyNamesQueries(t *testing.T) {
	known := map[grafana.Key]bool{}
	for _, d := range load(t) {
		for _, q := range d.Queries() {
			if known[q.Key()] {
				t.Errorf("%+v is not unique", q.Key())
			}
			known[q.Key()] = true
		}
	}
	for k, reason := range grafana.ExpectedEmpty() {
		if !known[k] || reason == "" {
			t.Errorf("%+v: no such query, or no reason %q", k, reason)
		}
	}
}

func TestParseIsStrict(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(dir, "overview.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"schemaVersion"`, `"schemaVersoin"`},
		{`"noValue"`, `"noVal"`},
		{`"drawStyle"`, `"drawStile"`},
		{`"colorMode"`, `"colourMode"`},
		{`"legendFormat"`, `"legend"`},
		{`"type": "stat"`, `"type": "statt"`},
		{`"gridPos"`, `"gridPosition"`},
		{`"renameByName"`, `"rename"`},
		{`"basemap"`, `"baseMap"`},
		{`"qryType"`, `"queryType"`},
	} {
		bad := strings.Replace(string(good), change[0], change[1], 1)
		if bad == string(good) {
			t.Fatalf("the dashboard does not contain %s", change[0])
		}
		if _, err := grafana.Parse([]byte(bad)); err == nil {
			t.Errorf("accepts %s", change[1])
		}
	}
	if _, err := grafana.Parse(append(good, '{')); err == nil {
		t.Error("accepts data after the JSON value")
	}
}

func TestFill(t *testing.T) {
	q := grafana.Query{Expr: `a{x=~"$account", y="${account:regex}", z="[[account]]"}[$__rate_interval] $1 $accounts`}
	want := `a{x=~".+", y=".+", z=".+"}[5m] $1 $accounts`
	if got := q.Fill(grafana.Vars()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestProvisioning(t *testing.T) {
	var datasources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name      string         `yaml:"name"`
			UID       string         `yaml:"uid"`
			Type      string         `yaml:"type"`
			Access    string         `yaml:"access"`
			URL       string         `yaml:"url"`
			IsDefault bool           `yaml:"isDefault"`
			Editable  bool           `yaml:"editable"`
			JSONData  map[string]any `yaml:"jsonData"`
		} `yaml:"datasources"`
	}
	strictYAML(t, "../../grafana/provisioning/datasources/prometheus.yml", &datasources)
	if len(datasources.Datasources) != 1 || datasources.APIVersion != 1 {
		t.Fatalf("datasources %+v", datasources)
	}
	ds := datasources.Datasources[0]
	want := map[string]any{"httpMethod": "POST", "prometheusType": "Prometheus", "timeInterval": "1m", "manageAlerts": false}
	if ds.UID != "prometheus" || ds.Type != "prometheus" || ds.URL != "$PROMETHEUS_URL" || !maps.Equal(ds.JSONData, want) {
		t.Errorf("datasource %+v", ds)
	}
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name                  string            `yaml:"name"`
			Type                  string            `yaml:"type"`
			Folder                string            `yaml:"folder"`
			DisableDeletion       bool              `yaml:"disableDeletion"`
			AllowUIUpdates        bool              `yaml:"allowUiUpdates"`
			UpdateIntervalSeconds int               `yaml:"updateIntervalSeconds"`
			Options               map[string]string `yaml:"options"`
		} `yaml:"providers"`
	}
	strictYAML(t, "../../grafana/provisioning/dashboards/twilio.yml", &providers)
	if len(providers.Providers) != 1 || providers.APIVersion != 1 {
		t.Fatalf("providers %+v", providers)
	}
	if p := providers.Providers[0]; p.Type != "file" || p.Folder != "Twilio" || p.Options["path"] != "/var/lib/grafana/dashboards" {
		t.Errorf("provider %+v", p)
	}
}

func strictYAML(t *testing.T, file string, v any) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", file, err))
	}
}

// TestCategoriesAddUpToTheBill checks with the simulator, whose categories overlap as
// Twilio's do, that the categories of the tables and the remaining ones add up to the
// bill.
func TestCategoriesAddUpToTheBill(t *testing.T) {
	const sid = "AC00000000000000000000000000000001"
	now := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	simulator := twiliotest.New(twiliotest.Options{
		Now:      func() time.Time { return now },
		Accounts: []twiliotest.Account{{SID: sid, AuthToken: "token"}},
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.twilio.com/2010-04-01/Accounts/"+sid+"/Usage/Records/Monthly.json?StartDate=2026-03-01&EndDate=2026-03-31&PageSize=100", http.NoBody)
	r.Header.Set("User-Agent", "dashboards")
	r.SetBasicAuth(sid, "token")
	w := httptest.NewRecorder()
	simulator.ServeHTTP(w, r)
	var response struct {
		UsageRecords []struct {
			Category string  `json:"category"`
			Price    *string `json:"price"`
		} `json:"usage_records"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &response); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	price := map[string]*big.Rat{}
	for _, record := range response.UsageRecords {
		price[record.Category] = new(big.Rat)
		if record.Price != nil && *record.Price != "" {
			if _, ok := price[record.Category].SetString(*record.Price); !ok {
				t.Fatalf("price %q", *record.Price)
			}
		}
	}
	sum, priced := new(big.Rat), 0
	shown := categories(t)
	// Categories that none of the shown ones includes, despite similar names.
	for _, c := range append(shown, "calls-recordings", "recordingstorage", "sms-messages-carrierfees", "studio-engagements", "verify-push", "Trunking-CPS") {
		if p, ok := price[c]; ok {
			sum.Add(sum, p)
			priced++
		}
	}
	if total := price["totalprice"]; priced < len(shown)+5 || total.Sign() <= 0 || sum.Cmp(total) != 0 {
		t.Errorf("%d categories add up to %v, the bill is %v", priced, sum.FloatString(6), total.FloatString(6))
	}
}
