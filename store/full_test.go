package store

import (
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// smallBound leaves 16 MiB: bbolt makes the file grow 16 MiB ahead of need, and
// removals have their reserve.
const smallBound = 40 << 20

// fill records reports, each with half of size in the queue, until one finds no
// room, and returns how many did.
func fill(t *testing.T, s *Store, want model, size int) (n int) {
	t.Helper()
	for n = 0; n < 10_000; n++ {
		r := report(uuid(size+n), march, "a")
		err := s.Record(t.Context(), r, noise(size))
		if errors.Is(err, dberrors.ErrFull) {
			return n
		}
		must(t, err)
		want.add(r)
	}
	t.Fatal("the file never gets full")
	return 0
}

func TestFullFile(t *testing.T) {
	s := open(t, Options{MaxBytes: smallBound})
	want := make(model)
	n := fill(t, s, want, 700_000)
	compareQueue(t, s)
	if n < 10 {
		t.Errorf("full after %d reports of 700 KB", n)
	}
	if info, err := os.Stat(s.path); err != nil || info.Size() > smallBound {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	if err := s.Ready(t.Context()); !errors.Is(err, dberrors.ErrFull) {
		t.Errorf("ready: %v", err)
	}
	compareModels(t, stored(t, s), want) // reads go on
	blocks := allBlocks(t, s)
	must(t, s.Remove(t.Context(), blocks[:1]))
	compareQueue(t, s)

	// There is room again, without a restart.
	must(t, s.Remove(t.Context(), blocks))
	must(t, s.Ready(t.Context()))
	recordAll(t, s, want, report("after", march, "b"))
	must(t, s.Record(t.Context(), report("after", march, "b"), noise(700_000)))
	compareModels(t, stored(t, s), want)
}

// That a removal was committed must not make a full file ready.
func TestRemovalDoesNotHideThatTheFileIsFull(t *testing.T) {
	s := open(t, Options{MaxBytes: smallBound})
	want := make(model)
	fill(t, s, want, 700_000)
	fill(t, s, want, 20_000)
	must(t, s.Remove(t.Context(), nil))
	if err := s.Ready(t.Context()); !errors.Is(err, dberrors.ErrFull) {
		t.Errorf("ready: %v", err)
	}
	compareModels(t, stored(t, s), want)
}

// A removal in the same transaction as reports that find no room is carried out.
func TestRemovalAmongReportsThatFindNoRoom(t *testing.T) {
	synctest.Test(t, testRemovalAmongReportsThatFindNoRoom)
}

func testRemovalAmongReportsThatFindNoRoom(t *testing.T) {
	s := open(t, Options{MaxBytes: smallBound})
	want := make(model)
	fill(t, s, want, 700_000)
	blocks := allBlocks(t, s)
	release := holdWriter(t, s)
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i := range 2 {
		wg.Go(func() { errs[i] = s.Record(t.Context(), report(uuid(5000+i), march, "a"), noise(3_000_000)) })
	}
	wg.Go(func() { errs[2] = s.Remove(t.Context(), blocks[:1]) })
	synctest.Wait()
	release()
	wg.Wait()
	if !errors.Is(errs[0], dberrors.ErrFull) || !errors.Is(errs[1], dberrors.ErrFull) || errs[2] != nil {
		t.Fatalf("got %v", errs)
	}
	compareQueue(t, s)
	if got := allBlocks(t, s); len(got) != len(blocks)-1 || got[0].Seq != blocks[1].Seq {
		t.Errorf("%d blocks wait, %d before", len(got), len(blocks))
	}
	compareModels(t, stored(t, s), want)
}

// A bound below the file's size: it opens and is read, and takes what fits into
// its free pages. A larger bound makes it take all again.
func TestBoundBelowTheFile(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	for n := range 30 {
		r := report(uuid(n), march, "a")
		must(t, s.Record(t.Context(), r, noise(700_000)))
		want.add(r)
	}
	must(t, s.Close())
	s = openAt(t, s.path, Options{MaxBytes: 1 << 20})
	compareModels(t, stored(t, s), want)
	if err := s.Record(t.Context(), report("x", march, "a"), noise(8_000_000)); !errors.Is(err, dberrors.ErrFull) {
		t.Errorf("got %v", err)
	}
	must(t, s.Remove(t.Context(), allBlocks(t, s)))
	must(t, s.Record(t.Context(), report("x", march, "a"), noise(700_000)))
	want.add(report("x", march, "a"))
	must(t, s.Close())
	s = openAt(t, s.path, Options{MaxBytes: 1 << 30})
	recordAll(t, s, want, report("y", march, "b"))
	compareModels(t, stored(t, s), want)
}

// Retention makes room in a full file.
func TestPruneInAFullFile(t *testing.T) {
	t.Parallel()
	s := open(t, Options{MaxBytes: smallBound})
	old := march.AddDate(0, -2, 0)
	for n := range 40 {
		r := rollup.Report{Product: "cozystack", Instance: uuid(n), Received: old}
		for range 100 {
			r.Samples = append(r.Samples, rollup.Sample{Series: rollup.NewSeries("a", []rollup.Label{{Name: "x", Value: string(noise(500)[:500])}}), Value: 1})
		}
		must(t, s.Record(t.Context(), r, nil))
	}
	must(t, s.CloseDays(t.Context(), rollup.MonthOf(old), rollup.MonthOf(old).Last()))
	want := make(model)
	fill(t, s, want, 20_000) // small blocks, for what retention frees is scattered
	keep := Keep{Days: rollup.DateOf(march), Months: rollup.MonthOf(march)}
	for range 2 {
		if _, err := s.Prune(t.Context(), "cozystack", keep); err != nil {
			t.Fatal(err)
		}
	}
	if n := fill(t, s, want, 20_000); n < 50 {
		t.Errorf("after retention there is room for %d reports", n)
	}
	compareModels(t, stored(t, s), want)
}
