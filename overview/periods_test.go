package overview

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// put stores a final snapshot of a month.
func (s *fakeStore) put(t testing.TB, month string, snap rollup.Snapshot) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	snap.Month = monthID(t, month)
	snap.Final = true
	if snap.CollectedAt.IsZero() {
		snap.CollectedAt = snap.Month.End().Add(time.Hour)
	}
	s.snapshots[snap.Month] = snap
}

func TestPeriods(t *testing.T) {
	r := newRig(t, "2026-04-10T00:00:00Z", Config{})
	r.store.put(t, "2026-03", rollup.Snapshot{Clusters: 42, TotalNodes: 210, TotalTenants: 84, DaysWithData: 31,
		CollectedAt: instant(t, "2026-04-01T07:01:00.75Z"), Source: rollup.SourceVictoriaMetrics,
		Kinds: map[string]int64{"Postgres": 100, "PostgreSQL": 20, "Redis": 85, "Odd": 1}})
	r.store.put(t, "2026-02", rollup.Snapshot{Clusters: 41, TotalNodes: 200, TotalTenants: 83, DaysWithData: 28,
		Source: rollup.SourceVictoriaMetrics, Kinds: map[string]int64{"Postgres": 7, "Foo": 3}})
	// January has no data. December was left by the original server.
	r.store.put(t, "2025-12", rollup.Snapshot{Clusters: 8, TotalNodes: 1, Source: rollup.SourceImported,
		Apps: map[string]int64{"redis": 5, "gone": 0}})

	got := r.ask(t, "2026-03", Average)
	if got.GeneratedAt != "2026-04-01T07:01:00Z" {
		t.Error(got.GeneratedAt)
	}
	n := func(v int64) *int64 { return &v }
	for name, tc := range map[string]struct{ got, want published.Period }{
		"month": {got.Periods.Month, published.Period{
			Names: published.Names{Label: "March 2026", Start: "2026-03-01", End: "2026-03-31"},
			Counts: published.Counts{Clusters: 42, TotalNodes: 210, AvgNodesPerCluster: 50, TotalTenants: 84, AvgTenantsPerCluster: 20,
				Apps: map[string]int64{"postgres": 120, "redis": 85, "tenant": 84, "Odd": 1}},
			Published: Seen,
			Source:    rollup.SourceVictoriaMetrics, Complete: true, Months: 1, UniqueClusters: n(42),
		}},
		// 41.5 clusters, 205 nodes, 83.5 tenants; 63.5 postgres, 42.5 redis, 0.5 Odd,
		// 1.5 Foo: halves go up.
		"quarter": {got.Periods.Quarter, published.Period{
			Names: published.Names{Label: "January 2026 \u2014 March 2026", Start: "2026-01-01", End: "2026-03-31"},
			Counts: published.Counts{Clusters: 42, TotalNodes: 205, AvgNodesPerCluster: 49, TotalTenants: 84, AvgTenantsPerCluster: 20,
				Apps: map[string]int64{"postgres": 64, "redis": 43, "tenant": 84, "Odd": 1, "Foo": 2}},
			Published: Seen,
			Source:    rollup.SourceVictoriaMetrics, Months: 2,
		}},
		// 30.33 clusters, 137 nodes, 55.67 tenants; 42.33 postgres, 30 redis, 0.33 Odd,
		// which is not listed and so not shown, 1 Foo.
		"year": {got.Periods.Year, published.Period{
			Names: published.Names{Label: "April 2025 \u2014 March 2026", Start: "2025-04-01", End: "2026-03-31"},
			Counts: published.Counts{Clusters: 30, TotalNodes: 137, AvgNodesPerCluster: 46, TotalTenants: 56, AvgTenantsPerCluster: 19,
				Apps: map[string]int64{"postgres": 42, "redis": 30, "tenant": 56, "Foo": 1}},
			Published: Seen,
			Source:    rollup.SourceMixed, Months: 3,
		}},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, tc.got, tc.want)
		}
	}
}

