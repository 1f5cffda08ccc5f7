{{/* The stages, in the order in which pictures pass them. */}}
{{- define "darkroom.stages" -}}
[scrape, dedup, refine, featurize, curate, train, evaluate, gate, predict]
{{- end }}

{{/* Labels of an object: (list ROOT COMPONENT). */}}
{{- define "darkroom.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: darkroom
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: darkroom
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end }}

{{/* The name, namespace and labels of an object: (list ROOT NAME COMPONENT). */}}
{{- define "darkroom.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace | quote }}
labels:
  {{- include "darkroom.labels" (list $root (index . 2)) | nindent 2 }}
{{- end }}

{{/* The reference of a stage's image: (list ROOT STAGE). A digest says all; a tag beside it could only be wrong. */}}
{{- define "darkroom.image" -}}
{{- $root := index . 0 -}}
{{- $stage := index . 1 -}}
{{- $repository := printf "%s/%s%s" $root.Values.image.registry $root.Values.image.repositoryPrefix $stage -}}
{{- if get $root.Values.image.references $stage -}}
{{ get $root.Values.image.references $stage }}
{{- else if get $root.Values.image.digests $stage -}}
{{ $repository }}@{{ get $root.Values.image.digests $stage }}
{{- else -}}
{{ $repository }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* site.yaml: what the command and the driver read. What is not set is left out. */}}
{{- define "darkroom.site" -}}
{{- $root := . -}}
{{- $images := dict "controller" (include "darkroom.image" (list $root "controller")) -}}
{{- $accounts := dict -}}
{{- range include "darkroom.stages" . | fromYamlArray -}}
{{- $_ := set $images . (include "darkroom.image" (list $root .)) -}}
{{- $_ := set $accounts . (printf "darkroom-%s" .) -}}
{{- end -}}
{{- $site := dict
  "store" .Values.store
  "images" $images
  "pullPolicy" .Values.image.pullPolicy
  "serviceAccounts" $accounts
  "driverServiceAccount" "darkroom-driver"
  "topologySpread" .Values.topologySpread
-}}
{{- range $name := list "endpoint" "secret" "nodeSelector" "tolerations" "queue" "resources" "patience" -}}
{{- with get $root.Values $name -}}
{{- $_ := set $site $name . -}}
{{- end -}}
{{- end -}}
{{- if .Values.gpu.enabled -}}
{{- $_ := set $site "gpu" (omit .Values.gpu "enabled") -}}
{{- end -}}
{{- $web := dict -}}
{{- range $name, $value := .Values.web -}}
{{- with $value -}}
{{- $_ := set $web $name . -}}
{{- end -}}
{{- end -}}
{{- with $web -}}
{{- $_ := set $site "web" . -}}
{{- end -}}
{{ toYaml $site }}
{{- end }}

{{/* The port of the endpoint, or 443. */}}
{{- define "darkroom.storePort" -}}
{{- $url := urlParse .Values.endpoint -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $port | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end }}

{{/* One rule of egress: (list CIDRS PORTS PROTOCOLS). */}}
{{- define "darkroom.egress" -}}
{{- $protocols := index . 2 -}}
- ports:
  {{- range $port := index . 1 }}
  {{- range $protocols }}
    - port: {{ int $port }}
      protocol: {{ . }}
  {{- end }}
  {{- end }}
  {{- with index . 0 }}
  to:
  {{- range . }}
    - ipBlock:
        cidr: {{ . | quote }}
  {{- end }}
  {{- end }}
{{- end }}
