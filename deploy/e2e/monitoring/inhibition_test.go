package monitoring_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// TestOneCauseOneMessage gives a real Alertmanager, with the shipped
// configuration, the alerts that one cause leads to, and looks which are left.
func TestOneCauseOneMessage(t *testing.T) {
	directory := t.TempDir()
	copyDirectory(t, directory, shipped(t, "alertmanager"))
	change(t, filepath.Join(directory, "alertmanager.yml"), `group_wait: 30s`, `group_wait: 1h`) // nothing is sent
	alertmanager := start(t, programs.Alertmanager, "--config.file="+filepath.Join(directory, "alertmanager.yml"),
		"--storage.path="+t.TempDir(), "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")

	type alert = map[string]string
	usage := func(name string) alert { return alert{"alertname": name, "collector": "supersim_usage"} }
	var posted []alert
	want := make(map[string]bool) // by cause and name: is it told?
	for cause, alerts := range map[string]struct{ told, quiet []alert }{
		"credentials revoked": {
			told: []alert{usage("TwilioExporterCredentialsRefused")},
			quiet: []alert{
				usage("TwilioExporterPollFailing"), usage("TwilioExporterNotPolling"), usage("TwilioExporterDataStale"),
				{"alertname": "TwilioExporterRetryingHard"}, {"alertname": "TwilioFleetSilent", "fleet_sid": "HF1"},
				{"alertname": "TwilioBillingBehindUsage"},
			},
		},
		"API down for hours": {
			told:  []alert{usage("TwilioExporterDataStale")},
			quiet: []alert{usage("TwilioExporterPollFailing"), {"alertname": "TwilioExporterRetryingHard"}, {"alertname": "TwilioFleetSilent", "fleet_sid": "HF1"}},
		},
		// By the last of these, a warning, the rule is known by which the second hides it.
		"a shard is down": {
			told:  []alert{{"alertname": "TwilioExporterDown"}},
			quiet: []alert{{"alertname": "TwilioExporterShardMissing"}, {"alertname": "TwilioExporterShardsDisagree"}},
		},
		"polls hang": {
			told:  []alert{usage("TwilioExporterNotPolling")},
			quiet: []alert{usage("TwilioExporterDataStale"), usage("TwilioExporterPollFailing")},
		},
		"a SIM goes wild": {
			told: []alert{
				{"alertname": "TwilioSIMAboveHabit", "sim_sid": "HS1"},
				{"alertname": "TwilioSIMDataLimitExceeded", "sim_sid": "HS1", "fleet_sid": "HF1"},
			},
			quiet: []alert{
				{"alertname": "TwilioSIMAboveFleet", "sim_sid": "HS1", "fleet_sid": "HF1"},
				{"alertname": "TwilioSIMDataLimitNear", "sim_sid": "HS1", "fleet_sid": "HF1"},
			},
		},
		"another SIM": {
			told: []alert{
				{"alertname": "TwilioSIMAboveHabit", "sim_sid": "HS1"},
				{"alertname": "TwilioSIMAboveFleet", "sim_sid": "HS2", "fleet_sid": "HF1"},
			},
		},
		"a fleet crosses a border": {
			told:  []alert{{"alertname": "TwilioCountryNew", "iso_country": "PL"}},
			quiet: []alert{{"alertname": "TwilioNetworkNew", "iso_country": "PL", "network_sid": "HW1"}},
		},
		"a network at home": {
			told: []alert{
				{"alertname": "TwilioCountryNew", "iso_country": "PL"},
				{"alertname": "TwilioNetworkNew", "iso_country": "DE", "network_sid": "HW2"},
			},
		},
		"budget gone": {
			told:  []alert{{"alertname": "TwilioBudgetExceeded", "currency": "USD", "bill": "account"}},
			quiet: []alert{{"alertname": "TwilioBudgetForecastExceeded", "currency": "USD", "bill": "account"}},
		},
		"budget gone in another currency": {
			told: []alert{
				{"alertname": "TwilioBudgetExceeded", "currency": "USD", "bill": "account"},
				{"alertname": "TwilioBudgetForecastExceeded", "currency": "EUR", "bill": "account"},
			},
		},
		"balance gone": {
			told:  []alert{{"alertname": "TwilioBalanceRunningOut", "currency": "USD"}},
			quiet: []alert{{"alertname": "TwilioBalanceLow", "currency": "USD"}},
		},
	} {
		for told, list := range map[bool][]alert{true: alerts.told, false: alerts.quiet} {
			for _, a := range list {
				a["account"] = cause // so that causes do not meddle
				posted = append(posted, a)
				want[cause+": "+a["alertname"]] = told
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
		t.Fatalf("Alertmanager answered %s", response.Status)
	}

	var wrong []string
	judge := func() bool {
		var found []models.GettableAlert
		if err := json.Unmarshal([]byte(get(t, http.DefaultClient, url)), &found); err != nil {
			t.Fatal(err)
		}
		wrong = wrong[:0]
		for _, a := range found {
			name := a.Labels["account"] + ": " + a.Labels["alertname"]
			if told := len(a.Status.InhibitedBy) == 0; told != want[name] {
				wrong = append(wrong, name)
			}
		}
		return len(found) == len(posted) && len(wrong) == 0
	}
	defer func() {
		slices.Sort(wrong)
		if len(wrong) > 0 {
			t.Logf("told although it should not be, or the other way round:\n%s", strings.Join(wrong, "\n"))
		}
	}()
	eventually(t, "Alertmanager to inhibit what follows from something else", judge)
}
