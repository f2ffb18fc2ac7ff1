package overview

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

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
	answer, err := r.Answer(t.Context(), monthID(t, month), a)
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
func monthOf(t *testing.T, a *Answer) period { return decode(t, a.JSON).Periods.Month }

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
