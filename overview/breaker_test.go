package overview

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// newTicking starts an Overview in a synctest bubble, whose clock it has. The
// month before is over there: December 1999.
func newTicking(t *testing.T, vm *fakeVM, lines ...line) *rig {
	t.Helper()
	r := &rig{store: newFakeStore()}
	for _, l := range lines {
		r.store.record(l.report(t))
	}
	cfg := vm.config()
	cfg.Now = func() time.Time { return time.Now().UTC() }
	var err error
	if r.Overview, err = New(r.store, fakeApps{}, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	time.Sleep(2 * time.Hour) // past the grace period
	return r
}

// timed asks for a month and returns how long the answer took.
func (r *rig) timed(t *testing.T, month string, a Aggregate) (*Answer, time.Duration, error) {
	t.Helper()
	start := time.Now()
	answer, err := r.Answer(t.Context(), monthID(t, month), a, Seen)
	return answer, time.Since(start), err
}

// One answer waits for a vmselect that hangs, not each. It is found well within
// its pause, though nobody asks meanwhile, and is not bothered much.
func TestDeadVMSelect(t *testing.T) {
	for _, a := range []Aggregate{Average, Distinct} {
		synctest.Test(t, func(t *testing.T) {
			vm := newFakeVM()
			vm.knows(monthID(t, "1999-12"), 5)
			vm.knows(monthID(t, "1999-06"), 5) // the rollups do not know of it
			vm.hang(true)
			r := newTicking(t, vm, clusters("1999-12", 4)...)
			source := func(wantSource rollup.Source, most time.Duration) {
				t.Helper()
				got, took, err := r.timed(t, "1999-12", a)
				if err != nil {
					t.Fatal(err)
				}
				m := monthOf(t, got)
				if m.Source != wantSource || took > most || got.Settled {
					t.Errorf("%s, settled %t, after %s", m.Source, got.Settled, took)
				}
				t.Logf("%s: from %s after %s", a, m.Source, took)
			}
			source(rollup.SourceRollups, 20*time.Second)
			for range 5 {
				time.Sleep(rollupsTTL)
				source(rollup.SourceRollups, 0)
			}
			if _, took, err := r.timed(t, "1999-06", a); !errors.Is(err, ErrUnavailable) || took > 0 {
				t.Errorf("%v after %s", err, took)
			}
			before := vm.asks()
			time.Sleep(10 * time.Minute)
			source(rollup.SourceRollups, 0)
			if n := vm.asks() - before; n < 10 || n > 13 {
				t.Errorf("asked %d times in 10 minutes", n)
			}
			if finals := r.store.finals(); finals != nil {
				t.Errorf("stored as final: %v", finals)
			}
			vm.hang(false)
			time.Sleep(51 * time.Second) // of a pause and of a probe that hangs
			got, took, err := r.timed(t, "1999-12", a)
			if err != nil || took > 0 || monthOf(t, got).Source != rollup.SourceVictoriaMetrics {
				t.Errorf("after it is back: %v, %s", err, took)
			}
			if _, _, err := r.timed(t, "1999-06", a); err != nil {
				t.Error(err)
			}
		})
	}
}

// monthOf returns the period of the month that was asked for.
func monthOf(t *testing.T, a *Answer) published.Period { return decode(t, a.Body).Periods.Month }

// A vmselect for which a year is too much is still asked for months.
func TestYearIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vm := newFakeVM()
		for month := monthID(t, "1999-01"); month <= monthID(t, "1999-12"); month++ {
			vm.knows(month, 5)
		}
		vm.delayIn = map[int]time.Duration{12: time.Hour}
		r := newTicking(t, vm, clusters("1999-12", 4)...)
		if _, took, err := r.timed(t, "1999-12", Distinct); err != nil || took < 15*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		time.Sleep(rollupsTTL)
		got, took, err := r.timed(t, "1999-11", Distinct)
		if err != nil || took > 0 || monthOf(t, got).Source != rollup.SourceVictoriaMetrics {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// A probe ends with Close.
func TestCloseEndsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vm := newFakeVM()
		vm.hang(true)
		r := newTicking(t, vm, clusters("1999-12", 4)...)
		if _, _, err := r.timed(t, "1999-12", Average); err != nil {
			t.Fatal(err)
		}
		time.Sleep(35 * time.Second) // a probe is under way
		start := time.Now()
		if r.Close(); time.Since(start) > 0 {
			t.Errorf("it took %s", time.Since(start))
		}
	})
}

