package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fileOf makes a closed file in a folder, of which nothing is left when it fails.
func fileOf(t fatal, path string, fill func(s *Store)) string {
	t.Helper()
	s, err := Open(path, Options{})
	must(t, err)
	s.db.db.NoSync = true
	fill(s)
	must(t, s.Close())
	return path
}

func copyOfFile(t fatal, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
	return to
}

// event is a report and which of two servers see it.
type event struct {
	report rollup.Report
	seen   [2]bool
}

// scene is what happens to two servers and to one that sees all: reports, and now
// and then a month is folded or a day removed.
type scene struct {
	events []event
	fold   [3]rollup.Date // through which day each server folds
	late   int            // so many of the events come after that
	// excluded are those that each of the first two excludes.
	excluded [2][]string
}

func drawScene(t *rapid.T) scene {
	var sc scene
	first := rollup.DateOf(march) - 40
	instances := []string{uuid(1), uuid(2), "text", "text-2"}
	for range rapid.IntRange(0, 40).Draw(t, "reports") {
		at := (first + rollup.Date(rapid.IntRange(0, 45).Draw(t, "day"))).Start()
		at = at.Add(time.Duration(rapid.IntRange(0, 23).Draw(t, "hour")) * time.Hour)
		product := rapid.SampledFrom([]string{"cozystack", "other"}).Draw(t, "product")
		r := randomReport(product, rapid.SampledFrom(instances).Draw(t, "instance"), at).Draw(t, "report")
		who := rapid.IntRange(1, 3).Draw(t, "who")
		sc.events = append(sc.events, event{r, [2]bool{who&1 != 0, who&2 != 0}})
	}
	sc.late = rapid.IntRange(0, len(sc.events)).Draw(t, "late")
	for i := range sc.excluded {
		sc.excluded[i] = rapid.SliceOfDistinct(rapid.SampledFrom(instances), rapid.ID[string]).Draw(t, "excluded")
	}
	for i := range sc.fold {
		sc.fold[i] = first + rollup.Date(rapid.IntRange(-1, 45).Draw(t, "fold"))
	}
	return sc
}

// play fills the file of server 0 or 1, or that of the one that sees all.
func (sc scene) play(t fatal, s *Store, server int) {
	t.Helper()
	record := func(events []event) {
		for _, e := range events {
			if server == 2 || e.seen[server] {
				must(t, s.Record(context.Background(), e.report, nil))
			}
		}
	}
	record(sc.events[sc.late:])
	foldThrough(t, s, sc.fold[server])
	record(sc.events[:sc.late])
	for i, instances := range sc.excluded {
		for _, instance := range instances {
			if server == 2 || server == i {
				_, err := s.Exclude(context.Background(), []rollup.Exclusion{{Product: "cozystack", Instance: instance, At: march}})
				must(t, err)
			}
		}
	}
}

func foldThrough(t fatal, s *Store, date rollup.Date) {
	t.Helper()
	months := monthsOf(t, s)
	for _, month := range months {
		must(t, s.CloseDays(context.Background(), month, date))
	}
}

// Two files of servers that each saw some of the reports make the file of one that
// saw all of them, in either order, and a file merged with itself is itself.
func TestCombineProperty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		folder := filepath.Join(dir, time.Duration(n).String())
		must(t, os.Mkdir(folder, 0o700))
		defer os.RemoveAll(folder)
		in := func(name string) string { return filepath.Join(folder, name) }
		sc := drawScene(t)
		a := fileOf(t, in("a"), func(s *Store) { sc.play(t, s, 0) })
		b := fileOf(t, in("b"), func(s *Store) { sc.play(t, s, 1) })
		all := fileOf(t, in("all"), func(s *Store) { sc.play(t, s, 2) })
		combined(t, in("ab"), a, b)
		combined(t, in("ba"), b, a)
		combined(t, in("aa"), a, copyOfFile(t, a, in("a2")))
		combined(t, in("ab+b"), in("ab"), b)
		compareFiles(t, in("ba"), in("ab"))
		compareFiles(t, in("aa"), a)
		compareFiles(t, in("ab+b"), in("ab"))
		// Which days are folded may differ; what anyone reads may not.
		compareReads(t, in("ab"), all)
		checkCleanly(t, in("ab"))
	})
}

// compareReads fails unless both files give the same days and months.
func compareReads(t fatal, got, want string) {
	t.Helper()
	a, b := openRead(t, got), openRead(t, want)
	defer a.Close()
	defer b.Close()
	compareModels(t, stored(t, a), stored(t, b))
	compareMonthReads(t, a, b)
}

