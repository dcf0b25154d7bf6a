// Package grafana reads the dashboards of deploy/grafana as strictly as can be:
// a field that is not named here is an error. What stands here is the part of
// Grafana's classic dashboard schema (version 42, the last one) that they use.
//
// Tests ask a Dashboard for its queries, fill in the variables, and run them.
package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// SchemaVersion is the last version of the classic schema.
const SchemaVersion = 42

// A Dashboard is one file.
type Dashboard struct {
	ID                   *int64           `json:"id"` // null: Grafana gives one
	UID                  string           `json:"uid"`
	Title                string           `json:"title"`
	Description          string           `json:"description"`
	Tags                 []string         `json:"tags"`
	Timezone             string           `json:"timezone"`
	Editable             bool             `json:"editable"`
	GraphTooltip         int              `json:"graphTooltip"` // 1: one crosshair on all panels
	SchemaVersion        int              `json:"schemaVersion"`
	Version              int              `json:"version"`
	Refresh              string           `json:"refresh"`
	Time                 TimeRange        `json:"time"`
	Timepicker           struct{}         `json:"timepicker"`
	FiscalYearStartMonth int              `json:"fiscalYearStartMonth"`
	Links                []DashboardLink  `json:"links"`
	Annotations          List[Annotation] `json:"annotations"`
	Templating           List[Variable]   `json:"templating"`
	Panels               []Panel          `json:"panels"`

	File string `json:"-"` // its name, without the directory
}

// A List is how Grafana wraps annotations and variables.
type List[T any] struct {
	List []T `json:"list"`
}

// A TimeRange is what the time picker shows at first.
type TimeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// A DashboardLink leads to all dashboards with its tags.
type DashboardLink struct {
	Type        string   `json:"type"` // dashboards
	Title       string   `json:"title"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	TargetBlank bool     `json:"targetBlank"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
	URL         string   `json:"url"`
}

// A Datasource names one by type and UID.
type Datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// An Annotation marks the times at which its query has a value.
type Annotation struct {
	Name            string           `json:"name"`
	Datasource      Datasource       `json:"datasource"`
	Enable          bool             `json:"enable"`
	Hide            bool             `json:"hide"`
	IconColor       string           `json:"iconColor"`
	TitleFormat     string           `json:"titleFormat"`
	TextFormat      string           `json:"textFormat"`
	TagKeys         string           `json:"tagKeys"`
	UseValueForTime bool             `json:"useValueForTime"`
	Target          AnnotationTarget `json:"target"`
}

// An AnnotationTarget is an annotation's query.
type AnnotationTarget struct {
	RefID    string `json:"refId"`
	Expr     string `json:"expr"`
	Interval string `json:"interval"`
}

// A Variable is a choice at the top of the dashboard.
type Variable struct {
	Name        string        `json:"name"`
	Type        string        `json:"type"` // datasource, query, textbox
	Label       string        `json:"label"`
	Description string        `json:"description"`
	Datasource  *Datasource   `json:"datasource"`
	Definition  string        `json:"definition"` // the query again, as the list of variables shows it
	Query       VariableQuery `json:"query"`
	Regex       string        `json:"regex"`
	Current     Option        `json:"current"`
	Options     []Option      `json:"options"`
	Hide        int           `json:"hide"`
	Refresh     int           `json:"refresh"` // 1: when the dashboard loads, 2: when the time range changes, too
	Sort        int           `json:"sort"`
	IncludeAll  bool          `json:"includeAll"`
	AllValue    string        `json:"allValue"`
	Multi       bool          `json:"multi"`
	SkipURLSync bool          `json:"skipUrlSync"`
}

// The ways of a variable's query that are in use.
const (
	LabelValues = 1 // label_values(selector, label)
	QueryResult = 3 // query_result(query)
)

// A VariableQuery is a query of Prometheus, or bare text for the other types.
type VariableQuery struct {
	Text    string // for a datasource its type, for a textbox its value at first
	QryType int
	Query   string
	RefID   string
}

// UnmarshalJSON takes both forms.
func (q *VariableQuery) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &q.Text) == nil {
		return nil
	}
	var o struct {
		QryType int    `json:"qryType"`
		Query   string `json:"query"`
		RefID   string `json:"refId"`
	}
	err := strict(b, &o)
	q.QryType, q.Query, q.RefID = o.QryType, o.Query, o.RefID
	return err
}

