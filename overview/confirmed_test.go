package overview

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// byDay are the highest values of days.
type byDay map[rollup.Date]float64

func (d byDay) see(date rollup.Date, v float64) { d[date] = max(d[date], v) }

// in returns the values of the days of a window, the highest first, and two zeros.
func (d byDay) in(w window) (values []float64) {
	for date, v := range d {
		if w.from <= date.Month() && date.Month() <= w.to {
			values = append(values, v)
		}
	}
	slices.SortFunc(values, func(a, b float64) int { return cmp.Compare(b, a) })
	return append(values, 0, 0)
}

// plainCluster is what a cluster's reports say, day by day.
type plainCluster struct {
	seen, nodes byDay
	series      map[rollup.Series]byDay
}

func plainClusters(reports []rollup.Report) map[string]*plainCluster {
	all := map[string]*plainCluster{}
	for _, r := range reports {
		c := all[r.Instance]
		if c == nil {
			c = &plainCluster{byDay{}, byDay{}, map[rollup.Series]byDay{}}
			all[r.Instance] = c
		}
		date, nodes := rollup.DateOf(r.Received), 0.0
		for _, s := range r.Samples {
			switch s.Series.Metric() {
			case rollup.MetricInfo:
				c.seen.see(date, 1)
			case rollup.MetricNodes:
				nodes += s.Value
			case rollup.MetricApplications, rollup.MetricTenants:
				if c.series[s.Series] == nil {
					c.series[s.Series] = byDay{}
				}
				c.series[s.Series].see(date, s.Value)
			}
		}
		c.nodes.see(date, min(nodes, rollup.MaxValue))
	}
	return all
}

// naiveConfirmed counts the confirmed figures of a window from the reports themselves.
func naiveConfirmed(reports []rollup.Report, w window, now time.Time, confirmDays int) *rollup.Confirmed {
	clusters, f := plainClusters(reports), rollup.Confirmed{Kinds: map[string]int64{}}
	before := window{w.from - 1, w.from - 1}
	whole := 0 // days of the window that are over
	for d := w.from.First(); d <= w.to.Last() && !now.Before((d + 1).Start()); d++ {
		whole++
	}
	young := w.from == w.to && whole < confirmDays
	value := func(d byDay) float64 {
		if young {
			return min(d.in(w)[0], d.in(window{before.from, w.to})[1])
		}
		return d.in(w)[1]
	}
	days, kinds := map[rollup.Date]bool{}, map[string]float64{}
	var nodes, tenants float64
	for _, c := range clusters {
		seen := len(c.seen.in(w)) - 2
		for date := range c.seen {
			days[date] = days[date] || w.from <= date.Month() && date.Month() <= w.to
		}
		if young && (seen == 0 || len(c.seen.in(before))-2 < confirmDays) || !young && seen < confirmDays {
			continue
		}
		f.Clusters++
		nodes += value(c.nodes)
		var now, before float64
		for s, d := range c.series {
			kind := s.Label(rollup.LabelKind)
			switch {
			case s.Metric() == rollup.MetricTenants:
				before += value(d)
				continue
			case kind == rollup.KindTenant:
				now += value(d)
			}
			kinds[kind] += value(d)
		}
		tenants += max(now, before)
	}
	delete(kinds, "")
	f.TotalNodes, f.TotalTenants = round(nodes), round(tenants)
	for kind, n := range rounded(kinds) {
		if n > 0 {
			f.Kinds[kind] = n
		}
	}
	for _, within := range days {
		if within {
			f.DaysWithData++
		}
	}
	if f.DaysWithData == 0 {
		return nil
	}
	return &f
}

