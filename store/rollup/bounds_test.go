package rollup_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// bounds are small enough for what the generators make to exceed them. A bound on
// kinds halves the one on series, which then is none of a single one.
func bounds() *rapid.Generator[rollup.Bounds] {
	return rapid.Custom(func(t *rapid.T) rollup.Bounds {
		return rollup.Bounds{
			Series: rapid.IntRange(0, 7).Draw(t, "series"),
			Kinds:  rapid.IntRange(0, 3).Draw(t, "kinds"),
		}
	}).Filter(func(b rollup.Bounds) bool { return b.Kinds == 0 || b.Series != 1 })
}

// kindPool has kinds whose order is not that of the series' texts: "a!" comes
// before "a" there, and a label before the kind comes first.
var kindPool = []rollup.Series{
	`cozy_application_count`,
	`cozy_application_count{kind="a"}`, `cozy_application_count{kind="a!"}`, `cozy_application_count{kind="b"}`,
	`cozy_application_count{a="2",kind="a"}`, `cozy_application_count{a="1",kind="c"}`, `cozy_application_count{a="1",kind="d"}`,
	"a", "z",
}

var boundPool = slices.Concat(seriesPool, kindPool, []rollup.Series{`cozy_nodes_count{kernel="1"}`, `z{x="1"}`, `z{x="2"}`})

func manySeries() *rapid.Generator[rollup.Day] {
	return rapid.Custom(func(t *rapid.T) rollup.Day {
		var d rollup.Day
		pool := rapid.SampledFrom([][]rollup.Series{kindPool, boundPool}).Draw(t, "pool")
		for range rapid.IntRange(0, 3).Draw(t, "reports") {
			r := report().Draw(t, "report")
			set := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 0, 8, rapid.ID[rollup.Series]).Draw(t, "series")
			r.Samples = nil
			for _, s := range set {
				r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: rapid.SampledFrom(values).Draw(t, "value")})
			}
			d = d.Merge(rollup.FromReport(r))
		}
		return d
	})
}

func boundDay(d rollup.Day, b rollup.Bounds) rollup.Day {
	d, _ = d.Bound(b)
	return d
}

func boundMonth(m rollup.Month, b rollup.Bounds) rollup.Month {
	m, _ = m.Bound(b)
	return m
}

// Whether days are bounded before they are merged or after is the same. With the
// laws of merging this makes a merge that bounds commutative, associative and
// idempotent, whatever the order of reports.
func TestBoundedMergeDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := bounds().Draw(t, "bounds")
		a, b := manySeries().Draw(t, "a"), manySeries().Draw(t, "b")
		early := boundDay(boundDay(a, limit).Merge(boundDay(b, limit)), limit)
		late := boundDay(a.Merge(b), limit)
		if !sameDay(early, late) {
			t.Fatalf("bounded early:\n%+v\nbounded late:\n%+v", early, late)
		}
		if again := boundDay(late, limit); !sameDay(again, late) {
			t.Fatalf("bounded again:\n%+v\nand once:\n%+v", again, late)
		}
	})
}

func TestBoundedFoldDoesNotDependOnTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := bounds().Draw(t, "bounds")
		a, b := manySeries().Draw(t, "a"), manySeries().Draw(t, "b")
		early := boundMonth(rollup.FromDay(1, boundDay(a, limit)).Merge(rollup.FromDay(2, boundDay(b, limit))), limit)
		late := boundMonth(rollup.FromDay(1, a).Merge(rollup.FromDay(2, b)), limit)
		if !sameMonth(early, late) {
			t.Fatalf("bounded early:\n%+v\nbounded late:\n%+v", early, late)
		}
	})
}

func TestBoundHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := bounds().Draw(t, "bounds")
		d := manySeries().Draw(t, "day")
		got, leftOut := d.Bound(limit)
		if limit.Series > 0 && len(got.Points) > limit.Series || len(got.Points)+leftOut != len(d.Points) {
			t.Fatalf("%d of %d series within %+v, %d left out", len(got.Points), len(d.Points), limit, leftOut)
		}
		kinds, metrics := map[string]bool{}, map[string]bool{}
		for _, p := range got.Points {
			metrics[p.Series.Metric()] = true
			if p.Series.Metric() == "cozy_application_count" {
				kinds[p.Series.Label("kind")] = true
			}
		}
		if limit.Kinds > 0 && len(kinds) > limit.Kinds {
			t.Fatalf("%d kinds within %+v", len(kinds), limit)
		}
		if len(got.Sums) != len(metrics) {
			t.Fatalf("%d sums of %d metrics", len(got.Sums), len(metrics))
		}
		for _, s := range got.Sums {
			if !metrics[s.Metric] || !slices.Contains(d.Sums, s) {
				t.Fatalf("the sum %+v is not one of %+v", s, d.Sums)
			}
		}
	})
}

// A flood of kinds, or of the series of one metric, costs the flooded metric only.
func TestFloodLeavesOtherMetricsAlone(t *testing.T) {
	limit := rollup.Bounds{Series: 500, Kinds: 20}
	for name, flood := range map[string]func(i int) rollup.Series{
		"kinds": func(i int) rollup.Series {
			return rollup.Series(fmt.Sprintf(`cozy_application_count{kind="A%05d"}`, i))
		},
		"kernels": func(i int) rollup.Series { return rollup.Series(fmt.Sprintf(`cozy_nodes_count{kernel="%05d"}`, i)) },
		"others":  func(i int) rollup.Series { return rollup.Series(fmt.Sprintf(`cozy_a{x="%05d"}`, i)) },
	} {
		own := []rollup.Series{
			`cozy_application_count{kind="A"}`, `cozy_cluster_info{v="1"}`, `cozy_nodes_count{kernel=""}`, `cozy_tenants_count`,
		}
		r := rollup.Report{Received: day0}
		for _, s := range own {
			r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: 3})
		}
		for i := range 10_000 {
			r.Samples = append(r.Samples, rollup.Sample{Series: flood(i), Value: 1})
		}
		d, leftOut := rollup.FromReport(r).Bound(limit)
		if len(d.Points) > 500 || leftOut < 9500 {
			t.Errorf("%s: %d series are kept, %d left out", name, len(d.Points), leftOut)
		}
		for _, s := range own {
			if !slices.ContainsFunc(d.Points, func(p rollup.Point) bool { return p.Series == s && p.Peak == 3 }) {
				t.Errorf("%s: %s was pushed out", name, s)
			}
		}
	}
}

func BenchmarkBound(b *testing.B) {
	for _, n := range []int{85, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rollup.Report{Received: day0}
			for i := range n {
				r.Samples = append(r.Samples, rollup.Sample{Series: rollup.Series(fmt.Sprintf(`cozy_workloads_count{uid="%d"}`, i)), Value: 1})
			}
			d := rollup.FromReport(r)
			for b.Loop() {
				d.Bound(rollup.Bounds{Series: 5000, Kinds: 200})
			}
		})
	}
}
