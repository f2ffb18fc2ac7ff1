package rollup_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// rivals are snapshots of one month that differ in little, so that each rule gets
// to decide.
func rivals() *rapid.Generator[rollup.Snapshot] {
	return rapid.Custom(func(t *rapid.T) rollup.Snapshot {
		few := func(name string) int64 { return int64(rapid.IntRange(1, 2).Draw(t, name)) }
		s := rollup.Snapshot{
			Month:        rollup.NewMonth(2026, time.March),
			Clusters:     few("clusters"),
			DaysWithData: rapid.SampledFrom([]int{0, 30, 31}).Draw(t, "days"),
			TotalNodes:   few("nodes"),
			TotalTenants: few("tenants"),
			ExactNodes:   rapid.Bool().Draw(t, "exact"),
			Apps:         map[string]int64{"redis": few("redis"), "tenant": few("tenant")},
			Final:        rapid.Bool().Draw(t, "final"),
			Source:       rapid.SampledFrom([]rollup.Source{rollup.SourceVictoriaMetrics, rollup.SourceRollups, rollup.SourceImported}).Draw(t, "source"),
		}
		if rapid.Bool().Draw(t, "known") {
			confirmed := few("confirmed")
			s.ConfirmedClusters = &confirmed
		}
		return s
	})
}

func TestRankIsATotalPreorder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rivals().Draw(t, "a"), rivals().Draw(t, "b"), rivals().Draw(t, "c")
		if a.Compare(a) != 0 || cmp.Compare(a.Compare(b), 0) != -cmp.Compare(b.Compare(a), 0) {
			t.Fatalf("not antisymmetric: %d and %d", a.Compare(b), b.Compare(a))
		}
		if a.Compare(b) >= 0 && b.Compare(c) >= 0 && a.Compare(c) < 0 {
			t.Fatal("not transitive")
		}
		if a.Compare(b) == 0 && cmp.Compare(a.Compare(c), 0) != cmp.Compare(b.Compare(c), 0) {
			t.Fatal("equal ones differ beside a third")
		}
	})
}

// However often and in whatever order snapshots are offered, the best one stays.
func TestKeepDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rivals(), 1, 6).Draw(t, "all")
		best := slices.MaxFunc(all, rollup.Snapshot.Compare)
		offered := rapid.Permutation(all).Draw(t, "offered")
		kept := offered[0]
		for _, s := range offered[1:] {
			kept = rollup.Keep(kept, s)
		}
		if kept.Compare(best) != 0 {
			t.Fatalf("kept %+v\nbest %+v", kept, best)
		}
	})
}

func TestWhichSnapshotIsBetter(t *testing.T) {
	const vm, own, imported = rollup.SourceVictoriaMetrics, rollup.SourceRollups, rollup.SourceImported
	base := rollup.Snapshot{
		Month: rollup.NewMonth(2026, time.March), Clusters: 9, DaysWithData: 31, TotalNodes: 27, TotalTenants: 9,
		Apps: map[string]int64{"redis": 3}, Source: own, Final: true,
	}
	with := func(change func(*rollup.Snapshot)) rollup.Snapshot {
		s := base
		change(&s)
		return s
	}
	for name, tc := range map[string]struct{ better, worse rollup.Snapshot }{
		"more clusters, though not final": {
			with(func(s *rollup.Snapshot) { s.Clusters, s.Source, s.Final, s.DaysWithData = 100, imported, false, 0 }),
			with(func(s *rollup.Snapshot) { s.Clusters = 2 }),
		},
		"more days": {base, with(func(s *rollup.Snapshot) { s.Source, s.DaysWithData, s.TotalNodes = vm, 10, 99 })},
		"an exact count of nodes": {
			with(func(s *rollup.Snapshot) { s.TotalNodes = 1029 }),
			with(func(s *rollup.Snapshot) { s.Source, s.TotalNodes = vm, 1312 }),
		},
		"vmselect's exact count of nodes": {
			with(func(s *rollup.Snapshot) { s.Source, s.ExactNodes, s.TotalNodes = vm, true, 1029 }),
			with(func(s *rollup.Snapshot) { s.Source, s.TotalNodes = imported, 1312 }),
		},
		"the days of an import are all": {
			with(func(s *rollup.Snapshot) { s.Source, s.DaysWithData = imported, 0 }),
			with(func(s *rollup.Snapshot) { s.DaysWithData = 30 }),
		},
		"no import is exact": {base, with(func(s *rollup.Snapshot) { s.Source, s.ExactNodes, s.TotalNodes = imported, true, 99 })},
		"more nodes":         {with(func(s *rollup.Snapshot) { s.TotalNodes = 28 }), with(func(s *rollup.Snapshot) { s.TotalTenants = 99 })},
		"more tenants":       {with(func(s *rollup.Snapshot) { s.TotalTenants = 10 }), with(func(s *rollup.Snapshot) { s.Apps = map[string]int64{"redis": 99} })},
		"more applications":  {with(func(s *rollup.Snapshot) { s.Apps = map[string]int64{"redis": 4} }), with(func(s *rollup.Snapshot) { s.Source, s.ExactNodes = vm, true })},
		"final": {base, with(func(s *rollup.Snapshot) {
			s.Source, s.ExactNodes, s.Final = vm, true, false
		})},
		"vmselect has all servers' reports": {with(func(s *rollup.Snapshot) { s.Source, s.ExactNodes = vm, true }), base},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.better.Compare(tc.worse) <= 0 || tc.worse.Compare(tc.better) >= 0 {
				t.Errorf("%d, and the other way round %d", tc.better.Compare(tc.worse), tc.worse.Compare(tc.better))
			}
		})
	}
}

