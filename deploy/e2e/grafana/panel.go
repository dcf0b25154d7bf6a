package grafana

import (
	"encoding/json"
	"fmt"
)

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
