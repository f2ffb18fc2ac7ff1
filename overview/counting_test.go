package overview

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// infoOn returns a report of a cluster on each of these days.
func infoOn(instance string, month string, days ...int) (lines []line) {
	for _, d := range days {
		lines = append(lines, line{instance, fmt.Sprintf("%s-%02dT10:00:00Z", month, d), []string{"cozy_cluster_info 1"}})
	}
	return lines
}

func TestCounting(t *testing.T) {
	week := []int{1, 2, 3, 4, 5, 6, 7}
	for name, tc := range map[string]struct {
		from, to string
		lines    []line
		want     figures
	}{
		"nothing": {
			from: "2026-03", to: "2026-03",
			want: figures{kinds: map[string]int64{}, monthClusters: []int64{0}},
		},
		"a kernel upgrade does not double the nodes": {
			from: "2026-03", to: "2026-03",
			lines: []line{
				{"a", "2026-03-01T10:00:00Z", []string{"cozy_cluster_info 1", `cozy_nodes_count{kernel="1"} 3`}},
				{"a", "2026-03-02T10:00:00Z", []string{"cozy_cluster_info 1", `cozy_nodes_count{kernel="1"} 1`, `cozy_nodes_count{kernel="2"} 2`}},
				{"a", "2026-03-03T10:00:00Z", []string{"cozy_cluster_info 1", `cozy_nodes_count{kernel="2"} 4`}},
			},
			want: figures{known: true, clusters: 1, nodes: 4, kinds: map[string]int64{}, days: 3, monthClusters: []int64{1}, confirmed: &rollup.Confirmed{DaysWithData: 3}},
		},
		"peaks over months, each cluster its own": {
			from: "2026-02", to: "2026-03",
			lines: []line{
				{"a", "2026-02-28T23:59:59.999Z", []string{"cozy_cluster_info 1", "cozy_nodes_count 5", `cozy_application_count{kind="Redis"} 1`}},
				{"a", "2026-03-01T00:00:00Z", []string{"cozy_cluster_info 1", "cozy_nodes_count 3", `cozy_application_count{kind="Redis"} 7`}},
				{"b", "2026-03-01T00:00:00Z", []string{"cozy_cluster_info 1", "cozy_nodes_count 2", `cozy_application_count{kind="Redis"} 2`}},
				{"a", "2026-04-01T00:00:00Z", []string{"cozy_cluster_info 1", "cozy_nodes_count 90"}},
			},
			want: figures{known: true, clusters: 2, nodes: 7, kinds: map[string]int64{"Redis": 9}, days: 2, monthClusters: []int64{1, 2}, confirmed: &rollup.Confirmed{DaysWithData: 2}},
		},
		"without cozy_cluster_info no cluster, but its nodes": {
			from: "2026-03", to: "2026-03",
			lines: []line{{"a", "2026-03-01T10:00:00Z", []string{"cozy_nodes_count 3", `cozy_application_count{kind="Redis"} 2`}}},
			want:  figures{known: true, nodes: 3, kinds: map[string]int64{"Redis": 2}, monthClusters: []int64{0}},
		},
		"sums stop at 2^53": {
			from: "2026-02", to: "2026-03",
			lines: []line{
				{"a", "2026-02-01T10:00:00Z", []string{`cozy_nodes_count{kernel="1"} 9007199254740992`, `cozy_nodes_count{kernel="2"} 9007199254740992`, `cozy_application_count{kind="Tenant"} 9007199254740992`}},
				{"a", "2026-03-01T10:00:00Z", []string{"cozy_nodes_count 9007199254740992", `cozy_application_count{kind="Tenant",x="1"} 9007199254740992`}},
				{"b", "2026-03-01T10:00:00Z", []string{"cozy_nodes_count 9007199254740992", `cozy_application_count{kind="Tenant"} 9007199254740992`}},
			},
			want: figures{known: true, nodes: 1 << 53, tenants: 1 << 53, kinds: map[string]int64{"Tenant": 1 << 53}, monthClusters: []int64{0, 0}},
		},
		"tenants of old and new clients": {
			from: "2026-03", to: "2026-03",
			lines: []line{
				{"old", "2026-03-01T10:00:00Z", []string{"cozy_tenants_count 3"}},
				{"new", "2026-03-01T10:00:00Z", []string{`cozy_application_count{kind="Tenant"} 2`}},
				{"upgraded", "2026-03-01T10:00:00Z", []string{"cozy_tenants_count 5"}},
				{"upgraded", "2026-03-02T10:00:00Z", []string{`cozy_application_count{kind="Tenant"} 4`}},
			},
			want: figures{known: true, tenants: 10, kinds: map[string]int64{"Tenant": 6}, monthClusters: []int64{0}},
		},
		"no kind, no application": {
			from: "2026-03", to: "2026-03",
			lines: []line{{"a", "2026-03-01T10:00:00Z", []string{"cozy_application_count 3"}}},
			want:  figures{known: true, kinds: map[string]int64{}, monthClusters: []int64{0}},
		},
		"confirmed on seven days of either month": {
			from: "2026-02", to: "2026-03",
			lines: append(append(append(infoOn("six", "2026-03", week[:6]...), infoOn("six", "2026-03", 6)...),
				infoOn("split", "2026-02", 1, 2, 3)...), infoOn("split", "2026-03", 1, 2, 3, 4)...),
			want: figures{known: true, clusters: 2, confirmedClusters: 1, kinds: map[string]int64{}, days: 9, monthClusters: []int64{1, 2},
				confirmed: &rollup.Confirmed{Clusters: 1, DaysWithData: 9}},
		},
		"saturated and rounded": {
			from: "2026-03", to: "2026-03",
			lines: []line{
				{"a", "2026-03-01T10:00:00Z", []string{"cozy_nodes_count 9007199254740992", `cozy_application_count{kind="Redis"} 2.5`}},
				{"b", "2026-03-01T10:00:00Z", []string{"cozy_nodes_count 9007199254740992", `cozy_application_count{kind="Postgres"} 0.4`}},
			},
			want: figures{known: true, nodes: 1 << 53, kinds: map[string]int64{"Redis": 3, "Postgres": 0}, monthClusters: []int64{0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "2026-04-10T00:00:00Z", Config{}, tc.lines...)
			got, err := r.fold(window{monthID(t, tc.from), monthID(t, tc.to)})
			if err != nil {
				t.Fatal(err)
			}
			if tc.want.confirmed != nil {
				tc.want.confirmed.Kinds = map[string]int64{}
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

// Every figure grows with the set of reports that were seen: the rule that the
// larger count wins leans on it.
func TestFiguresGrowWithReports(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := rapid.Custom(func(rt *rapid.T) line {
			return line{
				rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "instance"),
				fmt.Sprintf("2026-0%d-0%dT10:00:00Z", rapid.IntRange(1, 3).Draw(rt, "month"), rapid.IntRange(1, 9).Draw(rt, "day")),
				rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
					"cozy_cluster_info 1", `cozy_nodes_count{kernel="1"} 3`, `cozy_nodes_count{kernel="2"} 4`,
					"cozy_tenants_count 2", `cozy_application_count{kind="Tenant"} 5`, `cozy_application_count{kind="Redis"} 1`,
				}), 1, 6, rapid.ID).Draw(rt, "samples"),
			}
		})
		lines := rapid.SliceOfN(draw, 1, 12).Draw(rt, "lines")
		w := window{rollup.NewMonth(2026, 1), rollup.NewMonth(2026, 3)}
		r := newRig(t, "2026-04-10T00:00:00Z", Config{ConfirmDays: 2})
		var last figures
		for _, l := range lines {
			r.store.record(l.report(t))
			got, err := r.fold(w)
			if err != nil {
				rt.Fatal(err)
			}
			if got.clusters < last.clusters || got.nodes < last.nodes || got.tenants < last.tenants ||
				got.confirmedClusters < last.confirmedClusters || got.days < last.days || got.kinds["Redis"] < last.kinds["Redis"] {
				rt.Fatalf("%+v after %+v", got, last)
			}
			last = got
		}
	})
}

