package overview

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// running is an Overview whose Run is under way in a synctest bubble. Its clock
// is the bubble's, which begins on 2000-01-01.
type running struct {
	*rig
	log *lockedLog
}

// lockedLog is a log that is read while it is written.
type lockedLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func startCollector(t *testing.T, vm *fakeVM, lines ...line) *running {
	t.Helper()
	cfg := Config{}
	if vm != nil {
		cfg = vm.config()
	}
	log := &lockedLog{}
	cfg.Logger = zerolog.New(log)
	cfg.CollectEvery = 7 * time.Minute // no round falls on the hour by chance
	r := &rig{store: newFakeStore()}
	for _, l := range lines {
		r.store.record(l.report(t))
	}
	cfg.Now = func() time.Time { return time.Now().UTC() }
	o, err := New(r.store, fakeApps{}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Overview = o
	ctx, stop := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() { o.Run(ctx) })
	t.Cleanup(func() {
		stop()
		loop.Wait()
		o.Close()
	})
	synctest.Wait()
	return &running{r, log}
}

// until sleeps, in the bubble's time, until an instant.
func (r *running) until(t *testing.T, at string) {
	t.Helper()
	time.Sleep(time.Until(instant(t, at)))
	synctest.Wait()
}

func (r *running) requireFinals(t *testing.T, want ...string) {
	t.Helper()
	if got := r.store.finals(); !slices.Equal(got, want) {
		t.Errorf("%s: final are %q, not %q", time.Now().UTC(), got, want)
	}
}

// A clock that was set back finds the running month final. Its snapshot stays until
// the month shows more.
func TestFinalMonthThatIsRunningAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startCollector(t, nil, clusters("2000-01", 3)...)
		final := rollup.Snapshot{
			Month: monthID(t, "2000-01"), CollectedAt: instant(t, "2000-02-01T01:00:00Z"),
			Clusters: 3, TotalNodes: 1000, TotalTenants: 1000, DaysWithData: 31,
			Confirmed: &rollup.Confirmed{Clusters: 3, DaysWithData: 31},
			Source:    rollup.SourceRollups, Final: true,
		}
		if _, err := r.store.OfferSnapshot(t.Context(), final); err != nil {
			t.Fatal(err)
		}
		r.until(t, "2000-01-30T00:00:00Z")
		if s, _, _ := r.store.Snapshot(final.Month); !reflect.DeepEqual(s, final) {
			t.Errorf("a final month was rewritten: %+v", s)
		}
		for _, l := range clusters("2000-01", 4) {
			r.store.record(l.report(t))
		}
		r.until(t, "2000-01-30T02:00:00Z")
		if s, _, _ := r.store.Snapshot(final.Month); s.Clusters != 4 || s.Final {
			t.Errorf("the fourth cluster is not seen: %+v", s)
		}
		r.until(t, "2000-02-01T01:00:00Z")
		r.requireFinals(t, "2000-01 rollups")
	})
}

// A closed month is collected when its grace period ends, to the second.
func TestCollectsClosedMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startCollector(t, nil, append(clusters("1999-11", 2), clusters("2000-01", 3)...)...)
		r.until(t, "2000-01-01T00:59:59Z")
		r.requireFinals(t, "1999-11 rollups")
		for month, n := range r.store.closings() {
			if month.String() != "1999-11" || n != 1 {
				t.Errorf("%s was closed %d times", month, n)
			}
		}
		r.until(t, "2000-02-01T00:59:59Z")
		r.requireFinals(t, "1999-11 rollups")
		r.until(t, "2000-02-01T01:00:00Z")
		r.requireFinals(t, "1999-11 rollups", "2000-01 rollups")
		if r.store.closings()[monthID(t, "2000-01")] != 1 {
			t.Error("the month is not closed in the store")
		}
		if s, _, _ := r.store.Snapshot(monthID(t, "2000-01")); s.Clusters != 3 || s.Asked {
			t.Errorf("%+v", s)
		}
	})
}

// The running month is stored once an hour, and never as final.
func TestSavesRunningMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startCollector(t, nil, clusters("2000-01", 3)...)
		r.until(t, "2000-01-01T05:30:00Z")
		if n := r.store.putCount(); n != 6 {
			t.Errorf("stored %d times", n)
		}
		r.requireFinals(t)
	})
}