// lively draws a cluster's reports of three months: of any days, in any order, with
// kernels that change and tenants sent in either way.
func lively(instance string) *rapid.Generator[[]line] {
	return rapid.Custom(func(rt *rapid.T) (lines []line) {
		for range rapid.IntRange(0, 14).Draw(rt, "reports") {
			few := func(name string) int { return rapid.IntRange(0, 4).Draw(rt, name) }
			samples := []string{fmt.Sprintf(`cozy_nodes_count{kernel="%d"} %d`, few("kernel")%2, few("nodes"))}
			for _, s := range []string{
				"cozy_cluster_info 1", fmt.Sprintf(`cozy_nodes_count{kernel="next"} %d`, few("next")),
				fmt.Sprintf("cozy_tenants_count %d", few("old")), fmt.Sprintf(`cozy_application_count{kind="Tenant"} %d`, few("new")),
				fmt.Sprintf(`cozy_application_count{kind="Redis"} %d.5`, few("redis")), fmt.Sprintf(`cozy_application_count{kind="Redis",x="1"} %d`, few("more")),
			} {
				if rapid.IntRange(0, 3).Draw(rt, "has") > 0 {
					samples = append(samples, s)
				}
			}
			at := time.Date(2026, time.Month(rapid.IntRange(1, 3).Draw(rt, "month")), rapid.IntRange(1, 8).Draw(rt, "day"),
				rapid.IntRange(0, 23).Draw(rt, "hour"), 0, 0, 0, time.UTC)
			lines = append(lines, line{instance, at.Format(time.RFC3339), samples})
		}
		return lines
	})
}

// The confirmed figures are those of a naive count over the reports, in whatever order
// these come, over a month, a quarter and a year, on any day of the month that is asked
// for: also while it is too young for a cluster to be confirmed in it.
func TestConfirmedAgreesWithANaiveCount(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		confirmDays := rapid.IntRange(1, 5).Draw(rt, "confirm days")
		r := newRig(t, "2026-04-10T00:00:00Z", Config{ConfirmDays: confirmDays})
		for _, instance := range []string{"a", "b", "c"} {
			for _, l := range lively(instance).Draw(rt, instance) {
				r.store.record(l.report(t))
			}
		}
		for range 3 {
			r.clock.set(rollup.NewMonth(2026, 3).Start().Add(time.Duration(rapid.IntRange(-24, 10*24).Draw(rt, "hours")) * time.Hour))
			w := lastMonths(rollup.NewMonth(2026, 3)-rollup.MonthID(rapid.IntRange(0, 1).Draw(rt, "back")), rapid.SampledFrom([]int{1, 3, 12}).Draw(rt, "months"))
			got, err := r.fold(w)
			if err != nil {
				rt.Fatal(err)
			}
			if want := naiveConfirmed(r.store.reports, w, r.clock.now(), confirmDays); !reflect.DeepEqual(got.confirmed, want) {
				rt.Fatalf("%s at %s\ngot  %+v\nwant %+v", w.label(), r.clock.now(), got.confirmed, want)
			}
		}
	})
}

// attack is what a stranger sends on one day: a report of everything, under an id that
// is made up or known.
func attack(instance, at string) line {
	return line{instance, at, []string{
		"cozy_cluster_info 1", "cozy_nodes_count 10000000", "cozy_tenants_count 50000", `cozy_application_count{kind="Tenant"} 100000`,
		`cozy_application_count{kind="Redis"} 1000000`, `cozy_application_count{kind="Made-Up"} 1000000`,
	}}
}

// fleet is what 20 clusters report on each day of the three months before April 2026.
func fleet() (lines []line) {
	for i := range 20 {
		lines = append(lines, everyDay(fmt.Sprintf("honest-%d", i), 3, "cozy_cluster_info 1", fmt.Sprintf("cozy_nodes_count %d", i),
			fmt.Sprintf(`cozy_application_count{kind="Tenant"} %d`, i%3), `cozy_application_count{kind="Redis"} 2`)...)
	}
	return lines
}