func TestTenths(t *testing.T) {
	for _, tc := range []struct {
		total, clusters int64
		want            string
	}{
		{0, 0, "0.0"}, {5, 0, "0.0"}, {0, 3, "0.0"}, {210, 42, "5.0"}, {1, 3, "0.3"}, {2, 3, "0.7"},
		{1, 20, "0.1"}, {5, 4, "1.3"}, {1, 21, "0.0"}, {rollup.MaxValue, 1, "9007199254740992.0"},
	} {
		if got, err := json.Marshal(published.PerCluster(tc.total, tc.clusters)); string(got) != tc.want || err != nil {
			t.Errorf("%d in %d: %s, not %s", tc.total, tc.clusters, got, tc.want)
		}
	}
}

func TestComplete(t *testing.T) {
	march := func(source rollup.Source, days int, at string) rollup.Snapshot {
		return rollup.Snapshot{Clusters: 1, Source: source, DaysWithData: days, CollectedAt: instant(t, at)}
	}
	for name, tc := range map[string]struct {
		snapshot rollup.Snapshot
		replicas int
		want     bool
	}{
		"all days":                       {march(rollup.SourceRollups, 31, "2026-04-01T01:00:00Z"), 1, true},
		"a day is missing":               {march(rollup.SourceRollups, 30, "2026-04-01T01:00:00Z"), 1, false},
		"read before the end":            {march(rollup.SourceRollups, 31, "2026-03-31T23:59:59Z"), 1, false},
		"rollups of one of two replicas": {march(rollup.SourceRollups, 31, "2026-04-01T01:00:00Z"), 2, false},
		"vmselect with two replicas":     {march(rollup.SourceVictoriaMetrics, 31, "2026-04-01T01:00:00Z"), 2, true},
		"imported":                       {march(rollup.SourceImported, 0, "2026-04-01T00:00:00Z"), 1, true},
		"imported in the month":          {march(rollup.SourceImported, 0, "2026-03-31T00:00:00Z"), 1, false},
	} {
		r := newRig(t, "2026-04-10T00:00:00Z", Config{Replicas: tc.replicas})
		r.store.put(t, "2026-03", tc.snapshot)
		got := r.ask(t, "2026-03", Average)
		if got.Periods.Month.Complete != tc.want || got.Periods.Quarter.Complete {
			t.Errorf("%s: month %v, quarter %v", name, got.Periods.Month.Complete, got.Periods.Quarter.Complete)
		}
		for _, month := range []string{"2026-01", "2026-02"} {
			days := monthID(t, month).Days()
			r.store.put(t, month, rollup.Snapshot{Clusters: 1, Source: rollup.SourceVictoriaMetrics, DaysWithData: days})
		}
		r.months.clear()
		r.answers.clear()
		if got := r.ask(t, "2026-03", Average).Periods.Quarter.Complete; got != tc.want {
			t.Errorf("%s: quarter %v", name, got)
		}
	}
}

// everyDay returns a report of a cluster on every day of the months before April
// 2026.
func everyDay(instance string, months int, samples ...string) (lines []line) {
	end := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	for at := end.AddDate(0, -months, 0); at.Before(end); at = at.AddDate(0, 0, 1) {
		lines = append(lines, line{instance, at.Format(time.RFC3339), samples})
	}
	return lines
}

func TestDistinct(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	// "new" replaces "old", which was last seen in January.
	lines := append(everyDay("new", 2, "cozy_cluster_info 1", "cozy_nodes_count 2", `cozy_application_count{kind="Redis"} 1`),
		line{"old", "2026-01-10T10:00:00Z", []string{"cozy_cluster_info 1", "cozy_nodes_count 5"}})
	r := newRig(t, "2026-04-10T00:00:00Z", Config{}, lines...)
	q := r.ask(t, "2026-03", Distinct).Periods.Quarter
	want := published.Period{
		Names:  published.Names{Label: "January 2026 \u2014 March 2026", Start: "2026-01-01", End: "2026-03-31"},
		Counts: published.Counts{Clusters: 2, TotalNodes: 7, AvgNodesPerCluster: 35, Apps: map[string]int64{"postgres": 0, "redis": 1, "tenant": 0}},
		Confirmed: &published.ConfirmedCounts{Months: 3, DaysWithData: 60, Counts: published.Counts{
			Clusters: 1, TotalNodes: 2, AvgNodesPerCluster: 20, Apps: map[string]int64{"postgres": 0, "redis": 1, "tenant": 0}}},
		Published: Seen, Source: rollup.SourceRollups, Months: 3, UniqueClusters: n(2), ConfirmedClusters: n(1),
	}
	if !reflect.DeepEqual(q, want) {
		t.Errorf("\ngot  %+v\nwant %+v", q, want)
	}
	// The mean says one cluster a month, and tells of both beside it.
	if q := r.ask(t, "2026-03", Average).Periods.Quarter; q.Clusters != 1 || *q.UniqueClusters != 2 || *q.ConfirmedClusters != 1 {
		t.Errorf("%+v", q)
	}
}

