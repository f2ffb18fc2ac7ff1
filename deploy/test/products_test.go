package deploy

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// others are the products beside Cozystack. Each has a dashboard of its name.
var others = []string{"synapse", "coroot", "kubeatlas"}

// sent is a report of a product as its client sends it, and the samples that are kept of it.
type sent struct {
	body    []byte
	agent   string // the header User-Agent
	samples []string
	// nameless reports count, and are no instance's.
	nameless bool
}

// send posts the report as a client does: Dendrite without a Content-Type.
func (s sent) send(t *testing.T, to string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(s.agent, "Synapse/") {
		req.Method = http.MethodPut
	}
	req.Header.Set("User-Agent", s.agent)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if text := body(t, resp); string(text) != "{}" {
		t.Errorf("%s answers %s", to, text)
	}
}

// fixtures are all reports that a product's own tests have, but for those that are refused.
func fixtures(t *testing.T, product string) (all []sent) {
	t.Helper()
	folder := filepath.Join(repository, "product", product, "testdata")
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no fixtures: %v", product, err)
	}
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "refused-") {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, "json") + "want")
		if err != nil {
			t.Fatal(err)
		}
		report := sent{body: body, nameless: strings.HasPrefix(string(want), "from: \n")}
		for line := range strings.Lines(string(want)) {
			if agent, ok := strings.CutPrefix(line, "User-Agent: "); ok {
				report.agent = strings.TrimSpace(agent)
			}
			if m := regexp.MustCompile(`^(` + product + `_\w+({.*})? [0-9.]+)( by \w+)?\n$`).FindStringSubmatch(line); m != nil {
				report.samples = append(report.samples, m[1])
			}
		}
		all = append(all, report)
	}
	return all
}

// documentedMetrics are those of a product that docs/products.md says are kept, without
// what needs --synapse-keep-names.
func documentedMetrics(t *testing.T, product string) (names []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?m)^\\| [^|]+ \\| `("+product+"_\\w+)[`{][^|]*\\|([^|]*)\\|").FindAllStringSubmatch(
		string(read(t, "docs/products.md")), -1) {
		if !strings.Contains(m[2], "only with names") {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// forwarded is a sample as the server forwards it. Totals have no instance.
func forwarded(instance, sample string, at time.Time) string {
	series, value := split(sample)
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if instance != "" {
		labels = strings.Trim(fmt.Sprintf("instance=%q,%s", instance, labels), ",")
	}
	return fmt.Sprintf("%s{%s} %s %d\n", name, labels, value, at.UnixMilli())
}

// split parts a sample at its last blank: texts of labels may have some.
func split(sample string) (series, value string) {
	i := strings.LastIndexByte(sample, ' ')
	return sample[:i], sample[i+1:]
}

// totals are what the server forwards of a day of KubeAtlas: how many sessions it had, and
// the sums over them, at the day's start.
func totals(t *testing.T, at time.Time) (lines []string) {
	t.Helper()
	sums := make(map[string]float64)
	for _, report := range fixtures(t, "kubeatlas") {
		sums["kubeatlas_sessions"]++
		for _, sample := range report.samples {
			series, value := split(sample)
			var number float64
			if _, err := fmt.Sscan(value, &number); err != nil {
				t.Fatalf("%s: %v", sample, err)
			}
			sums[series] += number
		}
	}
	for series, sum := range sums {
		lines = append(lines, forwarded("", fmt.Sprint(series, " ", sum), at.UTC().Truncate(24*time.Hour)))
	}
	return lines
}

// load imports lines.
func (v victoria) load(t *testing.T, lines []string) {
	t.Helper()
	post(t, v.url+"/api/v1/import/prometheus", "", []byte(strings.Join(lines, "")))
	v.flush(t)
}

// kept are the series of all fixtures whose sender has a name.
func kept(t *testing.T, products ...string) (all []string) {
	t.Helper()
	for _, product := range products {
		for _, report := range fixtures(t, product) {
			for _, sample := range report.samples {
				if series, _ := split(sample); !report.nameless {
					all = append(all, series)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// instanceSeries are those of Synapse and Coroot that a VictoriaMetrics has, without the instance,
// which must be a hash.
func (v victoria) instanceSeries(t *testing.T) (all []string) {
	t.Helper()
	before := time.Now().Add(-2 * time.Second) // VictoriaMetrics leaves the last second out of a range
	parameters := url.Values{"time": {fmt.Sprint(before.Unix())}}
	for _, r := range v.query(t, `last_over_time({__name__=~"(synapse|coroot)_.+"}[1h])`, parameters) {
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(r.Metric["instance"]) {
			t.Fatalf("%v is of no hash", r.Metric)
		}
		var labels []string
		for _, name := range slices.Sorted(maps.Keys(r.Metric)) {
			if name != "__name__" && name != "instance" {
				labels = append(labels, fmt.Sprintf("%s=%q", name, r.Metric[name]))
			}
		}
		series := r.Metric["__name__"]
		if len(labels) > 0 {
			series += "{" + strings.Join(labels, ",") + "}"
		}
		all = append(all, series)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestProductDashboards asks each panel of the products' dashboards of a VictoriaMetrics
// that has got all fixtures from a server, and a day's totals of sessions. Each shows
// something, and together they show all that is kept.
func TestProductDashboards(t *testing.T) {
	l := &lab{victoria: startVictoria(t)}
	public, _ := startServer(t, l.url)
	for _, product := range []string{"synapse", "coroot"} {
		for _, report := range fixtures(t, product) {
			report.send(t, public+routeOf(t, product))
		}
	}
	l.load(t, totals(t, time.Now()))
	want := kept(t, "synapse", "coroot")
	eventually(t, "what is kept of the reports is in VictoriaMetrics, and nothing else", func() bool {
		l.flush(t)
		return slices.Equal(l.instanceSeries(t), want)
	})
	l.series = l.allSeries(t)
	for _, product := range others {
		t.Run(product, func(t *testing.T) {
			d := readDashboard(t, product+".json")
			checkVariables(t, d, l)
			checkLayout(t, d)
			shown := make(map[string]bool)
			for _, p := range d.Panels {
				for _, metric := range checkPanel(t, p, l) {
					shown[metric] = true
				}
			}
			metrics := documentedMetrics(t, product)
			if len(metrics) < 5 {
				t.Fatalf("docs/products.md has only the metrics %q", metrics)
			}
			for _, metric := range metrics {
				if !shown[metric] {
					t.Errorf("no panel shows %s", metric)
				}
			}
		})
	}
}