// An Option is a value that can be chosen, with the text that stands for it.
type Option struct {
	Selected bool    `json:"selected"`
	Text     Strings `json:"text"`
	Value    Strings `json:"value"`
}

// Strings is one string or several.
type Strings []string

// UnmarshalJSON takes both forms.
func (s *Strings) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = Strings{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// A Panel is a drawing, a table, or the headline of a row of panels.
type Panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description"`
	PluginVersion   string           `json:"pluginVersion"`
	GridPos         GridPos          `json:"gridPos"`
	Datasource      Datasource       `json:"datasource"`
	Targets         []Target         `json:"targets"`
	Transformations []Transformation `json:"transformations"`
	FieldConfig     FieldConfig      `json:"fieldConfig"`
	Options         json.RawMessage  `json:"options"`

	Interval        string `json:"interval"`
	Repeat          string `json:"repeat"` // the variable for each of whose values there is one
	RepeatDirection string `json:"repeatDirection"`
	MaxPerRow       int    `json:"maxPerRow"`

	Collapsed bool    `json:"collapsed"` // rows only
	Panels    []Panel `json:"panels"`    // of a collapsed row

	// Options, by the panel's type; the others are nil.
	Stat       *StatOptions       `json:"-"`
	TimeSeries *TimeSeriesOptions `json:"-"`
	Table      *TableOptions      `json:"-"`
	BarGauge   *BarGaugeOptions   `json:"-"`
	Geomap     *GeomapOptions     `json:"-"`
}

// UnmarshalJSON decodes the options by the panel's type.
func (p *Panel) UnmarshalJSON(b []byte) error {
	type plain Panel
	if err := strict(b, (*plain)(p)); err != nil {
		return err
	}
	var options, custom any
	switch p.Type {
	case "row":
		return nil
	case "stat":
		p.Stat = &StatOptions{}
		options = p.Stat
	case "timeseries":
		p.TimeSeries, p.FieldConfig.Defaults.TimeSeries = &TimeSeriesOptions{}, &TimeSeriesCustom{}
		options, custom = p.TimeSeries, p.FieldConfig.Defaults.TimeSeries
	case "table":
		p.Table, p.FieldConfig.Defaults.Table = &TableOptions{}, &TableCustom{}
		options, custom = p.Table, p.FieldConfig.Defaults.Table
	case "bargauge":
		p.BarGauge = &BarGaugeOptions{}
		options = p.BarGauge
	case "geomap":
		p.Geomap = &GeomapOptions{}
		options, custom = p.Geomap, &GeomapCustom{}
	default:
		return fmt.Errorf("panel %q: unknown type %q", p.Title, p.Type)
	}
	if err := strict(p.Options, options); err != nil {
		return fmt.Errorf("panel %q: options: %w", p.Title, err)
	}
	if (custom == nil) != (p.FieldConfig.Defaults.Custom == nil) {
		return fmt.Errorf("panel %q: custom does not go with type %q", p.Title, p.Type)
	}
	if custom != nil {
		if err := strict(p.FieldConfig.Defaults.Custom, custom); err != nil {
			return fmt.Errorf("panel %q: custom: %w", p.Title, err)
		}
	}
	return nil
}

// A GridPos is a place on a grid of 24 columns.
type GridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// A Target is a query.
type Target struct {
	RefID        string     `json:"refId"`
	Datasource   Datasource `json:"datasource"`
	EditorMode   string     `json:"editorMode"`
	Expr         string     `json:"expr"`
	Format       string     `json:"format"` // time_series, table
	Instant      bool       `json:"instant"`
	Range        bool       `json:"range"`
	LegendFormat string     `json:"legendFormat"`
}

// A Transformation reworks what the queries returned.
type Transformation struct {
	ID      string           `json:"id"`
	Options TransformOptions `json:"options"`
}

// TransformOptions are those of merge (none), organize and sortBy.
type TransformOptions struct {
	ExcludeByName map[string]bool   `json:"excludeByName"`
	IndexByName   map[string]int    `json:"indexByName"`
	RenameByName  map[string]string `json:"renameByName"`

	Fields struct{}    `json:"fields"`
	Sort   []SortField `json:"sort"`
}

// A SortField is a column to sort by.
type SortField struct {
	Field string `json:"field"`
	Desc  bool   `json:"desc"`
}