// One report of ten million nodes changes nothing of what is confirmed, whether its id
// is known or made up, nor do all that are sent on one day. All that was seen it changes:
// so the same check, held against those figures, would fail.
func TestA1OneReportLiftsNothing(t *testing.T) {
	const badDay = "2026-03-20T10:00:00Z"
	var oneDay []line
	for i := range 20 {
		oneDay = append(oneDay, attack(fmt.Sprintf("honest-%d", i), badDay), attack(fmt.Sprintf("made-up-%d", i), badDay))
	}
	again := attack("honest-3", "2026-03-21T10:00:00Z")
	for name, tc := range map[string]struct {
		sent  []line
		moves bool
	}{
		"a made-up id":                {sent: []line{attack("made-up", badDay)}},
		"a known id":                  {sent: []line{attack("honest-3", badDay)}},
		"all known ids, and as many":  {sent: oneDay},
		"a known id, on a second day": {sent: []line{attack("honest-3", badDay), again}, moves: true},
	} {
		for _, aggregate := range []Aggregate{Average, Distinct} {
			for _, publish := range []Publish{Seen, Confirmed} {
				r := newRig(t, "2026-04-10T00:00:00Z", Config{Publish: publish}, append(fleet(), tc.sent...)...)
				calm := newRig(t, "2026-04-10T00:00:00Z", Config{Publish: publish}, fleet()...)
				got, want := r.ask(t, "2026-03", aggregate).Periods, calm.ask(t, "2026-03", aggregate).Periods
				for i, p := range []published.Period{got.Month, got.Quarter, got.Year} {
					calm := []published.Period{want.Month, want.Quarter, want.Year}[i]
					if p.Confirmed == nil || reflect.DeepEqual(p.Confirmed, calm.Confirmed) == tc.moves {
						t.Errorf("%s, %s, %s: %+v, without it %+v", name, aggregate, p.Label, p.Confirmed, calm.Confirmed)
					}
					if moved := !reflect.DeepEqual(p.Counts, calm.Counts); moved != (tc.moves || publish == Seen) || p.Published != publish {
						t.Errorf("%s, %s, %s, %s: %+v, without it %+v", name, aggregate, publish, p.Label, p.Counts, calm.Counts)
					}
				}
			}
		}
	}
}

// Whatever a stranger sends on one day, no confirmed figure is above the highest that the
// clusters themselves have reported; and it is never lower than without.
func TestA1OneBadDayLiftsToNoMoreThanWasTrue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, "2026-04-10T00:00:00Z", Config{ConfirmDays: 2})
		march := lastMonths(rollup.NewMonth(2026, 3), 1)
		for _, instance := range []string{"a", "b", "c"} {
			for _, l := range lively(instance).Draw(rt, instance) {
				r.store.record(l.report(t))
			}
			// It is seen on the bad day anyhow.
			r.store.record(line{instance, "2026-03-05T00:00:00Z", []string{"cozy_cluster_info 1"}}.report(t))
		}
		before, err := r.fold(march)
		if err != nil {
			rt.Fatal(err)
		}
		for _, instance := range rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", "made-up"})).Draw(rt, "attacked") {
			r.store.record(attack(instance, "2026-03-05T10:00:00Z").report(t))
		}
		after, err := r.fold(march)
		if err != nil {
			rt.Fatal(err)
		}
		was, is := before.confirmed, after.confirmed
		if is.Clusters != was.Clusters || is.TotalNodes < was.TotalNodes || is.TotalNodes > before.nodes ||
			is.TotalTenants < was.TotalTenants || is.TotalTenants > before.tenants ||
			is.Kinds["Redis"] < was.Kinds["Redis"] || is.Kinds["Redis"] > before.kinds["Redis"] || is.Kinds["Made-Up"] != 0 {
			rt.Fatalf("%+v before, %+v after; seen were %+v", was, is, before)
		}
	})
}