func TestDistinctSources(t *testing.T) {
	id := monthID(t, "2026-03")
	quarter := lastMonths(id, 3)
	for name, tc := range map[string]struct {
		vm, imported int64
		fails        bool
		source       rollup.Source
		want         int64
		unique       bool
	}{
		"vmselect":                          {vm: 9, source: rollup.SourceVictoriaMetrics, want: 9, unique: true},
		"the rollups have more":             {vm: 2, source: rollup.SourceRollups, want: 3, unique: true},
		"vmselect fails":                    {fails: true, source: rollup.SourceRollups, want: 3, unique: true},
		"a month has more than the windows": {vm: 9, imported: 42, source: rollup.SourceImported, want: 42},
	} {
		t.Run(name, func(t *testing.T) {
			vm := newFakeVM()
			vm.windows[quarter] = figures{known: true, clusters: tc.vm, nodes: 7, days: 90}
			if tc.fails {
				vm.failIn[quarter] = errDown
			}
			r := newRig(t, "2026-04-10T00:00:00Z", vm.config(), clusters("2026-03", 3)...)
			if tc.imported > 0 {
				r.store.put(t, "2026-02", rollup.Snapshot{Clusters: tc.imported, Source: rollup.SourceImported})
			}
			q := r.ask(t, "2026-03", Distinct).Periods.Quarter
			if q.Source != tc.source || q.Clusters != tc.want || (q.UniqueClusters != nil) != tc.unique {
				t.Errorf("%+v", q)
			}
			if q.Complete != (tc.source == rollup.SourceVictoriaMetrics) {
				t.Errorf("complete: %v", q.Complete)
			}
		})
	}
}

func TestUniqueSources(t *testing.T) {
	id := monthID(t, "2026-03")
	quarter := lastMonths(id, 3)
	for name, tc := range map[string]struct {
		stored int64 // clusters of February's snapshot
		vm     int64
		fails  bool
		noVM   bool
		want   int64 // 0: not known
	}{
		"the rollups know all":           {stored: 3, vm: 99, want: 3},
		"the rollups lack some":          {stored: 4, vm: 9, want: 9},
		"vmselect has forgotten":         {stored: 4, vm: 3},
		"vmselect fails":                 {stored: 4, fails: true},
		"there is no vmselect":           {stored: 4, noVM: true},
		"vmselect fails, but not needed": {stored: 3, fails: true, want: 3},
	} {
		vm := newFakeVM()
		cfg := vm.config()
		vm.windows[quarter] = figures{known: true, clusters: tc.vm, confirmedClusters: 1}
		if tc.fails {
			vm.failIn[quarter] = errDown
		}
		if tc.noVM {
			cfg = Config{}
		}
		r := newRig(t, "2026-04-10T00:00:00Z", cfg, append(clusters("2026-02", 3), clusters("2026-03", 2)...)...)
		r.store.put(t, "2026-02", rollup.Snapshot{Clusters: tc.stored, Source: rollup.SourceVictoriaMetrics})
		q := r.ask(t, "2026-03", Average).Periods.Quarter
		if (q.UniqueClusters != nil) != (tc.want > 0) || tc.want > 0 && *q.UniqueClusters != tc.want ||
			(q.ConfirmedClusters != nil) != (tc.want > 0) {
			t.Errorf("%s: %+v", name, q)
		}
	}
}

