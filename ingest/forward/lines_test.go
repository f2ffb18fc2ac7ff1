package forward

import (
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func TestLines(t *testing.T) {
	r := rollup.Report{
		Instance: "c-1",
		Received: time.UnixMilli(1774000000123),
		Samples: []rollup.Sample{
			{Series: `cozy_cluster_capacity{resource="memory"}`, Value: 811020009472},
			{Series: "cozy_loadbalancers_count", Value: 0.5},
			{Series: `cozy_nodes_count{kernel="6.12"}`, Value: 1},
			{Series: `cozy_nodes_count{kernel="6.6"}`, Value: 2},
		},
	}
	const want = `cozy_cluster_capacity{cluster_id="c-1",resource="memory"} 811020009472 1774000000123
cozy_loadbalancers_count{cluster_id="c-1"} 0.5 1774000000123
cozy_nodes_count{cluster_id="c-1",kernel="6.12"} 1 1774000000123
cozy_nodes_count{cluster_id="c-1",kernel="6.6"} 2 1774000000123
cozy_cluster_nodes{cluster_id="c-1"} 3 1774000000123
`
	if got := string(AppendLines(nil, r)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A day is sent with its peaks and its last values, each in a second of its own, and
// none outside of the hours in which the cluster has reported.
func TestAppendDay(t *testing.T) {
	day := rollup.Day{First: 8, Last: 12, Points: []rollup.Point{
		{Series: "cozy_a", Peak: 1, Last: 1, Hour: 12},
		{Series: `cozy_nodes_count{kernel="6.6"}`, Peak: 3, Last: 2, Hour: 9},
		{Series: `cozy_nodes_count{kernel="7"}`, Peak: 2.5, Last: 2.5, Hour: 12},
	}, Sums: []rollup.Sum{{Metric: "cozy_a", Peak: 1}, {Metric: rollup.MetricNodes, Peak: 4}}}
	date := rollup.DateOf(time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC))
	lines, n := AppendDay([]byte("before\n"), "c", date, day)
	// 2026-03-15 begins at 1773532800.
	want := `before
cozy_a{cluster_id="c"} 1 1773576001000
cozy_nodes_count{cluster_id="c",kernel="6.6"} 3 1773561601000
cozy_nodes_count{cluster_id="c",kernel="6.6"} 2 1773565201000
cozy_nodes_count{cluster_id="c",kernel="7"} 2.5 1773576002000
cozy_cluster_nodes{cluster_id="c"} 4 1773576003000
`
	if string(lines) != want || n != 5 {
		t.Errorf("%d lines:\n%swant\n%s", n, lines, want)
	}
	if again, _ := AppendDay([]byte("before\n"), "c", date, day); string(again) != want {
		t.Errorf("again:\n%s", again)
	}
	if lines, n := AppendDay(nil, "c", date, rollup.Day{}); len(lines)+n > 0 {
		t.Errorf("of no report: %d %s", n, lines)
	}
}

// Reports of other products have their instance, and a day's totals have none.
func TestLinesOfOtherProducts(t *testing.T) {
	r := rollup.Report{
		Product: "coroot", Instance: "0123456789abcdef0123456789abcdef", Received: time.UnixMilli(1774000000123),
		Samples: []rollup.Sample{{Series: `coroot_clouds{cloud="aws"}`, Value: 1}, {Series: "coroot_nodes", Value: 3}},
	}
	want := `coroot_clouds{instance="0123456789abcdef0123456789abcdef",cloud="aws"} 1 1774000000123
coroot_nodes{instance="0123456789abcdef0123456789abcdef"} 3 1774000000123
`
	if got := string(AppendInstanceLines(nil, r)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	date := rollup.DateOf(time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC))
	want = `kubeatlas_sessions 2 1773532800000
kubeatlas_clusters 5 1773532800000
kubeatlas_tier{tier="memory"} 2 1773532800000
`
	if got := string(AppendTotals(nil, "kubeatlas", date, 2, map[rollup.Series]float64{`kubeatlas_tier{tier="memory"}`: 2, "kubeatlas_clusters": 5})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
