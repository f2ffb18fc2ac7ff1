package overview

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// wholeMonth returns a report a day of each of n clusters in March 2026.
func wholeMonth(n, nodes int) (lines []line) {
	for i := range n {
		for day := 1; day <= 31; day++ {
			lines = append(lines, line{fmt.Sprintf("c%03d", i), fmt.Sprintf("2026-03-%02dT10:00:00Z", day),
				[]string{"cozy_cluster_info 1", fmt.Sprintf("cozy_nodes_count %d", nodes)}})
		}
	}
	return lines
}

// hears makes the fake vmselect answer for a month.
func (v *fakeVM) hears(id rollup.MonthID, clusters, nodes int64, days int, upper bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.windows[window{id, id}] = figures{known: true, clusters: clusters, nodes: nodes, upperNodes: upper, days: days}
}

// meanwhile does something before the first query is answered.
type meanwhile struct {
	*fakeVM
	once sync.Once
	do   func()
}

func (m *meanwhile) RoundTrip(r *http.Request) (*http.Response, error) {
	m.once.Do(m.do)
	return m.fakeVM.RoundTrip(r)
}

// While vmselect is asked about a final month, the month is counted again and has
// more. What vmselect then says does not undo that.
func TestAskedAgainBesideARecount(t *testing.T) {
	id := monthID(t, "2026-03")
	vm := newFakeVM()
	vm.knows(id, 4)
	during := &meanwhile{fakeVM: vm}
	cfg := vm.config()
	cfg.Transport = during
	r := newRig(t, "2026-04-02T12:00:00Z", cfg, clusters("2026-03", 3)...)
	r.store.put(t, "2026-03", rollup.Snapshot{Clusters: 3, TotalNodes: 6, DaysWithData: 1, Source: rollup.SourceRollups})
	during.do = func() {
		r.store.put(t, "2026-03", rollup.Snapshot{Clusters: 9, TotalNodes: 18, DaysWithData: 1, Source: rollup.SourceRollups})
	}
	c := collector{Overview: r.Overview}
	for range 2 {
		if err := c.settle(t.Context(), id); err != nil {
			t.Error(err)
		}
		if s, _, _ := r.store.Snapshot(id); s.Clusters != 9 || !s.Final {
			t.Errorf("stored is %+v", s)
		}
	}
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.Clusters != 9 {
		t.Errorf("shown is %+v", m)
	}
}

// Where both sources have as many clusters, the one with more days has seen more.
func TestMoreDaysWin(t *testing.T) {
	vm := newFakeVM()
	vm.hears(monthID(t, "2026-03"), 9, 2, 10, false)
	r := newRig(t, "2026-04-02T12:00:00Z", vm.config(), wholeMonth(9, 1)...)
	for _, a := range []Aggregate{Average, Distinct} {
		m := r.ask(t, "2026-03", a).Periods.Month
		if m.Source != rollup.SourceRollups || m.TotalNodes != 9 || !m.Complete {
			t.Errorf("%s: %+v", a, m)
		}
	}
}

// An unfinished month of the original server that has more than the sources stays,
// however often they are asked; a day after its end they are left alone.
func TestUnfinishedImportStays(t *testing.T) {
	id := monthID(t, "2026-03")
	vm := newFakeVM()
	vm.knows(id, 1)
	r := newRig(t, "2026-04-01T01:00:00Z", vm.config(), clusters("2026-03", 2)...)
	r.store.snapshots[id] = rollup.Snapshot{
		Month: id, Clusters: 100, TotalNodes: 300, Source: rollup.SourceImported, CollectedAt: instant(t, "2026-03-20T10:00:00Z"),
	}
	c := collector{Overview: r.Overview}
	for range 3 {
		c.round(t.Context())
		if m := r.ask(t, "2026-03", Average).Periods.Month; m.Clusters != 100 || m.Source != rollup.SourceImported || m.Complete {
			t.Errorf("%+v", m)
		}
		r.clock.add(24 * time.Hour)
	}
	asked, folds := vm.times(id), r.store.folds
	for range 3 {
		r.clock.add(24 * time.Hour)
		c.settle(t.Context(), id)
	}
	if vm.times(id) != asked || r.store.folds != folds {
		t.Errorf("asked %d times, then %d; folded %d times, then %d", asked, vm.times(id), folds, r.store.folds)
	}
	// What a backfill brings is seen all the same.
	for _, l := range clusters("2026-03", 120) {
		r.store.record(l.report(t))
	}
	if changed, err := r.Recount(t.Context(), id); !changed || err != nil {
		t.Errorf("changed is %v, %v", changed, err)
	}
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.Clusters != 120 || m.Source != rollup.SourceRollups {
		t.Errorf("after a backfill: %+v", m)
	}
}

