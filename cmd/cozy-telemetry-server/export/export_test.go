package export

import (
	"bytes"
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// now is the time of all tests; march is the last month of which they have data.
func now() time.Time { return time.Date(2026, 4, 2, 12, 0, 0, 0, time.UTC) }

var march = rollup.MonthOf(now()) - 1

// fleetFile makes a file that has two months of a small fleet, with kernel upgrades,
// births and deaths, and returns its path and the true figures.
func fleetFile(t *testing.T) (string, map[rollup.MonthID]load.Month) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "telemetry.db")
	result, err := load.DB(t.Context(), load.DBOptions{
		Path: path, From: march - 1, To: march, Every: 8 * time.Hour, Now: now,
		Fleet: fleet.Config{Clusters: 40, UpgradeShare: 0.5, BirthShare: 0.3, DeathShare: 0.3},
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, result.Months
}

// reportFile makes a file that has some reports.
func reportFile(t *testing.T, reports ...rollup.Report) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "telemetry.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if err := s.Record(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// within are the options of a table of some days.
func within(table string, first, last rollup.Date) Options {
	return Options{Table: table, Format: CSV, Window: Window{first, last}}
}

// whole are those of a table of all there is.
func whole(table, format string) Options {
	return Options{Table: table, Format: format, Window: AllDays()}
}

// written returns a table of a file.
func written(t *testing.T, db string, o Options) []byte {
	t.Helper()
	s, err := store.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o.Apps = appsource.New(appsource.Config{Now: now})
	var b bytes.Buffer
	if err := Write(t.Context(), &b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The three formats of each table have the same cells.
func TestFormatsAgree(t *testing.T) {
	db, _ := fleetFile(t)
	for _, what := range Tables() {
		columns, want := readCSV(t, written(t, db, whole(what, CSV)))
		if lines := readJSONL(t, written(t, db, whole(what, JSONL))); !reflect.DeepEqual(lines, want) {
			t.Errorf("%s as JSON: %d rows %v\nas CSV: %d rows %v", what, len(lines), lines[0], len(want), want[0])
		}
		order, rows := readParquet(t, written(t, db, whole(what, Parquet)))
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
		columns, rows := readCSV(t, written(t, db, within(Months, id.First(), id.Last())))
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
	_, all := readCSV(t, written(t, db, within(Days, march.First(), march.Last())))
	peaks := map[string]int64{}
	for _, r := range all {
		n, _ := strconv.ParseInt(r["nodes"], 10, 64)
		peaks[r["cluster"]] = max(peaks[r["cluster"]], n)
	}
	_, months := readCSV(t, written(t, db, within(Months, march.First(), march.Last())))
	for _, r := range months {
		if r["nodes"] != strconv.FormatInt(peaks[r["cluster"]], 10) {
			t.Errorf("%s: %s nodes in the month, %d on a day", r["cluster"], r["nodes"], peaks[r["cluster"]])
		}
	}
	first, last := march.First()+3, march.First()+4
	_, some := readCSV(t, written(t, db, within(Days, first, last)))
	want := slices.DeleteFunc(slices.Clone(all), func(r map[string]string) bool {
		return r["date"] != first.String() && r["date"] != last.String()
	})
	if len(some) == 0 || len(some) != len(want) || some[0]["nodes"] != want[0]["nodes"] {
		t.Errorf("%d rows of two days, want %d", len(some), len(want))
	}
	_, none := readCSV(t, written(t, db, within(Days, 18262, 18321)))
	if len(none) != 0 {
		t.Errorf("%d rows of a time without reports", len(none))
	}
}

// With one key two tables can be joined; with none nobody can tell who is who, not
// by the order of the rows either.
func TestAnonymize(t *testing.T) {
	db, _ := fleetFile(t)
	alias, err := KeyedAlias([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	_, plain := readCSV(t, written(t, db, whole(Clusters, CSV)))
	tables := map[string][]map[string]string{}
	for _, what := range Tables() {
		o := whole(what, CSV)
		o.Alias = alias
		content := written(t, db, o)
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
	o := whole(Clusters, CSV)
	o.Alias = RandomAlias()
	_, other := readCSV(t, written(t, db, o))
	if slices.Equal(names(other), names(tables["clusters"])) || len(other) != len(plain) {
		t.Error("two keys give the same names")
	}
	firstDay := slices.DeleteFunc(tables["days"], func(r map[string]string) bool { return r["date"] != tables["days"][0]["date"] })
	if !slices.IsSortedFunc(firstDay, func(a, b map[string]string) int { return strings.Compare(a["cluster"], b["cluster"]) }) {
		t.Error("days are not in the order of the new names")
	}
	if _, err := KeyedAlias([]byte("0123456789abcde")); err == nil {
		t.Error("a short key is taken")
	}
}

// What can't be written, or is asked for wrongly, is an error in every format.
func TestWriteFails(t *testing.T) {
	s, err := store.OpenReadOnly(reportFile(t, rollup.Report{
		Product: "cozystack", Instance: "c", Received: now(),
		Samples: []rollup.Sample{{Series: "cozy_cluster_info", Value: 1}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tries := map[string]Options{"no table": whole("tea", CSV), "no format": whole(Days, "xml")}
	for _, format := range Formats() {
		tries[format] = whole(Days, format)
	}
	for name, o := range tries {
		o.Apps = appsource.New(appsource.Config{Now: now})
		if err := Write(t.Context(), full{}, s, o); err == nil || (slices.Contains(Formats(), name) && !errors.Is(err, errFull)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errFull = errors.New("full")

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// Progress goes from nothing to all, a day or a month at a time.
func TestProgress(t *testing.T) {
	db, _ := fleetFile(t)
	for table, want := range map[string]int64{Days: 28 + 31, Series: 28 + 31, Months: 2} {
		next := int64(0)
		o := whole(table, CSV)
		o.Progress = func(done, total int64) {
			if done != next || total != want {
				t.Errorf("%s: %d of %d, want %d of %d", table, done, total, next, want)
			}
			next++
		}
		written(t, db, o)
		if next != want+1 {
			t.Errorf("%s: told %d times", table, next)
		}
	}
}
