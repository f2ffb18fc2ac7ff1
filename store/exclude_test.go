package store

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exclude leaves clusters out.
func exclude(t *testing.T, s *Store, clusters ...string) (added int) {
	t.Helper()
	var all []rollup.Exclusion
	for _, c := range clusters {
		all = append(all, rollup.Exclusion{Product: "cozystack", Instance: c, At: march, Reason: "a flood"})
	}
	added, err := s.Exclude(t.Context(), all)
	must(t, err)
	return added
}

func clustersOf(t *testing.T, s *Store, month rollup.MonthID) (clusters []string) {
	t.Helper()
	for _, f := range folded(t, s, "cozystack", month, month, nil) {
		clusters = append(clusters, f.instance)
	}
	slices.Sort(clusters)
	return clusters
}

// An instance that is excluded is in no fold, of open days and of folded ones, until it
// is included again. All else has it as before, and a file that is opened again too.
func TestExclude(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	all := []string{uuid(1), uuid(2), "x"}
	slices.Sort(all)
	for _, c := range all {
		must(t, s.Record(t.Context(), report(c, march, "a"), nil))
		must(t, s.Record(t.Context(), report(c, march.AddDate(0, 0, 1), "a"), nil))
	}
	must(t, s.CloseDays(t.Context(), month, rollup.DateOf(march)))
	before := s.Changes("cozystack", month)

	if added := exclude(t, s, uuid(2), "x", "never-seen", "x"); added != 3 {
		t.Errorf("%d were excluded", added)
	}
	if added := exclude(t, s, "x"); added != 0 {
		t.Errorf("%d were excluded again", added)
	}
	if got := clustersOf(t, s, month); !slices.Equal(got, []string{uuid(1)}) {
		t.Errorf("the fold has %v", got)
	}
	if s.Changes("cozystack", month) == before || s.Changes("cozystack", month-5) == 0 {
		t.Error("no month has changed")
	}
	var seen []string
	must(t, s.FoldAll(t.Context(), "cozystack", month, month, nil, func(c string, _ []rollup.Month) error {
		seen = append(seen, c)
		return nil
	}))
	if slices.Sort(seen); !slices.Equal(seen, all) {
		t.Errorf("all are %v", seen)
	}

	s = reopen(t, s)
	want := rollup.NewExclusions([]string{uuid(2), "x", "never-seen"})
	if got := s.Exclusions("cozystack"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Exclusions("other"); got.Digest != "" {
		t.Errorf("another product has %+v", got)
	}
	list, err := s.Excluded()
	must(t, err)
	if len(list) != 3 || list[2].Instance != "x" || list[2].Reason != "a flood" || !list[2].At.Equal(march) {
		t.Errorf("the list is %+v", list)
	}
	st, err := s.Stats()
	must(t, err)
	if st.Excluded != 3 {
		t.Errorf("statistics say %d", st.Excluded)
	}

	removed, err := s.Include(t.Context(), "cozystack", []string{"x", uuid(2), "never-seen", "nobody"})
	must(t, err)
	if got := clustersOf(t, s, month); removed != 3 || !slices.Equal(got, all) || s.Exclusions("cozystack").Digest != "" {
		t.Errorf("%d were included, the fold has %v", removed, got)
	}
	if _, err := s.Exclude(t.Context(), []rollup.Exclusion{{Product: "cozystack"}}); !errors.Is(err, dberrors.ErrNameless) {
		t.Errorf("no name: %v", err)
	}
}

// The figures of months that had nobody whom a change concerns are of the new set at
// once; those of the others are stale, and are replaced though the new ones are smaller.
func TestExcludeMakesFiguresStale(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	must(t, s.Record(t.Context(), report("honest", march.AddDate(0, -1, 0), "a"), nil))
	for _, c := range []string{"honest", "flood"} {
		must(t, s.Record(t.Context(), report(c, march, "a"), nil))
	}
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	snap := rollup.Snapshot{Month: month, Clusters: 2, Source: rollup.SourceRollups, Final: true, CheckedAt: march}
	before := snap
	before.Month, before.Clusters = month-1, 1
	imported := rollup.Snapshot{Month: month - 2, Clusters: 7, Source: rollup.SourceImported, Final: true}
	for _, x := range []rollup.Snapshot{snap, before, imported} {
		offer(t, s, x)
	}
	stale := func() (months []rollup.MonthID) {
		t.Helper()
		all, err := s.Snapshots()
		must(t, err)
		for _, x := range all {
			if s.Exclusions("cozystack").Stale(x) {
				months = append(months, x.Month)
			}
		}
		return months
	}
	exclude(t, s, "flood")
	if got := stale(); !slices.Equal(got, []rollup.MonthID{month}) {
		t.Errorf("stale are %v", got)
	}
	offer(t, s, snap) // a count that began before
	again := snap
	again.Clusters, again.Excluding = 1, s.Exclusions("cozystack").Digest
	offer(t, s, again)
	offer(t, s, snap)
	if got, _, err := s.Snapshot(month); err != nil || !reflect.DeepEqual(got, again) {
		t.Errorf("stored is %+v, %v", got, err)
	}
	if got := stale(); len(got) != 0 {
		t.Errorf("counted again, stale are %v", got)
	}
	_, err := s.Include(t.Context(), "cozystack", []string{"flood"})
	must(t, err)
	if got := stale(); !slices.Equal(got, []rollup.MonthID{month}) {
		t.Errorf("included again, stale are %v", got)
	}
	offer(t, s, snap)
	if got, _, err := s.Snapshot(month); err != nil || !reflect.DeepEqual(got, snap) {
		t.Errorf("in the end %+v, %v", got, err)
	}
}

// The rollups can lack no more of a month than the excluded that they have in it: a file
// that has only a part of the month does not take the place of what vmselect had counted.
func TestStaleFiguresOfMoreThanTheFile(t *testing.T) {
	month := rollup.MonthOf(march)
	for name, tc := range map[string]struct {
		source   rollup.Source
		clusters int64
		takes    bool
	}{
		"the rollups, all but the flood":        {rollup.SourceRollups, 99, true},
		"the rollups, a part":                   {rollup.SourceRollups, 98, false},
		"vmselect, which was told whom to omit": {rollup.SourceVictoriaMetrics, 90, true},
		"nothing":                               {rollup.SourceRollups, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			must(t, s.Record(t.Context(), report("flood", march, "a"), nil))
			clusters := []string{"flood"}
			for n := range 50 { // in another month
				must(t, s.Record(t.Context(), report(uuid(n), march.AddDate(0, -1, 0), "a"), nil))
				clusters = append(clusters, uuid(n))
			}
			stored := rollup.Snapshot{Month: month, Clusters: 100, Source: rollup.SourceVictoriaMetrics, Final: true}
			offer(t, s, stored)
			exclude(t, s, clusters...)
			offered := rollup.Snapshot{Month: month, Clusters: tc.clusters, Source: tc.source, Final: true, Excluding: s.Exclusions("cozystack").Digest}
			want := stored
			if tc.takes {
				want = offered
			}
			would, err := s.WouldKeep(offered)
			must(t, err)
			offer(t, s, offered)
			got, _, err := s.Snapshot(month)
			if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(would, want) {
				t.Errorf("stored is %+v, foretold %+v, %v", got, would, err)
			}
		})
	}
}

