package store

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// workers sets how many goroutines folds use in a test.
func workers(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Workers that wait for their turn do not take it any more.
func TestFoldCallsNothingAfterAnError(t *testing.T) {
	workers(t, 8)
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	for i := range 64 {
		must(t, s.Record(t.Context(), report(uuid(i), march, "a"), nil))
	}
	stop := errors.New("stop")
	for range 100 {
		calls := 0
		err := s.Fold(t.Context(), "cozystack", month, month, nil, func(string, []rollup.Month) error {
			calls++
			for range 1000 {
				runtime.Gosched() // the others come up to here
			}
			return stop
		})
		if !errors.Is(err, stop) || calls != 1 {
			t.Fatalf("got %v after %d calls", err, calls)
		}
	}
}

// fillDictionary gives a month a dictionary of a size, as a flood leaves it: each
// month has series that no other one has.
func fillDictionary(t *testing.T, s *Store, month rollup.MonthID, metric string, size int) {
	t.Helper()
	must(t, s.submit(t.Context(), &request{apply: func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
		p, err := dicts.Month(tx, month, "cozystack")
		if err != nil {
			return err
		}
		for p.Dict.Len() < size {
			if _, err := p.Dict.ID(rollup.Series(fmt.Sprintf(`%s{kind="%s-%d"}`, metric, month, p.Dict.Len()))); err != nil {
				return err
			}
		}
		dicts.Drop()
		return nil
	}}))
}

// allocated returns how many bytes f allocates: it can't hold more.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What a fold of a year holds grows with the series that it wants, not with the
// workers; of one that it does not want it holds a few bytes. The bounds are a
// twentieth of those at the limit of the dictionary that docs/decisions.md states.
func TestFoldMemoryIsBounded(t *testing.T) {
	workers(t, 8)
	for name, tc := range map[string]struct {
		metric string
		months rollup.MonthID
		bound  uint64
	}{
		"a year, not wanted": {"cozy_workloads_count", 12, 4 << 20},
		"a year, wanted":     {"cozy_application_count", 12, 32 << 20},
		"a month, wanted":    {"cozy_application_count", 1, 7 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			const size = 25_000
			s := open(t, Options{})
			last := rollup.MonthOf(march)
			for i := range tc.months {
				for n := range 64 {
					must(t, s.Record(t.Context(), report(uuid(n), (last-i).Start(), "cozy_application_count"), nil))
				}
				must(t, s.CloseDays(t.Context(), last-i, (last-i).Last()))
				fillDictionary(t, s, last-i, tc.metric, size)
			}
			calls := 0
			got := allocated(func() {
				must(t, s.Fold(t.Context(), "cozystack", last-tc.months+1, last, []string{"cozy_application_count"},
					func(string, []rollup.Month) error { calls++; return nil }))
			})
			t.Logf("%.1f MiB", float64(got)/(1<<20))
			if got > tc.bound || calls != 64 {
				t.Errorf("%d bytes, %d at most, for %d instances", got, tc.bound, calls)
			}
		})
	}
}

// A dictionary that ends in the middle of a record's numbers is damage, not a
// fold that is out of step with its workers.
func TestFoldWhileDictionariesGrow(t *testing.T) {
	workers(t, 8)
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	done := make(chan error, 1)
	go func() {
		for i := range 300 {
			id := uuid(i % 64)
			series := rollup.Series(fmt.Sprintf(`a{x="%d"}`, i))
			if err := s.Record(t.Context(), report(id, march, series), nil); err != nil {
				done <- err
				return
			}
		}
		close(done)
	}()
	for {
		must(t, s.Fold(t.Context(), "cozystack", month, month, []string{"a"}, func(string, []rollup.Month) error { return nil }))
		select {
		case err := <-done:
			must(t, err)
			return
		default:
		}
	}
}
