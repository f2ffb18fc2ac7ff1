package ingest

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What rules take is what a report may bring, no more and no less; and where they
// take samples, they take fewer and lower ones.
func TestRulesAreThoseOfReports(t *testing.T) {
	limits := Limits{Samples: 4, Labels: 2, LabelBytes: 22, Nodes: 5, Tenants: 4, Apps: 3}
	rules, err := NewRules(limits)
	if err != nil {
		t.Fatal(err)
	}
	parser := NewParser(limits, 1)
	metrics := []string{rollup.MetricNodes, rollup.MetricTenants, rollup.MetricApplications, rollup.MetricInfo}
	values := []string{rollup.KindTenant, "Redis", "Kafka", strings.Repeat("x", 22), strings.Repeat("x", 23)}
	series := rapid.Custom(func(t *rapid.T) rollup.Series {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"kind", "os", "x"}), 0, 3, rapid.ID).Draw(t, "names")
		labels := make([]rollup.Label, len(names))
		for i, name := range names {
			labels[i] = rollup.Label{Name: name, Value: rapid.SampledFrom(values).Draw(t, "value")}
		}
		return rollup.NewSeries(rapid.SampledFrom(metrics).Draw(t, "metric"), labels)
	})
	takes := func(samples []rollup.Sample) bool {
		for _, s := range samples {
			if rules.Series(s.Series.Metric(), s.Series.Labels()) != "" {
				return false
			}
		}
		return rules.Report(samples) == ""
	}
	rapid.Check(t, func(t *rapid.T) {
		var samples []rollup.Sample
		var body strings.Builder
		for _, s := range rapid.SliceOfNDistinct(series, 1, 5, rapid.ID).Draw(t, "series") {
			value := rapid.IntRange(0, 6).Draw(t, "count")
			samples = append(samples, rollup.Sample{Series: s, Value: float64(value)})
			fmt.Fprintf(&body, "%s %d\n", s, value)
		}
		_, _, err := parser.Parse(nil, []byte(body.String()))
		if took := takes(samples); took != (err == nil) {
			t.Fatalf("rules take it: %v; a report: %v\n%s", took, err, &body)
		}
		if rules.Report(samples) != "" {
			return
		}
		samples[0].Value /= 2
		if rules.Report(samples) != "" || rules.Report(samples[1:]) != "" {
			t.Fatalf("less is too much: %s", &body)
		}
	})
}

// The names of others, and that of the server's own metric, come in by no report.
func TestRulesOfNames(t *testing.T) {
	rules, err := NewRules(Limits{Allow: []string{"cozy_*", "own"}})
	if err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[string]string{
		"cozy_a": "", "own": "", "other": whyName, rollup.MetricClusterNodes: whyName, "cozy_" + strings.Repeat("x", 1020): whyLimit,
	} {
		if got := rules.Series(metric, nil); got != want {
			t.Errorf("%.20s: %q, not %q", metric, got, want)
		}
	}
	for id, want := range map[string]bool{"": false, "a.b_C-1": true, "a/b": false, strings.Repeat("x", 254): false} {
		if got := rules.Cluster(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
	if _, err := NewRules(Limits{Allow: []string{"["}}); err == nil {
		t.Error("rules of a bad pattern")
	}
}
