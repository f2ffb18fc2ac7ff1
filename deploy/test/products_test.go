package deploy

import (
	"fmt"
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
		report := sent{body: body}
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

// TestProductDashboards asks each panel of the products' dashboards of a VictoriaMetrics
// that has all fixtures. Each shows something, and together they show all that is kept.
func TestProductDashboards(t *testing.T) {
	l := &lab{victoria: startVictoria(t)}
	now := time.Now().Add(-3 * time.Second)
	var lines []string
	for _, product := range []string{"synapse", "coroot"} {
		for i, report := range fixtures(t, product) {
			for _, sample := range report.samples {
				lines = append(lines, forwarded(fmt.Sprint("instance", i), sample, now))
			}
		}
	}
	l.load(t, append(lines, totals(t, now)...))
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
