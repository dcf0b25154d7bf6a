package grafana

import (
	"encoding/json"
	"fmt"
)

// A Panel is a visualization, or a row, which is the heading of a group of panels.
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
	Repeat          string `json:"repeat"` // the variable for each of whose values the panel is repeated
	RepeatDirection string `json:"repeatDirection"`
	MaxPerRow       int    `json:"maxPerRow"`

	Collapsed bool    `json:"collapsed"` // rows only
	Panels    []Panel `json:"panels"`    // of a collapsed row

	// Decoded Options; all but that of the panel's type are nil.
	Stat       *StatOptions       `json:"-"`
	TimeSeries *TimeSeriesOptions `json:"-"`
	Table      *TableOptions      `json:"-"`
	BarGauge   *BarGaugeOptions   `json:"-"`
	Geomap     *GeomapOptions     `json:"-"`
}

// UnmarshalJSON decodes the options according to the panel's type.
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
		return fmt.Errorf("panel %q: custom does not match type %q", p.Title, p.Type)
	}
	if custom != nil {
		if err := strict(p.FieldConfig.Defaults.Custom, custom); err != nil {
			return fmt.Errorf("panel %q: custom: %w", p.Title, err)
		}
	}
	return nil
}

// A GridPos is the position and size of a panel on a grid of 24 columns.
type GridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// A Target is a query of a panel.
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

// A Transformation changes the results of the queries.
type Transformation struct {
	ID      string           `json:"id"`
	Options TransformOptions `json:"options"`
}

// TransformOptions are the options of organize and sortBy; merge has none.
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

// A FieldConfig configures how values are displayed.
type FieldConfig struct {
	Defaults  FieldDefaults `json:"defaults"`
	Overrides []Override    `json:"overrides"`
}

// FieldDefaults apply to all fields of a panel.
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

// An Override changes the settings of the fields that its matcher matches.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// A Matcher selects fields.
type Matcher struct {
	ID      string `json:"id"` // byName, byRegexp
	Options string `json:"options"`
}

// A Property is one setting of an override.
type Property struct {
	ID    string          `json:"id"`
	Value json.RawMessage `json:"value"`
}

// Decode decodes the value strictly, into the type that belongs to its ID.
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

// A Mapping maps values to displayed texts.
type Mapping struct {
	Type    string                   `json:"type"` // value
	Options map[string]MappingResult `json:"options"`
}

// A MappingResult is the displayed text and color of a value.
type MappingResult struct {
	Text  string `json:"text"`
	Color string `json:"color"`
	Index int    `json:"index"`
}

// A Color is a color scheme.
type Color struct {
	Mode       string `json:"mode"`
	FixedColor string `json:"fixedColor"`
}

// Thresholds set the color by the value.
type Thresholds struct {
	Mode  string          `json:"mode"`
	Steps []ThresholdStep `json:"steps"`
}

// A ThresholdStep starts at its value; the first step has none.
type ThresholdStep struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// A Link is a data link of a field.
type Link struct {
	Title       string `json:"title"`
	URL         string `json:"url"`
	TargetBlank bool   `json:"targetBlank"`
}