func compareMonthReads(t fatal, a, b *Store) {
	t.Helper()
	from := rollup.MonthOf(march) - 2
	for _, product := range []string{"cozystack", "other"} {
		compareFolds(t, folded(t, a, product, from, from+3, nil), folded(t, b, product, from, from+3, nil))
	}
}

func checkCleanly(t fatal, path string) {
	t.Helper()
	s := openRead(t, path)
	defer s.Close()
	must(t, s.Check(context.Background(), func(p Problem) { t.Fatalf("%s: %+v", path, p) }, nil))
}

func combined(t fatal, into string, from ...string) rewrite.Combined {
	t.Helper()
	left, err := rewrite.Combine(context.Background(), into, from, nil)
	must(t, err)
	return left
}

// A day that one server has removed is told by the month alone, where both servers'
// reports of it count.
func TestCombineRemovedDays(t *testing.T) {
	dir := t.TempDir()
	month := rollup.MonthOf(march)
	first, second := month.First(), month.First()+1
	seen := func(s *Store, instances ...string) {
		for _, date := range []rollup.Date{first, second} {
			for _, i := range instances {
				must(t, s.Record(context.Background(), report(i, date.Start(), "cozy_cluster_info"), nil))
			}
		}
	}
	a := fileOf(t, filepath.Join(dir, "a"), func(s *Store) {
		seen(s, "a", "both")
		foldThrough(t, s, second)
		removeDay(t, s, first)
	})
	b := fileOf(t, filepath.Join(dir, "b"), func(s *Store) { seen(s, "b", "both") })
	into := filepath.Join(dir, "into")
	if left := combined(t, into, a, b); left != (rewrite.Combined{DaysLeftOut: 1}) {
		t.Errorf("left out: %+v", left)
	}
	checkClean(t, into)
	s := openRead(t, into)
	defer s.Close()
	if days, err := s.DayVersions("cozystack"); err != nil || len(days) != 1 || days[second] == 0 {
		t.Errorf("days %v, %v", days, err)
	}
	got := folded(t, s, "cozystack", month, month, nil)
	if len(got) != 3 {
		t.Errorf("%d instances in the month, want 3", len(got))
	}
	for _, f := range got {
		if days := f.months[0].Days(); days != 3 {
			t.Errorf("%s: days %b", f.instance, days)
		}
	}
}

func TestCombineSnapshots(t *testing.T) {
	month := rollup.MonthOf(march)
	snap := func(source rollup.Source, final bool, clusters int64) *rollup.Snapshot {
		return &rollup.Snapshot{Month: month, Source: source, Final: final, Clusters: clusters, CollectedAt: march}
	}
	later := snap(rollup.SourceVictoriaMetrics, true, 5)
	later.CollectedAt = march.Add(time.Hour)
	rollups, vm := rollup.SourceRollups, rollup.SourceVictoriaMetrics
	tests := map[string]struct {
		a, b       *rollup.Snapshot
		aHas, bHas bool // records of the month
		want       *rollup.Snapshot
	}{
		"more clusters, not final":        {snap(vm, true, 5), snap(vm, false, 9), true, true, snap(vm, false, 9)},
		"final before not final":          {snap(vm, true, 5), snap(vm, false, 5), true, true, snap(vm, true, 5)},
		"more clusters":                   {snap(vm, true, 5), snap(rollup.SourceImported, true, 9), true, true, snap(rollup.SourceImported, true, 9)},
		"later":                           {snap(vm, true, 5), later, false, false, later},
		"rollups of both":                 {snap(rollups, true, 5), snap(rollups, true, 9), true, true, nil},
		"rollups of both that agree":      {snap(rollups, true, 5), snap(rollups, true, 5), true, true, snap(rollups, true, 5)},
		"rollups, the other has records":  {snap(rollups, true, 5), nil, true, true, nil},
		"rollups, the other has none":     {snap(rollups, true, 5), nil, true, false, snap(rollups, true, 5)},
		"rollups whose records are gone":  {snap(rollups, true, 5), nil, false, true, snap(rollups, true, 5)},
		"what vmselect said is kept":      {snap(rollups, true, 9), snap(vm, true, 5), true, true, snap(vm, true, 5)},
		"only one of them has any of it":  {snap(vm, false, 0), nil, false, false, snap(vm, false, 0)},
		"rollups win that can't be stale": {snap(rollups, true, 9), snap(vm, true, 5), true, false, snap(rollups, true, 9)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill := func(name string, snap *rollup.Snapshot, records bool) string {
				return fileOf(t, filepath.Join(dir, name), func(s *Store) {
					if snap != nil {
						offer(t, s, *snap)
					}
					if records {
						must(t, s.Record(context.Background(), report(name, march, "a"), nil))
					}
				})
			}
			a, b := fill("a", test.a, test.aHas), fill("b", test.b, test.bHas)
			left := combined(t, filepath.Join(dir, "ab"), a, b)
			combined(t, filepath.Join(dir, "ba"), b, a)
			compareFiles(t, filepath.Join(dir, "ba"), filepath.Join(dir, "ab"))
			s := openRead(t, filepath.Join(dir, "ab"))
			defer s.Close()
			got, ok, err := s.Snapshot(month)
			must(t, err)
			if ok != (test.want != nil) || ok && (got.Source != test.want.Source || got.Clusters != test.want.Clusters ||
				got.Final != test.want.Final || !got.CollectedAt.Equal(test.want.CollectedAt)) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if dropped := left.SnapshotsDropped == 1; dropped == ok {
				t.Errorf("left out: %+v", left)
			}
		})
	}
}