// refuses tells whether what vmselect says of windows of so many months is not asked
// for now.
func (r *rig) refuses(t *testing.T, to string, months int, s scope) bool {
	t.Helper()
	return r.breaker.refuse(inquiry{lastMonths(monthID(t, to), months), s}) != nil
}

// A vmselect that takes its time for each query, but would answer a month in time, is
// not blamed for the months of which the budget of an answer leaves nothing.
func TestSlowQueriesAreNoTrouble(t *testing.T) {
	for _, delay := range []time.Duration{3 * time.Second, 4 * time.Second, 5 * time.Second, 7 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			vm := newFakeVM()
			for month := monthID(t, "1999-01"); month <= monthID(t, "1999-12"); month++ {
				vm.knows(month, 5)
			}
			vm.delay = delay
			r := newTicking(t, vm, clusters("1999-12", 4)...)
			got, _, err := r.timed(t, "1999-12", Average)
			if err != nil || monthOf(t, got).Source != rollup.SourceVictoriaMetrics || got.Settled {
				t.Fatalf("%s a query: %v", delay, err)
			}
			if r.refuses(t, "1999-06", 1, everything) {
				t.Errorf("%s a query: months are not asked for any more", delay)
			}
		})
	}
}

// Who waits for a place among the queries under way does not wait for vmselect.
func TestWaitForAPlaceIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vm := newFakeVM()
		vm.delay = time.Second
		r := newTicking(t, vm)
		var wg sync.WaitGroup
		for i := range rollup.MonthID(30) {
			month := monthID(t, "1999-12") - i
			vm.knows(month, 5)
			wg.Go(func() { _, _ = r.Answer(t.Context(), month, Average, Seen) })
		}
		wg.Wait()
		if r.refuses(t, "1999-12", 1, everything) {
			t.Error("vmselect answers each query in a second, and is not asked any more")
		}
	})
}

// The distinct count of an average has less time than all figures have. That a year
// is too much for it is remembered, without a word about those: what a probe with more
// time learns is used, and nobody waits again.
func TestUniqueCountIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		year := lastMonths(monthID(t, "1999-12"), 12)
		vm := newFakeVM()
		for month := year.from; month <= year.to; month++ {
			vm.knows(month, 5)
		}
		vm.knowsOf(year, 9)
		vm.delayIn = map[int]time.Duration{12: 7 * time.Second}
		r := newTicking(t, vm)
		if _, took, err := r.timed(t, "1999-12", Average); err != nil || took != 5*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		if r.refuses(t, "1999-12", 12, everything) {
			t.Error("all figures of a year are not asked for any more")
		}
		for range 2 {
			time.Sleep(7 * time.Minute) // the pause for a year is six
			got, took, err := r.timed(t, "1999-12", Average)
			if err != nil || took > 0 {
				t.Fatalf("%v after %s", err, took)
			}
			if n := decode(t, got.Body).Periods.Year.UniqueClusters; n == nil || *n != 9 {
				t.Errorf("what the probe has learned is not used: %v", n)
			}
			if _, _, err := r.timed(t, "1999-12", Distinct); err != nil { // all figures of a year in 14 s
				t.Error(err)
			}
			if !r.refuses(t, "1998-12", 12, presence) {
				t.Error("the next one would wait again")
			}
		}
	})
}

// What is refused for the trouble of a shorter window is nevertheless what is asked
// next of its own.
func TestRefusal(t *testing.T) {
	for range 20 {
		var b breaker
		of := func(month string, months int) inquiry {
			return inquiry{lastMonths(monthID(t, month), months), everything}
		}
		for _, months := range []int{12, 3, 1} {
			if !b.fail(of("1999-12", months), errors.New(strings.Repeat("I", months))) {
				t.Error("nobody probes")
			}
		}
		if err := b.refuse(of("1999-06", 12)); err == nil || !strings.HasSuffix(err.Error(), ": I") {
			t.Errorf("refused for %v", err)
		}
		if err := b.refuse(of("1999-06", 2)); err == nil || !strings.HasSuffix(err.Error(), ": I") {
			t.Errorf("refused for %v", err)
		}
		b.succeed(of("1999-12", 3))
		if a, ok, done := b.next(size{12, everything}); !ok || done || a != of("1999-06", 12) {
			t.Errorf("asked next is %+v, %t, %t", a, ok, done)
		}
		if err := b.refuse(of("1999-06", 3)); err != nil {
			t.Error(err)
		}
	}
}
