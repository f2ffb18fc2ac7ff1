package deploy

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/releaseutil"
	apps "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

const chartFolder = repository + "/deploy/helm/" + program

// render merges the values into the chart's, holds them against its schema, and
// renders the templates, as helm install does. It returns the notes apart.
func render(values string) (manifests []string, notes string, err error) {
	chart, err := loader.Load(chartFolder)
	if err != nil {
		return nil, "", err
	}
	var over map[string]any
	if err := yaml.Unmarshal([]byte(values), &over); err != nil {
		return nil, "", err
	}
	options := chartutil.ReleaseOptions{Name: "telemetry", Namespace: "cozy-telemetry", IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, over, options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, "", err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return nil, "", err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch path.Ext(name) {
		case ".yaml":
			split := releaseutil.SplitManifests(files[name])
			for _, key := range slices.Sorted(maps.Keys(split)) {
				manifests = append(manifests, split[key])
			}
		case ".txt":
			notes = files[name]
		}
	}
	return manifests, notes, nil
}

// valueFiles are the values that are rendered; the default is empty.
var valueFiles = []string{"", "testdata/minimal.yaml", "testdata/full.yaml", "testdata/original.yaml"}

func values(t *testing.T, file string) string {
	t.Helper()
	if file == "" {
		return ""
	}
	return string(read(t, "deploy/test/"+file))
}

func TestChartRenders(t *testing.T) {
	kinds := map[string][]string{
		"":                      {"Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service", "Service"},
		"testdata/minimal.yaml": {"Deployment", "Service", "Service"},
		"testdata/full.yaml": {
			"ConfigMap", "Deployment", "HTTPRoute", "HTTPRoute", "Ingress", "NetworkPolicy", "PersistentVolumeClaim",
			"PrometheusRule", "Service", "Service", "ServiceMonitor", "VMCluster",
		},
		"testdata/original.yaml": {
			"Deployment", "Ingress", "NetworkPolicy", "PersistentVolumeClaim", "Service", "Service", "VMRule", "VMServiceScrape",
		},
	}
	for _, file := range valueFiles {
		t.Run(path.Base(file), func(t *testing.T) {
			r := decoded(t, file)
			got := slices.Sorted(slices.Values(r.kinds))
			if !slices.Equal(got, kinds[file]) {
				t.Errorf("kinds are %q, want %q", got, kinds[file])
			}
			checkPod(t, r)
			checkReferences(t, r)
			checkCommandLine(t, r.container(t).Args, nil)
		})
	}
}

func TestChartNotes(t *testing.T) {
	for file, want := range map[string]string{
		"":                       "This release does not make that VictoriaMetrics",
		"testdata/minimal.yaml":  "nothing is forwarded",
		"testdata/full.yaml":     "https://telemetry.example.org/",
		"testdata/original.yaml": "trustedProxies is empty",
	} {
		_, notes, err := render(values(t, file))
		if err != nil || !strings.Contains(notes, want) {
			t.Errorf("%s: %v: the notes do not say %q:\n%s", file, err, want, notes)
		}
	}
}

// TestChartFlags holds which value becomes which flag. The first four are the
// original chart's.
func TestChartFlags(t *testing.T) {
	got := decoded(t, "testdata/full.yaml").container(t).Args
	want := []string{
		"--admin-addr=:9082",
		"--admin-hosts=telemetry-admin,telemetry-admin.cozy-telemetry,telemetry-admin.cozy-telemetry.svc",
		"--admin-token-file=/etc/cozy-telemetry-server/admin-token",
		"--aggregate=distinct",
		"--backup-dir=/data/copies",
		"--backup-every=6h",
		"--backup-keep=3",
		"--db-max-bytes=4294967296",
		"--db-path=/data/t.db",
		"--forward-url=http://insert:8480/insert/0/prometheus/api/v1/import/prometheus",
		"--forward-url-coroot=http://coroot:8428/api/v1/import/prometheus",
		"--forward-url-kubeatlas=",
		"--identity-key-file=/etc/identity-key/identity-key",
		"--kubeatlas-retention=30d",
		"--listen-addr=:9081",
		"--max-body-bytes=10000000",
		"--metric-allow=cozy_*,other_*",
		"--min-share=10",
		"--products=cozystack,synapse,coroot,kubeatlas",
		"--snapshot-dir=/data/months",
		"--synapse-keep-names=true",
		"--trusted-proxies=10.0.0.0/8,fd00::/8",
		"--vmselect-url=http://select:8481",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the arguments are\n%q, want\n%q", got, want)
	}
}