// Months that vmselect knows from before this server are collected as well; when
// it is down the rollups' month is stored, and vmselect asked once it is back.
func TestAsksVMSelectAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vm := newFakeVM()
		vm.knows(monthID(t, "1999-02"), 4)
		vm.knows(monthID(t, "1999-11"), 5)
		vm.knows(monthID(t, "1999-12"), 1)
		vm.fail = errDown
		r := startCollector(t, vm, append(clusters("1999-11", 3), clusters("1999-12", 3)...)...)
		r.until(t, "2000-01-01T02:00:00Z")
		r.requireFinals(t, "1999-11 rollups", "1999-12 rollups")
		if lines := strings.Count(r.log.String(), "unavailable"); lines != 1 {
			t.Errorf("%d lines about one trouble:\n%s", lines, r.log)
		}
		r.until(t, "2000-01-01T02:04:00Z")
		vm.set(nil)
		r.until(t, "2000-01-01T02:05:00Z")
		if m := r.ask(t, "1999-11", Average).Periods.Month; m.Clusters != 3 {
			t.Errorf("a final month stands until it is asked again: %+v", m)
		}
		r.until(t, "2000-01-01T02:10:00Z")
		r.requireFinals(t, "1999-02 victoriametrics", "1999-11 victoriametrics", "1999-12 rollups")
		if m := r.ask(t, "1999-11", Average).Periods.Month; m.Clusters != 5 {
			t.Errorf("an answer from before is still given: %+v", m)
		}
		if s, _, _ := r.store.Snapshot(monthID(t, "1999-12")); s.Clusters != 3 || !s.Asked {
			t.Errorf("the larger count wins: %+v", s)
		}
		asked, logged := vm.times(monthID(t, "1999-12")), r.log.String()
		r.until(t, "2000-01-01T12:00:00Z")
		if again := vm.times(monthID(t, "1999-12")); again != asked {
			t.Errorf("a settled month was asked for %d times more", again-asked)
		}
		if log := r.log.String(); log != logged {
			t.Errorf("nothing happened, but logged is %s", log[len(logged):])
		}
	})
}

// A month that nobody knows is asked for once it is late enough, and then left alone
// until days of it are filled in.
func TestUnknownMonthIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long, last := monthID(t, "1999-06"), monthID(t, "1999-12")
		vm := newFakeVM()
		vm.set(errDown)
		r := startCollector(t, vm)
		r.until(t, "2000-01-01T01:30:00Z")
		vm.set(nil)
		r.until(t, "2000-01-01T23:50:00Z")
		if n := vm.times(last); n < 50 {
			t.Errorf("not sure yet, but asked %d times", n)
		}
		r.until(t, "2000-01-02T00:30:00Z")
		before, beforeLast := vm.times(long), vm.times(last)
		r.until(t, "2000-01-05T00:00:00Z")
		if n, nLast := vm.times(long)-before, vm.times(last)-beforeLast; n+nLast > 0 {
			t.Errorf("asked again %d and %d times", n, nLast)
		}
		vm.knows(long, 4)
		r.store.record(clusters("1999-06", 1)[0].report(t))
		if _, err := r.Recount(t.Context(), long); err != nil {
			t.Error(err)
		}
		r.until(t, "2000-01-05T00:30:00Z")
		r.requireFinals(t, "1999-06 victoriametrics")
	})
}

// A disk that is full is told once; once there is room the months are stored.
func TestCollectorFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startCollector(t, nil)
		r.store.mu.Lock()
		r.store.failPut = context.DeadlineExceeded
		r.store.mu.Unlock()
		for _, l := range clusters("1999-11", 3) {
			r.store.record(l.report(t))
		}
		r.until(t, "2000-01-01T03:00:00Z")
		r.requireFinals(t)
		if lines := strings.Count(r.log.String(), "trying again"); lines != 1 {
			t.Errorf("%d lines about one trouble:\n%s", lines, r.log)
		}
		r.store.mu.Lock()
		r.store.failPut = nil
		r.store.mu.Unlock()
		r.until(t, "2000-01-01T03:10:00Z")
		r.requireFinals(t, "1999-11 rollups")
	})
}

// A clock that was ahead has made a month final too early. Once it is right
// again the month goes on, and ends as it should.
func TestClockWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startCollector(t, nil, clusters("2000-01", 3)...)
		id := monthID(t, "2000-01")
		r.store.put(t, "2000-01", rollup.Snapshot{Clusters: 1, Source: rollup.SourceRollups, CollectedAt: instant(t, "2001-02-01T00:00:00Z")})
		r.until(t, "2000-02-01T01:00:00Z")
		if s, _, _ := r.store.Snapshot(id); s.Clusters != 3 || !s.Final {
			t.Errorf("%+v", s)
		}
	})
}

// endless is a store whose folds take as long as they may.
type endless struct {
	*fakeStore
	begun chan struct{}
}

func (e endless) Fold(ctx context.Context, _ string, _, _ rollup.MonthID, _ []string, _ func(string, []rollup.Month) error) error {
	e.begun <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func (e endless) FoldChanged(ctx context.Context, product string, month rollup.MonthID, metrics []string,
	_ func(string, uint64) bool, _ func(string, uint64, rollup.Month) error) error {
	return e.Fold(ctx, product, month, month, metrics, nil)
}

// A server that is stopped before Run has begun is left as it is: what else ends with it, such
// as the mirror, may have looked at the store for the last time.
func TestRunAfterTheEnd(t *testing.T) {
	r := newRig(t, "2026-03-10T00:00:00Z", Config{}, infoOn("a", "2026-03", 1)...)
	r.ask(t, "2026-03", Average)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.Run(ctx)
	if n := r.store.putCount(); n != 0 {
		t.Errorf("%d snapshots were stored", n)
	}
}

// A server that is stopped does not wait until a year is folded.
func TestRunEndsAmidAFold(t *testing.T) {
	begun := make(chan struct{}, 100)
	o, err := New(endless{newFakeStore(), begun}, fakeApps{}, Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.Run(ctx)
	}()
	<-begun
	stop()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("it goes on folding")
	}
	o.Close()
}
