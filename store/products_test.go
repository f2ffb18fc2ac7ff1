package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// of returns a report of another product.
func of(product string, r rollup.Report) rollup.Report {
	r.Product = product
	return r
}

// daysOfProduct returns which days a file has of a product.
func daysOfProduct(t *testing.T, s *Store, product string) (days []rollup.Date) {
	t.Helper()
	versions, err := s.DayVersions(product)
	must(t, err)
	for day := range versions {
		days = append(days, day)
	}
	slices.Sort(days)
	return days
}

// What retention removes of one product leaves all that others have, of the same days.
func TestPruneOfOneProduct(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	for d := range 40 {
		at := march.AddDate(0, 0, -d)
		recordAll(t, s, want, report(uuid(d%3), at, "a"), of("synapse", report(uuid(d%4), at, "b")))
	}
	cozystack, month := daysOfProduct(t, s, "cozystack"), rollup.MonthOf(march)
	keep := Keep{Days: rollup.DateOf(march) - 4, Months: month}
	for {
		p, err := s.Prune(t.Context(), "synapse", keep)
		if must(t, err); len(p.Days)+len(p.Months) == 0 {
			break
		}
	}
	if got := daysOfProduct(t, s, "cozystack"); !slices.Equal(got, cozystack) {
		t.Errorf("cozystack has the days %v, had %v", got, cozystack)
	}
	if got := daysOfProduct(t, s, "synapse"); len(got) != 5 || got[0] != keep.Days {
		t.Errorf("synapse has the days %v", got)
	}
	for product, through := range map[string]rollup.Date{"synapse": keep.Days - 1, "cozystack": 0} {
		if got, err := s.RemovedThrough(product); err != nil || got != through {
			t.Errorf("%s: removed through %s, %v", product, got, err)
		}
	}
	compareFolds(t, folded(t, s, "cozystack", month-1, month, nil), want.fold("cozystack", month-1, month, nil))
	compareFolds(t, folded(t, s, "synapse", month, month, nil), want.fold("synapse", month, month, nil))
	if first, _, err := s.FirstMonth("synapse"); err != nil || first != month {
		t.Errorf("synapse begins in %s, %v", first, err)
	}
	if first, _, err := s.FirstMonth("cozystack"); err != nil || first != month-2 {
		t.Errorf("cozystack begins in %s, %v", first, err)
	}
}

// sessions is a store with days of a product that is never folded, and of one that is.
func sessions(t *testing.T, want model) *Store {
	t.Helper()
	s := open(t, Options{Unfolded: []string{"sessions"}})
	for d := range 20 {
		at := march.AddDate(0, 0, -d)
		recordAll(t, s, want, report(uuid(1), at, "a"), of("sessions", report(uuid(100+d), at, "b")))
	}
	return s
}

// The days of sessions are never in their month's records.
func TestUnfoldedProductsAreReadFromTheirDays(t *testing.T) {
	want := make(model)
	s := sessions(t, want)
	month := rollup.MonthOf(march)
	for m := month - 1; m <= month; m++ {
		must(t, s.CloseDays(t.Context(), m, m.Last()))
		must(t, s.view(func(tx *bolt.Tx) error {
			own := layout.MonthOf(tx, m, "sessions")
			if own.Bucket(layout.BucketRecords) != nil || layout.DaySet(own, layout.KeyPending) != 0 {
				t.Errorf("%s has records of sessions", m)
			}
			if layout.NotClosed(tx, "cozystack", m.First(), m.Last()) != 0 {
				t.Errorf("%s is not folded", m)
			}
			return nil
		}))
	}
	recordAll(t, s, want, of("sessions", report(uuid(7), march.AddDate(0, 0, -3), "late")))
	for _, product := range []string{"sessions", "cozystack"} {
		compareFolds(t, folded(t, s, product, month-1, month, nil), want.fold(product, month-1, month, nil))
	}
}

// Days of sessions are promised to go, also the last ones of all.
func TestPruneLastSessions(t *testing.T) {
	s := open(t, Options{Unfolded: []string{"sessions"}})
	for d := range 3 {
		must(t, s.Record(t.Context(), of("sessions", report(uuid(d), march.AddDate(0, 0, d), "a")), nil))
	}
	p, err := s.Prune(t.Context(), "sessions", Keep{Days: rollup.DateOf(march) + 90, Promised: true})
	if must(t, err); len(p.Days) != 3 || len(daysOfProduct(t, s, "sessions")) != 0 {
		t.Errorf("%+v went", p)
	}
}