// October: VictoriaMetrics has samples of before the derived series, and counts the
// nodes of kernel upgrades twice. The backfilled days count them once.
func TestExactNodesWin(t *testing.T) {
	id := monthID(t, "2026-03")
	vm := newFakeVM()
	vm.hears(id, 3, 1312, 31, true)
	r := newRig(t, "2026-04-02T12:00:00Z", vm.config())
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.TotalNodes != 1312 {
		t.Fatalf("before the backfill: %+v", m)
	}
	for _, l := range wholeMonth(3, 343) {
		r.store.record(l.report(t))
	}
	if changed, err := r.Recount(t.Context(), id); !changed || err != nil {
		t.Errorf("changed is %v, %v", changed, err)
	}
	c := collector{Overview: r.Overview}
	c.round(t.Context())
	if m := r.ask(t, "2026-03", Average).Periods.Month; m.TotalNodes != 1029 || m.Source != rollup.SourceRollups {
		t.Errorf("after the backfill: %+v", m)
	}
}

// A month that was final an hour after its end is asked for once more a day later:
// VictoriaMetrics had not found all samples yet. Then it is settled.
func TestFinalIsAskedAgainADayLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := monthID(t, "2000-01")
		vm := newFakeVM()
		vm.hears(id, 5, 1300, 31, false)
		time.Sleep(time.Until(instant(t, "2000-01-31T22:00:00Z"))) // a round asks for 11 empty months: the fewer, the sooner
		r := startCollector(t, vm)
		r.until(t, "2000-02-01T01:00:00Z")
		r.requireFinals(t, "2000-01 victoriametrics")
		vm.hears(id, 5, 1312, 31, false)
		r.until(t, "2000-02-01T23:59:00Z")
		if s, _, _ := r.store.Snapshot(id); s.TotalNodes != 1300 {
			t.Errorf("asked too early: %+v", s)
		}
		asked := vm.times(id)
		r.until(t, "2000-02-02T00:07:00Z")
		if s, _, _ := r.store.Snapshot(id); s.TotalNodes != 1312 || !s.Final {
			t.Errorf("a day later: %+v", s)
		}
		if m := r.ask(t, "2000-01", Average).Periods.Month; m.TotalNodes != 1312 {
			t.Errorf("shown is %+v", m)
		}
		r.until(t, "2000-02-08T00:00:00Z")
		if again := vm.times(id); again != asked+1 {
			t.Errorf("asked %d times more, not once", again-asked)
		}
	})
}

// vmselect does not know a month whose reports wait to be forwarded: what it says of
// it is not final. What the rollups say may be, and vmselect is asked later.
func TestFinalWaitsForTheQueue(t *testing.T) {
	for name, own := range map[string]int{"only vmselect": 0, "the rollups have more": 7} {
		t.Run(name, func(t *testing.T) {
			id := monthID(t, "2026-03")
			vm := newFakeVM()
			vm.hears(id, 5, 10, 31, false)
			oldest := instant(t, "2026-04-01T00:59:59Z")
			cfg := vm.config()
			cfg.OldestQueued = func() time.Time { return oldest }
			r := newRig(t, "2026-04-03T12:00:00Z", cfg, clusters("2026-03", own)...)
			c := collector{Overview: r.Overview}
			for range 2 {
				c.round(t.Context())
				if m := r.ask(t, "2026-03", Average).Periods.Month; m.Clusters != max(5, int64(own)) {
					t.Errorf("it is shown nevertheless: %+v", m)
				}
				if s, _, _ := r.store.Snapshot(id); s.Final && s.Source != rollup.SourceRollups || !s.CheckedAt.IsZero() || s.Asked {
					t.Errorf("frozen while reports wait: %+v", s)
				}
				r.clock.add(10 * time.Minute)
			}
			vm.hears(id, 8, 30, 31, false)
			oldest = instant(t, "2026-04-01T01:00:00Z")
			c.round(t.Context())
			if s, _, _ := r.store.Snapshot(id); !s.Final || s.Clusters != 8 || s.TotalNodes != 30 || s.CheckedAt.IsZero() {
				t.Errorf("all is forwarded: %+v", s)
			}
		})
	}
}

