{{/* The container's mounts that serve and check have in common. */}}
{{- define "twilio-exporter.mounts" -}}
{{- if not .Values.credentials.environment }}
- name: config
  mountPath: /etc/twilio_exporter/config
  readOnly: true
{{- if .Values.credentials.existingSecret }}
- name: credentials
  mountPath: /etc/twilio_exporter/credentials
  readOnly: true
{{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The volumes of these mounts. */}}
{{- define "twilio-exporter.volumes" -}}
{{- if not .Values.credentials.environment }}
- name: config
  {{- if or .Values.secretConfig .Values.existingConfigSecret }}
  secret:
    secretName: {{ include "twilio-exporter.configName" . }}
    defaultMode: 288 # 0440
  {{- else }}
  configMap:
    name: {{ include "twilio-exporter.configName" . }}
  {{- end }}
{{- with .Values.credentials.existingSecret }}
- name: credentials
  secret:
    secretName: {{ . }}
    defaultMode: 288 # 0440
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The environment that serve and check have in common. */}}
{{- define "twilio-exporter.env" -}}
{{- if .Values.credentials.environment }}
{{- range list "TWILIO_ACCOUNT_SID" "TWILIO_API_KEY" "TWILIO_API_SECRET" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.credentials.existingSecret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What a pod has whatever it runs. */}}
{{- define "twilio-exporter.podBasics" -}}
serviceAccountName: {{ include "twilio-exporter.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "twilio-exporter.pullSecrets" . | trim }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The template of the pods of the Deployment and the StatefulSet. */}}
{{- define "twilio-exporter.pod" -}}
metadata:
  labels:
    {{- include "twilio-exporter.selectedLabels" (list . .Values.podLabels) | nindent 4 }}
  annotations:
    # A change of the configuration restarts the pods.
    checksum/config: {{ include (print .Template.BasePath "/config.yaml") . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "twilio-exporter.podBasics" . | nindent 2 }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  containers:
    - name: twilio-exporter
      image: {{ include "twilio-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- with include "twilio-exporter.args" . }}
      args:
        {{- . | nindent 8 }}
      {{- end }}
      {{- $env := include "twilio-exporter.env" . | trim }}
      {{- if or $env (include "twilio-exporter.sharded" .) }}
      env:
        {{- if include "twilio-exporter.sharded" . }}
        - name: SHARD
          valueFrom:
            fieldRef:
              fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
        {{- end }}
        {{- with $env }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: 9860
      {{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
      {{- with get $.Values $probe }}
      {{ $probe }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- $mounts := include "twilio-exporter.mounts" . | trim }}
      {{- if or $mounts (not .Values.credentials.environment) }}
      volumeMounts:
        {{- with $mounts }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- if not .Values.credentials.environment }}
        - name: state
          mountPath: /var/lib/twilio_exporter
        {{- end }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $volumes := include "twilio-exporter.volumes" . | trim }}
  {{- $state := include "twilio-exporter.state" . | trim }}
  {{- if or $volumes $state }}
  volumes:
    {{- range list $volumes $state }}
    {{- with . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "twilio-exporter.args" -}}
{{- if not .Values.credentials.environment -}}
- --config.file=/etc/twilio_exporter/config/config.yml
{{- if .Values.existingConfigSecret }}
- --config.watch
{{- end }}
{{- end }}
{{- if include "twilio-exporter.sharded" . }}
- --shard=$(SHARD)
- --total-shards={{ int .Values.shards }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The volume of the state, unless it comes from the StatefulSet's claims. */}}
{{- define "twilio-exporter.state" -}}
{{- if .Values.credentials.environment }}
{{- else if not .Values.persistence.enabled -}}
- name: state
  emptyDir:
    sizeLimit: {{ .Values.persistence.size }}
{{- else if not (include "twilio-exporter.sharded" .) -}}
- name: state
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim | default (include "twilio-exporter.fullname" .) }}
{{- end }}
{{- end }}

{{/* The specification of the claims. */}}
{{- define "twilio-exporter.claim" -}}
accessModes:
  {{- toYaml .Values.persistence.accessModes | nindent 2 }}
{{- with .Values.persistence.storageClassName }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.persistence.size }}
{{- end }}