// What retention removes of sessions is gone, with the month's series after the last
// day, and neither a late report nor a merge brings it into the month.
func TestUnfoldedProductsArePruned(t *testing.T) {
	want := make(model)
	s := sessions(t, want)
	month, cut := rollup.MonthOf(march), rollup.DateOf(march)-1
	prune := func() {
		t.Helper()
		for {
			number := s.Changes("sessions", month)
			p, err := s.Prune(t.Context(), "sessions", Keep{Days: cut})
			if must(t, err); len(p.Days)+len(p.Months) == 0 {
				return
			}
			if slices.ContainsFunc(p.Days, func(d rollup.Date) bool { return d.Month() == month }) && s.Changes("sessions", month) == number {
				t.Error("the month has changed, and its number has not")
			}
		}
	}
	prune()
	late := of("sessions", report(uuid(300), march.AddDate(0, 0, -2), "late"))
	must(t, s.Record(t.Context(), late, nil))
	if got := folded(t, s, "sessions", month, month, nil); len(got) != 3 {
		t.Errorf("with a late report: %s", showFolds(got))
	}
	prune()
	for k := range want {
		if k.product == "sessions" && k.date < cut {
			delete(want, k)
		}
	}
	compareFolds(t, folded(t, s, "sessions", month-1, month, nil), want.fold("sessions", month-1, month, nil))
	must(t, s.view(func(tx *bolt.Tx) error {
		if layout.MonthOf(tx, month-1, "sessions") != nil || layout.DaySet(layout.MonthOf(tx, month, "sessions"), layout.KeyRemoved) != 0 {
			t.Error("a removed day has left something")
		}
		return nil
	}))
	if got := len(daysOfProduct(t, s, "cozystack")); got != 20 {
		t.Errorf("cozystack has %d days", got)
	}
	path := s.path
	must(t, s.Close())
	checkClean(t, path)

	// Another file has a day of those that this one has removed: as a whole.
	dir := t.TempDir()
	recordAllIn := func(s *Store) { recordAll(t, s, want, of("sessions", report(uuid(400), march.AddDate(0, 0, -2), "b"))) }
	merged := filepath.Join(dir, "merged")
	combined(t, merged, path, fileOf(t, filepath.Join(dir, "other"), recordAllIn))
	checkClean(t, merged)
	s = openRead(t, merged)
	defer s.Close()
	compareFolds(t, folded(t, s, "sessions", month-1, month, nil), want.fold("sessions", month-1, month, nil))
	must(t, s.view(func(tx *bolt.Tx) error {
		if own := layout.MonthOf(tx, month, "sessions"); own.Bucket(layout.BucketRecords) != nil {
			t.Error("the merged month has records of sessions")
		}
		return nil
	}))
}

// Retention is not held up by a product that reports no more, as long as another one
// does: then the clock is right.
func TestPruneOfASilentProduct(t *testing.T) {
	s := open(t, Options{Unfolded: []string{"sessions"}})
	must(t, s.Record(t.Context(), of("sessions", report(uuid(1), march.AddDate(0, -4, 0), "a")), nil))
	keep := Keep{Days: rollup.DateOf(march) - 90}
	if _, err := s.Prune(t.Context(), "sessions", keep); !errors.Is(err, dberrors.ErrGuard) {
		t.Errorf("all that there is: got %v, want ErrGuard", err)
	}
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	days, err := s.Prune(t.Context(), "sessions", keep)
	must(t, err)
	months, err := s.Prune(t.Context(), "sessions", keep)
	if must(t, err); len(days.Days) != 1 || len(months.Months) != 1 {
		t.Errorf("pruned %+v, then %+v", days, months)
	}
	if products, err := s.Products(); err != nil || !slices.Equal(products, []string{"cozystack"}) {
		t.Errorf("the products are %v, %v", products, err)
	}
}

// What is damaged of one product keeps no other from being folded.
func TestDamagedProductKeepsNoOther(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	must(t, s.Record(t.Context(), of("synapse", report(uuid(1), march, "a")), nil))
	month, day := rollup.MonthOf(march), rollup.DateOf(march)
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		return layout.SeriesOf(layout.MonthBucket(tx, month), "cozystack").Put([]byte("x"), []byte("x"))
	}))
	s = reopen(t, s)
	if err := s.CloseDays(t.Context(), month, month.Last()); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
	must(t, s.view(func(tx *bolt.Tx) error {
		if layout.NotClosed(tx, "synapse", day, day) != 0 || layout.NotClosed(tx, "cozystack", day, day) == 0 {
			t.Error("synapse must be folded, and cozystack not")
		}
		return nil
	}))
}