// A FieldConfig says how values are shown.
type FieldConfig struct {
	Defaults  FieldDefaults `json:"defaults"`
	Overrides []Override    `json:"overrides"`
}

// FieldDefaults hold for all fields of a panel.
type FieldDefaults struct {
	Unit       string          `json:"unit"`
	Decimals   *int            `json:"decimals"`
	Min        *float64        `json:"min"`
	Max        *float64        `json:"max"`
	NoValue    string          `json:"noValue"`
	Mappings   []Mapping       `json:"mappings"`
	Color      *Color          `json:"color"`
	Thresholds *Thresholds     `json:"thresholds"`
	Links      []Link          `json:"links"`
	Custom     json.RawMessage `json:"custom"`

	TimeSeries *TimeSeriesCustom `json:"-"`
	Table      *TableCustom      `json:"-"`
}

// An Override changes the fields that its matcher finds.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// A Matcher finds fields.
type Matcher struct {
	ID      string `json:"id"` // byName, byRegexp
	Options string `json:"options"`
}

// A Property is one changed setting.
type Property struct {
	ID    string          `json:"id"`
	Value json.RawMessage `json:"value"`
}

// Decode decodes the value strictly, into what its ID calls for.
func (p Property) Decode() (any, error) {
	var v any
	switch p.ID {
	case "unit", "noValue":
		v = new(string)
	case "decimals":
		v = new(int)
	case "min", "max", "custom.minWidth", "custom.fillOpacity":
		v = new(float64)
	case "links":
		v = new([]Link)
	case "mappings":
		v = new([]Mapping)
	case "thresholds":
		v = new(Thresholds)
	case "color":
		v = new(Color)
	case "custom.cellOptions":
		v = new(CellOptions)
	case "custom.lineStyle":
		v = new(LineStyle)
	default:
		return nil, fmt.Errorf("unknown property %q", p.ID)
	}
	if err := strict(p.Value, v); err != nil {
		return nil, fmt.Errorf("property %q: %w", p.ID, err)
	}
	return v, nil
}

// A Mapping shows a text for a value.
type Mapping struct {
	Type    string                   `json:"type"` // value
	Options map[string]MappingResult `json:"options"`
}

// A MappingResult is what is shown.
type MappingResult struct {
	Text  string `json:"text"`
	Color string `json:"color"`
	Index int    `json:"index"`
}

// A Color says where colours come from.
type Color struct {
	Mode       string `json:"mode"`
	FixedColor string `json:"fixedColor"`
}

// Thresholds change the colour by the value.
type Thresholds struct {
	Mode  string          `json:"mode"`
	Steps []ThresholdStep `json:"steps"`
}

// A ThresholdStep begins at its value; the first has none.
type ThresholdStep struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// A Link leads from a value to a page.
type Link struct {
	Title       string `json:"title"`
	URL         string `json:"url"`
	TargetBlank bool   `json:"targetBlank"`
}

// A Legend stands below a drawing.
type Legend struct {
	ShowLegend  bool     `json:"showLegend"`
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	Calcs       []string `json:"calcs"`
}

// ReduceOptions make one value of many.
type ReduceOptions struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}

// StatOptions are those of type stat.
type StatOptions struct {
	ColorMode              string        `json:"colorMode"`
	GraphMode              string        `json:"graphMode"`
	JustifyMode            string        `json:"justifyMode"`
	Orientation            string        `json:"orientation"`
	PercentChangeColorMode string        `json:"percentChangeColorMode"`
	ReduceOptions          ReduceOptions `json:"reduceOptions"`
	ShowPercentChange      bool          `json:"showPercentChange"`
	TextMode               string        `json:"textMode"`
	WideLayout             bool          `json:"wideLayout"`
}

// BarGaugeOptions are those of type bargauge.
type BarGaugeOptions struct {
	DisplayMode   string        `json:"displayMode"`
	Orientation   string        `json:"orientation"`
	ValueMode     string        `json:"valueMode"`
	NamePlacement string        `json:"namePlacement"`
	ShowUnfilled  bool          `json:"showUnfilled"`
	Sizing        string        `json:"sizing"`
	MinVizWidth   int           `json:"minVizWidth"`
	MinVizHeight  int           `json:"minVizHeight"`
	MaxVizHeight  int           `json:"maxVizHeight"`
	ReduceOptions ReduceOptions `json:"reduceOptions"`
	Legend        Legend        `json:"legend"`
}

