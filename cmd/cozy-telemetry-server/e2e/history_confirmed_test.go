package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Confirmed are the clusters seen on seven days of a window, whichever months the
// days are in, and both sources count the same.
func TestConfirmedAgreesAtItsEdges(t *testing.T) {
	last := thisMonth() - 1
	first := func(back int) time.Time { return (last - rollup.MonthID(back)).Start() }
	days := func(from time.Time, n int) (all []time.Time) {
		for i := range n {
			all = append(all, from.AddDate(0, 0, i).Add(9*time.Hour))
		}
		return all
	}
	ms := time.Millisecond
	seen := map[string][]time.Time{
		"six":    days(first(0), 6),
		"seven":  days(first(0), 7), // month
		"split":  append(days(first(1), 3), days(first(0), 4)...),
		"short":  append(days(first(1), 3), days(first(0), 3)...),
		"often":  append(days(first(0), 6), append(days(first(0).Add(time.Hour), 6), days(first(0).Add(2*time.Hour), 6)...)...),
		"edges":  append(days(first(2).AddDate(0, 0, 1), 5), first(2), first(0).AddDate(0, 1, 0).Add(-ms)), // quarter, to the millisecond
		"before": append(days(first(2).AddDate(0, 0, 1), 6), first(2).Add(-ms)),                            // year
		"after":  append(days(first(0), 6), first(0).AddDate(0, 1, 0)),                                     // this month's first day
		"rare":   {},                                                                                       // year: a day in each of seven months
		"year":   append(days(first(11), 6), first(0).AddDate(0, 1, 0).Add(-ms)),                           // year
		"gone":   append(days(first(11).AddDate(0, 0, 1), 6), first(11).Add(-ms)),                          // its seventh is before the year
	}
	for back := range 7 {
		seen["rare"] = append(seen["rare"], first(back).AddDate(0, 0, 20))
	}
	v := startVictoria(t, t.TempDir(), "")
	db := openStore(t, filepath.Join(t.TempDir(), "telemetry.db"))
	defer db.Close()
	var lines strings.Builder
	record := func(cluster, metric string, at time.Time) {
		fmt.Fprintf(&lines, "%s{cluster_id=%q} 1 %d\n", metric, cluster, at.UnixMilli())
		report := rollup.Report{Product: rollup.Cozystack, Instance: cluster, Received: at, Samples: []rollup.Sample{{Series: rollup.Series(metric), Value: 1}}}
		if err := db.Record(t.Context(), report, nil); err != nil {
			t.Fatal(err)
		}
	}
	for cluster, times := range seen {
		for _, at := range times {
			record(cluster, "cozy_cluster_info", at)
		}
	}
	// A day on which only the other client has reported is none.
	record("six", "cozy_nodes_count", first(0).AddDate(0, 0, 10))
	fmt.Fprintf(&lines, "cozy_cluster_nodes{cluster_id=\"six\"} 1 %d\n", first(0).AddDate(0, 0, 10).UnixMilli()) // as the server forwards it
	resp, err := http.Post(v.URL+importPath, "text/plain", strings.NewReader(lines.String()))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"month": 1, "quarter": 3, "year": 6}
	for source, vmselect := range map[rollup.Source]string{rollup.SourceVictoriaMetrics: v.URL, rollup.SourceRollups: ""} {
		o := newOverview(t, db, vmselect)
		for _, aggregate := range []overview.Aggregate{overview.Average, overview.Distinct} {
			got := ask(t, o, last, aggregate)
			for name, n := range want {
				if got[name]["confirmed_clusters"] != n || got[name]["source"] != string(source) {
					t.Errorf("%s, %s, %s: %v confirmed of %v, from %v, want %v",
						source, aggregate, name, got[name]["confirmed_clusters"], got[name]["unique_clusters"], got[name]["source"], n)
				}
				if figures, ok := got[name]["confirmed"].(map[string]any); aggregate == overview.Distinct && (!ok || figures["clusters"] != n) {
					t.Errorf("%s, %s: the confirmed figures are %v, want of %v clusters", source, name, got[name]["confirmed"], n)
				}
			}
		}
	}
}
