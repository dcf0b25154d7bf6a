package monitoring_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// shipped returns the path of a file or directory in deploy/.
func shipped(t *testing.T, elements ...string) string {
	t.Helper()
	return filepath.Join(append([]string{programs.Root(t), "deploy"}, elements...)...)
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: found %d files, %v", pattern, len(found), err)
	}
	return found
}

// warned matches output of the tools that reports a problem.
var warned = regexp.MustCompile(`(?i)warn|fail|error|lint`)

// TestPromtool checks the shipped rules and configuration with promtool.
func TestPromtool(t *testing.T) {
	rules := glob(t, shipped(t, "prometheus", "rules", "*.yml"))
	for _, arguments := range [][]string{
		append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, rules...),
		{"check", "config", "--lint=all", "--lint-fatal", shipped(t, "prometheus", "prometheus.yml")},
	} {
		if out := succeed(t, programs.Promtool, arguments...); warned.MatchString(out) {
			t.Errorf("promtool %s:\n%s", strings.Join(arguments, " "), out)
		}
	}
}

// TestRules runs the test cases of the rules.
func TestRules(t *testing.T) {
	for _, file := range glob(t, shipped(t, "prometheus", "tests", "*.test.yml")) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			succeed(t, programs.Promtool, "test", "rules", file)
		})
	}
}

// TestAlertsAreComplete checks that each alert has labels, annotations, a section in
// the runbooks, and test cases in which it fires and in which it does not.
func TestAlertsAreComplete(t *testing.T) {
	type outcome struct{ fires, silent int }
	outcomes := make(map[string]*outcome)
	for _, file := range glob(t, shipped(t, "prometheus", "tests", "*.test.yml")) {
		var cases struct {
			Tests []struct {
				Alerts []struct {
					Name     string `yaml:"alertname"`
					Expected []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		if err := yaml.Unmarshal([]byte(read(t, file)), &cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, test := range cases.Tests {
			for _, a := range test.Alerts {
				if outcomes[a.Name] == nil {
					outcomes[a.Name] = new(outcome)
				}
				if len(a.Expected) > 0 {
					outcomes[a.Name].fires++
				} else {
					outcomes[a.Name].silent++
				}
			}
		}
	}
	runbooks := read(t, shipped(t, "runbooks.md"))
	alerts := rulesOf(t, shipped(t, "prometheus", "rules", "alerts.yml"))
	known := make(map[string]bool)
	for _, a := range alerts {
		known[a.Alert] = true
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has severity %q", a.Alert, s)
		}
		if c := a.Labels["component"]; c != "exporter" && c != "usage" && c != "cost" {
			t.Errorf("%s has component %q", a.Alert, c)
		}
		for _, name := range []string{"summary", "description"} {
			if len(a.Annotations[name]) < 20 {
				t.Errorf("%s: %s is %q", a.Alert, name, a.Annotations[name])
			}
		}
		const base = "https://github.com/twilio-exporter/twilio_exporter/blob/main/deploy/runbooks.md#"
		if want := base + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s has the runbook %q, want %q", a.Alert, a.Annotations["runbook_url"], want)
		}
		if !regexp.MustCompile(`(?m)^#+ ` + a.Alert + `$`).MatchString(runbooks) {
			t.Errorf("runbooks.md has no section %s", a.Alert)
		}
		if o := outcomes[a.Alert]; o == nil || o.fires == 0 || o.silent == 0 {
			t.Errorf("%s has test cases %+v, want some in which it fires and some in which it does not", a.Alert, o)
		}
	}
	for name, o := range outcomes {
		if !known[name] {
			t.Errorf("there are tests of %s, but no such alert", name)
		}
		t.Logf("%s: fires in %d cases, silent in %d", name, o.fires, o.silent)
	}
	for _, section := range regexp.MustCompile(`(?m)^#+ (Twilio\w+)$`).FindAllStringSubmatch(runbooks, -1) {
		if !known[section[1]] {
			t.Errorf("runbooks.md has a section %s, but there is no such alert", section[1])
		}
	}
}

// TestThresholds checks that thresholds.yml defines all thresholds and nothing else.
func TestThresholds(t *testing.T) {
	defined, used := make(map[string]bool), make(map[string]bool)
	for _, r := range rulesOf(t, shipped(t, "prometheus", "rules", "thresholds.yml")) {
		if !strings.HasPrefix(r.Record, "twilio:threshold:") {
			t.Errorf("thresholds.yml records %q", r.Record)
		}
		defined[r.Record] = true
	}
	for _, r := range rulesOf(t, shipped(t, "prometheus", "rules", "alerts.yml"), shipped(t, "prometheus", "rules", "recording.yml")) {
		for _, name := range regexp.MustCompile(`twilio:threshold:\w+`).FindAllString(r.Expr, -1) {
			used[name] = true
			if !defined[name] {
				t.Errorf("%s%s uses %s, which is not defined", r.Alert, r.Record, name)
			}
		}
	}
	for name := range defined {
		if !used[name] {
			t.Errorf("no rule uses %s", name)
		}
	}
}

// TestAmtool checks the shipped Alertmanager configuration and its routes with amtool.
func TestAmtool(t *testing.T) {
	config := shipped(t, "alertmanager", "alertmanager.yml")
	if out := succeed(t, programs.Amtool, "check-config", config); warned.MatchString(out) || !strings.Contains(out, "1 templates") {
		t.Errorf("amtool check-config:\n%s", out)
	}
	for labels, want := range map[string]string{
		"alertname=TwilioSIMAboveHabit severity=critical account=a":         "pager,chat",
		"alertname=TwilioExporterDown severity=critical job=twilio":         "pager,chat",
		"alertname=TwilioBudgetForecastExceeded severity=warning account=a": "chat",
		"alertname=SomethingElse severity=critical":                         "chat",
	} {
		arguments := append([]string{"config", "routes", "test", "--config.file=" + config, "--verify.receivers=" + want}, strings.Fields(labels)...)
		if out, err := run(t, nil, programs.Amtool, arguments...); err != nil {
			t.Errorf("%s should go to %s: %v\n%s", labels, want, err, out)
		}
	}
	// Every alert is routed by its severity.
	for _, r := range rulesOf(t, shipped(t, "prometheus", "rules", "alerts.yml")) {
		want := map[string]string{"critical": "pager,chat", "warning": "chat"}[r.Labels["severity"]]
		if out, err := run(t, nil, programs.Amtool, "config", "routes", "test", "--config.file="+config,
			"--verify.receivers="+want, "alertname="+r.Alert, "severity="+r.Labels["severity"], "account=a"); err != nil {
			t.Errorf("%s should go to %s: %v\n%s", r.Alert, want, err, out)
		}
	}
}

// TestInhibition checks that the inhibition rules name existing alerts.
func TestInhibition(t *testing.T) {
	known := make(map[string]bool)
	for _, r := range rulesOf(t, shipped(t, "prometheus", "rules", "alerts.yml")) {
		known[r.Alert] = true
	}
	names := regexp.MustCompile(`\bTwilio[A-Z]\w+`).FindAllString(read(t, shipped(t, "alertmanager", "alertmanager.yml")), -1)
	if len(names) < 20 {
		t.Errorf("found only %d alert names", len(names))
	}
	for _, name := range names {
		if !known[name] {
			t.Errorf("alertmanager.yml names %s, but there is no such alert", name)
		}
	}
}