// TimeSeriesOptions are those of type timeseries.
type TimeSeriesOptions struct {
	Legend  Legend `json:"legend"`
	Tooltip struct {
		Mode      string `json:"mode"`
		Sort      string `json:"sort"`
		HideZeros bool   `json:"hideZeros"`
	} `json:"tooltip"`
}

// TimeSeriesCustom is how lines are drawn.
type TimeSeriesCustom struct {
	DrawStyle         string     `json:"drawStyle"`
	LineInterpolation string     `json:"lineInterpolation"`
	LineWidth         int        `json:"lineWidth"`
	LineStyle         *LineStyle `json:"lineStyle"`
	FillOpacity       int        `json:"fillOpacity"`
	ShowPoints        string     `json:"showPoints"`
	SpanNulls         bool       `json:"spanNulls"`
	Stacking          *struct {
		Group string `json:"group"`
		Mode  string `json:"mode"`
	} `json:"stacking"`
}

// A LineStyle is solid, dash or dot.
type LineStyle struct {
	Fill string `json:"fill"`
	Dash []int  `json:"dash"`
}

// TableOptions are those of type table.
type TableOptions struct {
	ShowHeader       bool   `json:"showHeader"`
	CellHeight       string `json:"cellHeight"`
	EnablePagination bool   `json:"enablePagination"`
	SortBy           []struct {
		DisplayName string `json:"displayName"`
		Desc        bool   `json:"desc"`
	} `json:"sortBy"`
}

// TableCustom is how cells are drawn.
type TableCustom struct {
	Align       string      `json:"align"`
	CellOptions CellOptions `json:"cellOptions"`
	Filterable  bool        `json:"filterable"`
	Inspect     bool        `json:"inspect"`
}

// CellOptions are the kind of a cell.
type CellOptions struct {
	Type             string `json:"type"` // auto, color-text, gauge
	Mode             string `json:"mode"`
	ValueDisplayMode string `json:"valueDisplayMode"`
}

// GeomapOptions are those of type geomap.
type GeomapOptions struct {
	View struct {
		ID        string  `json:"id"`
		Lat       float64 `json:"lat"`
		Lon       float64 `json:"lon"`
		Zoom      float64 `json:"zoom"`
		AllLayers bool    `json:"allLayers"`
		Shared    bool    `json:"shared"`
	} `json:"view"`
	Controls struct {
		ShowZoom        bool `json:"showZoom"`
		MouseWheelZoom  bool `json:"mouseWheelZoom"`
		ShowAttribution bool `json:"showAttribution"`
		ShowScale       bool `json:"showScale"`
		ShowMeasure     bool `json:"showMeasure"`
		ShowDebug       bool `json:"showDebug"`
	} `json:"controls"`
	Basemap MapLayer   `json:"basemap"`
	Layers  []MapLayer `json:"layers"`
	Tooltip struct {
		Mode string `json:"mode"`
	} `json:"tooltip"`
}

// A MapLayer is the map, or what is drawn on it.
type MapLayer struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	Tooltip  bool   `json:"tooltip"`
	Location struct {
		Mode   string `json:"mode"`   // lookup: in a list of countries, which is Grafana's if no other is named
		Lookup string `json:"lookup"` // the field with the country
	} `json:"location"`
	Config struct {
		ShowLegend bool `json:"showLegend"`
		Style      struct {
			Size        Dimension `json:"size"`
			Color       MapColor  `json:"color"`
			Opacity     float64   `json:"opacity"`
			Rotation    Dimension `json:"rotation"`
			Symbol      MapText   `json:"symbol"`
			SymbolAlign struct {
				Horizontal string `json:"horizontal"`
				Vertical   string `json:"vertical"`
			} `json:"symbolAlign"`
			Text       MapText `json:"text"`
			TextConfig struct {
				FontSize     int    `json:"fontSize"`
				OffsetX      int    `json:"offsetX"`
				OffsetY      int    `json:"offsetY"`
				TextAlign    string `json:"textAlign"`
				TextBaseline string `json:"textBaseline"`
			} `json:"textConfig"`
		} `json:"style"`
	} `json:"config"`
}