// Forgetting an instance of one product changes no version of another, and keeps the
// versions of its own days.
func TestForgetOfOneProduct(t *testing.T) {
	path := fileOf(t, filepath.Join(t.TempDir(), "a.db"), func(s *Store) {
		for d := range 3 {
			must(t, s.Record(t.Context(), report(uuid(1), march.AddDate(0, 0, d), "a"), nil))
			must(t, s.Record(t.Context(), of("synapse", report(uuid(d%2), march.AddDate(0, 0, d), "a")), nil))
		}
	})
	before := openRead(t, path)
	cozystack, err := before.DayVersions("cozystack")
	must(t, err)
	synapse, err := before.DayVersions("synapse")
	must(t, errors.Join(err, before.Close()))
	forgetOne(t, path, "synapse", uuid(1))
	checkClean(t, path)
	after := openRead(t, path)
	defer after.Close()
	for product, want := range map[string]map[rollup.Date]uint64{"cozystack": cozystack, "synapse": synapse} {
		got, err := after.DayVersions(product)
		must(t, err)
		for day, version := range want {
			if product == "synapse" && day == rollup.DateOf(march)+1 {
				version++
			}
			if got[day] != version {
				t.Errorf("%s of %s: version %d, want %d", day, product, got[day], version)
			}
		}
	}
}

func forgetOne(t *testing.T, path, product, instance string) {
	t.Helper()
	sel := rollup.Selection{Product: product, Instances: map[string]struct{}{instance: {}}}
	_, err := rewrite.Forget(t.Context(), path, sel, march, nil)
	must(t, err)
}

// A product's bounds are its own, and kinds are cozystack's.
func TestBoundsByProduct(t *testing.T) {
	s := open(t, Options{
		Bounds:   rollup.Bounds{Series: 6, Kinds: 2},
		BoundsOf: map[string]rollup.Bounds{"synapse": {Series: 3}, "coroot": {}},
	})
	var series []rollup.Series
	for i := range 8 {
		series = append(series, rollup.NewSeries(rollup.MetricApplications, []rollup.Label{{Name: rollup.LabelKind, Value: string(rune('A' + i))}}))
	}
	for product, want := range map[string]int{"cozystack": 2, "synapse": 3, "coroot": 8, "other": 6} {
		must(t, s.Record(t.Context(), of(product, report(uuid(1), march, series...)), nil))
		must(t, s.InstancesOf(t.Context(), product, rollup.DateOf(march), func(_ string, day rollup.Day) error {
			if len(day.Points) != want {
				t.Errorf("%s keeps %d series, want %d", product, len(day.Points), want)
			}
			return nil
		}))
	}
	month := rollup.MonthOf(march)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	if got := folded(t, s, "coroot", month, month, nil); len(got) != 1 || len(got[0].months[0].Peaks) != 8 {
		t.Errorf("the month has %s", showFolds(got))
	}
}

// Forgetting takes lines out of the product's blocks alone, and empties its figures
// alone: an instance of another product may have the same name.
func TestForgetLeavesOtherProductsQueueAndFigures(t *testing.T) {
	month := rollup.MonthOf(march)
	path := fileOf(t, filepath.Join(t.TempDir(), "a.db"), func(s *Store) {
		for product, label := range map[string]string{"cozystack": rollup.LabelCluster, "synapse": rollup.LabelInstance} {
			for i := 1; i <= 2; i++ {
				line := fmt.Appendf(nil, "%s_a{%s=%q} 1 %d\n", product, label, uuid(i), march.UnixMilli())
				must(t, s.Record(t.Context(), of(product, report(uuid(i), march, "a")), line))
			}
		}
		offer(t, s, rollup.Snapshot{Month: month, Clusters: 2, Source: rollup.SourceRollups})
		open := synapseIn(month, 2)
		open.Final = false
		offerProduct(t, s, open)
	})
	forgetOne(t, path, "synapse", uuid(1))
	checkClean(t, path)
	s := openAt(t, path, Options{})
	if left := text(t, waitingFor(t, s, "synapse")); strings.Contains(left, uuid(1)) || !strings.Contains(left, uuid(2)) {
		t.Errorf("of synapse waits %q", left)
	}
	if left := text(t, waitingFor(t, s, "cozystack")); strings.Count(left, "\n") != 2 {
		t.Errorf("of cozystack waits %q", left)
	}
	if snap, ok, err := s.Snapshot(month); err != nil || !ok || snap.Clusters != 2 {
		t.Errorf("cozystack's figures are %+v, %t, %v", snap, ok, err)
	}
	if snap, ok, err := s.ProductSnapshot("synapse", month); err != nil || !ok || snap.Instances != 0 || snap.Product != "synapse" || snap.Metrics != nil {
		t.Errorf("synapse's figures are %+v, %t, %v", snap, ok, err)
	}
}
