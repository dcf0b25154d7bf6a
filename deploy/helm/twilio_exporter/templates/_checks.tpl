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
{{- range $path := list "basic_auth.password" "authorization.credentials" "oauth2.client_secret" }}
{{- $keys := splitList "." $path }}
{{- if dig (first $keys) (last $keys) "" $account }}
{{- fail (printf "config.accounts[%d].%s: a ConfigMap is no place for a secret; use %s_file, or set secretConfig" $i $path $path) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $values.persistence.enabled (not (hasPrefix "/var/lib/twilio_exporter" (dig "storage" "path" "" $values.config))) }}
{{- fail "config.storage.path: is not below /var/lib/twilio_exporter, where persistence mounts the volume" }}
{{- end }}
{{- end }}
{{- end }}