// A vmselect that keeps fewer months than the rollups has seen the clusters of any one
// month, and yet not those of all.
func TestUniqueIsNoLessThanTheRollupsHaveSeen(t *testing.T) {
	quarter := lastMonths(monthID(t, "2026-03"), 3)
	for heard, want := range map[int64]int64{4: 0, 5: 5} {
		vm := newFakeVM()
		vm.windows[quarter] = figures{known: true, clusters: heard}
		var lines []line
		for _, month := range []string{"2026-01", "2026-02", "2026-03"} {
			lines = append(lines, infoOn("of "+month, month, 2)...)
		}
		lines = append(append(lines, infoOn("a", "2026-03", 2)...), infoOn("b", "2026-03", 3)...)
		r := newRig(t, "2026-04-10T00:00:00Z", vm.config(), lines...)
		r.store.put(t, "2026-02", rollup.Snapshot{Clusters: 3, Source: rollup.SourceVictoriaMetrics})
		q := r.ask(t, "2026-03", Average).Periods.Quarter
		if (q.UniqueClusters != nil) != (want > 0) || want > 0 && *q.UniqueClusters != want {
			t.Errorf("the rollups have seen 5, vmselect %d: %+v", heard, q)
		}
	}
}

// Where every month is the same, the mean of the months is the whole.
func TestAggregatesAgreeOnIdenticalMonths(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, "2026-04-10T00:00:00Z", Config{Replicas: rapid.IntRange(1, 2).Draw(rt, "replicas")})
		counts := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 6).Draw(rt, "counts")
		for i, n := range counts {
			for m := range 12 {
				for day := range r.cfg.ConfirmDays {
					at := time.Date(2025, time.Month(4+m), 5+day, 0, 0, 0, 0, time.UTC)
					r.store.record(line{fmt.Sprint(i), at.Format(time.RFC3339), []string{"cozy_cluster_info 1",
						fmt.Sprintf("cozy_nodes_count %d", n), fmt.Sprintf(`cozy_application_count{kind="Tenant"} %d`, n/2),
						fmt.Sprintf(`cozy_application_count{kind="Kind%d"} %d`, n%3, n)}}.report(t))
				}
			}
		}
		average, distinct := r.ask(t, "2026-03", Average).Periods, r.ask(t, "2026-03", Distinct).Periods
		if n := int64(len(counts)); average.Year.Clusters != n || average.Year.Confirmed.Clusters != n {
			rt.Fatalf("%+v", average.Year)
		}
		if !reflect.DeepEqual(average, distinct) {
			rt.Fatalf("\naverage  %+v\ndistinct %+v", average, distinct)
		}
	})
}

// The original server knew nothing of confirmed clusters: nobody claims them for
// its months, nor for windows of which it is the only one to know all clusters.
func TestImportedMonthClaimsNothingConfirmed(t *testing.T) {
	const file = `{"confirmed_clusters":9,"confirmed":{"clusters":9,"days_with_data":31},"month":"2026-03","collected_at":"2026-04-01T07:01:00Z",` +
		`"clusters":42,"total_nodes":210,"total_tenants":84,"apps":{"postgres":120,"redis":85}}`
	s, err := mirror.DecodeMonth([]byte(file), monthID(t, "2026-03"))
	if err != nil || s.ConfirmedClusters != nil || s.Confirmed != nil {
		t.Fatalf("%+v, %v", s, err)
	}
	r := newRig(t, "2026-04-10T00:00:00Z", Config{}, everyDay("a", 3, "cozy_cluster_info 1")...)
	r.store.put(t, "2026-03", s)
	for _, aggregate := range []Aggregate{Average, Distinct} {
		periods := r.ask(t, "2026-03", aggregate).Periods
		for _, p := range []published.Period{periods.Month, periods.Quarter, periods.Year} {
			if p.ConfirmedClusters != nil {
				t.Errorf("%s, %s: %d are confirmed", aggregate, p.Label, *p.ConfirmedClusters)
			}
		}
		// February is the rollups' own.
		if p := r.ask(t, "2026-02", aggregate).Periods.Month; p.ConfirmedClusters == nil || *p.ConfirmedClusters != 1 {
			t.Errorf("%s, %s: %v", aggregate, p.Label, p.ConfirmedClusters)
		}
	}
}
