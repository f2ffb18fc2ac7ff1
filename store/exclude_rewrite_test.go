package store

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What one server excludes, a merged file excludes, in whatever order. Figures that had
// it are not taken for the better ones, nor for counted: the server counts them again.
func TestCombineExcludes(t *testing.T) {
	dir, month := t.TempDir(), rollup.MonthOf(march)
	figures := func(month rollup.MonthID, clusters int64, excluding string) rollup.Snapshot {
		return rollup.Snapshot{
			Month: month, Clusters: clusters, Excluding: excluding,
			Source: rollup.SourceVictoriaMetrics, Final: true, CheckedAt: march, Asked: true,
		}
	}
	a := fileOf(t, filepath.Join(dir, "a"), func(s *Store) {
		must(t, s.Record(t.Context(), report("flood", march, "a"), nil))
		exclude(t, s, "flood")
		offer(t, s, figures(month, 3, s.Exclusions("cozystack").Digest))
	})
	b := fileOf(t, filepath.Join(dir, "b"), func(s *Store) {
		must(t, s.Record(t.Context(), report("honest", march.AddDate(0, -1, 0), "a"), nil))
		must(t, s.Record(t.Context(), report("flood", march.AddDate(0, -2, 0), "a"), nil))
		for back, clusters := range []int64{4, 5, 6} { // of March, February and January
			offer(t, s, figures(month-rollup.MonthID(back), clusters, ""))
		}
	})
	combined(t, filepath.Join(dir, "ab"), a, b)
	combined(t, filepath.Join(dir, "ba"), b, a)
	combined(t, filepath.Join(dir, "ab+b"), filepath.Join(dir, "ab"), b)
	compareFiles(t, filepath.Join(dir, "ba"), filepath.Join(dir, "ab"))
	compareFiles(t, filepath.Join(dir, "ab+b"), filepath.Join(dir, "ab"))
	checkCleanly(t, filepath.Join(dir, "ab"))

	s := openRead(t, filepath.Join(dir, "ab"))
	defer s.Close()
	x := s.Exclusions("cozystack")
	if !reflect.DeepEqual(x, rollup.NewExclusions([]string{"flood"})) {
		t.Errorf("excluded is %+v", x)
	}
	var stale []rollup.MonthID
	all, err := s.Snapshots()
	must(t, err)
	for _, snap := range all {
		if x.Stale(snap) {
			stale = append(stale, snap.Month)
		}
	}
	if !slices.Equal(stale, []rollup.MonthID{month - 2}) {
		t.Errorf("stale are %v", stale)
	}
	if snap, _, err := s.Snapshot(month); err != nil || snap.Clusters != 3 {
		t.Errorf("March has %+v, %v", snap, err)
	}
}

// A copy without free space excludes the same.
func TestCompactExcludes(t *testing.T) {
	dir := t.TempDir()
	path := fileOf(t, filepath.Join(dir, "a"), func(s *Store) { exclude(t, s, "flood") })
	must(t, rewrite.Compact(t.Context(), path, filepath.Join(dir, "small"), nil))
	s := openRead(t, filepath.Join(dir, "small"))
	defer s.Close()
	if list, err := s.Excluded(); err != nil || len(list) != 1 || list[0].Reason != "a flood" {
		t.Errorf("excluded is %+v, %v", list, err)
	}
}

// Whoever is forgotten is not named among the excluded either. The figures that left it
// out are as right as before, also if vmselect still has it.
func TestForgetWhoIsExcluded(t *testing.T) {
	month := rollup.MonthOf(march)
	for _, source := range []rollup.Source{rollup.SourceRollups, rollup.SourceVictoriaMetrics} {
		path := fileOf(t, filepath.Join(t.TempDir(), "a"), func(s *Store) {
			for _, c := range []string{"stranger", "other", "honest"} {
				must(t, s.Record(t.Context(), report(c, march, "a"), nil))
			}
			exclude(t, s, "stranger", "other")
			offer(t, s, rollup.Snapshot{
				Month: month, Clusters: 1, Source: source, Final: true, Excluding: s.Exclusions("cozystack").Digest,
			})
		})
		_, err := rewrite.Forget(t.Context(), path, selection("stranger"), march, nil)
		must(t, err)
		if found := traces(t, path, "stranger", "none"); len(found) != 0 {
			t.Errorf("it is left in %s", strings.Join(found, ", "))
		}
		s := openAt(t, path, Options{})
		x := s.Exclusions("cozystack")
		snap, _, err := s.Snapshot(month)
		if !slices.Equal(x.Instances, []string{"other"}) || err != nil || x.Stale(snap) || snap.Clusters != 1 {
			t.Errorf("excluded is %+v, the figures are %+v, %v", x, snap, err)
		}
	}
}

