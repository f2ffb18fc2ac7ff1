package export

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A cluster as the files of testdata have it, upgraded within a day.
func TestColumnsOfACluster(t *testing.T) {
	var reports []rollup.Report
	day := time.Date(2026, 3, 5, 8, 0, 0, 0, time.UTC)
	for _, r := range []struct{ hour, body string }{
		{"8", `cozy_cluster_info{cozystack_version="v0.9.0",kubernetes_version="v1.31.4"} 1
cozy_nodes_count{kernel="a"} 3
cozy_tenants_count 4`},
		{"9", `cozy_cluster_info{cozystack_version="v0.10.0",kubernetes_version="v1.31.4"} 1
cozy_nodes_count{kernel="a"} 1
cozy_nodes_count{kernel="b"} 2
cozy_cluster_capacity{resource="cpu"} 16.5
cozy_cluster_capacity{resource="nvidia.com/T4"} 2
cozy_loadbalancers_count 1
cozy_pvs_count{size="5Gi"} 7
cozy_pvs_count{size="10Gi"} 6
cozy_package_info{name="core",variant="a"} 1
cozy_package_info{name="core",variant="b"} 1
cozy_package_info{name="gone"} 0
cozy_application_count{kind="Tenant"} 2
cozy_application_count{kind="Postgres"} 5
cozy_application_count{kind="PostgreSQL"} 1
cozy_application_count{kind="HTTPCache"} 8
cozy_application_count{kind="My own, \"kind\""} 9`},
	} {
		hour, _ := strconv.Atoi(r.hour)
		report := rollup.Report{Product: "cozystack", Instance: "c", Received: day.Add(time.Duration(hour-8) * time.Hour)}
		for line := range strings.SplitSeq(r.body, "\n") {
			i := strings.LastIndexByte(line, ' ')
			v, _ := strconv.ParseFloat(line[i+1:], 64)
			report.Samples = append(report.Samples, rollup.Sample{Series: rollup.Series(line[:i]), Value: v})
		}
		reports = append(reports, report)
	}
	db := reportFile(t, reports...)
	_, rows := readCSV(t, written(t, db, whole(Days, CSV)))
	want := map[string]string{
		"date": "2026-03-05", "cluster": "c", "first_hour": "8", "last_hour": "9", "info": "true",
		"cozystack_version": "v0.10.0", "kubernetes_version": "v1.31.4", "nodes": "3", "tenants": "4",
		"load_balancers": "1", "volumes": "13", "packages": "1", "capacity_cpu": "16.5", "capacity_nvidia_com_t4": "2",
		"app_tenant": "4", "app_postgres": "6", "app_http_cache": "8", "app_my_own___kind_": "9",
	}
	if len(rows) != 1 || !maps.Equal(rows[0], want) {
		t.Errorf("got  %v\nwant %v", rows, want)
	}
	if _, months := readCSV(t, written(t, db, whole(Months, CSV))); months[0]["cozystack_version"] != "v0.10.0" {
		t.Errorf("the highest version is %q", months[0]["cozystack_version"])
	}
	series := string(written(t, db, whole(Series, JSONL)))
	if want := `"metric":"cozy_application_count","labels":{"kind":"My own, \"kind\""},"peak":9,"last":9,"hour":9}`; !strings.Contains(series, want) {
		t.Errorf("%s is not in\n%s", want, series)
	}
}

// More kinds than there are columns are added up, and no table is refused for it.
func TestKindsBeyondTheBound(t *testing.T) {
	report := rollup.Report{Product: "cozystack", Instance: "flood", Received: time.Date(2026, 3, 5, 8, 0, 0, 0, time.UTC)}
	for i := range 2 * maxAppColumns {
		report.Samples = append(report.Samples, rollup.Sample{
			Series: rollup.NewSeries(rollup.MetricApplications, []rollup.Label{{Name: "kind", Value: "A" + strconv.Itoa(10000+i)}}), Value: 1,
		})
	}
	reports := []rollup.Report{report}
	for _, instance := range []string{"a", "b"} {
		report.Instance = instance
		report.Samples = []rollup.Sample{{Series: `cozy_application_count{kind="Zebra"}`, Value: 3}}
		reports = append(reports, report)
	}
	db := reportFile(t, reports...)
	columns, rows := readCSV(t, written(t, db, whole(Days, CSV)))
	if len(columns) > maxAppColumns+100 || sumOf(t, rows, "app_zebra") != 6 || sumOf(t, rows, "app_other") != maxAppColumns+1 {
		t.Errorf("%d columns, %d zebras, %d others", len(columns), sumOf(t, rows, "app_zebra"), sumOf(t, rows, "app_other"))
	}
}

// What just fits has no column for others, which would say 0 of all.
func TestKindsUpToTheBound(t *testing.T) {
	n := factNames{counts: map[string]int{"app_a": 1, "app_b": 2, "app_c": 3, "capacity_d": 4}}
	for bound, want := range map[int][]string{
		3: {"app_a", "app_b", "app_c"},
		2: {"app_b", "app_c", "app_other"},
	} {
		if got := n.most(prefixApp, nil, bound); !slices.Equal(got, want) {
			t.Errorf("at most %d: %q, want %q", bound, got, want)
		}
	}
}
