package overview

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Clients that went away leave nothing behind, however many they were.
func TestWaitersLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := monthID(t, "2026-03")
		vm := newFakeVM()
		vm.knows(id, 5)
		vm.delay = time.Second
		r := newRig(t, "2026-03-20T12:00:00Z", vm.config())
		ctx, cancel := context.WithCancel(t.Context())
		before := runtime.NumGoroutine()
		var wg sync.WaitGroup
		for range 20_000 {
			wg.Go(func() {
				if _, err := r.Answer(ctx, id, Average, Seen); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		synctest.Wait()
		left := runtime.NumGoroutine() - before
		if left > 20 {
			t.Errorf("%d goroutines are left", left)
		}
		t.Logf("20000 clients that went away left %d goroutines", left)
		time.Sleep(20 * time.Second)
		if r.ask(t, "2026-03", Average); vm.times(id) != 1 {
			t.Errorf("computed %d times", vm.times(id))
		}
	})
}

// gate stops the first who comes through until it is opened.
type gate struct {
	passed          atomic.Bool
	entered, opened chan struct{}
}

func newGate() *gate { return &gate{entered: make(chan struct{}), opened: make(chan struct{})} }

func (g *gate) pass() {
	if g.passed.CompareAndSwap(false, true) {
		close(g.entered)
		<-g.opened
	}
}

// The gated ones read, and then stop.
type (
	gatedApps struct {
		fakeApps
		gate *gate
	}
	gatedStore struct {
		*fakeStore
		gate *gate
	}
	gatedVM struct {
		*fakeVM
		gate *gate
	}
)

func (a gatedApps) ByApp(kinds map[string]int64) map[string]int64 {
	defer a.gate.pass()
	return a.fakeApps.ByApp(kinds)
}

func (s gatedStore) Snapshot(id rollup.MonthID) (rollup.Snapshot, bool, error) {
	defer s.gate.pass()
	return s.fakeStore.Snapshot(id)
}

func (v gatedVM) RoundTrip(r *http.Request) (*http.Response, error) {
	defer v.gate.pass()
	return v.fakeVM.RoundTrip(r)
}

// A month is counted again while an answer, a month or what vmselect said is
// being computed from what was known before. That is not kept, and nobody who
// asks afterwards waits for it.
func TestCountedAgainMeanwhile(t *testing.T) {
	id := monthID(t, "2026-03")
	for _, gated := range []string{"an answer", "a month", "what vmselect says"} {
		t.Run(gated, func(t *testing.T) {
			g, vm := newGate(), newFakeVM()
			vm.knowsOf(lastMonths(id, 3), 6)
			cfg := vm.config()
			if gated == "what vmselect says" {
				cfg.Transport = gatedVM{vm, g}
			}
			r := newRig(t, "2026-04-20T12:00:00Z", cfg, clusters("2026-03", 4)...)
			for month := id - 11; month <= id; month++ {
				r.store.put(t, month.String(), rollup.Snapshot{Clusters: 5, Source: rollup.SourceRollups, Asked: true})
			}
			switch gated {
			case "an answer":
				r.apps = gatedApps{gate: g}
			case "a month":
				r.Overview.store = gatedStore{r.store, g}
			}
			first := make(chan error, 1)
			go func() {
				_, err := r.Answer(context.Background(), id, Average, Seen)
				first <- err
			}()
			<-g.entered
			for _, l := range clusters("2026-03", 9) {
				r.store.record(l.report(t))
			}
			vm.knowsOf(lastMonths(id, 3), 11)
			if changed, err := r.Recount(t.Context(), id); !changed || err != nil {
				t.Fatal(changed, err)
			}
			for _, when := range []string{"meanwhile", "afterwards"} {
				p := r.ask(t, "2026-03", Average).Periods
				if p.Month.Clusters != 9 || p.Quarter.UniqueClusters == nil || *p.Quarter.UniqueClusters != 11 {
					t.Errorf("%s: %+v, %+v", when, p.Month, p.Quarter)
				}
				if when == "meanwhile" {
					close(g.opened)
					if err := <-first; err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// Handlers that were cut off when the server stopped may still ask, while Close
// waits and after it. They get an error, and nothing is read of the store.
func TestAnswerBesideClose(t *testing.T) {
	id := monthID(t, "2026-03")
	for range 200 {
		r := newRig(t, "2026-03-20T12:00:00Z", Config{}, clusters("2026-03", 1)...)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				_, err := r.Answer(t.Context(), id-rollup.MonthID(i), Average, Seen)
				if err != nil && !errors.Is(err, ErrNoData) && !errors.Is(err, ErrUnavailable) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		r.Close()
		folds := r.store.foldCount()
		wg.Wait()
		if _, err := r.Answer(t.Context(), id-5, Average, Seen); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
		if now := r.store.foldCount(); now != folds {
			t.Fatalf("the store was read %d times after Close", now-folds)
		}
	}
}
