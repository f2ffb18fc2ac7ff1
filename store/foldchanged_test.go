package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// seen is what somebody has kept of a month that is folded again and again.
type seen struct {
	digest uint64
	months []rollup.Month
}

// foldAgain folds a month for who has kept the map, which then is as the month is. It
// returns the instances that were read.
func foldAgain(t *testing.T, s *Store, month rollup.MonthID, kept map[string]seen) (read []string) {
	t.Helper()
	now := make(map[string]seen)
	must(t, s.FoldChanged(t.Context(), "cozystack", month, nil, func(instance string, digest uint64) bool {
		before, ok := kept[instance]
		if ok = ok && before.digest == digest; ok {
			now[instance] = before
		}
		return ok
	}, func(instance string, digest uint64, m rollup.Month) error {
		read = append(read, instance)
		now[instance] = seen{digest, []rollup.Month{{Peaks: slices.Clone(m.Peaks), Metrics: slices.Clone(m.Metrics)}}}
		return nil
	}))
	clear(kept)
	var got []foldedInstance
	for instance, of := range now {
		kept[instance] = of
		got = append(got, foldedInstance{instance, of.months})
	}
	want := folded(t, s, "cozystack", month, month, nil)
	order := func(a, b foldedInstance) int { return slices.Compare([]byte(a.instance), []byte(b.instance)) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	compareFolds(t, got, want)
	slices.Sort(read)
	return read
}

// Whatever happens to a file, who folds a month again has what a whole fold says, and
// reads only what has changed.
func TestFoldChanged(t *testing.T) {
	const instances = 6
	month, noon := rollup.MonthOf(march), march
	s := fleetFile(t, instances, nil)
	kept := make(map[string]seen)
	if read := foldAgain(t, s, month, kept); len(read) != instances {
		t.Errorf("at first %v were read", read)
	}
	all := slices.Sorted(func(yield func(string) bool) {
		for i := range instances {
			if !yield(uuid(i)) {
				return
			}
		}
	})
	for _, step := range []struct {
		name string
		do   func()
		read []string
	}{
		{"nothing", func() {}, nil},
		{"a report that says the same", func() { recordInto(t, s, nil, uuid(1), noon.AddDate(0, 0, 1)) }, nil},
		{"a report", func() { recordInto(t, s, nil, uuid(1), noon.AddDate(0, 0, 22)) }, []string{uuid(1)}},
		{"a late one", func() {
			r := report(uuid(2), noon.AddDate(0, 0, -2), "a", "late")
			must(t, s.Record(t.Context(), r, nil))
		}, []string{uuid(2)}},
		{"a new instance, of another month too", func() {
			recordInto(t, s, nil, uuid(8), noon)
			recordInto(t, s, nil, uuid(3), noon.AddDate(0, -1, 0))
		}, []string{uuid(8)}},
		{"another product", func() {
			r := report(uuid(1), noon, "a", "other")
			r.Product = "synapse"
			must(t, s.Record(t.Context(), r, nil))
		}, nil},
		{"excluded", func() { exclude(t, s, uuid(4)) }, nil},
		{"included", func() {
			_, err := s.Include(t.Context(), "cozystack", []string{uuid(4)})
			must(t, err)
		}, []string{uuid(4)}},
	} {
		step.do()
		if read := foldAgain(t, s, month, kept); !slices.Equal(read, step.read) {
			t.Errorf("%s: %v were read, want %v", step.name, read, step.read)
		}
	}
	// What is closed, made anew or removed is read again, as far as it is there.
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	if read := foldAgain(t, s, month, kept); len(read) < len(all) {
		t.Errorf("after days were closed %v were read", read)
	}
	_, _, err := s.Forget(t.Context(), rollup.Selection{Product: "cozystack", Instances: map[string]struct{}{uuid(0): {}}}, func(int64, int64) {})
	must(t, err)
	if read := foldAgain(t, s, month, kept); len(read) != instances {
		t.Errorf("of a file made anew %v were read", read)
	}
}

// A dictionary that goes with its month, and comes again, gives the same numbers to other
// series: the same bytes are another record.
func TestFoldChangedOfAMonthThatCameAgain(t *testing.T) {
	s := open(t, Options{})
	month, kept := rollup.MonthOf(march), make(map[string]seen)
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	must(t, s.Record(t.Context(), report(uuid(1), march.AddDate(0, 2, 0), "a"), nil))
	foldAgain(t, s, month, kept)
	later := rollup.DateOf(march.AddDate(0, 2, 0))
	for range 2 {
		_, err := s.Prune(t.Context(), "cozystack", Keep{Days: later, Months: later.Month()})
		must(t, err)
	}
	if n := len(folded(t, s, "cozystack", month, month, nil)); n != 0 {
		t.Fatalf("%d instances are left", n)
	}
	must(t, s.Record(t.Context(), report(uuid(1), march, "b"), nil))
	if read := foldAgain(t, s, month, kept); !slices.Equal(read, []string{uuid(1)}) {
		t.Errorf("%v were read", read)
	}
}

// Who has removed a month and did not wait for it may be gone when it goes.
func TestFoldChangedOfAMonthThatWentLate(t *testing.T) { synctest.Test(t, testMonthThatWentLate) }

func testMonthThatWentLate(t *testing.T) {
	s := open(t, Options{})
	month, kept := rollup.MonthOf(march), make(map[string]seen)
	later := rollup.DateOf(march.AddDate(0, 2, 0))
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	must(t, s.Record(t.Context(), report(uuid(1), later.Start(), "a"), nil))
	keep := Keep{Days: later, Months: later.Month()}
	_, err := s.Prune(t.Context(), "cozystack", keep)
	must(t, err)
	release := holdWriter(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	pruned := make(chan error, 1)
	go func() {
		_, err := s.Prune(ctx, "cozystack", keep)
		pruned <- err
	}()
	synctest.Wait() // it waits for the writer
	cancel()
	if err := <-pruned; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	foldAgain(t, s, month, kept)
	release()
	must(t, s.Record(t.Context(), report(uuid(1), march, "b"), nil))
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	if read := foldAgain(t, s, month, kept); !slices.Equal(read, []string{uuid(1)}) {
		t.Errorf("%v were read", read)
	}
}

func TestFoldChangedFails(t *testing.T) {
	s := fleetFile(t, 3, nil)
	broken, calls := errors.New("broken"), 0
	err := s.FoldChanged(t.Context(), "cozystack", rollup.MonthOf(march), nil, func(string, uint64) bool { return false },
		func(string, uint64, rollup.Month) error {
			calls++
			return broken
		})
	if !errors.Is(err, broken) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = s.FoldChanged(ctx, "cozystack", rollup.MonthOf(march), nil, func(string, uint64) bool { return true }, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
