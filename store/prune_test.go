package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// pruneAll prunes until nothing is left to remove.
func pruneAll(t *testing.T, s *Store, keep Keep) (all Pruned) {
	t.Helper()
	for {
		p, err := s.Prune(t.Context(), "cozystack", keep)
		must(t, err)
		if len(p.Days)+len(p.Months) == 0 {
			return all
		}
		if len(p.Days) > pruneStep || len(p.Months) > pruneStep {
			t.Fatalf("%+v went at one go", p)
		}
		all.Days = append(all.Days, p.Days...)
		all.Months = append(all.Months, p.Months...)
		all.Unreadable = append(all.Unreadable, p.Unreadable...)
	}
}

// yearOfReports records a day in three for 400 days up to march.
func yearOfReports(t *testing.T, s *Store) model {
	t.Helper()
	want := make(model)
	var reports []rollup.Report
	for d := 0; d < 400; d += 3 {
		series := rollup.Series(fmt.Sprintf(`b{x="%d"}`, d%7))
		reports = append(reports, report(uuid(d%5), march.AddDate(0, 0, -d), "a", series))
	}
	recordAll(t, s, want, reports...)
	return want
}

// Days are folded before they go: the figures of their months stay the same.
func TestPruneKeepsTheFigures(t *testing.T) {
	s := open(t, Options{})
	want := yearOfReports(t, s)
	cut := rollup.DateOf(march.AddDate(0, 0, -90))
	first, last := rollup.MonthOf(march.AddDate(-2, 0, 0)), rollup.MonthOf(march)
	pruned := pruneAll(t, s, Keep{Days: cut})
	if len(pruned.Days) != 103 || len(pruned.Months) != 0 {
		t.Errorf("%d days and %d months went", len(pruned.Days), len(pruned.Months))
	}
	versions, err := s.DayVersions("cozystack")
	must(t, err)
	for day := range versions {
		if day < cut {
			t.Errorf("%s is still there", day)
		}
	}
	if len(versions) != 134-103 {
		t.Errorf("%d days are left", len(versions))
	}
	compareFolds(t, folded(t, s, "cozystack", first, last, nil), want.fold("cozystack", first, last, nil))
	s = reopen(t, s)
	compareFolds(t, folded(t, s, "cozystack", first, last, nil), want.fold("cozystack", first, last, nil))
}

func TestPruneMonths(t *testing.T) {
	s := open(t, Options{})
	want := yearOfReports(t, s)
	snap := rollup.Snapshot{Month: rollup.MonthOf(march.AddDate(-1, 0, 0)), Apps: map[string]int64{}}
	offer(t, s, snap)
	keep := Keep{Days: rollup.DateOf(march.AddDate(0, 0, -60)), Months: rollup.MonthOf(march) - 5}
	late := report(uuid(1), march.AddDate(0, -7, 0), `b{x="3"}`, `c{x="1"}`)
	pruneAll(t, s, Keep{Days: keep.Days})
	must(t, s.Record(t.Context(), late, nil)) // the writer now has the dictionary of its month
	pruned := pruneAll(t, s, keep)
	if len(pruned.Months) != 9 {
		t.Errorf("the months %v went", pruned.Months)
	}
	if first, ok, err := s.FirstMonth("cozystack"); first != keep.Months || !ok || err != nil {
		t.Errorf("the first month is %s, %v, %v", first, ok, err)
	}
	if all, err := s.Snapshots(); len(all) != 1 || err != nil {
		t.Errorf("snapshots: %v, %v", all, err)
	}
	compareFolds(t, folded(t, s, "cozystack", keep.Months, rollup.MonthOf(march), nil), want.fold("cozystack", keep.Months, rollup.MonthOf(march), nil))
	// The writer does not take the dictionary of a removed month for the new one's.
	again := make(model)
	recordAll(t, s, again, late)
	month := rollup.MonthOf(late.Received)
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), again.fold("cozystack", month, month, nil))
}

// A month is kept while any of its days is.
func TestMonthsWaitForTheirDays(t *testing.T) {
	s := open(t, Options{})
	want := yearOfReports(t, s)
	p := pruneAll(t, s, Keep{Months: rollup.MonthOf(march)})
	if len(p.Days)+len(p.Months) != 0 {
		t.Errorf("%+v went", p)
	}
	compareModels(t, stored(t, s), want)
}

