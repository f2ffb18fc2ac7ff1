package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/fold"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// isFolded tells whether no day of a month need be read for its figures.
func isFolded(t *testing.T, s *Store, month rollup.MonthID) (folded bool) {
	t.Helper()
	must(t, s.view(func(tx *bolt.Tx) error {
		products, err := layout.ProductsOf(tx, month)
		folded = len(products) > 0
		for _, product := range products {
			folded = folded && layout.NotClosed(tx, product, month.First(), month.Last()) == 0
		}
		return err
	}))
	return folded
}

// recordAll records reports at once and keeps the model.
func recordAll(t *testing.T, s *Store, want model, reports ...rollup.Report) {
	t.Helper()
	var wg sync.WaitGroup
	for _, r := range reports {
		want.add(r)
		wg.Go(func() {
			if err := s.Record(t.Context(), r, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// More instances than one transaction folds.
func TestFoldDaysInChunks(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	const n = 2*fold.Chunk + 300
	var reports []rollup.Report
	for i := range n {
		reports = append(reports, report(uuid(i), march.AddDate(0, 0, i%3), "a", rollup.Series(fmt.Sprintf(`b{x="%d"}`, i%5))))
	}
	recordAll(t, s, want, reports...)
	recordAll(t, s, want, report(uuid(7), march.AddDate(0, 0, 9), "c"))
	month := rollup.MonthOf(march)
	expect := want.fold("cozystack", month, month, nil)
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), expect)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	if !isFolded(t, s, month) {
		t.Fatal("the month is still open")
	}
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), expect)
}

// A closed month stands without its days.
func TestClosedMonthOutlivesItsDays(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	month := rollup.MonthOf(march)
	recordAll(t, s, want,
		report(uuid(1), march, "a"), report(uuid(1), march.AddDate(0, 0, 1), "b"), report("x", march, "a"))
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		return errors.Join(tx.DeleteBucket(layout.BucketDays), firstOf(tx.CreateBucket(layout.BucketDays)))
	}))
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
}

func firstOf(_ *bolt.Bucket, err error) error { return err }

func TestClosingAgainChangesNothing(t *testing.T) {
	commits := 0
	s := open(t, Options{OnCommit: func(Commit) { commits++ }})
	month := rollup.MonthOf(march)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	if isFolded(t, s, month) {
		t.Fatal("a month without days is closed, though reports may still come")
	}
	recordAll(t, s, make(model), report(uuid(1), march, "a"))
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	before := monthBytes(t, s, month)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	if monthBytes(t, s, month) != before {
		t.Error("closing again changes the month's records")
	}
	must(t, s.Close()) // the writer is done: its count can be read
	if want := 1 + 3; commits != want {
		t.Errorf("%d commits, want the report's and three of the first closing", commits)
	}
}

func monthBytes(t *testing.T, s *Store, month rollup.MonthID) (sum [sha256.Size]byte) {
	t.Helper()
	hash := sha256.New()
	var walk func(b *bolt.Bucket) error
	walk = func(b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			fmt.Fprintf(hash, "%x=%x;", k, v)
			if v != nil {
				return nil
			}
			return walk(b.Bucket(k))
		})
	}
	must(t, s.view(func(tx *bolt.Tx) error { return walk(layout.MonthBucket(tx, month)) }))
	return [sha256.Size]byte(hash.Sum(nil))
}

// A report for a closed month, of a known or a new instance or product, stands
// in its day and in its month.
func TestReportIntoAClosedMonth(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	month := rollup.MonthOf(march)
	recordAll(t, s, want, report(uuid(1), march, "a"), report(uuid(2), march, "a"))
	must(t, s.CloseDays(t.Context(), month, month.Last()))

	late := report(uuid(1), march.AddDate(0, 0, 3), "a", `c{x="1"}`)
	late.Samples[0].Value = 17
	other := report(uuid(1), march, "a")
	other.Product = "other"
	recordAll(t, s, want, late, report("new", march, "b"), other)

	s = reopen(t, s)
	for _, product := range []string{"cozystack", "other"} {
		compareFolds(t, folded(t, s, product, month, month, nil), want.fold(product, month, month, nil))
	}
	compareModels(t, stored(t, s), want)
}

// A crash between the first chunk and the last leaves the month open. Closing
// it later brings the same figures.
func TestClosingIsTakenUpAgain(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	month := rollup.MonthOf(march)
	recordAll(t, s, want, report(uuid(1), march, "a"), report(uuid(2), march, "b"))
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error { return layout.MonthOf(tx, month, "cozystack").Delete(layout.KeyClosed) }))
	recordAll(t, s, want, report(uuid(2), march.Add(time.Hour), "c"), report(uuid(3), march, "a"))
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
}

// Reports that come while their month is folded are in it, whichever chunk was
// under way.
func TestFoldDaysBesideRecord(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	month := rollup.MonthOf(march)
	var early []rollup.Report
	for i := range fold.Chunk + 200 {
		early = append(early, report(uuid(2*i), march, "a"))
	}
	recordAll(t, s, want, early...)

	closed := make(chan error)
	go func() { closed <- s.CloseDays(context.Background(), month, month.Last()) }()
	for round := range 10 {
		var late []rollup.Report
		for i := range 60 {
			// Known and new ones, over all the range of keys.
			late = append(late, report(uuid((round*60+i)*4+round%2), march.AddDate(0, 0, round), "a", "b"))
		}
		recordAll(t, s, want, late...)
	}
	must(t, <-closed)
	// Days that began after the folding are not folded; the first one is.
	must(t, s.view(func(tx *bolt.Tx) error {
		if layout.DaySet(layout.MonthOf(tx, month, "cozystack"), layout.KeyClosed)&rollup.DaySetOf(march.Day()) == 0 {
			t.Error("the first day is not folded")
		}
		return nil
	}))
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	if !isFolded(t, s, month) {
		t.Fatal("not all days are folded")
	}
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
}