// vmselect may have the excluded in months that the file lacks, or has a part of: its
// figures of them are stale, and of all months for an id that the file has never seen.
func TestExcludeMakesFiguresOfVMSelectStale(t *testing.T) {
	month := rollup.MonthOf(march)
	for excluded, want := range map[string][]rollup.MonthID{"flood": {month - 2, month - 1, month}, "stranger": {month - 2, month - 1, month, month + 1}} {
		s := open(t, Options{})
		must(t, s.Record(t.Context(), report("honest", march.AddDate(0, -1, 0), "a"), nil)) // the file's first month
		must(t, s.Record(t.Context(), report("flood", march, "a"), nil))
		must(t, s.Record(t.Context(), report("honest", march.AddDate(0, 1, 0), "a"), nil))
		for back := range rollup.MonthID(4) {
			offer(t, s, rollup.Snapshot{Month: month + 1 - back, Clusters: 9, Source: rollup.SourceVictoriaMetrics, Final: true})
		}
		exclude(t, s, excluded)
		all, err := s.Snapshots()
		must(t, err)
		var stale []rollup.MonthID
		for _, snap := range all {
			if s.Exclusions("cozystack").Stale(snap) {
				stale = append(stale, snap.Month)
			}
		}
		if !slices.Equal(stale, want) {
			t.Errorf("%s: stale are %v, want %v", excluded, stale, want)
		}
	}
}

