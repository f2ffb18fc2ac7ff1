package overview

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// plainFold counts a window the plain way: all its months side by side, nothing kept.
func plainFold(t fatal, r *rig, w window) figures {
	f := figures{kinds: map[string]int64{}, monthClusters: make([]int64, w.months())}
	days := make([]rollup.DaySet, w.months())
	kinds := map[string]float64{}
	var nodes, tenants float64
	err := r.store.Fold(context.Background(), rollup.Cozystack, w.from, w.to, everyMetric, func(_ string, months []rollup.Month) error {
		var all rollup.Month
		seen := 0
		for i, m := range months {
			all = all.Merge(m)
			if d := metricOf(m, rollup.MetricInfo).Days; d != 0 {
				f.monthClusters[i]++
				days[i] |= d
				seen += d.Len()
			}
		}
		f.known = true
		if seen > 0 {
			f.clusters++
		}
		if seen >= r.cfg.ConfirmDays {
			f.confirmedClusters++
		}
		nodes += metricOf(all, rollup.MetricNodes).Peak
		var now, before float64
		for _, p := range all.Peaks {
			switch p.Series.Metric() {
			case rollup.MetricTenants:
				before += p.Peak
			case rollup.MetricApplications:
				kind := p.Series.Label(rollup.LabelKind)
				kinds[kind] += p.Peak
				if kind == rollup.KindTenant {
					now += p.Peak
				}
			}
		}
		tenants += max(now, before)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(kinds, "")
	f.nodes, f.tenants, f.kinds = round(nodes), round(tenants), rounded(kinds)
	for _, d := range days {
		f.days += d.Len()
	}
	f.confirmed = naiveConfirmed(r.store.reports, w, r.clock.now(), r.cfg.ConfirmDays)
	return f
}

type fatal interface{ Fatal(...any) }

// Whatever comes in, late or not, is forgotten or removed, and whichever windows are
// asked for in between: what is kept says what a plain fold says.
func TestKeptFoldsAgreeWithPlainOnes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, "2026-04-10T00:00:00Z", Config{ConfirmDays: 3})
		first := rollup.NewMonth(2026, 1)
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			month := first + rollup.MonthID(rapid.IntRange(0, 4).Draw(rt, "month"))
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1, 2, 3, 4:
				r.store.record(anyReport(month).Draw(rt, "report").report(t))
			case 5:
				r.store.drop("a", month)
			case 6:
				r.clock.set(month.Start().AddDate(0, 0, rapid.IntRange(0, 40).Draw(rt, "days")))
			default:
				w := lastMonths(month, rapid.SampledFrom([]int{1, 2, 3, 5}).Draw(rt, "months"))
				r.clock.add(sharedTime)
				got, err := r.fold(w)
				if err != nil {
					rt.Fatal(err)
				}
				if want := plainFold(rt, r, w); !reflect.DeepEqual(got, want) {
					rt.Fatalf("%s\ngot  %+v\nwant %+v", w.label(), got, want)
				}
			}
		}
	})
}

func anyReport(month rollup.MonthID) *rapid.Generator[line] {
	return rapid.Custom(func(rt *rapid.T) line {
		samples := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"cozy_cluster_info 1", `cozy_nodes_count{kernel="1"} 3`, `cozy_nodes_count{kernel="2"} 0.5`,
			"cozy_tenants_count 2", `cozy_tenants_count{a="1"} 2`, "cozy_application_count 4", "cozy_other 1",
			`cozy_application_count{kind="Tenant"} 5`, `cozy_application_count{a="1",kind="Tenant"} 1`,
			`cozy_application_count{kind="Redis"} 0`, `cozy_application_count{a="1",kind="Redis"} 0.5`,
			`cozy_application_count{a="2",kind="Redis"} 9007199254740992`, `cozy_application_count{kind="a\"b"} 1`,
		}), 1, 6, func(s string) string { return s }).Draw(rt, "samples")
		return line{
			rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "instance"),
			fmt.Sprintf("%s-%02dT10:00:00Z", month, rapid.IntRange(1, 9).Draw(rt, "day")), samples,
		}
	})
}

