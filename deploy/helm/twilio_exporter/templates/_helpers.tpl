{{- define "twilio-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 52 characters: a StatefulSet adds a hash of 11, and a label has at most 63. */}}
{{- define "twilio-exporter.fullname" -}}
{{- $name := include "twilio-exporter.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The labels that never change: selectors are immutable. */}}
{{- define "twilio-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "twilio-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "twilio-exporter.standardLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimAll "-._" | quote }}
app.kubernetes.io/component: exporter
app.kubernetes.io/part-of: monitoring
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Labels of an object: (list CONTEXT OWN). A key that is set more than once stands once:
its own label goes before a common one, and that before a standard one. */}}
{{- define "twilio-exporter.labels" -}}
{{- $context := index . 0 }}
{{- $selector := include "twilio-exporter.selectorLabels" $context | fromYaml }}
{{- $standard := include "twilio-exporter.standardLabels" $context | fromYaml }}
{{- toYaml (mergeOverwrite $selector $standard (default dict $context.Values.commonLabels) (default dict (index . 1))) }}
{{- end }}

{{/* Labels by which something selects the object. These cannot be overridden. */}}
{{- define "twilio-exporter.selectedLabels" -}}
{{- $labels := include "twilio-exporter.labels" . | fromYaml }}
{{- toYaml (mergeOverwrite $labels (include "twilio-exporter.selectorLabels" (index . 0) | fromYaml)) }}
{{- end }}

{{- define "twilio-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "twilio-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* "true" if the accounts are divided among several pods. */}}
{{- define "twilio-exporter.sharded" -}}
{{- if gt (int .Values.shards) 1 }}true{{ end }}
{{- end }}

{{- define "twilio-exporter.image" -}}
{{- with .Values.global.imageRegistry | default .Values.image.registry }}{{ . }}/{{ end }}
{{- .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}
{{- else }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The Secrets for the image's registry, by name or as {name: …}. */}}
{{- define "twilio-exporter.pullSecrets" -}}
{{- range concat (default list .Values.global.imagePullSecrets) (default list .Values.image.pullSecrets) }}
{{- if kindIs "string" . }}
- name: {{ . }}
{{- else }}
- name: {{ .name }}
{{- end }}
{{- end }}
{{- end }}

{{/* The name of the Service: that of the shards is headless, and a Service cannot become so. */}}
{{- define "twilio-exporter.serviceName" -}}
{{- include "twilio-exporter.fullname" . }}
{{- if include "twilio-exporter.sharded" . }}-shards{{ end }}
{{- end }}

{{/* The name of the Secret or ConfigMap with the configuration. */}}
{{- define "twilio-exporter.configName" -}}
{{- .Values.existingConfigSecret | default (printf "%s-config" (include "twilio-exporter.fullname" .)) }}
{{- end }}
