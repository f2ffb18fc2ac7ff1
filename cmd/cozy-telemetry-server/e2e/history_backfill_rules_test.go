package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
)

// invented fills a VictoriaMetrics with two reports of a real cluster, and with
// what no report can bring: one invented report of that cluster, and clusters
// that have sent nothing else.
func invented(t *testing.T) *victoria.Server {
	t.Helper()
	v, date := startVictoria(t, t.TempDir(), ""), (thisMonth() - 1).First()
	var lines strings.Builder
	// The parts of a report come some milliseconds apart.
	report := func(cluster string, hour int, series ...string) {
		stamp := date.Start().UnixMilli() + int64(hour)*3_600_000
		for i, s := range append([]string{"cozy_cluster_info 1"}, series...) {
			text, value, _ := strings.Cut(s, " ")
			metric, labels, _ := strings.Cut(strings.TrimSuffix(text, "}"), "{")
			fmt.Fprintf(&lines, "%s{cluster_id=%q,%s} %s %d\n", metric, cluster, labels, value, stamp+int64(i))
		}
	}
	real := []string{`cozy_nodes_count{os="a"} 3`, "cozy_cluster_nodes 3", `cozy_application_count{kind="Tenant"} 2`}
	report("real", 1, real...)
	report("real", 2, `cozy_nodes_count{os="a"} 9007199254740992`, "cozy_cluster_nodes 9007199254740992")
	report("real", 3, append(real, "cozy_secret_count 1")...)
	report("nodes", 1, `cozy_nodes_count{os="a"} 6000`, `cozy_nodes_count{os="b"} 6000`)
	report("sum", 1, "cozy_nodes_count 1", "cozy_cluster_nodes 10001")
	report("tenants", 1, "cozy_tenants_count 10001")
	report("apps", 1, `cozy_application_count{kind="Redis"} 100001`)
	report("long", 1, `cozy_nodes_count{os="`+strings.Repeat("x", 1025)+`"} 1`)
	many := make([]string, 25)
	for i := range many {
		many[i] = fmt.Sprintf("l%d=\"x\"", i)
	}
	report("many", 1, "cozy_nodes_count{"+strings.Join(many, ",")+"} 1")
	importLines(t, v, lines.String())
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

// skippedOfInvented is what is skipped of it, by reason, and told: with every
// implausible figure goes what came with it.
var skippedOfInvented = map[string]int64{"implausible": 13, "limit": 2, "name": 1}

const toldOfInvented = "16 were skipped (implausible 13, limit 2, name 1)"

// Nothing comes in by a backfill that a report could not bring: a cluster with
// 2^53 nodes is refused whole, and counts in no figure; a real cluster keeps its
// own reports. A file is held to the same flags as a server.
func TestBackfillTakesWhatAReportMayBring(t *testing.T) {
	v := invented(t)
	allow := "--metric-allow=cozy_nodes_count,cozy_cluster_info,cozy_application_count,cozy_tenants_count"
	check := func(file string) {
		t.Helper()
		var clusters []string
		for key, day := range readDays(t, file) {
			clusters = append(clusters, strings.Fields(key)[2])
			for _, s := range day.Sums {
				if s.Peak > 3 {
					t.Errorf("%s: %+v", key, s)
				}
			}
		}
		slices.Sort(clusters)
		if want := []string{"long", "many", "real"}; !slices.Equal(clusters, want) {
			t.Errorf("%s has %v, not %v", file, clusters, want)
		}
	}
	file := filepath.Join(t.TempDir(), "telemetry.db")
	if out := runBackfill(t, backfillCommand(1, v.URL, file, allow)); !strings.Contains(out, toldOfInvented) {
		t.Errorf("it says %q", out)
	}
	check(file)
	dir := t.TempDir()
	server := startServer(t, dir, "--vmselect-url="+v.URL, allow)
	admin := "--admin-addr=" + strings.TrimPrefix(server.Admin, "http://")
	if out := runBackfill(t, backfillCommand(1, "", "", admin)); !strings.Contains(out, toldOfInvented) {
		t.Errorf("the server's: %q", out)
	}
	var state backfillState
	getJSON(t, server.Admin+"/backfill", &state)
	if state.Skipped != 16 || fmt.Sprint(state.SkippedFor) != fmt.Sprint(skippedOfInvented) {
		t.Errorf("%+v", state)
	}
	server.stop(t, syscall.SIGTERM)
	check(filepath.Join(dir, "telemetry.db"))
}

// importLines hands lines with timestamps to a VictoriaMetrics.
func importLines(t *testing.T, v *victoria.Server, lines string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, v.URL+"/api/v1/import/prometheus", strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	if status, text := do(t, req); status/100 != 2 {
		t.Fatalf("%d %s", status, text)
	}
}
