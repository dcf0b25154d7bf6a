{{/* What the schema cannot say, or says less clearly. */}}
{{- define "twilio-exporter.checks" -}}
{{- $values := .Values }}
{{- if include "twilio-exporter.sharded" . }}
{{- if semverCompare "<1.28.0-0" .Capabilities.KubeVersion.Version }}
{{- fail (printf "shards: Kubernetes %s does not number the pods of a StatefulSet; 1.28 is needed" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if $values.credentials.environment }}
{{- fail "shards: credentials.environment has one account, which cannot be divided" }}
{{- end }}
{{- if $values.persistence.existingClaim }}
{{- fail "persistence.existingClaim: each shard needs a claim of its own; leave it empty" }}
{{- end }}
{{- if $values.ingress.enabled }}
{{- fail "ingress.enabled: each shard has a status page of its own; use kubectl port-forward" }}
{{- end }}
{{- end }}
{{- if $values.credentials.environment }}
{{- if not $values.credentials.existingSecret }}
{{- fail "credentials.existingSecret: name the Secret for credentials.environment" }}
{{- end }}
{{- if $values.existingConfigSecret }}
{{- fail "credentials.environment: the account comes from existingConfigSecret; use one of the two" }}
{{- end }}
{{- if $values.persistence.enabled }}
{{- fail "persistence.enabled: with credentials.environment the exporter keeps no state" }}
{{- end }}
{{- else if not $values.existingConfigSecret }}
{{- if not $values.secretConfig }}
{{- range $i, $account := $values.config.accounts }}
{{- include "twilio-exporter.noSecrets" (list (printf "config.accounts[%d]" $i) $account) }}
{{- end }}
{{- end }}
{{- $path := clean (dig "storage" "path" "" $values.config) }}
{{- if and $values.persistence.enabled (not (hasPrefix "/var/lib/twilio_exporter/" (printf "%s/" $path))) }}
{{- fail "config.storage.path: is not below /var/lib/twilio_exporter, where persistence mounts the volume" }}
{{- end }}
{{- end }}
{{- with $values.serviceMonitor }}
{{- if .enabled }}
{{- $interval := include "twilio-exporter.milliseconds" .interval | int64 }}
{{- if gt (include "twilio-exporter.milliseconds" .scrapeTimeout | int64) $interval }}
{{- fail (printf "serviceMonitor.scrapeTimeout: %s is longer than the interval %s, which Prometheus Operator refuses" .scrapeTimeout .interval) }}
{{- end }}
{{- $rollover := "15m" }}
{{- if not (or $values.credentials.environment $values.existingConfigSecret) }}
{{- $rollover = default $rollover $values.config.rollover | toString }}
{{- end }}
{{- if regexMatch "^([0-9]+(ms|s|m|h))+$" $rollover }}{{/* days and weeks are longer than any interval */}}
{{- if ge $interval (include "twilio-exporter.milliseconds" $rollover | int64) }}
{{- fail (printf "serviceMonitor.interval: %s is not shorter than rollover, %s: Prometheus could miss the end of a month" .interval $rollover) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Fails if a part of the configuration is a secret: (list PATH VALUE). The keys are
those of prometheus/common's HTTPClientConfig. */}}
{{- define "twilio-exporter.noSecrets" -}}
{{- $path := index . 0 }}
{{- $advice := dict
    "password" "use password_file" "credentials" "use credentials_file" "bearer_token" "use bearer_token_file"
    "client_secret" "use client_secret_file" "client_certificate_key" "use client_certificate_key_file"
    "key" "use key_file" "secrets" "use files" "proxy_connect_header" "" }}
{{- range $key, $value := index . 1 }}
{{- $here := printf "%s.%s" $path $key }}
{{- $instead := get $advice $key }}
{{- if and (eq $key "proxy_url") (regexMatch "://[^/]*@" (toString $value)) }}
{{- fail (printf "%s: a ConfigMap is no place for a secret; set secretConfig" $here) }}
{{- else if and $value (hasKey $advice $key) }}
{{- fail (printf "%s: a ConfigMap is no place for a secret; %sset secretConfig" $here (ternary (printf "%s, or " $instead) "" (ne $instead ""))) }}
{{- else if kindIs "map" $value }}
{{- include "twilio-exporter.noSecrets" (list $here $value) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A duration such as 1m30s in milliseconds. */}}
{{- define "twilio-exporter.milliseconds" -}}
{{- $epoch := toDate "2006-01-02" "1970-01-01" }}
{{- sub ((mustDateModify . $epoch).UnixMilli) ($epoch.UnixMilli) }}
{{- end }}