// What no source knows any more is settled too.
func TestImportThatNobodyKnowsIsSettled(t *testing.T) {
	id := monthID(t, "2026-03")
	vm := newFakeVM()
	r := newRig(t, "2026-04-05T00:00:00Z", vm.config())
	r.store.put(t, "2026-03", rollup.Snapshot{Clusters: 4, Source: rollup.SourceImported})
	c := collector{Overview: r.Overview}
	for range 3 {
		c.round(t.Context())
		r.clock.add(time.Hour)
	}
	s, _, _ := r.store.Snapshot(id)
	if vm.times(id) != 1 || s.Clusters != 4 || s.Source != rollup.SourceImported || !s.Final {
		t.Errorf("asked %d times; stored is %+v", vm.times(id), s)
	}
}

// The tenants and the application of the tenants are one figure, whoever counts, in
// each period and aggregate, and also where they were stored as two.
func TestTenantsAreOneFigure(t *testing.T) {
	old := []line{ // clients of before v1.0 count in the first only
		{"old", "2026-03-10T10:00:00Z", []string{"cozy_cluster_info 1", "cozy_tenants_count 16"}},
		{"new", "2026-03-10T10:00:00Z", []string{"cozy_cluster_info 1", `cozy_application_count{kind="Tenant"} 1014`}},
	}
	id := monthID(t, "2026-03")
	for name, rig := range map[string]func() *rig{
		"rollups": func() *rig { return newRig(t, "2026-04-05T00:00:00Z", Config{}, old...) },
		"vmselect": func() *rig {
			vm := newFakeVM()
			for _, w := range []window{{id, id}, lastMonths(id, 3), lastMonths(id, 12)} {
				vm.windows[w] = figures{known: true, clusters: 2, tenants: 1030, kinds: map[string]int64{"Tenant": 1014}, days: 1}
			}
			return newRig(t, "2026-04-05T00:00:00Z", vm.config())
		},
		"stored": func() *rig {
			r := newRig(t, "2026-04-05T00:00:00Z", Config{})
			r.store.put(t, "2026-03", rollup.Snapshot{Clusters: 2, TotalTenants: 1030, Kinds: map[string]int64{"Tenant": 1014}, Source: rollup.SourceVictoriaMetrics})
			return r
		},
		"imported": func() *rig {
			r := newRig(t, "2026-04-05T00:00:00Z", Config{})
			r.store.put(t, "2026-03", rollup.Snapshot{Clusters: 2, TotalTenants: 1030, Apps: map[string]int64{"tenant": 1014}, Source: rollup.SourceImported})
			return r
		},
		"no tenants": func() *rig { return newRig(t, "2026-04-05T00:00:00Z", Config{}, clusters("2026-03", 1)...) },
	} {
		for _, a := range []Aggregate{Average, Distinct} {
			r := rig()
			want := int64(1030)
			if name == "no tenants" {
				want = 0
			}
			all := r.ask(t, "2026-03", a).Periods
			for _, p := range []published.Period{all.Month, all.Quarter, all.Year} {
				if n, listed := p.Apps["tenant"]; p.TotalTenants != want || n != want || !listed {
					t.Errorf("%s, %s, %s: %d tenants, and the application has %d", name, a, p.Label, p.TotalTenants, p.Apps["tenant"])
				}
			}
			if s, ok, _ := r.store.Snapshot(id); ok && s.Source == rollup.SourceRollups && s.Apps["tenant"] != s.TotalTenants {
				t.Errorf("%s: stored are %d and %d", name, s.TotalTenants, s.Apps["tenant"])
			}
		}
	}
}
