package monitoring_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// TestOneCauseOneMessage sends to Alertmanager, with the shipped configuration, the
// alerts that one cause leads to, and checks which are inhibited.
func TestOneCauseOneMessage(t *testing.T) {
	directory := t.TempDir()
	copyDirectory(t, directory, shipped(t, "alertmanager"))
	change(t, filepath.Join(directory, "alertmanager.yml"), `group_wait: 30s`, `group_wait: 1h`) // nothing is sent
	alertmanager := start(t, programs.Alertmanager, "--config.file="+filepath.Join(directory, "alertmanager.yml"),
		"--storage.path="+t.TempDir(), "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")

	type alert = map[string]string
	usage := func(name string) alert { return alert{"alertname": name, "collector": "supersim_usage"} }
	var posted []alert
	want := make(map[string]bool) // by cause and name: whether a notification is due
	for cause, alerts := range map[string]struct{ notified, inhibited []alert }{
		"credentials revoked": {
			notified: []alert{usage("TwilioExporterCredentialsRefused")},
			inhibited: []alert{
				usage("TwilioExporterPollFailing"), usage("TwilioExporterNotPolling"), usage("TwilioExporterDataStale"),
				{"alertname": "TwilioExporterRetryingHard"}, {"alertname": "TwilioFleetSilent", "fleet_sid": "HF1"},
				{"alertname": "TwilioBillingBehindUsage"}, {"alertname": "TwilioSIMSilent", "sim_sid": "HS1"},
			},
		},
		"API down for hours": {
			notified:  []alert{usage("TwilioExporterDataStale")},
			inhibited: []alert{usage("TwilioExporterPollFailing"), {"alertname": "TwilioExporterRetryingHard"}, {"alertname": "TwilioFleetSilent", "fleet_sid": "HF1"}},
		},
		// The last of these, a warning, is inhibited by the second, which is inhibited too.
		"a shard is down": {
			notified:  []alert{{"alertname": "TwilioExporterDown"}},
			inhibited: []alert{{"alertname": "TwilioExporterShardMissing"}, {"alertname": "TwilioExporterShardsDisagree"}},
		},
		"polls hang": {
			notified:  []alert{usage("TwilioExporterNotPolling")},
			inhibited: []alert{usage("TwilioExporterDataStale"), usage("TwilioExporterPollFailing")},
		},
		"a SIM uses too much data": {
			notified: []alert{
				{"alertname": "TwilioSIMAboveHabit", "sim_sid": "HS1"},
				{"alertname": "TwilioSIMDataLimitExceeded", "sim_sid": "HS1", "fleet_sid": "HF1"},
			},
			inhibited: []alert{
				{"alertname": "TwilioSIMAboveFleet", "sim_sid": "HS1", "fleet_sid": "HF1"},
				{"alertname": "TwilioSIMDataLimitNear", "sim_sid": "HS1", "fleet_sid": "HF1"},
			},
		},
		"another SIM": {
			notified: []alert{
				{"alertname": "TwilioSIMAboveHabit", "sim_sid": "HS1"},
				{"alertname": "TwilioSIMAboveFleet", "sim_sid": "HS2", "fleet_sid": "HF1"},
			},
		},
		"a fleet crosses a border": {
			notified:  []alert{{"alertname": "TwilioCountryNew", "iso_country": "PL"}},
			inhibited: []alert{{"alertname": "TwilioNetworkNew", "iso_country": "PL", "network_sid": "HW1"}},
		},
		"a SIM crosses a border": {
			notified: []alert{{"alertname": "TwilioSIMCountryNew", "sim_sid": "HS1", "iso_country": "PL"}},
			inhibited: []alert{
				{"alertname": "TwilioSIMNetworkNew", "sim_sid": "HS1", "iso_country": "PL", "network_sid": "HW1"},
				{"alertname": "TwilioCountryNew", "iso_country": "PL"}, {"alertname": "TwilioNetworkNew", "iso_country": "PL", "network_sid": "HW1"},
			},
		},
		"two SIMs": {
			notified: []alert{
				{"alertname": "TwilioSIMCountryNew", "sim_sid": "HS1", "iso_country": "PL"},
				{"alertname": "TwilioSIMNetworkNew", "sim_sid": "HS2", "iso_country": "PL", "network_sid": "HW1"},
			},
		},
		"a fleet is silent": {
			notified:  []alert{{"alertname": "TwilioFleetSilent", "fleet_sid": "HF1"}},
			inhibited: []alert{{"alertname": "TwilioSIMSilent", "sim_sid": "HS1", "fleet_sid": "HF1"}},
		},
		"a SIM without a fleet is silent": {
			notified: []alert{
				{"alertname": "TwilioFleetSilent", "fleet_sid": "HF1"},
				{"alertname": "TwilioSIMSilent", "sim_sid": "HS1"},
			},
		},
		"a SIM is blocked": {
			notified:  []alert{{"alertname": "TwilioSIMDataLimitExceeded", "sim_sid": "HS1", "fleet_sid": "HF1"}},
			inhibited: []alert{{"alertname": "TwilioSIMSilent", "sim_sid": "HS1", "fleet_sid": "HF1"}},
		},
		"a network at home": {
			notified: []alert{
				{"alertname": "TwilioCountryNew", "iso_country": "PL"},
				{"alertname": "TwilioNetworkNew", "iso_country": "DE", "network_sid": "HW2"},
			},
		},
		"budget exceeded": {
			notified:  []alert{{"alertname": "TwilioBudgetExceeded", "currency": "USD", "bill": "account"}},
			inhibited: []alert{{"alertname": "TwilioBudgetForecastExceeded", "currency": "USD", "bill": "account"}},
		},
		"budget exceeded in another currency": {
			notified: []alert{
				{"alertname": "TwilioBudgetExceeded", "currency": "USD", "bill": "account"},
				{"alertname": "TwilioBudgetForecastExceeded", "currency": "EUR", "bill": "account"},
			},
		},
		"balance nearly used up": {
			notified:  []alert{{"alertname": "TwilioBalanceRunningOut", "currency": "USD"}},
			inhibited: []alert{{"alertname": "TwilioBalanceLow", "currency": "USD"}},
		},
	} {
		for notified, list := range map[bool][]alert{true: alerts.notified, false: alerts.inhibited} {
			for _, a := range list {
				a["account"] = cause // keeps the causes apart
				posted = append(posted, a)
				want[cause+": "+a["alertname"]] = notified
			}
		}
	}

	var body []map[string]any
	for _, labels := range posted {
		body = append(body, map[string]any{"labels": labels})
	}
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + alertmanager.address + "/api/v2/alerts"
	response, err := http.Post(url, "application/json", bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("Alertmanager responded with %s", response.Status)
	}

	var wrong []string
	asExpected := func() bool {
		var found []models.GettableAlert
		if err := json.Unmarshal([]byte(get(t, http.DefaultClient, url)), &found); err != nil {
			t.Fatal(err)
		}
		wrong = wrong[:0]
		for _, a := range found {
			name := a.Labels["account"] + ": " + a.Labels["alertname"]
			if notified := len(a.Status.InhibitedBy) == 0; notified != want[name] {
				wrong = append(wrong, name)
			}
		}
		return len(found) == len(posted) && len(wrong) == 0
	}
	defer func() {
		slices.Sort(wrong)
		if len(wrong) > 0 {
			t.Logf("inhibited but should not be, or the reverse:\n%s", strings.Join(wrong, "\n"))
		}
	}()
	eventually(t, "Alertmanager to inhibit alerts", asExpected)
}

