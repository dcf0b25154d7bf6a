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
			"config.accounts[1].basic_auth.password: a ConfigMap is no place for a secret; use password_file, or set secretConfig"},
		{"config: {accounts: [{authorization: {credentials: secret-word}}]}", "config.accounts[0].authorization.credentials: a ConfigMap"},
		{"config: {accounts: [{oauth2: {client_secret: secret-word}}]}", "config.accounts[0].oauth2.client_secret: a ConfigMap"},
		{"config: {accounts: [{oauth2: {client_certificate_key: secret-word}}]}", "config.accounts[0].oauth2.client_certificate_key: a ConfigMap"},
		{"config: {accounts: [{oauth2: {tls_config: {key: secret-word}}}]}", "config.accounts[0].oauth2.tls_config.key: a ConfigMap"},
		{"config: {accounts: [{bearer_token: secret-word}]}", "config.accounts[0].bearer_token: a ConfigMap"},
		{"config: {accounts: [{tls_config: {key: secret-word}}]}", "config.accounts[0].tls_config.key: a ConfigMap is no place for a secret; use key_file, or"},
		{"config: {accounts: [{http_headers: {X-Key: {secrets: [secret-word]}}}]}", "config.accounts[0].http_headers.X-Key.secrets: a ConfigMap is no place for a secret; use files, or"},
		{"config: {accounts: [{proxy_connect_header: {Proxy-Authorization: [secret-word]}}]}", "config.accounts[0].proxy_connect_header: a ConfigMap is no place for a secret; set secretConfig"},
		{"config: {accounts: [{proxy_url: 'http://user:secret-word@proxy.example.com'}]}", "config.accounts[0].proxy_url: a ConfigMap is no place for a secret; set secretConfig"},
		{"config: {accounts: [{oauth2: {proxy_url: 'http://secret-word@proxy.example.com'}}]}", "config.accounts[0].oauth2.proxy_url: a ConfigMap"},
		{"persistence: {enabled: true}\nconfig: {storage: {path: /data}}", "config.storage.path: is not below /var/lib/twilio_exporter"},
		{"persistence: {enabled: true}\nconfig: {storage: {path: /var/lib/twilio_exporter_2}}", "config.storage.path: is not below /var/lib/twilio_exporter"},
		{"persistence: {enabled: true}\nconfig: {storage: {path: /var/lib/twilio_exporter/../data}}", "config.storage.path: is not below /var/lib/twilio_exporter"},
		{"persistence: {enabled: true}\nconfig: {storage: null}", "config.storage.path: is not below /var/lib/twilio_exporter"},
		{"serviceMonitor: {enabled: true, interval: 15s}", "serviceMonitor.scrapeTimeout: 30s is longer than the interval 15s"},
		{"serviceMonitor: {enabled: true, interval: 1m30s, scrapeTimeout: 90001ms}", "serviceMonitor.scrapeTimeout: 90001ms is longer than the interval 1m30s"},
		{"serviceMonitor: {enabled: true, interval: 15m}", "serviceMonitor.interval: 15m is not shorter than rollover, 15m"},
		{"serviceMonitor: {enabled: true}\nconfig: {rollover: 60s}", "serviceMonitor.interval: 1m is not shorter than rollover, 60s"},
		{"serviceMonitor: {enabled: true, interval: 900s}\nexistingConfigSecret: mine\nconfig: {rollover: 1h}", "serviceMonitor.interval: 900s is not shorter than rollover, 15m"},
		{"ingress: {enabled: true}", "at '/ingress/hosts': minItems: got 0, want 1"},
		{"ingress: {enabled: true, hosts: [{host: a}]}", "at '/ingress/hosts/0': missing property 'paths'"},
		{"shards: 2\ningress: {enabled: true, hosts: [{host: a, paths: [{path: /, pathType: Prefix}]}]}", "ingress.enabled: each shard has a status page of its own"},
		{"image: {tag: '1.0@sha256:0123'}", "at '/image/tag': '1.0@sha256:0123' does not match pattern"},
		{"image: {pullSecrets: [{}]}", "at '/image/pullSecrets/0'"},
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

// TestAcceptedValues: what resembles refused values and is right.
func TestAcceptedValues(t *testing.T) {
	c := load(t)
	for _, values := range []string{
		"persistence: {enabled: true}\nconfig: {storage: {path: /var/lib/twilio_exporter/}}",
		"persistence: {enabled: true}\nconfig: {storage: {path: /var/lib/twilio_exporter/state}}",
		"persistence: {enabled: true}\nconfig: {storage: null}\nexistingConfigSecret: mine",
		"serviceMonitor: {enabled: true, interval: 30s}",
		"serviceMonitor: {interval: 15s}", // there is none
		"serviceMonitor: {enabled: true, interval: 14m59s}",
		"serviceMonitor: {enabled: true, interval: 20m}\nconfig: {rollover: 1d}",
		"config: {accounts: [{proxy_url: 'http://proxy.example.com:3128', tls_config: {key_file: a}, basic_auth: {password: ''}}]}",
		"config: {accounts: [{http_headers: {X-Key: {values: [a], files: [b]}}}]}",
		"config: {accounts: [{proxy_url: 'http://user:password@proxy.example.com'}]}\nsecretConfig: true",
		"image: {tag: v1.0_a-b}",
		"global: {storageClass: of another chart}",
	} {
		if _, err := template(t, c, kubernetesVersion, values); err != nil {
			t.Errorf("%s: %v", values, err)
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