// While a month is young, its confirmed clusters are those of the month before that were
// seen in it, with no more than they had on two days.
func TestConfirmedOfAYoungMonth(t *testing.T) {
	lines := append(everyDay("steady", 2, "cozy_cluster_info 1", "cozy_nodes_count 5"),
		everyDay("gone", 2, "cozy_cluster_info 1", "cozy_nodes_count 7")...)
	lines = append(lines, everyDay("grown", 2, "cozy_cluster_info 1", "cozy_nodes_count 3")...)
	april := func(instance string, day, nodes int) {
		lines = append(lines, line{instance, fmt.Sprintf("2026-04-%02dT10:00:00Z", day),
			[]string{"cozy_cluster_info 1", fmt.Sprintf("cozy_nodes_count %d", nodes)}})
	}
	for day := 1; day <= 7; day++ {
		april("steady", day, 4)
		april("new", day, 100)
		april("grown", day, 3)
	}
	april("grown", 5, 10_000_000)
	for at, want := range map[string]*published.ConfirmedCounts{
		"2026-04-01T12:00:00Z": {Counts: published.Counts{Clusters: 2, TotalNodes: 7}, Months: 1, DaysWithData: 7},
		"2026-04-07T23:59:59Z": {Counts: published.Counts{Clusters: 2, TotalNodes: 7}, Months: 1, DaysWithData: 7},
		"2026-04-08T00:00:00Z": {Counts: published.Counts{Clusters: 3, TotalNodes: 107}, Months: 1, DaysWithData: 7},
	} {
		r := newRig(t, at, Config{}, lines...)
		got := r.ask(t, "2026-04", Average).Periods.Month.Confirmed
		if got == nil || got.Clusters != want.Clusters || got.TotalNodes != want.TotalNodes || got.DaysWithData != want.DaysWithData {
			t.Errorf("%s: %+v, want %+v", at, got, want)
		}
		// In the course of a month nothing is kept of its youth.
		r.clock.set(instant(t, "2026-04-08T00:00:01Z"))
		if got := r.ask(t, "2026-04", Average).Periods.Month.Confirmed; got.Clusters != 3 || got.TotalNodes != 107 {
			t.Errorf("%s, and on the 8th: %+v", at, got)
		}
	}
}

// Months that the rollups do not cover have no confirmed figures: those of the original
// server, those of vmselect alone, those whose days are not known, and those with too few
// days for anybody. The mean is that of the others.
func TestConfirmedIsNullWhereTheRollupsDoNotCover(t *testing.T) {
	dateless := rollup.Month{
		Peaks:   []rollup.Peak{{Series: "cozy_nodes_count", Highest: rollup.Highest{Peak: 3}}},
		Metrics: []rollup.MetricMonth{{Metric: "cozy_cluster_info", Highest: rollup.Highest{Peak: 1}, Days: 1<<31 - 1}},
	}
	everyone := everyDay("a", 1, "cozy_cluster_info 1", "cozy_nodes_count 4")
	for name, tc := range map[string]struct {
		february func(*rig)
		days     int // of the quarter by distinct; 0: null
	}{
		"imported": {func(r *rig) {
			r.store.put(t, "2026-02", rollup.Snapshot{Clusters: 9, Source: rollup.SourceImported})
		}, 31},
		"vmselect's": {func(r *rig) {
			r.store.put(t, "2026-02", rollup.Snapshot{Clusters: 9, DaysWithData: 28, Source: rollup.SourceVictoriaMetrics})
		}, 31},
		"few days": {func(r *rig) {
			for _, l := range infoOn("a", "2026-02", 23, 24, 25, 26, 27, 28) {
				r.store.record(l.report(t))
			}
		}, 37},
		"no days": {func(r *rig) {
			r.store.months["a"][monthID(t, "2026-02")] = dateless
			r.store.changes[monthID(t, "2026-02")]++
		}, 0},
	} {
		r := newRig(t, "2026-04-10T00:00:00Z", Config{Publish: Confirmed}, everyone...)
		tc.february(r)
		if p := r.ask(t, "2026-02", Average).Periods.Month; p.Confirmed != nil || p.Published != Seen || p.Clusters == 0 {
			t.Errorf("%s: %+v", name, p)
		}
		if p := r.ask(t, "2026-03", Average).Periods.Quarter; p.Confirmed == nil || p.Confirmed.Months != 1 || p.Confirmed.TotalNodes != 4 ||
			p.Published != Confirmed || p.Clusters != 1 || p.Months != 1 || p.Source != rollup.SourceRollups || p.Complete {
			t.Errorf("%s: the mean is %+v", name, p)
		}
		p := r.ask(t, "2026-03", Distinct).Periods.Quarter
		if (p.Confirmed == nil) != (tc.days == 0) || p.Confirmed != nil && p.Confirmed.DaysWithData != tc.days || (p.Published == Confirmed) != (tc.days > 0) {
			t.Errorf("%s: distinct is %+v, %+v", name, p, p.Confirmed)
		}
	}
}