func TestCombineTheRest(t *testing.T) {
	dir := t.TempDir()
	older, newer := `{"fetched_at":"2026-03-01T00:00:00Z"}`, `{"fetched_at":"2026-03-02T00:00:00+00:00"}`
	a := fileOf(t, filepath.Join(dir, "a"), func(s *Store) {
		must(t, s.PutAppList(context.Background(), []byte(newer)))
		must(t, s.Record(context.Background(), report("a", march, "a"), []byte("a 1 1\nb 1 1\n")))
	})
	b := fileOf(t, filepath.Join(dir, "b"), func(s *Store) {
		must(t, s.PutAppList(context.Background(), []byte(older)))
		must(t, s.Record(context.Background(), report("a", march, "a"), []byte("a 1 1\n")))
	})
	before := []fileState{stateOf(t, a), stateOf(t, b)}
	into := filepath.Join(dir, "new")
	var progress []int64
	left, err := rewrite.Combine(context.Background(), into, []string{a, b, a}, func(done, total int64) { progress = append(progress, done, total) })
	must(t, err)
	if want := (rewrite.Combined{QueuedSamples: 3}); left != want {
		t.Errorf("left out: %+v, want %+v", left, want)
	}
	if !slices.Equal(progress, []int64{0, 1, 1, 1}) {
		t.Errorf("progress %v", progress)
	}
	after := []fileState{stateOf(t, a), stateOf(t, b)}
	for i := range after {
		after[i].beside = before[i].beside
	}
	if !slices.Equal(before, after) {
		t.Error("a file was changed")
	}
	s := openRead(t, into)
	list, err := s.AppList()
	must(t, err)
	ids := []string{s.DatabaseID()}
	if q := s.Queue(); !bytes.Equal(list, []byte(newer)) || q.Blocks != 0 {
		t.Errorf("list %s, queue %+v", list, q)
	}
	must(t, s.Close())
	for _, path := range []string{a, b} {
		s := openRead(t, path)
		if slices.Contains(ids, s.DatabaseID()) {
			t.Error("the new file must be a database of its own")
		}
		must(t, s.Close())
	}
	if _, err := rewrite.Combine(context.Background(), into, []string{a, b}, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if _, err := rewrite.Combine(context.Background(), into+"2", []string{a, into + "3"}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("the folder has %v", entries)
	}
}

// A day on which the clock said 1970 is the day 0, and copied like any other.
func TestRewritesKeepTheEpoch(t *testing.T) {
	dir := t.TempDir()
	path := fileOf(t, filepath.Join(dir, "telemetry.db"), func(s *Store) {
		for _, at := range []time.Time{time.Unix(0, 0), march} {
			must(t, s.Record(t.Context(), report("x", at, "a"), nil))
			must(t, s.Record(t.Context(), report("y", at, "a"), nil))
		}
	})
	combined := filepath.Join(dir, "combined.db")
	_, err := rewrite.Combine(t.Context(), combined, []string{path}, nil)
	must(t, err)
	_, err = rewrite.Forget(t.Context(), path, selection("x"), march, nil)
	must(t, err)
	for file, want := range map[string]int{combined: 4, path: 2} {
		s := openRead(t, file)
		if got := stored(t, s); len(got) != want {
			t.Errorf("%s has %d records, want %d: %v", filepath.Base(file), len(got), want, got)
		}
		must(t, s.Close())
	}
}

// A late report makes a removed day anew, with nothing else of it: the day is not a
// whole one, in whichever order files are merged, and however often.
func TestCombineRemovedDayThatCameBack(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	month := rollup.MonthOf(march)
	first, second := month.First(), month.First()+1
	seen := func(s *Store, instance string, dates ...rollup.Date) {
		for _, date := range dates {
			must(t, s.Record(context.Background(), report(instance, date.Start(), "cozy_cluster_info"), nil))
		}
	}
	a := fileOf(t, in("a"), func(s *Store) {
		seen(s, "a", first, second)
		_, err := s.Prune(t.Context(), "cozystack", Keep{Days: second})
		must(t, err)
		seen(s, "late", first)
		must(t, s.Record(t.Context(), report("a", first.Start(), "late"), nil)) // less than its month has
	})
	b := fileOf(t, in("b"), func(s *Store) { seen(s, "b", first, second) })
	checkClean(t, a)
	for into, from := range map[string][]string{"ab": {a, b}, "ba": {b, a}} {
		if left := combined(t, in(into), from...); left != (rewrite.Combined{DaysLeftOut: 1}) {
			t.Errorf("%s left out: %+v", into, left)
		}
		checkClean(t, in(into))
	}
	compareFiles(t, in("ba"), in("ab"))
	// What was removed stays removed: the file that saw all of it does not bring back half.
	combined(t, in("ab+b"), in("ab"), b)
	compareFiles(t, in("ab+b"), in("ab"))

	s := openRead(t, in("ab"))
	defer s.Close()
	if days, err := s.DayVersions("cozystack"); err != nil || len(days) != 1 || days[second] == 0 {
		t.Errorf("days %v, %v", days, err)
	}
	want := map[string]rollup.DaySet{"a": 3, "b": 3, "late": 1}
	for _, f := range folded(t, s, "cozystack", month, month, nil) {
		if days := f.months[0].Days(); days != want[f.instance] {
			t.Errorf("%s: days %b", f.instance, days)
		}
		delete(want, f.instance)
	}
	if len(want) != 0 {
		t.Errorf("missing: %v", want)
	}
}

// Final figures that stay are checked again where a file has records that they were not
// counted with: the merged ones may know more, and nobody else would look.
func TestCombineHasFiguresCheckedAgain(t *testing.T) {
	month := rollup.MonthOf(march)
	snap := rollup.Snapshot{
		Month: month, Source: rollup.SourceVictoriaMetrics, Final: true, Clusters: 5,
		CollectedAt: march, CheckedAt: march, Asked: true,
	}
	for name, tc := range map[string]struct{ bHas, bRecords, checked bool }{
		"another file has records":                  {bRecords: true},
		"another file has records and the same":     {bHas: true, bRecords: true, checked: true},
		"another file has neither":                  {checked: true},
		"another file has the same, but no records": {bHas: true, checked: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill := func(name string, has, records bool) string {
				return fileOf(t, filepath.Join(dir, name), func(s *Store) {
					if has {
						offer(t, s, snap)
					}
					if records {
						must(t, s.Record(context.Background(), report(name, march, "a"), nil))
					}
				})
			}
			a, b := fill("a", true, true), fill("b", tc.bHas, tc.bRecords)
			combined(t, filepath.Join(dir, "ab"), a, b)
			combined(t, filepath.Join(dir, "aab"), a, filepath.Join(dir, "ab"))
			compareFiles(t, filepath.Join(dir, "aab"), filepath.Join(dir, "ab"))
			s := openRead(t, filepath.Join(dir, "ab"))
			defer s.Close()
			got, _, err := s.Snapshot(month)
			must(t, err)
			want := snap
			if !tc.checked {
				want.CheckedAt = time.Time{}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// Figures that can't be read stop a merge: whether others are better can't be told.
func TestCombineOfUnreadableFigures(t *testing.T) {
	dir := t.TempDir()
	path := fileOf(t, filepath.Join(dir, "a"), func(s *Store) {
		must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
			return layout.PutSnapshot(tx, "cozystack", rollup.NewMonth(2026, time.March), []byte("{"))
		}))
	})
	_, err := rewrite.Combine(t.Context(), filepath.Join(dir, "into"), []string{path}, nil)
	if !errors.Is(err, dberrors.ErrDamaged) || !strings.Contains(err.Error(), "2026-03") {
		t.Errorf("got %v", err)
	}
}
