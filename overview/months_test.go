package overview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var errDown = errors.New("vmselect is down")

// clusters returns one report of each of n clusters in a month.
func clusters(month string, n int) (lines []line) {
	for i := range n {
		lines = append(lines, line{fmt.Sprintf("c%03d", i), month + "-10T10:00:00Z",
			[]string{"cozy_cluster_info 1", "cozy_nodes_count 2"}})
	}
	return lines
}

func TestWhichSourceAnswers(t *testing.T) {
	const (
		running = "2026-03-20T12:00:00Z"
		grace   = "2026-04-01T00:59:59Z"
		over    = "2026-04-01T01:00:00Z"
	)
	imported := func(final bool) *rollup.Snapshot {
		return &rollup.Snapshot{Clusters: 42, Source: rollup.SourceImported, Final: final,
			CollectedAt: instant(t, "2026-04-01T07:01:00Z"), Apps: map[string]int64{"redis": 85}}
	}
	for name, tc := range map[string]struct {
		now     string
		vm      int64 // clusters that vmselect counts
		vmFails bool
		noVM    bool
		rollups int
		stored  *rollup.Snapshot
		source  rollup.Source
		want    int64
		err     error
		final   string // what is stored as final
	}{
		"vmselect, running":               {now: running, vm: 5, rollups: 5, source: "victoriametrics", want: 5},
		"vmselect, in the grace period":   {now: grace, vm: 5, rollups: 5, source: "victoriametrics", want: 5},
		"vmselect, over":                  {now: over, vm: 5, rollups: 5, source: "victoriametrics", want: 5, final: "2026-03 victoriametrics"},
		"vmselect has more":               {now: over, vm: 9, rollups: 5, source: "victoriametrics", want: 9, final: "2026-03 victoriametrics"},
		"the rollups have more":           {now: over, vm: 4, rollups: 5, source: "rollups", want: 5, final: "2026-03 rollups"},
		"vmselect knows nothing":          {now: over, rollups: 5, source: "rollups", want: 5, final: "2026-03 rollups"},
		"the rollups know nothing":        {now: over, vm: 5, source: "victoriametrics", want: 5, final: "2026-03 victoriametrics"},
		"vmselect fails":                  {now: over, vmFails: true, rollups: 5, source: "rollups", want: 5},
		"no vmselect":                     {now: over, noVM: true, rollups: 5, source: "rollups", want: 5, final: "2026-03 rollups"},
		"no vmselect, running":            {now: running, noVM: true, rollups: 5, source: "rollups", want: 5},
		"nobody knows":                    {now: over, err: ErrNoData},
		"nobody knows, no vmselect":       {now: over, noVM: true, err: ErrNoData},
		"nobody can tell":                 {now: over, vmFails: true, err: ErrUnavailable},
		"final, imported":                 {now: over, vm: 99, rollups: 5, stored: imported(true), source: "imported", want: 42, final: "2026-03 imported"},
		"imported, but vmselect knows":    {now: over, vm: 42, stored: imported(false), source: "victoriametrics", want: 42, final: "2026-03 victoriametrics"},
		"imported, but the rollups know":  {now: over, rollups: 42, stored: imported(false), source: "rollups", want: 42, final: "2026-03 rollups"},
		"imported, vmselect knows less":   {now: over, vm: 5, stored: imported(false), source: "imported", want: 42},
		"imported, the rollups know less": {now: over, rollups: 5, stored: imported(false), source: "imported", want: 42},
		"imported, running":               {now: running, noVM: true, rollups: 5, stored: imported(false), source: "imported", want: 42},
		"imported, nobody else knows":     {now: over, stored: imported(false), source: "imported", want: 42},
		"imported, and vmselect fails":    {now: over, vmFails: true, stored: imported(false), err: ErrUnavailable},
		"a final one of a clock ahead":    {now: running, vm: 5, stored: imported(true), source: "victoriametrics", want: 5, final: "2026-03 imported"},
		"a stored one that is not final":  {now: running, vm: 5, stored: &rollup.Snapshot{Clusters: 3, Source: "victoriametrics"}, source: "victoriametrics", want: 5},
		"seen before, but now unanswered": {now: over, vmFails: true, stored: &rollup.Snapshot{Clusters: 3, Source: "victoriametrics"}, err: ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			id := monthID(t, "2026-03")
			vm := newFakeVM()
			cfg := vm.config()
			if tc.vm > 0 {
				vm.knows(id, tc.vm)
			}
			if tc.vmFails {
				vm.fail = errDown
			}
			if tc.noVM {
				cfg = Config{}
			}
			r := newRig(t, tc.now, cfg, clusters("2026-03", tc.rollups)...)
			if tc.stored != nil {
				tc.stored.Month = id
				r.store.snapshots[id] = *tc.stored
			}
			got, err := r.Answer(context.Background(), id, Average, Seen)
			if tc.err != nil {
				if !errors.Is(err, tc.err) {
					t.Fatalf("error %v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else if m := decode(t, got.Body).Periods.Month; m.Source != tc.source || m.Clusters != tc.want {
				t.Errorf("%+v", m)
			}
			if finals := strings.Join(r.store.finals(), ","); finals != tc.final {
				t.Errorf("stored as final: %q", finals)
			}
		})
	}
}

// What could not be read or stored is no zero and no panic.
func TestStoreFails(t *testing.T) {
	id := monthID(t, "2026-03")
	broken := errors.New("input/output error")
	vm := newFakeVM()
	vm.knows(id, 5)
	r := newRig(t, "2026-04-02T00:00:00Z", vm.config(), clusters("2026-03", 7)...)
	r.store.failFold = broken
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.Source != rollup.SourceVictoriaMetrics {
		t.Errorf("%+v", m)
	}
	if finals := r.store.finals(); finals != nil {
		t.Errorf("without the rollups nobody knows, but stored is %v", finals)
	}
	vm.set(errDown)
	r.clock.add(time.Hour)
	r.heard.clear()
	if _, err := r.Answer(t.Context(), id, Average, Seen); !errors.Is(err, ErrUnavailable) || !errors.Is(err, broken) {
		t.Error(err)
	}
	r.store.failFold, r.store.failPut = nil, broken
	vm.set(nil)
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.Clusters != 7 {
		t.Errorf("a full disk must not stop answers: %+v", m)
	}
}

// On a full disk a stored month that has more stands, as it does on one with room.
func TestBetterMonthStandsOnAFullDisk(t *testing.T) {
	id := monthID(t, "2026-03")
	r := newRig(t, "2026-04-02T12:00:00Z", Config{}, clusters("2026-03", 2)...)
	r.store.snapshots[id] = rollup.Snapshot{
		Month: id, Clusters: 100, Source: rollup.SourceImported, CollectedAt: instant(t, "2026-03-20T10:00:00Z"),
	}
	r.store.failPut = errors.New("no space left on device")
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.Clusters != 100 || m.Source != rollup.SourceImported {
		t.Errorf("%+v", m)
	}
}

// A month that was answered is not asked of vmselect again before its time.
func TestCaching(t *testing.T) {
	id := monthID(t, "2026-03")
	vm := newFakeVM()
	vm.knows(id, 5)
	r := newRig(t, "2026-03-20T12:00:00Z", vm.config(), clusters("2026-03", 5)...)
	step := func(d time.Duration, wantAsked int, wantClusters int64) {
		t.Helper()
		r.clock.add(d)
		if m := r.ask(t, "2026-03", Average).Periods.Month; m.Clusters != wantClusters || vm.times(id) != wantAsked {
			t.Errorf("after %s: %d clusters, asked %d times", d, m.Clusters, vm.times(id))
		}
	}
	step(0, 1, 5)
	vm.knows(id, 6)
	step(59*time.Second, 1, 5)
	step(time.Second, 2, 6)
	// The rollups are never older than a second; vmselect is not bothered by that.
	for _, l := range clusters("2026-03", 7) {
		r.store.record(l.report(t))
	}
	step(time.Minute, 3, 7)
	for _, l := range clusters("2026-03", 8) {
		r.store.record(l.report(t))
	}
	step(time.Second, 3, 8)
	// A clock that is set back does not keep old answers alive.
	vm.knows(id, 9)
	step(-48*time.Hour, 4, 9)
	// What was heard in the grace period is not the last word.
	r.clock.set(instant(t, "2026-04-01T00:59:30Z"))
	vm.knows(id, 1)
	step(0, 5, 8)
	vm.knows(id, 10)
	step(29*time.Second, 5, 8)
	step(time.Second, 6, 10)
	// A final month stays.
	vm.knows(id, 1)
	step(365*24*time.Hour, 6, 10)
}

// vmselect is not asked again and again for the months it knows nothing of.
func TestEmptyMonthsAreRemembered(t *testing.T) {
	id := monthID(t, "2026-03")
	vm := newFakeVM()
	vm.knows(id, 5)
	r := newRig(t, "2026-03-20T12:00:00Z", vm.config(), clusters("2026-03", 5)...)
	before := id - 5
	r.ask(t, "2026-03", Average)
	r.clock.add(9 * time.Minute)
	r.ask(t, "2026-03", Average)
	if vm.times(before) != 1 {
		t.Errorf("asked %d times", vm.times(before))
	}
	r.clock.add(time.Minute)
	r.ask(t, "2026-03", Average)
	if vm.times(before) != 2 {
		t.Errorf("asked %d times", vm.times(before))
	}
}

// One query that fails is the whole month's failure; a second later all is well.
func TestRightAfterRecovery(t *testing.T) {
	id := monthID(t, "2026-03")
	vm := newFakeVM()
	vm.knows(id, 5)
	vm.failIn[window{id, id}] = errDown
	r := newRig(t, "2026-04-20T12:00:00Z", vm.config(), clusters("2026-03", 4)...)
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.Source != rollup.SourceRollups {
		t.Errorf("%+v", m)
	}
	delete(vm.failIn, window{id, id})
	r.clock.add(time.Second)
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.Source != rollup.SourceVictoriaMetrics || m.Clusters != 5 {
		t.Errorf("%+v", m)
	}
}

// A year is not left out of silently: what has been seen of a month must be in
// it. A month that nobody has seen is no reason to refuse the others.
func TestAnotherMonthFails(t *testing.T) {
	id := monthID(t, "2026-03")
	vm := newFakeVM()
	vm.knows(id, 5)
	vm.failIn[window{id - 4, id - 4}] = errDown
	r := newRig(t, "2026-04-20T12:00:00Z", vm.config(), clusters("2026-03", 4)...)
	got, err := r.Answer(t.Context(), id, Average, Seen)
	if err != nil {
		t.Fatal(err)
	}
	if y := decode(t, got.Body).Periods.Year; y.Months != 1 || y.Complete || got.Settled {
		t.Errorf("%+v", y)
	}
	r.store.snapshots[id-4] = rollup.Snapshot{Month: id - 4, Clusters: 3, Source: rollup.SourceVictoriaMetrics}
	r.clock.add(time.Second)
	if _, err := r.Answer(t.Context(), id, Average, Seen); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	vm.failIn = nil
	vm.knows(id-4, 3)
	r.clock.add(time.Second)
	if y := r.ask(t, "2026-03", Average).Periods.Year; y.Months != 2 || y.Clusters != 4 {
		t.Errorf("%+v", y)
	}
}

// However slow vmselect is, an answer comes in time.
func TestSlowVMSelect(t *testing.T) {
	for _, delay := range []time.Duration{4 * time.Second, time.Hour} {
		for _, a := range []Aggregate{Average, Distinct} {
			synctest.Test(t, func(t *testing.T) {
				id := monthID(t, "2026-03")
				vm := newFakeVM()
				for i := range rollup.MonthID(12) {
					vm.knows(id-i, 5)
				}
				vm.delay = delay
				r := newRig(t, "2026-04-20T12:00:00Z", vm.config(), clusters("2026-03", 4)...)
				start := time.Now()
				m := r.ask(t, "2026-03", a).Periods.Month
				if took := time.Since(start); took > 21*time.Second {
					t.Errorf("%s a query: took %s", delay, took)
				}
				want := rollup.SourceRollups
				if delay < time.Minute {
					want = rollup.SourceVictoriaMetrics
				}
				if m.Source != want {
					t.Errorf("%s a query: %+v", delay, m)
				}
				vm.mu.Lock()
				defer vm.mu.Unlock()
				if vm.mostBusy > 4 {
					t.Errorf("%d queries at a time", vm.mostBusy)
				}
			})
		}
	}
}

// The distinct count of an average is not worth waiting for.
func TestSlowUniqueCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vm := newFakeVM()
		vm.delay = time.Hour
		r := newRig(t, "2026-04-10T00:00:00Z", vm.config())
		for id := monthID(t, "2025-04"); id <= monthID(t, "2026-03"); id++ {
			r.store.put(t, id.String(), rollup.Snapshot{Clusters: 5, Source: rollup.SourceVictoriaMetrics})
		}
		start := time.Now()
		if q := r.ask(t, "2026-03", Average).Periods.Quarter; q.Clusters != 5 || q.UniqueClusters != nil {
			t.Errorf("%+v", q)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// A client that goes away does not wait, and the computation goes on.
func TestClientGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := monthID(t, "2026-03")
		vm := newFakeVM()
		vm.knows(id, 5)
		vm.delay = time.Second
		r := newRig(t, "2026-03-20T12:00:00Z", vm.config())
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := r.Answer(ctx, id, Average, Seen); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		time.Sleep(20 * time.Second)
		start = time.Now()
		if r.ask(t, "2026-03", Average); time.Since(start) > 0 || vm.times(id) != 1 {
			t.Errorf("computed again, %s", time.Since(start))
		}
	})
}

