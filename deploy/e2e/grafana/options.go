package grafana

// A Legend is the legend of a panel.
type Legend struct {
	ShowLegend  bool     `json:"showLegend"`
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	Calcs       []string `json:"calcs"`
}

// ReduceOptions reduce a series to one value.
type ReduceOptions struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}

// StatOptions are the options of a stat panel.
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

// BarGaugeOptions are the options of a bargauge panel.
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

// TimeSeriesOptions are the options of a timeseries panel.
type TimeSeriesOptions struct {
	Legend  Legend `json:"legend"`
	Tooltip struct {
		Mode      string `json:"mode"`
		Sort      string `json:"sort"`
		HideZeros bool   `json:"hideZeros"`
	} `json:"tooltip"`
}

// TimeSeriesCustom is the field configuration of a timeseries panel.
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

// TableOptions are the options of a table panel.
type TableOptions struct {
	ShowHeader       bool   `json:"showHeader"`
	CellHeight       string `json:"cellHeight"`
	EnablePagination bool   `json:"enablePagination"`
	SortBy           []struct {
		DisplayName string `json:"displayName"`
		Desc        bool   `json:"desc"`
	} `json:"sortBy"`
}

// TableCustom is the field configuration of a table panel.
type TableCustom struct {
	Align       string      `json:"align"`
	CellOptions CellOptions `json:"cellOptions"`
	Filterable  bool        `json:"filterable"`
	Inspect     bool        `json:"inspect"`
}

// CellOptions set the type of a cell.
type CellOptions struct {
	Type             string `json:"type"` // auto, color-text, gauge
	Mode             string `json:"mode"`
	ValueDisplayMode string `json:"valueDisplayMode"`
}

// GeomapOptions are the options of a geomap panel.
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

// A MapLayer is the base map or a data layer.
type MapLayer struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	Tooltip  bool   `json:"tooltip"`
	Location struct {
		Mode   string `json:"mode"`   // lookup: in a gazetteer, by default Grafana's list of countries
		Lookup string `json:"lookup"` // the field with the country code
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

// A Dimension is a number, either fixed or from a field.
type Dimension struct {
	Field string  `json:"field"`
	Fixed float64 `json:"fixed"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	Mode  string  `json:"mode"`
}

// A MapColor is a color, either fixed or from a field.
type MapColor struct {
	Field string `json:"field"`
	Fixed string `json:"fixed"`
}

// A MapText is a text, either fixed or from a field.
type MapText struct {
	Mode  string `json:"mode"`
	Field string `json:"field"`
	Fixed string `json:"fixed"`
}

// GeomapCustom is the field configuration of a geomap panel.
type GeomapCustom struct {
	HideFrom struct {
		Legend  bool `json:"legend"`
		Tooltip bool `json:"tooltip"`
		Viz     bool `json:"viz"`
	} `json:"hideFrom"`
}