// A period is complete by what is published of it.
func TestCompleteOfConfirmed(t *testing.T) {
	r := newRig(t, "2026-04-10T00:00:00Z", Config{Publish: Confirmed}, everyDay("a", 12, "cozy_cluster_info 1", "cozy_nodes_count 4")...)
	for _, aggregate := range []Aggregate{Average, Distinct} {
		got := r.ask(t, "2026-03", aggregate).Periods
		for _, p := range []published.Period{got.Month, got.Quarter, got.Year} {
			if !p.Complete || p.Published != Confirmed || p.TotalNodes != 4 || p.AvgNodesPerCluster != 40 {
				t.Errorf("%s: %+v", aggregate, p)
			}
		}
	}
	r.clock.set(instant(t, "2026-03-31T23:59:59Z"))
	if p := r.ask(t, "2026-03", Average).Periods.Month; p.Complete {
		t.Errorf("before its end: %+v", p)
	}
}

// A final month that was stored without confirmed figures, as an earlier version did,
// gets them from its days, whoever the source of its other figures is; one of which the
// rollups know nothing has none, and is not asked of them again and again.
func TestCollectorConfirmsFinalMonths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []line
		for day := 1; day <= 8; day++ {
			lines = append(lines, infoOn("a", "1998-11", day)...)
		}
		r := startCollector(t, nil, append(lines, infoOn("a", "1998-12", 1)...)...)
		month := monthID(t, "1998-11")
		for id, source := range map[rollup.MonthID]rollup.Source{month: rollup.SourceVictoriaMetrics, month + 2: rollup.SourceImported} {
			r.store.put(t, id.String(), rollup.Snapshot{Clusters: 9, DaysWithData: 30, Source: source})
		}
		r.until(t, "2000-01-01T00:08:00Z")
		want := &rollup.Confirmed{Clusters: 1, Kinds: map[string]int64{}, DaysWithData: 8}
		if s, _, _ := r.store.Snapshot(month); s.Clusters != 9 || !reflect.DeepEqual(s.Confirmed, want) {
			t.Errorf("%+v, %+v", s, s.Confirmed)
		}
		if s, _, _ := r.store.Snapshot(month + 2); s.Clusters != 9 || s.Confirmed != nil {
			t.Errorf("an imported month: %+v", s)
		}
		folds := r.store.foldCount()
		r.until(t, "2000-01-01T06:00:00Z")
		if now := r.store.foldCount(); now > folds+1 {
			t.Errorf("%d folds in a night without reports", now-folds)
		}
	})
}

// Who removes records takes the confirmed figures of their months away. They are counted
// again at once, and not at the next round.
func TestForgetWakesTheCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []line
		for day := 1; day <= 8; day++ {
			lines = append(lines, infoOn("a", "1998-11", day)...)
		}
		r := startCollector(t, nil, lines...)
		month := monthID(t, "1998-11")
		for _, l := range infoOn("a", "1998-11", 9) {
			r.store.record(l.report(t)) // another count than before
		}
		r.store.put(t, month.String(), rollup.Snapshot{Clusters: 1, DaysWithData: 9, Source: rollup.SourceRollups})
		r.Forget()
		synctest.Wait()
		if s, _, _ := r.store.Snapshot(month); s.Confirmed == nil || s.Confirmed.DaysWithData != 9 {
			t.Errorf("%+v, %+v", s, s.Confirmed)
		}
	})
}