// TestChartBoundsFollowTheVolume holds that file and mirror have their shares of the volume
// that the chart makes, and that a flag says otherwise.
func TestChartBoundsFollowTheVolume(t *testing.T) {
	for values, want := range map[string][]string{
		"":                                   {"--db-max-bytes=4294967296", "--mirror-max-bytes=2147483648"},
		"persistence: {size: 1.5Ti}":         {"--db-max-bytes=659706976665", "--mirror-max-bytes=329853488332"},
		"persistence: {size: 20G}":           {"--db-max-bytes=8000000000", "--mirror-max-bytes=4000000000"},
		"persistence: {size: '1000000000'}":  {"--db-max-bytes=400000000", "--mirror-max-bytes=200000000"},
		"persistence: {size: 50Mi}":          {"--db-max-bytes=33554432", "--mirror-max-bytes=10485760"},
		"persistence: {existingClaim: mine}": nil,
		"snapshot: {existingClaim: mine}":    {"--db-max-bytes=4294967296"},
		"flags: {db-max-bytes: 0, mirror-max-bytes: 5000000000}": {"--db-max-bytes=0", "--mirror-max-bytes=5000000000"},
	} {
		var got []string
		for _, arg := range arguments(t, values) {
			if strings.Contains(arg, "-max-bytes=") {
				got = append(got, arg)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", values, got, want)
		}
	}
}

// TestChartTrustsTheIngress holds that the pods of common ingress controllers are trusted
// where nobody else can come from such an address.
func TestChartTrustsTheIngress(t *testing.T) {
	const private = "--trusted-proxies=10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7"
	for values, want := range map[string]string{
		"": "",
		"ingress: {enabled: true, host: a.example, ingressClassName: nginx}":                                  private,
		"{ingress: {enabled: true, host: a.example}, trustedProxies: [10.244.0.0/16]}":                        "--trusted-proxies=10.244.0.0/16",
		"httpRoute: {enabled: true, host: a.example, parentRefs: [{name: b}]}":                                private,
		"{ingress: {enabled: true, host: a.example}, service: {type: NodePort}}":                              "",
		"{ingress: {enabled: true, host: a.example}, service: {type: LoadBalancer}, trustedProxies: ['::1']}": "--trusted-proxies=::1",
	} {
		got := ""
		args := arguments(t, values)
		for _, arg := range args {
			if strings.HasPrefix(arg, "--trusted-proxies") {
				got = arg
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", values, got, want)
		}
		checkCommandLine(t, args, nil)
	}
}

// arguments are the server's for some values.
func arguments(t *testing.T, values string) []string {
	t.Helper()
	manifests, _, err := render(values)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifests {
		var d apps.Deployment
		if err := yaml.Unmarshal([]byte(m), &d); err == nil && d.Kind == "Deployment" {
			return d.Spec.Template.Spec.Containers[0].Args
		}
	}
	t.Fatal("there is no deployment")
	return nil
}

// TestChartMovesDistinctFigures holds that quarter and year stay what they are for
// those who move from an original that counts them distinct, and that they are told.
func TestChartMovesDistinctFigures(t *testing.T) {
	if args := decoded(t, "testdata/original.yaml").container(t).Args; !slices.Contains(args, "--aggregate=distinct") {
		t.Errorf("the arguments are %q", args)
	}
	for file, want := range map[string]string{
		"docs/operations.md": "`flags.aggregate: distinct`",
		"README.md":          "--aggregate distinct",
		"deploy/helm/" + program + "/values.yaml": "from an original of 2026-06-30 or later sets aggregate: distinct",
	} {
		if !strings.Contains(string(read(t, file)), want) {
			t.Errorf("%s does not say %q", file, want)
		}
	}
}

func TestChartRefuses(t *testing.T) {
	for values, want := range map[string]string{
		"replicaCount: 2":                   "replicaCount",
		"config: {forwardUrl: http://x}":    "forwardUrl",
		"config: {forwardURL: x:1}":         "forwardURL",
		"config: {listenAddr: '1.2.3.4'}":   "listenAddr",
		"config: {dbPath: /tmp/db}":         "dbPath",
		"flags: {listen-addr: ':1'}":        "listen-addr",
		"flags: {maxSamples: 1}":            "maxSamples",
		"flags: {max-samples: {a: b}}":      "max-samples",
		"ingress: {enabled: true}":          "host",
		"snapshot: {storage: 1Gi}":          "storage",
		"persistence: {size: much}":         "size",
		"monitoring: {kind: nagios}":        "kind",
		"trustedProxies: [localhost]":       "trustedProxies",
		"backup: {every: daily}":            "every",
		"networkpolicy: {enabled: false}":   "networkpolicy",
		"service: {port: 81000}":            "port",
		"persistence: {accessModes: [Any]}": "accessModes",

		"products: [dendrite]":                                "products",
		"products: []":                                        "products",
		"flags: {products: synapse}":                          "products",
		"flags: {min-share: 1}":                               "min-share",
		"kubeatlasRetention: 91d":                             "kubeatlasRetention",
		"forwardURLs: {coroot: vm}":                           "forwardURLs",
		"flags: {identity-key-file: /a}":                      "identity-key-file",
		"minShare: 0":                                         "minShare",
		"httpRoute: {enabled: true}":                          "host",
		"httpRoute: {enabled: true, host: a.example}":         "parentRefs",
		"ingress: {products: {cozystack: {host: b.example}}}": "cozystack",
		"ingress: {products: {synapse: {}}}":                  "host",
		"ingress: {enabled: true, host: a.example, products: {synapse: {host: b.example}}}": "synapse has a host, and is not in products",
	} {
		if _, _, err := render(values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error %v does not name %s", values, err, want)
		}
	}
}

func TestChartLint(t *testing.T) {
	for _, file := range valueFiles {
		var over map[string]any
		if err := yaml.Unmarshal([]byte(values(t, file)), &over); err != nil {
			t.Fatal(err)
		}
		for _, m := range lint.All(chartFolder, over, "cozy-telemetry", true).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %s", file, m)
			}
		}
	}
}

// TestChartReadme holds that the chart's README names every value.
func TestChartReadme(t *testing.T) {
	var all map[string]any
	if err := yaml.Unmarshal(read(t, "deploy/helm/"+program+"/values.yaml"), &all); err != nil {
		t.Fatal(err)
	}
	readme := string(read(t, "deploy/helm/"+program+"/README.md"))
	for name := range all {
		if !strings.Contains(readme, "`"+name) {
			t.Errorf("README.md does not name %s", name)
		}
	}
}