// moreApps lists an application more, as when a new one was added.
type moreApps struct{ fakeApps }

func (a moreApps) ByApp(kinds map[string]int64) map[string]int64 {
	apps := a.fakeApps.ByApp(kinds)
	apps["brand-new"] += 0
	return apps
}

// A new application shows within minutes, in final months too.
func TestNewApplication(t *testing.T) {
	r := newRig(t, "2026-04-10T00:00:00Z", Config{}, clusters("2026-03", 1)...)
	r.ask(t, "2026-03", Average)
	r.apps = moreApps{}
	r.clock.add(answerTTL)
	if _, ok := r.ask(t, "2026-03", Average).Periods.Month.Apps["brand-new"]; !ok {
		t.Error("it is not listed")
	}
}

// A hundred clients that ask for fifty months cost each month once, whoever goes
// away meanwhile.
func TestOneComputationPerMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := monthID(t, "2026-03")
		vm := newFakeVM()
		for i := range rollup.MonthID(70) {
			vm.knows(last-i, 5)
		}
		vm.delay = time.Millisecond
		r := newRig(t, "2026-04-20T12:00:00Z", vm.config())
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i%10 == 0 {
					time.AfterFunc(2*time.Millisecond, cancel)
				}
				_, err := r.Answer(ctx, last-rollup.MonthID(i/2), Average, Seen)
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		r.Close()
		vm.mu.Lock()
		defer vm.mu.Unlock()
		for w, n := range vm.asked {
			if n != 1 && w.from == w.to {
				t.Errorf("%v was asked %d times", w.label(), n)
			}
		}
		if len(vm.asked) < 61 || vm.mostBusy > 4 {
			t.Errorf("%d windows, %d queries at a time", len(vm.asked), vm.mostBusy)
		}
	})
}

func TestConfig(t *testing.T) {
	if _, err := New(newFakeStore(), fakeApps{}, Config{}); err == nil {
		t.Error("no clock")
	}
	if _, err := New(newFakeStore(), fakeApps{}, Config{Now: time.Now, Aggregate: "median"}); err == nil {
		t.Error("an unknown aggregate")
	}
	c, err := Config{Now: time.Now, FinalGrace: -1, CurrentTTL: 1}.withDefaults()
	if err != nil || c.FinalGrace != 0 || c.CurrentTTL != time.Second || c.QueryBudget != 20*time.Second {
		t.Errorf("%+v, %v", c, err)
	}
	if !slices.Equal(everyMetric[:1], []string{rollup.MetricInfo}) {
		t.Error("presence is the first metric's")
	}
}
