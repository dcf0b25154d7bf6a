// Package grafana reads the dashboards of deploy/grafana as strictly as can be:
// a field that is not named here is an error. What stands here is the part of
// Grafana's classic dashboard schema (version 42, the last one) that they use.
//
// Tests ask a Dashboard for its queries, fill in the variables, and run them.
package grafana

import (
	"encoding/json"
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