// foldBench is a Store of many instances that costs nothing itself. Its last month
// changes all the time, by a few instances.
type foldBench struct {
	Store
	instances []string
	months    []rollup.Month
	last      rollup.MonthID
	looks     *uint64
}

func (s foldBench) Fold(_ context.Context, _ string, _, _ rollup.MonthID, _ []string, fn func(string, []rollup.Month) error) error {
	for i := range s.months {
		if err := fn(s.instances[i], s.months[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (s foldBench) FoldChanged(_ context.Context, _ string, _ rollup.MonthID, _ []string,
	known func(string, uint64) bool, fn func(string, uint64, rollup.Month) error) error {
	for i := range s.months {
		digest := uint64(1)
		if i%100 == 0 {
			digest = *s.looks
		}
		if known(s.instances[i], digest) {
			continue
		}
		if err := fn(s.instances[i], digest, s.months[i]); err != nil {
			return err
		}
	}
	return nil
}

func (foldBench) Exclusions(string) rollup.Exclusions { return rollup.Exclusions{} }

func (s foldBench) Changes(_ string, month rollup.MonthID) uint64 {
	if month == s.last {
		*s.looks++
		return *s.looks
	}
	return 1
}

func BenchmarkCount10000Instances(b *testing.B) {
	for _, months := range []int{1, 12} {
		b.Run(fmt.Sprintf("months=%d", months), func(b *testing.B) {
			s := foldBench{last: rollup.NewMonth(2026, 3), looks: new(uint64)}
			for i := range 10_000 {
				samples := []string{"cozy_cluster_info 1", fmt.Sprintf(`cozy_nodes_count{kernel="%d"} 3`, i%50)}
				for k := range 28 {
					samples = append(samples, fmt.Sprintf(`cozy_application_count{kind="Kind%02d"} %d`, k, i%7))
				}
				day := rollup.FromReport(line{"x", "2026-03-01T10:00:00Z", samples}.report(b))
				s.instances = append(s.instances, fmt.Sprintf("%08x-0000-4000-8000-000000000000", i))
				s.months = append(s.months, rollup.FromDay(1, day))
			}
			clock := &fakeClock{at: instant(b, "2026-03-10T00:00:00Z")}
			o, err := New(s, fakeApps{}, Config{Now: clock.now})
			if err != nil {
				b.Fatal(err)
			}
			defer o.Close()
			count := func() {
				clock.add(sharedTime)
				if _, err := o.fold(lastMonths(s.last, months)); err != nil {
					b.Fatal(err)
				}
			}
			count() // the months that have ended are read once
			for b.Loop() {
				count()
			}
		})
	}
}