// Figures that have excluded clusters and were not counted again before these are
// forgotten are counted again then, without them: at rest, in use, and if they were
// excluded while the file was made anew. A count that lacks any other is not taken.
func TestForgetBeforeCountedAgain(t *testing.T) {
	month := rollup.MonthOf(march)
	atRest := func(s *Store, names ...string) *Store {
		must(t, s.Close())
		_, err := rewrite.Forget(t.Context(), s.path, selection(names...), march, nil)
		must(t, err)
		again, err := Open(s.path, Options{})
		must(t, err)
		return again
	}
	inUse := func(s *Store, names ...string) *Store {
		_, _, err := s.Forget(t.Context(), selection(names...), nil)
		must(t, err)
		return s
	}
	for name, run := range map[string]func(s *Store) *Store{
		"at rest":          func(s *Store) *Store { exclude(t, s, "x", "y"); return atRest(s, "x", "y") },
		"one":              func(s *Store) *Store { exclude(t, s, "x", "y"); return atRest(s, "x") },
		"one by one":       func(s *Store) *Store { exclude(t, s, "x", "y"); return atRest(inUse(s, "x"), "y") },
		"in use":           func(s *Store) *Store { exclude(t, s, "x", "y"); return inUse(s, "x", "y") },
		"one not excluded": func(s *Store) *Store { exclude(t, s, "x"); return inUse(s, "x", "y") },
		"meanwhile": func(s *Store) *Store {
			meanwhile := sync.OnceFunc(func() { exclude(t, s, "x", "y") })
			_, _, err := s.Forget(t.Context(), selection("x", "y"), func(int64, int64) { meanwhile() })
			must(t, err)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(filepath.Join(t.TempDir(), "a"), Options{})
			must(t, err)
			for _, c := range []string{"x", "y", "a", "b"} {
				must(t, s.Record(t.Context(), report(c, march, "a"), nil))
			}
			figures := rollup.Snapshot{Month: month, Clusters: 4, DaysWithData: 1, Source: rollup.SourceRollups, Final: true}
			offer(t, s, figures)
			s = run(s)
			t.Cleanup(func() { must(t, s.Close()) })
			x := s.Exclusions(rollup.Cozystack)
			if stored, _, err := s.Snapshot(month); err != nil || !x.Stale(stored) || stored.Clusters != 4 {
				t.Errorf("it has %+v, %v", stored, err)
			}
			for _, step := range []struct{ counted, want int64 }{{1, 4}, {2, 2}} {
				figures.Clusters, figures.Excluding = step.counted, x.Digest
				kept, err := s.OfferSnapshot(t.Context(), figures)
				if err != nil || kept.Clusters != step.want || x.Stale(kept) != (step.want == 4) {
					t.Errorf("after a count of %d it has %+v, %v", step.counted, kept, err)
				}
			}
		})
	}
}

// A month that is counted again while a file is made anew keeps that count.
func TestForgetBesideCountingAgain(t *testing.T) {
	month := rollup.MonthOf(march)
	s := open(t, Options{})
	for _, c := range []string{"x", "a"} {
		must(t, s.Record(t.Context(), report(c, march, "a"), nil))
	}
	figures := rollup.Snapshot{Month: month, Clusters: 2, DaysWithData: 1, Source: rollup.SourceVictoriaMetrics, Final: true}
	offer(t, s, figures)
	exclude(t, s, "x")
	meanwhile := sync.OnceFunc(func() {
		figures.Clusters, figures.Excluding = 1, s.Exclusions(rollup.Cozystack).Digest
		offer(t, s, figures)
	})
	_, _, err := s.Forget(t.Context(), selection("x"), func(int64, int64) { meanwhile() })
	must(t, err)
	stored, _, err := s.Snapshot(month)
	if x := s.Exclusions(rollup.Cozystack); err != nil || x.Stale(stored) || stored.Clusters != 1 {
		t.Errorf("excluded is %+v, the figures are %+v, %v", x, stored, err)
	}
}

// A final month that had a cluster which was forgotten since is counted again all the same
// when another one is excluded: it may lack as many more. Who was excluded already when it
// was forgotten was none of them.
func TestExcludeAfterForgetting(t *testing.T) {
	month := rollup.MonthOf(march)
	for _, inUse := range []bool{true, false} {
		s, err := Open(filepath.Join(t.TempDir(), "a"), Options{})
		must(t, err)
		for _, c := range []string{"x", "y", "z", "a", "b"} {
			must(t, s.Record(t.Context(), report(c, march, "a"), nil))
		}
		exclude(t, s, "z")
		figures := rollup.Snapshot{Month: month, Clusters: 4, DaysWithData: 1, Source: rollup.SourceRollups, Final: true}
		figures.Excluding = s.Exclusions(rollup.Cozystack).Digest
		offer(t, s, figures)
		if inUse {
			_, _, err = s.Forget(t.Context(), selection("y", "z"), nil)
		} else {
			must(t, s.Close())
			_, err = rewrite.Forget(t.Context(), s.path, selection("y", "z"), march, nil)
			must(t, err)
			s, err = Open(s.path, Options{})
		}
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		if stored, _, err := s.Snapshot(month); err != nil || s.Exclusions(rollup.Cozystack).Stale(stored) || stored.Clusters != 4 {
			t.Errorf("in use %t: what is final is %+v, %v", inUse, stored, err)
		}
		exclude(t, s, "x")
		figures.Excluding = s.Exclusions(rollup.Cozystack).Digest
		for _, step := range []struct{ counted, want int64 }{{1, 4}, {2, 2}} {
			figures.Clusters = step.counted
			if kept, err := s.OfferSnapshot(t.Context(), figures); err != nil || kept.Clusters != step.want {
				t.Errorf("in use %t: after a count of %d it has %+v, %v", inUse, step.counted, kept, err)
			}
		}
	}
}