// A Dimension is a number, fixed or from a field.
type Dimension struct {
	Field string  `json:"field"`
	Fixed float64 `json:"fixed"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	Mode  string  `json:"mode"`
}

// A MapColor is a colour, fixed or from a field.
type MapColor struct {
	Field string `json:"field"`
	Fixed string `json:"fixed"`
}

// A MapText is a text, fixed or from a field.
type MapText struct {
	Mode  string `json:"mode"`
	Field string `json:"field"`
	Fixed string `json:"fixed"`
}

// GeomapCustom says what is hidden from the map.
type GeomapCustom struct {
	HideFrom struct {
		Legend  bool `json:"legend"`
		Tooltip bool `json:"tooltip"`
		Viz     bool `json:"viz"`
	} `json:"hideFrom"`
}

// Load reads every dashboard of a directory, in the order of their names.
func Load(dir string) ([]Dashboard, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no dashboards in %s", dir)
	}
	dashboards := make([]Dashboard, len(files))
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if dashboards[i], err = Parse(b); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		dashboards[i].File = filepath.Base(file)
	}
	return dashboards, nil
}

// Parse reads one dashboard.
func Parse(b []byte) (Dashboard, error) {
	var d Dashboard
	if err := strict(b, &d); err != nil {
		return d, err
	}
	var content any
	if err := json.Unmarshal(b, &content); err != nil {
		return d, err
	}
	return d, checkCase(content, fieldNames())
}

// checkCase refuses a field whose name is not exactly one of the known names.
// Go's decoder does not mind upper and lower case; Grafana does.
func checkCase(content any, known map[string]bool) error {
	switch content := content.(type) {
	case []any:
		for _, c := range content {
			if err := checkCase(c, known); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, c := range content {
			if _, err := strconv.Atoi(name); err != nil && !known[name] {
				return fmt.Errorf("unknown field %q", name) // numbers are the values of mappings
			}
			if strings.HasSuffix(name, "ByName") {
				continue // maps by columns
			}
			if err := checkCase(c, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// fieldNames are the names of all fields of all types here.
func fieldNames() map[string]bool {
	known := map[string]bool{"qryType": true, "query": true, "refId": true}
	seen := map[reflect.Type]bool{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			add(t.Elem())
		case reflect.Struct:
			if seen[t] {
				return
			}
			seen[t] = true
			for f := range t.Fields() {
				if name := f.Tag.Get("json"); name != "-" {
					known[name] = true
				}
				add(f.Type)
			}
		default:
		}
	}
	for _, t := range []any{Dashboard{}, GeomapCustom{}, []Link{}, CellOptions{}, LineStyle{}} {
		add(reflect.TypeOf(t))
	}
	return known
}

// strict decodes one JSON value and refuses what v has no place for.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// A Kind says where a query stands.
type Kind string

// The kinds.
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
	Instant   bool // else it is run over a range of time
	Kind      Kind
	Legend    string
}

// Queries are all there are: of panels, variables and annotations. A variable's
// label_values(selector, label) becomes group by (label) (selector), which has
// as many series as the variable has values.
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

// promQL is the query that a variable's function stands for; what is written in
// another way becomes a query that no parser takes.
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

// Fill puts values in the place of variables, in all three ways to write them:
// $name, ${name} or ${name:format}, and [[name]]. A name without a value stays as
// it is, like the $1 of label_replace.
func (q Query) Fill(vars map[string]string) string {
	return variables().ReplaceAllStringFunc(q.Expr, func(s string) string {
		if value, ok := vars[variableName(s)]; ok {
			return value
		}
		return s
	})
}

// Vars are values for every variable, with which a query selects everything; sim
// selects nothing and wants a SIM's SID. A caller may change them.
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

// variables finds variables in a text.
func variables() *regexp.Regexp {
	return regexp.MustCompile(`\$\w+|\$\{[\w.]+(:\w+)?\}|\[\[\w+\]\]`)
}

// variableName is the name of the variable that is written in s.
func variableName(s string) string {
	name, _, _ := strings.Cut(strings.Trim(s, "${}[]"), ":")
	return name
}

// A Key names a query, for ExpectedEmpty.
type Key struct {
	Dashboard, Panel, RefID string
}

// Key is the query's name.
func (q Query) Key() Key {
	return Key{q.Dashboard, q.Panel, q.RefID}
}