// TestInhibitedAlertsEndFirst checks that an alert that inhibits another one keeps firing
// for longer. Where both end at once, Alertmanager can look between the two messages, and
// sends the one that was inhibited.
func TestInhibitedAlertsEndFirst(t *testing.T) {
	var config struct {
		Inhibit []struct {
			Source []string `yaml:"source_matchers"`
			Target []string `yaml:"target_matchers"`
		} `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal([]byte(read(t, shipped(t, "alertmanager", "alertmanager.yml"))), &config); err != nil {
		t.Fatal(err)
	}
	alerts := rulesOf(t, shipped(t, "prometheus", "rules", "alerts.yml"))
	matching := func(matchers []string) (found []rule) {
		var all labels.Matchers
		for _, text := range matchers {
			m, err := labels.ParseMatcher(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		for _, a := range alerts {
			if all.Matches(model.LabelSet{"alertname": model.LabelValue(a.Alert), "collector": "supersim_usage"}) {
				found = append(found, a)
			}
		}
		return found
	}
	keeps := func(a rule) time.Duration {
		if a.KeepFiring == "" {
			return 0
		}
		d, err := model.ParseDuration(a.KeepFiring)
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(d)
	}
	pairs := 0
	for _, inhibit := range config.Inhibit {
		for _, source := range matching(inhibit.Source) {
			// Those about the exporter end with the sample of one and the same poll or scrape.
			if source.Labels["component"] == "exporter" {
				continue
			}
			for _, target := range matching(inhibit.Target) {
				pairs++
				if keeps(source) < keeps(target)+5*time.Minute {
					t.Errorf("%s keeps firing for %s, and %s, which it inhibits, for %s: want five minutes more",
						source.Alert, keeps(source), target.Alert, keeps(target))
				}
			}
		}
	}
	if pairs < 10 {
		t.Errorf("found %d pairs of alerts of which one inhibits the other", pairs)
	}
}
