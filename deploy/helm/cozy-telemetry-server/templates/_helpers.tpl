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

{{- /* Behind an ingress or a gateway, with a service that is not to be reached from outside, whoever
connects is a pod or a node: of the controller, if it is from outside. */ -}}
{{- define "telemetry.trusted" -}}
{{- $private := list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" "fc00::/7" -}}
{{- if .Values.trustedProxies -}}
{{- toJson .Values.trustedProxies -}}
{{- else if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (eq .Values.service.type "ClusterIP") -}}
{{- toJson $private -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{- /* Where a product's clients send, of a product that is on. */ -}}
{{- define "telemetry.route" -}}
{{- $routes := dict "synapse" "/report-usage-stats/push" "coroot" "/ce/usage-statistics" "kubeatlas" "/v1/report" -}}
{{- if not (has .product .Values.products) -}}
{{- fail (printf "%s has a host, and is not in products" .product) -}}
{{- end -}}
{{- get $routes .product -}}
{{- end -}}

{{- /* A quantity in bytes. */ -}}
{{- define "telemetry.bytes" -}}
{{- $units := dict "K" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 -}}
{{- $unit := regexFind "[A-Z]i?$" . -}}
{{- mulf (trimSuffix $unit . | float64) (get $units $unit | default 1) | int64 -}}
{{- end -}}

{{- /* Shares of the volume that the chart makes, in percent: the rest is for backups. The
least is the server's. */ -}}
{{- define "telemetry.bounds" -}}
{{- $bounds := dict -}}
{{- if not .Values.persistence.existingClaim -}}
{{- $size := include "telemetry.bytes" .Values.persistence.size | int64 -}}
{{- if not (hasKey .Values.flags "db-max-bytes") -}}
{{- $_ := set $bounds "db-max-bytes" (div (mul $size 40) 100 | max 33554432) -}}
{{- end -}}
{{- if not (or (hasKey .Values.flags "mirror-max-bytes") .Values.snapshot.existingClaim) -}}
{{- $_ := set $bounds "mirror-max-bytes" (div (mul $size 20) 100) -}}
{{- end -}}
{{- end -}}
{{- toJson $bounds -}}
{{- end -}}

{{- /* All flags as one map, so that a flag is given once. */ -}}
{{- define "telemetry.flags" -}}
{{- $flags := dict
  "forward-url" .Values.config.forwardURL
  "listen-addr" .Values.config.listenAddr
  "vmselect-url" .Values.config.vmSelectURL
  "snapshot-dir" .Values.config.snapshotDir
  "db-path" .Values.config.dbPath
  "admin-addr" .Values.config.adminAddr
  "products" .Values.products -}}
{{- if .Values.identityKeySecret -}}
{{- $_ := set $flags "identity-key-file" "/etc/identity-key/identity-key" -}}
{{- end -}}
{{- range without .Values.products "cozystack" -}}
{{- $_ := set $flags "min-share" $.Values.minShare -}}
{{- if hasKey $.Values.forwardURLs . -}}
{{- $_ := set $flags (printf "forward-url-%s" .) (get $.Values.forwardURLs .) -}}
{{- end -}}
{{- if and (eq . "synapse") $.Values.synapseKeepNames -}}
{{- $_ := set $flags "synapse-keep-names" true -}}
{{- else if eq . "kubeatlas" -}}
{{- $_ := set $flags "kubeatlas-retention" $.Values.kubeatlasRetention -}}
{{- end -}}
{{- end -}}
{{- with include "telemetry.trusted" . | fromJsonArray -}}
{{- $_ := set $flags "trusted-proxies" . -}}
{{- end -}}
{{- $_ := merge $flags (include "telemetry.bounds" . | fromJson) -}}
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
