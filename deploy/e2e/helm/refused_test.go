package helm_test

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

// TestRefusedValues: wrong values are refused in words that name the key.
func TestRefusedValues(t *testing.T) {
	c := load(t)
	for _, test := range []struct{ values, want string }{
		{"serviceMonitr: {enabled: true}", "additional properties 'serviceMonitr' not allowed"},
		{"serviceMonitor: {enable: true}", "at '/serviceMonitor': additional properties 'enable' not allowed"},
		{"replicas: 2", "additional properties 'replicas' not allowed"},
		{"shards: 0", "at '/shards': minimum: got 0, want 1"},
		{"shards: many", "at '/shards': got string, want integer"},
		{"config: {accounts: []}", "at '/config/accounts': minItems: got 0, want 1"},
		{"config: null", "missing property 'config'"},
		{"config: {accounts: [{basic_auth: null}]}", "at '/config/accounts/0/basic_auth': got null, want object"},
		{"config: {storage: {path: 1}}", "at '/config/storage/path': got number, want string"},
		{"image: {tag: 1.0}", "at '/image/tag': got number, want string"},
		{"image: {digest: abc}", "at '/image/digest': 'abc' does not match pattern"},
		{"image: {pullPolicy: Sometimes}", "at '/image/pullPolicy': value must be one of"},
		{"serviceMonitor: {interval: 60}", "at '/serviceMonitor/interval': got number, want string"},
		{"serviceMonitor: {interval: 1 minute}", "at '/serviceMonitor/interval': '1 minute' does not match pattern"},
		{"prometheusRule: {thresholds: mine.yml}", "at '/prometheusRule/thresholds': 'mine.yml' does not match pattern"},
		{"service: {port: 70000}", "at '/service/port': maximum: got 70,000, want 65,535"},
		{"extraArgs: [demo]", "at '/extraArgs/0': 'demo' does not match pattern"},
		{"persistence: {size: big}", "at '/persistence/size': 'big' does not match pattern"},
		{"podLabels: {a: 1}", "at '/podLabels/a': got number, want string"},

		{"config: {accounts: [{name: a}, {basic_auth: {password: secret-word}}]}",
			"config.accounts[1].basic_auth.password: a ConfigMap is no place for a secret; use basic_auth.password_file, or set secretConfig"},
		{"config: {accounts: [{authorization: {credentials: secret-word}}]}", "config.accounts[0].authorization.credentials: a ConfigMap"},
		{"config: {accounts: [{oauth2: {client_secret: secret-word}}]}", "config.accounts[0].oauth2.client_secret: a ConfigMap"},
		{"persistence: {enabled: true}\nconfig: {storage: {path: /data}}", "config.storage.path: is not below /var/lib/twilio_exporter"},
		{"shards: 2\npersistence: {enabled: true, existingClaim: mine}", "persistence.existingClaim: each shard needs a claim of its own"},
		{"shards: 2\ncredentials: {environment: true}", "shards: credentials.environment has one account"},
		{"credentials: {environment: true, existingSecret: ''}", "credentials.existingSecret: name the Secret"},
		{"credentials: {environment: true}\nexistingConfigSecret: mine", "credentials.environment: the account comes from existingConfigSecret"},
		{"credentials: {environment: true}\npersistence: {enabled: true}", "persistence.enabled: with credentials.environment the exporter keeps no state"},
	} {
		_, err := template(t, c, kubernetesVersion, test.values)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: have %v, want %s", test.values, err, test.want)
		} else if strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: the message contains the secret: %v", test.values, err)
		}
	}
}

// TestOldKubernetes: pods have no numbers before 1.28.
func TestOldKubernetes(t *testing.T) {
	_, err := template(t, load(t), "v1.27.9", "shards: 2")
	if want := "Kubernetes v1.27.9 does not number the pods of a StatefulSet; 1.28 is needed"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("have %v, want %s", err, want)
	}
	if _, err := template(t, load(t), "v1.27.9", ""); err != nil {
		t.Error(err)
	}
	// A provider's version of 1.28.
	if _, err := template(t, load(t), "v1.28.3-gke.1203000", "shards: 2"); err != nil {
		t.Error(err)
	}
}

// TestMissingLinks: where the symbolic links are lost, rules and dashboards are not
// left out in silence.
func TestMissingLinks(t *testing.T) {
	whole := load(t)
	var files []*archive.BufferedFile
	for _, f := range whole.Raw {
		if !strings.HasPrefix(f.Name, "files/") {
			files = append(files, &archive.BufferedFile{Name: f.Name, Data: f.Data})
		}
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	for values, want := range map[string]string{
		"prometheusRule: {enabled: true}": "the chart lacks files/rules/thresholds.yml, which a symbolic link provides",
		"dashboards: {enabled: true}":     "the chart lacks files/dashboards, which a symbolic link provides",
	} {
		if _, err := template(t, c, kubernetesVersion, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: have %v, want %s", values, err, want)
		}
	}
	if _, err := template(t, c, kubernetesVersion, ""); err != nil {
		t.Error(err)
	}
}
