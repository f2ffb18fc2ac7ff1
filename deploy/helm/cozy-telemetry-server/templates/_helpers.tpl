{{- define "telemetry.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "telemetry.selector" -}}
app.kubernetes.io/name: cozy-telemetry-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "telemetry.labels" -}}
{{ include "telemetry.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "telemetry.claim" -}}
{{- .Values.persistence.existingClaim | default (include "telemetry.name" .) -}}
{{- end -}}

{{- define "telemetry.port" -}}
{{- splitList ":" . | last -}}
{{- end -}}

{{- /* A flag's value: Helm reads every number as a float. */ -}}
{{- define "telemetry.value" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if kindIs "float64" . -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{- /* All flags as one map, so that a flag is given once. */ -}}
{{- define "telemetry.flags" -}}
{{- $flags := dict
  "forward-url" .Values.config.forwardURL
  "listen-addr" .Values.config.listenAddr
  "vmselect-url" .Values.config.vmSelectURL
  "snapshot-dir" .Values.config.snapshotDir
  "db-path" .Values.config.dbPath
  "admin-addr" .Values.config.adminAddr -}}
{{- if .Values.trustedProxies -}}
{{- $_ := set $flags "trusted-proxies" .Values.trustedProxies -}}
{{- end -}}
{{- if .Values.backup.enabled -}}
{{- $_ := merge $flags (dict "backup-dir" .Values.backup.dir "backup-every" .Values.backup.every "backup-keep" .Values.backup.keep) -}}
{{- end -}}
{{- if .Values.adminService.tokenSecret -}}
{{- $_ := set $flags "admin-token-file" "/etc/cozy-telemetry-server/admin-token" -}}
{{- end -}}
{{- /* The names of the admin service in the cluster. */ -}}
{{- $admin := printf "%s-admin" (include "telemetry.name" .) -}}
{{- $hosts := dict "admin-hosts" (list $admin (printf "%s.%s" $admin .Release.Namespace) (printf "%s.%s.svc" $admin .Release.Namespace)) -}}
{{- range $name, $value := merge $flags .Values.flags $hosts }}
- {{ printf "--%s=%s" $name (include "telemetry.value" $value) | quote }}
{{- end -}}
{{- end -}}