// What was removed is not shown any more, and so not stored either, also where the running
// month was read a moment before.
func TestForgottenIsNotCounted(t *testing.T) {
	r := newRig(t, "2026-03-02T00:00:00Z", Config{}, append(infoOn("a", "2026-03", 1), infoOn("b", "2026-03", 1)...)...)
	if got := r.ask(t, "2026-03", Average).Periods.Month.Clusters; got != 2 {
		t.Errorf("before, %d clusters", got)
	}
	r.store.remove("b", monthID(t, "2026-03"))
	r.Forget()
	if got := r.ask(t, "2026-03", Average).Periods.Month.Clusters; got != 1 {
		t.Errorf("%d clusters", got)
	}
}

// verify holds confirmed figures against the rollups whatever the source of the others is,
// but not those that were counted while the month was young.
func TestCompareOfConfirmed(t *testing.T) {
	r := newRig(t, "2026-04-10T00:00:00Z", Config{}, everyDay("a", 1, "cozy_cluster_info 1", "cozy_nodes_count 4")...)
	for name, tc := range map[string]struct {
		at        string
		confirmed rollup.Confirmed
		less      bool
	}{
		"the same":          {"2026-04-01T01:00:00Z", rollup.Confirmed{Clusters: 1, TotalNodes: 4, DaysWithData: 31}, false},
		"fewer":             {"2026-04-01T01:00:00Z", rollup.Confirmed{Clusters: 0, TotalNodes: 4, DaysWithData: 30}, false},
		"more nodes":        {"2026-04-01T01:00:00Z", rollup.Confirmed{Clusters: 1, TotalNodes: 5, DaysWithData: 31}, true},
		"a kind":            {"2026-04-01T01:00:00Z", rollup.Confirmed{Clusters: 1, Kinds: map[string]int64{"Redis": 1}}, true},
		"of a young month":  {"2026-03-07T23:59:59Z", rollup.Confirmed{Clusters: 2, TotalNodes: 9, DaysWithData: 7}, false},
		"of an older month": {"2026-03-08T00:00:00Z", rollup.Confirmed{Clusters: 2, TotalNodes: 9, DaysWithData: 7}, true},
	} {
		s := rollup.Snapshot{Month: monthID(t, "2026-03"), Clusters: 99, CollectedAt: instant(t, tc.at),
			Source: rollup.SourceVictoriaMetrics, Confirmed: &tc.confirmed}
		note, err := r.Compare(s)
		if errors.Is(err, ErrLess) != tc.less || !tc.less && (err != nil || !strings.Contains(note, "victoriametrics")) {
			t.Errorf("%s: %q, %v", name, note, err)
		}
	}
}

// The figures may be VictoriaMetrics', which knows all of a month, and the confirmed ones beside
// them of the few days that the rollups have: each says for itself whether it is complete.
func TestConfirmedOfFewDaysIsNotComplete(t *testing.T) {
	id, lines := monthID(t, "2026-03"), wholeMonth(3, 2)
	for _, days := range []int{31, 10} {
		vm := newFakeVM()
		vm.hears(id, 9, 18, 31, false)
		var known []line
		for i := range 3 {
			known = append(known, lines[31*i:31*i+days]...)
		}
		r := newRig(t, "2026-04-10T00:00:00Z", vm.config(), known...)
		m := r.ask(t, "2026-03", Average).Periods.Month
		asked, err := r.Answer(t.Context(), id, Average, Confirmed)
		if err != nil {
			t.Fatal(err)
		}
		want := days == 31
		if !m.Complete || m.Clusters != 9 || m.Confirmed.Clusters != 3 || asked.Overview.Periods.Month.Complete != want {
			t.Errorf("%d days: %+v, and %+v", days, m, asked.Overview.Periods.Month)
		}
		beside, err := r.Answer(t.Context(), id, Average, Seen)
		if err != nil || beside.Overview.Periods.Month.Confirmed.Complete != want {
			t.Errorf("%d days: %+v, %v", days, beside, err)
		}
	}
}
