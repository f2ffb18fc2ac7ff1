package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exportTo exports a table into a new file and returns its content.
func exportTo(t *testing.T, db string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "table")
	succeed(t, append([]string{"export", "--db", db, "-o", out}, args...)...)
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// readCSV returns a table's rows by column; a cell that is not known is not there.
func readCSV(t *testing.T, content []byte) (columns []string, rows []map[string]string) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatal(err, "or no head line")
	}
	for _, fields := range all[1:] {
		row := map[string]string{}
		for i, f := range fields {
			if f != "" {
				row[all[0][i]] = f
			}
		}
		rows = append(rows, row)
	}
	return all[0], rows
}

// readJSONL does the same for lines of JSON.
func readJSONL(t *testing.T, content []byte) (rows []map[string]string) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		cells := map[string]json.RawMessage{}
		if err := json.Unmarshal(lines.Bytes(), &cells); err != nil {
			t.Fatal(err)
		}
		row := map[string]string{}
		for name, c := range cells {
			var text string
			switch {
			case string(c) == "null":
				continue
			case json.Unmarshal(c, &text) != nil:
				text = string(c)
			}
			row[name] = text
		}
		rows = append(rows, row)
	}
	return rows
}

// readParquet does the same for Parquet.
func readParquet(t *testing.T, content []byte) (columns []string, rows []map[string]string) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Schema().Columns() {
		columns = append(columns, c[0])
	}
	for _, group := range f.RowGroups() {
		r := group.Rows()
		buffer := make([]parquet.Row, 100)
		for {
			n, err := r.ReadRows(buffer)
			for _, cells := range buffer[:n] {
				rows = append(rows, parquetRow(f.Schema(), columns, cells))
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
	}
	return columns, rows
}

func parquetRow(schema *parquet.Schema, columns []string, cells parquet.Row) map[string]string {
	row := map[string]string{}
	for i, v := range cells {
		switch {
		case v.IsNull():
			continue
		case schema.Fields()[i].Type().String() == "DATE":
			row[columns[i]] = rollup.Date(v.Int32()).String()
		case v.Kind() == parquet.Double:
			row[columns[i]] = strconv.FormatFloat(v.Double(), 'f', -1, 64)
		default:
			row[columns[i]] = v.String()
		}
	}
	return row
}

// The three formats of each table have the same cells.
func TestFormatsAgree(t *testing.T) {
	db, _ := fleetFile(t)
	for _, what := range exportTables {
		columns, want := readCSV(t, exportTo(t, db, "--what", what))
		if lines := readJSONL(t, exportTo(t, db, "--what", what, "--format", "jsonl")); !reflect.DeepEqual(lines, want) {
			t.Errorf("%s as JSON: %d rows %v\nas CSV: %d rows %v", what, len(lines), lines[0], len(want), want[0])
		}
		order, rows := readParquet(t, exportTo(t, db, "--what", what, "--format", "parquet"))
		if !slices.Equal(order, columns) || !reflect.DeepEqual(rows, want) {
			t.Errorf("%s as Parquet: %d rows %v\nas CSV: %d rows %v\ncolumns %v", what, len(rows), rows[0], len(want), want[0], order)
		}
		if !slices.IsSortedFunc(rows, func(a, b map[string]string) int {
			return strings.Compare(a["date"]+a["month"]+a["cluster"], b["date"]+b["month"]+b["cluster"])
		}) {
			t.Errorf("%s is not sorted", what)
		}
	}
}

// sumOf adds up a column.
func sumOf(t *testing.T, rows []map[string]string, column string) (sum int64) {
	t.Helper()
	for _, r := range rows {
		if r[column] == "" {
			continue
		}
		n, err := strconv.ParseInt(r[column], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// The months of a table, added up, are the figures of the overview, which are the
// simulation's.
func TestMonthsAddUp(t *testing.T) {
	db, months := fleetFile(t)
	for id, want := range months {
		columns, rows := readCSV(t, exportTo(t, db, "--what", "months", "--from", id.String(), "--to", id.String()))
		clusters, confirmed := 0, 0
		for _, r := range rows {
			if r["info_days"] != "0" {
				clusters++
			}
			if n, _ := strconv.Atoi(r["info_days"]); n >= 7 {
				confirmed++
			}
		}
		got := []int64{int64(clusters), int64(confirmed), sumOf(t, rows, "nodes"), sumOf(t, rows, "tenants")}
		if !slices.Equal(got, []int64{want.Clusters, want.Confirmed, want.TotalNodes, want.TotalTenants}) {
			t.Errorf("%s: %v, but it was %+v", id, got, want)
		}
		apps := map[string]int64{}
		for _, c := range columns {
			if strings.HasPrefix(c, prefixApp) && sumOf(t, rows, c) > 0 {
				apps[c] = sumOf(t, rows, c)
			}
		}
		truth := map[string]int64{}
		for app, n := range want.Apps {
			truth[columnName(prefixApp, app)] += n
		}
		if !maps.Equal(apps, truth) {
			t.Errorf("%s: apps %v, but there were %v", id, apps, truth)
		}
	}
}

// The rows of days are those of the window, and the peaks of a cluster's days are
// those of its month.
func TestDaysOfAWindow(t *testing.T) {
	db, _ := fleetFile(t)
	month := thisMonth() - 1
	_, all := readCSV(t, exportTo(t, db, "--what", "days", "--from", month.String(), "--to", month.String()))
	peaks := map[string]int64{}
	for _, r := range all {
		n, _ := strconv.ParseInt(r["nodes"], 10, 64)
		peaks[r["cluster"]] = max(peaks[r["cluster"]], n)
	}
	_, months := readCSV(t, exportTo(t, db, "--what", "months", "--from", month.String(), "--to", month.String()))
	for _, r := range months {
		if r["nodes"] != strconv.FormatInt(peaks[r["cluster"]], 10) {
			t.Errorf("%s: %s nodes in the month, %d on a day", r["cluster"], r["nodes"], peaks[r["cluster"]])
		}
	}
	first, last := month.First()+3, month.First()+4
	_, some := readCSV(t, exportTo(t, db, "--what", "days", "--from", first.String(), "--to", last.String()))
	want := slices.DeleteFunc(slices.Clone(all), func(r map[string]string) bool {
		return r["date"] != first.String() && r["date"] != last.String()
	})
	if len(some) == 0 || len(some) != len(want) || some[0]["nodes"] != want[0]["nodes"] {
		t.Errorf("%d rows of two days, want %d", len(some), len(want))
	}
	_, none := readCSV(t, exportTo(t, db, "--what", "days", "--from", "2020-01", "--to", "2020-02"))
	if len(none) != 0 {
		t.Errorf("%d rows of a time without reports", len(none))
	}
}

// A cluster as the files of testdata have it, upgraded within a day.
func TestColumnsOfACluster(t *testing.T) {
	db := filepath.Join(t.TempDir(), "t.db")
	s, err := store.Open(db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
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
		if err := s.Record(t.Context(), report, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, rows := readCSV(t, exportTo(t, db))
	want := map[string]string{
		"date": "2026-03-05", "cluster": "c", "first_hour": "8", "last_hour": "9", "info": "true",
		"cozystack_version": "v0.10.0", "kubernetes_version": "v1.31.4", "nodes": "3", "tenants": "4",
		"load_balancers": "1", "volumes": "13", "packages": "1", "capacity_cpu": "16.5", "capacity_nvidia_com_t4": "2",
		"app_tenant": "2", "app_postgres": "6", "app_http_cache": "8", "app_my_own___kind_": "9",
	}
	if len(rows) != 1 || !maps.Equal(rows[0], want) {
		t.Errorf("got  %v\nwant %v", rows, want)
	}
	if _, months := readCSV(t, exportTo(t, db, "--what", "months")); months[0]["cozystack_version"] != "v0.10.0" {
		t.Errorf("the highest version is %q", months[0]["cozystack_version"])
	}
	series := string(exportTo(t, db, "--what", "series", "--format", "jsonl"))
	if want := `"metric":"cozy_application_count","labels":{"kind":"My own, \"kind\""},"peak":9,"last":9,"hour":9}`; !strings.Contains(series, want) {
		t.Errorf("%s is not in\n%s", want, series)
	}
}

// More kinds than there are columns are added up, and no table is refused for it.
func TestKindsBeyondTheBound(t *testing.T) {
	db := filepath.Join(t.TempDir(), "t.db")
	s, err := store.Open(db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	report := rollup.Report{Product: "cozystack", Instance: "flood", Received: time.Date(2026, 3, 5, 8, 0, 0, 0, time.UTC)}
	for i := range 2 * maxAppColumns {
		report.Samples = append(report.Samples, rollup.Sample{
			Series: rollup.NewSeries(metricApplications, []rollup.Label{{Name: "kind", Value: "A" + strconv.Itoa(10000+i)}}), Value: 1,
		})
	}
	many := report
	for _, instance := range []string{"a", "b"} {
		common := report
		common.Instance = instance
		common.Samples = []rollup.Sample{{Series: `cozy_application_count{kind="Zebra"}`, Value: 3}}
		if err := s.Record(t.Context(), common, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Record(t.Context(), many, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	columns, rows := readCSV(t, exportTo(t, db))
	if len(columns) > maxAppColumns+100 || sumOf(t, rows, "app_zebra") != 6 || sumOf(t, rows, "app_other") != maxAppColumns+1 {
		t.Errorf("%d columns, %d zebras, %d others", len(columns), sumOf(t, rows, "app_zebra"), sumOf(t, rows, "app_other"))
	}
}

// With one key two tables can be joined; with none nobody can tell who is who, not
// by the order of the rows either.
func TestAnonymize(t *testing.T) {
	db, _ := fleetFile(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, plain := readCSV(t, exportTo(t, db, "--what", "clusters"))
	tables := map[string][]map[string]string{}
	for _, what := range exportTables {
		content := exportTo(t, db, "--what", what, "--anonymize", "--anonymize-key-file", key)
		for _, r := range plain {
			if bytes.Contains(content, []byte(r["cluster"])) {
				t.Fatalf("%s has %s", what, r["cluster"])
			}
		}
		_, tables[what] = readCSV(t, content)
	}
	names := func(rows []map[string]string) []string {
		var all []string
		for _, r := range rows {
			all = append(all, r["cluster"])
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	for what, rows := range tables {
		if !slices.Equal(names(rows), names(tables["clusters"])) || len(names(rows)) != len(plain) || len(rows[0]["cluster"]) != 16 {
			t.Errorf("%s names %d clusters, of which there are %d", what, len(names(rows)), len(plain))
		}
	}
	_, other := readCSV(t, exportTo(t, db, "--what", "clusters", "--anonymize"))
	if slices.Equal(names(other), names(tables["clusters"])) || len(other) != len(plain) {
		t.Error("two keys give the same names")
	}
	firstDay := slices.DeleteFunc(tables["days"], func(r map[string]string) bool { return r["date"] != tables["days"][0]["date"] })
	if !slices.IsSortedFunc(firstDay, func(a, b map[string]string) int { return strings.Compare(a["cluster"], b["cluster"]) }) {
		t.Error("days are not in the order of the new names")
	}
	if err := os.WriteFile(key, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := command(t, "export", "--db", db, "--anonymize", "--anonymize-key-file", key); r.code == 0 || !strings.Contains(r.errs, "at least 16") {
		t.Errorf("a short key: %+v", r)
	}
}

// An export does not replace a file unless it is told to, and one that fails leaves
// nothing behind.
func TestOutputIsWholeOrNotThere(t *testing.T) {
	db, _ := fleetFile(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "days.csv")
	if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := command(t, "export", "--db", db, "-o", out); r.code != exitFailure || !strings.Contains(r.errs, "--force") {
		t.Errorf("an existing file: %+v", r)
	}
	if content, _ := os.ReadFile(out); string(content) != "mine" {
		t.Error("it was replaced")
	}
	succeed(t, "export", "--db", db, "-o", out, "--force")
	if content, _ := os.ReadFile(out); !strings.HasPrefix(string(content), "date,cluster,") {
		t.Error("it was not replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

// What somebody else has made meanwhile is not replaced either.
func TestOutputThatComesMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := createOut(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the commit says %v", err)
	}
	f.discard()
	entries, err := os.ReadDir(filepath.Dir(path))
	if content, _ := os.ReadFile(path); err != nil || string(content) != "mine" || len(entries) != 1 {
		t.Errorf("the folder has %v, and the file %q", entries, content)
	}
}
