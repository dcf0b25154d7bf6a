// Package grafana decodes the dashboards of deploy/grafana strictly: a field that
// its types do not have is an error. The types are the part of Grafana's classic
// dashboard schema (version 42, the last one) that the dashboards use.
//
// Tests get the queries of a Dashboard, fill in the variables, and run them.
package grafana

import (
	"encoding/json"
)

// SchemaVersion is the last version of the classic schema.
const SchemaVersion = 42

// A Dashboard is one file.
type Dashboard struct {
	ID                   *int64           `json:"id"` // null: assigned by Grafana
	UID                  string           `json:"uid"`
	Title                string           `json:"title"`
	Description          string           `json:"description"`
	Tags                 []string         `json:"tags"`
	Timezone             string           `json:"timezone"`
	Editable             bool             `json:"editable"`
	GraphTooltip         int              `json:"graphTooltip"` // 1: shared crosshair
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

	File string `json:"-"` // base name of the file
}

// A List is how Grafana wraps annotations and variables.
type List[T any] struct {
	List []T `json:"list"`
}

// A TimeRange is the initial value of the time picker.
type TimeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// A DashboardLink links to all dashboards with its tags.
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

// A Datasource refers to a datasource by type and UID.
type Datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// An Annotation marks the times at which its query returns a value.
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

// A Variable is a dashboard variable, selected at the top of the dashboard.
type Variable struct {
	Name        string        `json:"name"`
	Type        string        `json:"type"` // datasource, query, textbox
	Label       string        `json:"label"`
	Description string        `json:"description"`
	Datasource  *Datasource   `json:"datasource"`
	Definition  string        `json:"definition"` // the same query, shown in the list of variables
	Query       VariableQuery `json:"query"`
	Regex       string        `json:"regex"`
	Current     Option        `json:"current"`
	Options     []Option      `json:"options"`
	Hide        int           `json:"hide"`
	Refresh     int           `json:"refresh"` // 1: on dashboard load, 2: also on time range change
	Sort        int           `json:"sort"`
	IncludeAll  bool          `json:"includeAll"`
	AllValue    string        `json:"allValue"`
	Multi       bool          `json:"multi"`
	SkipURLSync bool          `json:"skipUrlSync"`
}

// Types of variable queries.
const (
	LabelValues = 1 // label_values(selector, label)
	QueryResult = 3 // query_result(query)
)

// A VariableQuery is a Prometheus query, or plain text for other types of variables.
type VariableQuery struct {
	Text    string // for a datasource its type, for a textbox its initial value
	QryType int
	Query   string
	RefID   string
}

// UnmarshalJSON accepts both forms.
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

// An Option is a value of a variable, with its displayed text.
type Option struct {
	Selected bool    `json:"selected"`
	Text     Strings `json:"text"`
	Value    Strings `json:"value"`
}

// Strings is one string or several.
type Strings []string

// UnmarshalJSON accepts both forms.
func (s *Strings) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = Strings{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}
