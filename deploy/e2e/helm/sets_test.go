package helm_test

// A set is a set of values with what it makes.
type set struct {
	values    string
	objects   []string
	elsewhere string   // a second namespace
	notes     []string // parts of what Helm prints
	keys      []string // of the Secret with the credentials
}

// monitored are the objects of the values operator.
var monitored = []string{
	"ServiceMonitor twilio-exporter",
	"PrometheusRule twilio-exporter-thresholds",
	"PrometheusRule twilio-exporter-recording",
	"PrometheusRule twilio-exporter-alerts",
	"ConfigMap twilio-exporter-dashboard-exporter",
	"ConfigMap twilio-exporter-dashboard-fleet-and-sim",
	"ConfigMap twilio-exporter-dashboard-overview",
	"ConfigMap twilio-exporter-dashboard-spend",
}

const operator = `
serviceMonitor: {enabled: true}
prometheusRule: {enabled: true}
dashboards: {enabled: true}
`

// basic returns the objects that every release has, and more.
func basic(more ...string) []string {
	return append([]string{"ServiceAccount twilio-exporter"}, more...)
}

var sets = map[string]set{
	"default": {
		objects: basic("Deployment twilio-exporter", "Service twilio-exporter", "ConfigMap twilio-exporter-config"),
		notes: []string{
			"kubectl --namespace monitoring create secret generic twilio-exporter-credentials --from-file=production=FILE",
			"helm test --namespace monitoring twilio-exporter",
			"port-forward service/twilio-exporter 9860:9860",
			"WARNING: the account production is the example",
			"set serviceMonitor.enabled",
		},
		keys: []string{"production"},
	},
	"existing Secret with the configuration": {
		values:  "existingConfigSecret: mine\ncredentials: {existingSecret: ''}",
		objects: basic("Deployment twilio-exporter", "Service twilio-exporter"),
	},
	"configuration in a Secret": {
		values: `
secretConfig: true
credentials: {existingSecret: ""}
config:
  accounts:
    - name: production
      account_sid: AC11111111111111111111111111111111
      basic_auth: {username: SK11111111111111111111111111111111, password: "0123"}
  api: {max_records: 2000000, max_requests_per_hour: 1000000}
`,
		objects: basic("Deployment twilio-exporter", "Service twilio-exporter", "Secret twilio-exporter-config"),
	},
	"account from the environment": {
		values:  "credentials: {environment: true}",
		objects: basic("Deployment twilio-exporter", "Service twilio-exporter"),
		notes:   []string{"--from-file=TWILIO_API_SECRET=FILE"},
	},
	"persistence": {
		values: "persistence: {enabled: true, size: 1Gi, storageClassName: fast, annotations: {helm.sh/resource-policy: keep}}",
		objects: basic("Deployment twilio-exporter", "Service twilio-exporter", "ConfigMap twilio-exporter-config",
			"PersistentVolumeClaim twilio-exporter"),
		keys: []string{"production"},
	},
	"existing claim": {
		values:  "persistence: {enabled: true, existingClaim: mine}",
		objects: basic("Deployment twilio-exporter", "Service twilio-exporter", "ConfigMap twilio-exporter-config"),
		keys:    []string{"production"},
	},
	"shards": {
		values:  "shards: 3\npodDisruptionBudget: {maxUnavailable: 1}",
		objects: basic("StatefulSet twilio-exporter", "Service twilio-exporter-shards", "ConfigMap twilio-exporter-config", "PodDisruptionBudget twilio-exporter"),
		notes:   []string{"port-forward pod/twilio-exporter-0 9860\n"},
		keys:    []string{"production"},
	},
	"shards with persistence": {
		values:  "shards: 2\npersistence: {enabled: true}",
		objects: basic("StatefulSet twilio-exporter", "Service twilio-exporter-shards", "ConfigMap twilio-exporter-config"),
		keys:    []string{"production"},
	},
	"operator": {
		values:  operator,
		objects: basic(append(monitored, "Deployment twilio-exporter", "Service twilio-exporter", "ConfigMap twilio-exporter-config")...),
		keys:    []string{"production"},
	},
	"everything off": {
		values: `
credentials: {existingSecret: ""}
serviceAccount: {create: false}
persistence: {enabled: false}
podDisruptionBudget: {}
serviceMonitor: {enabled: false}
prometheusRule: {enabled: false}
dashboards: {enabled: false}
networkPolicy: {enabled: false}
podSecurityContext: {runAsNonRoot: null, runAsUser: null, runAsGroup: null, fsGroup: null, seccompProfile: null}
existingConfigSecret: mine
`,
		objects: []string{"Deployment twilio-exporter", "Service twilio-exporter"},
	},
	"everything on": {
		values: `
global: {imagePullSecrets: [mirror]}
nameOverride: twilio
fullnameOverride: twilio-exporter
commonLabels: {release: kube-prometheus-stack, app.kubernetes.io/part-of: billing}
image:
  registry: registry.example.com:5000
  repository: metering/twilio_exporter
  digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  pullPolicy: Always
  pullSecrets: [{name: registry}]
credentials: {existingSecret: mine}
secretConfig: true
persistence:
  enabled: true
  size: 1Gi
  storageClassName: fast
  accessModes: [ReadWriteOncePod]
  annotations: {helm.sh/resource-policy: keep}
extraArgs: [--log.format=json, --web.max-requests=10]
extraEnv: [{name: HTTPS_PROXY, value: "http://proxy.example.com:3128"}]
extraEnvFrom: [{configMapRef: {name: environment}}]
extraVolumes: [{name: ca, secret: {secretName: ca}}]
extraVolumeMounts: [{name: ca, mountPath: /etc/ssl/private, readOnly: true}]
serviceAccount: {name: exporter, annotations: {a: b}}
initContainers: [{name: first, image: first}]
extraContainers: [{name: login, image: login}]
ingress:
  enabled: true
  className: internal
  annotations: {a: b}
  labels: {a: b}
  hosts:
    - {host: a.example.com, paths: [{path: /, pathType: Prefix}]}
    - {host: b.example.com, paths: [{path: /a, pathType: Exact}, {path: /b, pathType: Exact}]}
  tls: [{secretName: tls, hosts: [a.example.com]}]
resources: {limits: {memory: 1Gi}}
podSecurityContext: {fsGroup: 1000}
securityContext: {runAsUser: 1000}
startupProbe: {httpGet: null, tcpSocket: {port: metrics}}
livenessProbe: {periodSeconds: 20}
readinessProbe: null
terminationGracePeriodSeconds: 20
revisionHistoryLimit: 2
annotations: {a: b}
hostAliases: [{ip: 10.0.0.1, hostnames: [gateway.example.com]}]
dnsPolicy: None
dnsConfig: {nameservers: [10.0.0.2]}
service: {type: NodePort, port: 80, labels: {a: b}, annotations: {a: b}}
podAnnotations: {a: b}
podLabels: {a: b}
priorityClassName: high
nodeSelector: {disk: ssd}
tolerations: [{key: a, operator: Exists}]
affinity: {nodeAffinity: {}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
podDisruptionBudget: {minAvailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow}
serviceMonitor:
  enabled: true
  namespace: elsewhere
  labels: {release: another}
  interval: 2m
  scrapeTimeout: 1m
  path: /twilio
  scheme: https
  tlsConfig: {insecureSkipVerify: true}
  basicAuth: {username: {name: scrape, key: user}, password: {name: scrape, key: password}}
  relabelings: [{targetLabel: cluster, replacement: one}]
  metricRelabelings: [{sourceLabels: [__name__], regex: go_.*, action: drop}]
prometheusRule:
  enabled: true
  namespace: elsewhere
  labels: {a: b}
  thresholds: |
    # mine
    groups:
      - name: twilio-thresholds
        rules:
          - {record: "twilio:threshold:balance_days", expr: vector(5)}
dashboards: {enabled: true, namespace: elsewhere, label: dashboards, labelValue: "yes", annotations: {grafana_folder: Twilio}}
networkPolicy:
  enabled: true
  from: [{podSelector: {matchLabels: {app: prometheus}}}]
  extraEgress: [{ports: [{protocol: TCP, port: 3128}]}]
extraManifests:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: extra, namespace: monitoring}
  - |
    apiVersion: v1
    kind: Secret
    metadata: {name: extra, namespace: {{ .Release.Namespace }}}
`,
		objects: append([]string{"ServiceAccount exporter", "Deployment twilio-exporter", "Service twilio-exporter",
			"Secret twilio-exporter-config", "PersistentVolumeClaim twilio-exporter", "Ingress twilio-exporter", "PodDisruptionBudget twilio-exporter", "NetworkPolicy twilio-exporter",
			"ConfigMap extra", "Secret extra"}, monitored...),
		elsewhere: "elsewhere",
		notes:     []string{"port-forward service/twilio-exporter 9860:80\n", "create secret generic mine "},
		keys:      []string{"production"},
	},
}