// A month of another product says nothing of what vmselect has of clusters.
func TestExcludeMakesFiguresOfEarlierMonthsStale(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	must(t, s.Record(t.Context(), of("synapse", report("honest", march.AddDate(0, -2, 0), "a")), nil))
	must(t, s.Record(t.Context(), report("flood", march, "a"), nil))
	offer(t, s, rollup.Snapshot{Month: month - 1, Clusters: 9, Source: rollup.SourceVictoriaMetrics, Final: true})
	exclude(t, s, "flood")
	if snap, _, err := s.Snapshot(month - 1); err != nil || !s.Exclusions("cozystack").Stale(snap) {
		t.Errorf("the figures are %+v, %v", snap, err)
	}
}

// A full file is what a flood makes: it can be undone there too.
func TestExcludeInAFullFile(t *testing.T) {
	s := open(t, Options{MaxBytes: 1 << 20})
	var err error
	for n := 0; err == nil && n < 1000; n++ {
		big := rollup.Series(`a{x="` + strings.Repeat("x", 30_000) + uuid(n) + `"}`)
		err = s.Record(t.Context(), report(uuid(n), march, big), nil)
	}
	if !errors.Is(err, dberrors.ErrFull) {
		t.Fatalf("the file is not full: %v", err)
	}
	if added := exclude(t, s, uuid(0)); added != 1 {
		t.Errorf("%d were excluded", added)
	}
}

func TestCheckFindsWhatIsExcluded(t *testing.T) {
	path := fileOf(t, filepath.Join(t.TempDir(), "a.db"), func(s *Store) { exclude(t, s, "x", uuid(1)) })
	if got := problems(t, path); len(got) != 0 {
		t.Errorf("found %v", got)
	}
	tamper(t, path, func(tx *bolt.Tx) error {
		return tx.Bucket(layout.BucketExcluded).Bucket([]byte("cozystack")).Put([]byte("x"), []byte("{"))
	})
	if got := problems(t, path); len(got) != 1 || got[0].Kind != ProblemExcluded {
		t.Errorf("found %v", got)
	}
}

// A thousand are excluded in one transaction, which does not keep reports waiting.
func BenchmarkExclude(b *testing.B) {
	s := open(b, Options{})
	month := rollup.MonthOf(march)
	var clusters []rollup.InstanceDay
	for n := range 5000 {
		clusters = append(clusters, rollup.InstanceDay{Instance: uuid(n), Day: rollup.FromReport(report(uuid(n), march, "a"))})
	}
	for back := range rollup.MonthID(24) {
		must(b, s.MergeDays(b.Context(), "cozystack", (month-back).First(), clusters))
		must(b, s.CloseDays(b.Context(), month-back, (month-back).Last()))
		offer(b, s, rollup.Snapshot{Month: month - back, Clusters: 5000, Source: rollup.SourceRollups, Final: true})
	}
	var all []rollup.Exclusion
	var names []string
	for n := range 1000 {
		names = append(names, uuid(10_000+n))
		all = append(all, rollup.Exclusion{Product: "cozystack", Instance: names[n], At: time.Unix(0, 0)})
	}
	for b.Loop() {
		_, err := s.Exclude(b.Context(), all)
		must(b, err)
		_, err = s.Include(b.Context(), "cozystack", names)
		must(b, err)
	}
}