// A report that comes for a removed day counts once in its month, and its day is
// removed again.
func TestReportForARemovedDay(t *testing.T) {
	s := open(t, Options{})
	want := yearOfReports(t, s)
	keep := Keep{Days: rollup.DateOf(march.AddDate(0, 0, -90))}
	pruneAll(t, s, keep)
	old := march.AddDate(0, 0, -99)
	recordAll(t, s, want,
		report(uuid(4), old, "a"),             // said before
		report(uuid(3), old, `new{x="1"}`),    // new on that day
		report("nobody", old, "a"),            // a new instance
		report(uuid(1), old.AddDate(0, 0, 1))) // nothing at all
	delete(want, target{rollup.DateOf(old) + 1, "cozystack", uuid(1)})
	month := rollup.MonthOf(old)
	expect := want.fold("cozystack", month, month, nil)
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), expect)
	if p := pruneAll(t, s, keep); len(p.Days) != 1 || p.Days[0] != rollup.DateOf(old) {
		t.Errorf("%v went", p.Days)
	}
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), expect)
	// A day of that month that never had a report is folded when it is removed.
	recordAll(t, s, want, report(uuid(2), old.AddDate(0, 0, 1), "a"))
	pruneAll(t, s, keep)
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
}

func TestPruneGuard(t *testing.T) {
	s := open(t, Options{})
	if p, err := s.Prune(t.Context(), "cozystack", Keep{Days: rollup.DateOf(march)}); err != nil || len(p.Days) != 0 {
		t.Errorf("an empty file: %+v, %v", p, err)
	}
	want := yearOfReports(t, s)
	today := rollup.DateOf(march)
	for name, keep := range map[string]Keep{
		"all days":   {Days: today + 1},
		"all months": {Days: today, Months: today.Month() + 1},
		"a year on":  {Days: today + 400, Months: today.Month() + 1},
	} {
		if p, err := s.Prune(t.Context(), "cozystack", keep); !errors.Is(err, dberrors.ErrGuard) || len(p.Days)+len(p.Months) != 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	compareModels(t, stored(t, s), want)
	if p, err := s.Prune(t.Context(), "cozystack", Keep{}); err != nil || len(p.Days)+len(p.Months) != 0 {
		t.Errorf("keeping all: %+v, %v", p, err)
	}
}

// A fold that stops in the middle leaves the day; the next Prune goes on.
func TestPruneAfterABrokenOffFold(t *testing.T) {
	s := open(t, Options{})
	want := yearOfReports(t, s)
	month := rollup.MonthOf(march) - 3
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		return layout.AddDays(tx, month, "cozystack", layout.KeyPending, rollup.DaySet(1)<<month.Days()-1)
	}))
	pruneAll(t, s, Keep{Days: month.Last() + 1})
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
}

// Reports that come while days are removed wait for no more than one removal.
func TestPruneBesideReports(t *testing.T) {
	s := open(t, Options{})
	want := yearOfReports(t, s)
	done := make(chan error)
	go func() {
		_, err := s.Prune(t.Context(), "cozystack", Keep{Days: rollup.DateOf(march.AddDate(0, 0, -90))})
		done <- err
	}()
	for i := range 50 {
		recordAll(t, s, want, report(uuid(i), march.Add(time.Minute), "a"))
	}
	must(t, <-done)
	first, last := rollup.MonthOf(march.AddDate(-2, 0, 0)), rollup.MonthOf(march)
	compareFolds(t, folded(t, s, "cozystack", first, last, nil), want.fold("cozystack", first, last, nil))
}

// A file knows how far its days were removed, also one that was written anew: a
// mirror that still has such a day is not ahead.
func TestRemovedThrough(t *testing.T) {
	s := open(t, Options{})
	yearOfReports(t, s)
	requireRemoved := func(when string, s *Store, want rollup.Date) {
		t.Helper()
		if got, err := s.RemovedThrough("cozystack"); got != want || err != nil {
			t.Errorf("%s: removed through %s, %v, want %s", when, got, err, want)
		}
	}
	requireRemoved("at first", s, 0)
	cut := rollup.DateOf(march.AddDate(0, 0, -90))
	pruned := pruneAll(t, s, Keep{Days: cut})
	last := pruned.Days[len(pruned.Days)-1]
	requireRemoved("after retention", s, last)
	late := report(uuid(1), march.AddDate(0, -7, 0), `b{x="3"}`)
	must(t, s.Record(t.Context(), late, nil))
	pruneAll(t, s, Keep{Days: cut})
	requireRemoved("after an older day was removed again", s, last)

	path, small := s.path, filepath.Join(t.TempDir(), "small.db")
	must(t, s.Close())
	must(t, rewrite.Compact(t.Context(), path, small, nil))
	_, err := rewrite.Forget(t.Context(), small, selection(uuid(1)), march, nil)
	must(t, err)
	anew, err := OpenReadOnly(small)
	must(t, err)
	requireRemoved("written anew", anew, last)
	must(t, anew.Close())
}