// drop takes an instance out of a month, as retention and a rebuilt file may.
func (s *fakeStore) drop(instance string, month rollup.MonthID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.months[instance], month)
	s.reports = slices.DeleteFunc(s.reports, func(r rollup.Report) bool {
		return r.Instance == instance && rollup.MonthOf(r.Received) == month
	})
	s.changes[month]++
}

// foldsOf counts the folds that a window takes, each of one month.
func (r *rig) foldsOf(t *testing.T, w window) int {
	t.Helper()
	before := r.store.foldCount()
	if _, err := r.fold(w); err != nil {
		t.Fatal(err)
	}
	return r.store.foldCount() - before
}

// Months that have ended are folded once, the running one when it has changed.
func TestEndedMonthsAreFoldedOnce(t *testing.T) {
	r := newRig(t, "2026-03-10T00:00:00Z", Config{}, infoOn("a", "2025-08", 1)...)
	march := rollup.NewMonth(2026, 3)
	year, quarter := lastMonths(march, 12), lastMonths(march, 3)
	var got []int
	step := func(w window) { got = append(got, r.foldsOf(t, w)) }
	report := func(month string) {
		r.store.record(infoOn("b", month, 2)[0].report(t))
		r.clock.add(sharedTime)
	}
	step(quarter)
	step(year)
	step(window{march, march})
	r.clock.add(rollupsTTL)
	step(year) // nothing has come
	report("2026-03")
	step(year)
	step(quarter)
	report("2025-08") // late
	step(quarter)
	step(year)
	closed := lastMonths(march-1, 3)
	step(closed)
	report("2026-03")
	step(closed)
	report("2026-02")
	step(closed)
	if want := []int{3, 9, 0, 0, 1, 0, 0, 12, 3, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("folds\ngot  %v\nwant %v", got, want)
	}
}

// The first report is seen at once, others after sharedTime.
func TestFirstReportIsSeenAtOnce(t *testing.T) {
	r := newRig(t, "2026-03-10T00:00:00Z", Config{})
	march := window{rollup.NewMonth(2026, 3), rollup.NewMonth(2026, 3)}
	var got []int64
	step := func() {
		f, err := r.fold(march)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.clusters)
	}
	step()
	r.store.record(infoOn("a", "2026-03", 10)[0].report(t))
	step()
	r.store.record(infoOn("b", "2026-03", 10)[0].report(t))
	r.clock.add(sharedTime - 1)
	step()
	r.clock.add(1)
	step()
	if want := []int64{0, 1, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("clusters are %v, want %v", got, want)
	}
}

// What was read by a clock that was ahead is not taken for new until that clock is
// reached again.
func TestSharedMonthIsOfNoOtherClock(t *testing.T) {
	r := newRig(t, "2026-03-10T00:00:00Z", Config{}, infoOn("a", "2026-03", 1)...)
	march := lastMonths(rollup.NewMonth(2026, 3), 1)
	if _, err := r.fold(march); err != nil {
		t.Fatal(err)
	}
	r.clock.add(-time.Hour)
	r.store.record(infoOn("b", "2026-03", 2)[0].report(t))
	if f, err := r.fold(march); err != nil || f.clusters != 2 {
		t.Errorf("%d clusters, %v", f.clusters, err)
	}
}

// What serves several windows is no newer for that: each use of it does not begin the
// time anew, nor does what is read of the months before.
func TestSharedMonthGetsOld(t *testing.T) {
	r := newRig(t, "2026-03-10T00:00:00Z", Config{}, infoOn("a", "2026-03", 1)...)
	march := rollup.NewMonth(2026, 3)
	var got []int64
	for _, months := range []int{1, 3, 12} {
		f, err := r.fold(lastMonths(march, months))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.clusters)
		r.store.record(infoOn(fmt.Sprint(months), "2026-03", 2)[0].report(t))
		r.clock.add(sharedTime * 2 / 3)
	}
	if want := []int64{1, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("clusters are %v, want %v", got, want)
	}
}

