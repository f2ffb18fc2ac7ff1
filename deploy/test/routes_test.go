package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// routeOf is where the clients of a product send, as its table has it.
func routeOf(t *testing.T, product string) string {
	t.Helper()
	m := regexp.MustCompile(`Path: +"(/[^"]+)"`).FindSubmatch(read(t, "product/"+product+"/table.go"))
	if m == nil {
		t.Fatalf("%s has no route", product)
	}
	return string(m[1])
}

// TestChartRoutes holds that a product's own host gives its route and nothing else, and
// that the other host gives all.
func TestChartRoutes(t *testing.T) {
	r := decoded(t, "testdata/full.yaml")
	got := make(map[string]string)
	for _, rule := range r.ingresses[0].Spec.Rules {
		got[rule.Host] = rule.HTTP.Paths[0].Path
	}
	want := map[string]string{
		"telemetry.example.org": "/", "coroot.example.org": routeOf(t, "coroot"), "kubeatlas.example.org": routeOf(t, "kubeatlas"),
	}
	if !maps.Equal(got, want) {
		t.Errorf("the ingress has %v, want %v", got, want)
	}
	secrets := make(map[string]string)
	for _, tls := range r.ingresses[0].Spec.TLS {
		secrets[strings.Join(tls.Hosts, " ")] = tls.SecretName
	}
	if want := map[string]string{"telemetry.example.org": "tls", "kubeatlas.example.org": "kubeatlas-tls"}; !maps.Equal(secrets, want) {
		t.Errorf("the ingress has the secrets %v, want %v", secrets, want)
	}
	clear(got)
	for _, route := range r.routes {
		got[route.Name+" "+string(route.Spec.Hostnames[0])] = *route.Spec.Rules[0].Matches[0].Path.Value
		if parent := route.Spec.ParentRefs[0]; parent.Name != "public" || *parent.Namespace != "gateways" {
			t.Errorf("the route %s is of %v", route.Name, parent)
		}
	}
	want = map[string]string{"telemetry telemetry.example.org": "/", "telemetry-synapse matrix.example.org": routeOf(t, "synapse")}
	if !maps.Equal(got, want) {
		t.Errorf("the routes have %v, want %v", got, want)
	}
}

// TestDocumentedReports holds that a server answers the example reports of docs/products.md as
// the page says, with and without a slash.
func TestDocumentedReports(t *testing.T) {
	public, admin := startServer(t, "http://127.0.0.1:1")
	examples := regexp.MustCompile(`https://telemetry\.example\.org(/\S+) -d '(.+)'`).FindAllStringSubmatch(string(read(t, "docs/products.md")), -1)
	if len(examples) == 0 {
		t.Fatal("docs/products.md has no example")
	}
	for _, example := range examples {
		for _, slash := range []string{"", "/"} {
			sent{body: []byte(example[2])}.send(t, public+example[1]+slash)
		}
	}
	if text := string(get(t, admin+"/metrics")); !strings.Contains(text, `cozy_telemetry_reports_nameless_total{product="kubeatlas"} 2`) {
		t.Error("the reports are not counted as ones of no session")
	}
}

// TestDocumentedSettings holds that each flag of the page is one of the server's, and each
// value one of the chart's.
func TestDocumentedSettings(t *testing.T) {
	var values map[string]any
	if err := yaml.Unmarshal(read(t, "deploy/helm/"+program+"/values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `--([a-z-]+)`[^|]*\\| `(\\w+)` \\|").FindAllStringSubmatch(string(read(t, "docs/products.md")), -1)
	if len(rows) < 6 {
		t.Errorf("docs/products.md has %d settings", len(rows))
	}
	server := flags(t)
	for _, row := range rows {
		if _, there := values[row[2]]; !there || !server[row[1]] {
			t.Errorf("--%s is a flag: %t; %s is a value: %t", row[1], server[row[1]], row[2], there)
		}
	}
}

// TestChartTakesExamples holds that what docs/products.md shows of the chart's values makes
// objects that fit together.
func TestChartTakesExamples(t *testing.T) {
	examples := regexp.MustCompile("(?ms)^```yaml\n(products:.*?)^```").FindAllStringSubmatch(string(read(t, "docs/products.md")), -1)
	if len(examples) < 2 {
		t.Errorf("docs/products.md has %d examples", len(examples))
	}
	for _, example := range examples {
		r := decodedOf(t, example[1])
		checkReferences(t, r)
		if len(r.ingresses)+len(r.routes) == 0 {
			t.Errorf("nothing leads to the server:\n%s", example[1])
		}
	}
}

// TestChartDashboards holds that the chart hands on the dashboards as they are, of the
// products that are on.
func TestChartDashboards(t *testing.T) {
	all := decoded(t, "testdata/full.yaml").configMaps[0].Data
	files, err := filepath.Glob(repository + "/deploy/grafana/*.json")
	if err != nil || len(files) != len(all) {
		t.Errorf("the chart has %d of %d dashboards, %v", len(all), len(files), err)
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if name := filepath.Base(file); err != nil || strings.TrimSpace(all[name]) != strings.TrimSpace(string(want)) {
			t.Errorf("the chart's %s is another one, %v", name, err)
		}
	}
	for products, want := range map[string][]string{
		"[cozystack]":         {"fleet.json", "server.json"},
		"[coroot, synapse]":   {"coroot.json", "server.json", "synapse.json"},
		"[cozystack, coroot]": {"coroot.json", "fleet.json", "server.json"},
	} {
		manifests, _, err := render("{products: " + products + ", monitoring: {dashboards: true}}")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range manifests {
			var c core.ConfigMap
			if err := yaml.Unmarshal([]byte(m), &c); err == nil && c.Kind == "ConfigMap" {
				got = slices.Sorted(maps.Keys(c.Data))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the dashboards are %q, want %q", products, got, want)
		}
	}
}