// A stored snapshot that stays remembers that the sources were heard again.
func TestKeepNotesTheCheck(t *testing.T) {
	stored := rollup.Snapshot{Clusters: 9, CollectedAt: day0}
	kept := rollup.Keep(stored, rollup.Snapshot{Clusters: 4, CollectedAt: day0.Add(1), CheckedAt: day0.Add(1), Asked: true})
	if kept.Clusters != 9 || !kept.CollectedAt.Equal(day0) || !kept.CheckedAt.Equal(day0.Add(1)) || !kept.Asked {
		t.Errorf("%+v", kept)
	}
	kept = rollup.Keep(kept, rollup.Snapshot{Clusters: 4, CheckedAt: day0})
	if !kept.CheckedAt.Equal(day0.Add(1)) || !kept.Asked {
		t.Errorf("forgotten: %+v", kept)
	}
	if kept = rollup.Keep(kept, rollup.Snapshot{Clusters: 9, CollectedAt: day0.Add(2)}); !kept.CollectedAt.Equal(day0.Add(2)) {
		t.Errorf("as good, and later: %+v", kept)
	}
}

// Confirmed figures come from the rollups alone, so they stay beside a better count
// that is without them; of two, those of more days stand, and the later ones of as many:
// what was left out since counts no more.
func TestKeepHasTheConfirmedFiguresOfMoreDays(t *testing.T) {
	of := func(clusters int64, c *rollup.Confirmed) rollup.Snapshot {
		return rollup.Snapshot{Clusters: clusters, Confirmed: c}
	}
	final := func(s rollup.Snapshot) rollup.Snapshot {
		s.Final = true
		return s
	}
	imported := rollup.Snapshot{Clusters: 9, Source: rollup.SourceImported}
	few, more := &rollup.Confirmed{Clusters: 3, DaysWithData: 20}, &rollup.Confirmed{Clusters: 2, DaysWithData: 21}
	again := &rollup.Confirmed{Clusters: 1, DaysWithData: 21}
	for name, tc := range map[string]struct {
		stored, offered, want rollup.Snapshot
	}{
		"a better count without":  {of(5, few), of(9, nil), of(9, few)},
		"a worse count with":      {of(9, nil), of(5, few), of(9, few)},
		"a worse count with more": {of(9, few), of(5, more), of(9, more)},
		"a better one with fewer": {of(5, more), of(9, few), of(9, more)},
		"as many days":            {of(9, more), of(9, again), of(9, again)},
		"neither":                 {of(9, nil), of(5, nil), of(9, nil)},
		"an import":               {imported, of(5, few), imported},
		"not final":               {final(of(9, nil)), of(5, few), of(9, nil)},
		"final":                   {of(9, nil), final(of(5, few)), of(9, few)},
	} {
		if got := rollup.Keep(tc.stored, tc.offered); got.Clusters != tc.want.Clusters || got.Confirmed != tc.want.Confirmed {
			t.Errorf("%s: %+v, %+v", name, got, got.Confirmed)
		}
	}
}