// floodApps keeps the kinds that are known.
type floodApps struct{ fakeApps }

func (floodApps) Keep(kinds map[string]int64) map[string]int64 {
	kept := map[string]int64{}
	for _, kind := range []string{"Redis", "Tenant"} {
		if n, ok := kinds[kind]; ok {
			kept[kind] = n
		}
	}
	return kept
}

// Months that were flooded leave no more than what can be shown of them, and that
// is counted in full.
func TestFloodOfSeriesIsBounded(t *testing.T) {
	s, clock := newFakeStore(), &fakeClock{at: instant(t, "2026-03-10T00:00:00Z")}
	march := rollup.NewMonth(2026, 3)
	o, err := New(s, floodApps{}, Config{Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for month := march - 2; month <= march; month++ {
		for c := range 10 {
			samples := []string{"cozy_cluster_info 1", `cozy_application_count{kind="Tenant"} 1`}
			for i := range manySeries / 5 {
				samples = append(samples, fmt.Sprintf(`cozy_application_count{kind="Flood%d-%d-%d"} 1`, month, c, i))
			}
			for i := range 3 {
				samples = append(samples, fmt.Sprintf(`cozy_application_count{kind="Redis",x="%d-%d-%d"} 2`, month, c, i),
					fmt.Sprintf(`cozy_tenants_count{x="%d-%d-%d"} 1`, month, c, i))
			}
			s.record(line{fmt.Sprintf("c%d", c), month.Start().Format(time.RFC3339), samples}.report(t))
		}
	}
	f, err := o.fold(lastMonths(march, 3))
	if err != nil {
		t.Fatal(err)
	}
	if f.clusters != 10 || f.tenants != 30 || f.kinds["Redis"] != 60 || f.kinds["Tenant"] != 10 || len(f.kinds) != 2 {
		t.Errorf("%+v", f)
	}
	if n := o.running.book.series.len(); n != 3 {
		t.Errorf("%d series are kept", n)
	}
}

// The figures that are kept of a window have the kinds that can be shown alone: there
// may be many windows, and a flood of less than manySeries in each.
func TestKeptKindsAreBounded(t *testing.T) {
	s, clock := newFakeStore(), &fakeClock{at: instant(t, "2026-03-10T00:00:00Z")}
	o, err := New(s, floodApps{}, Config{Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	samples := []string{"cozy_cluster_info 1", `cozy_application_count{kind="Redis"} 2`}
	for i := range 100 {
		samples = append(samples, fmt.Sprintf(`cozy_application_count{kind="Flood%d"} 1`, i))
	}
	s.record(line{"a", "2026-03-01T00:00:00Z", samples}.report(t))
	f, err := o.fold(lastMonths(rollup.NewMonth(2026, 3), 1))
	if err != nil || len(f.kinds) != 1 || f.kinds["Redis"] != 2 {
		t.Errorf("%d kinds are kept: %v", len(f.kinds), err)
	}
}

func TestNumbering(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var n numbering
		want := map[string]uint32{}
		for _, text := range rapid.SliceOf(rapid.StringN(0, 2, 3)).Draw(rt, "texts") {
			id, known := want[text]
			if !known {
				id = uint32(len(want))
				want[text] = id
			}
			if got, added := n.number(text); got != id || added == known {
				rt.Fatalf("%q is %d, new: %t, want %d", text, got, added, id)
			}
		}
		for text, id := range want {
			if got := string(n.text(id)); got != text || n.len() != len(want) {
				rt.Fatalf("%d is %q of %d, want %q", id, got, n.len(), text)
			}
		}
	})
}
