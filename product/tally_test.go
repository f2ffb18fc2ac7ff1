package product

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// counted is a product with a figure of each way.
func counted() Product {
	p := fuzzed()
	p.Figures = []Figure{
		{Name: "gauge", Of: "gauge", As: Sum | Median | P90},
		{Name: "float", Of: "float", As: Sum},
		{Name: "list", Of: "list", As: Sum},
		{Name: "map", Of: "map", As: Sum, By: "key"},
		{Name: "share", Of: "map", Beside: "count", As: Percent},
		{Name: "text", Of: "text", As: Newest, Labels: []string{"text"}},
		{Name: "set", Of: "set", As: Members, Labels: []string{"key"}},
		{Name: "bool", Of: "bool", As: Adoption},
		{Name: "sizes", Of: "gauge", As: InBuckets, Buckets: []Bucket{{1, "few"}, {3, "some"}}},
	}
	return p
}

// reports are samples as the decoder makes them.
func reports() *rapid.Generator[rollup.Report] {
	field := rapid.SampledFrom(fuzzed().Fields[1:])
	return rapid.Custom(func(t *rapid.T) rollup.Report {
		day := rapid.IntRange(0, 70).Draw(t, "day")
		r := rollup.Report{
			Instance: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "instance"),
			Received: rollup.Date(20500 + day).Start().Add(time.Duration(rapid.IntRange(0, 23).Draw(t, "hour")) * time.Hour),
		}
		seen := make(map[rollup.Series]bool)
		for range rapid.IntRange(1, 6).Draw(t, "samples") {
			f := field.Draw(t, "field")
			var labels []rollup.Label
			if f.Label != "" {
				labels = []rollup.Label{{Name: f.Label, Value: rapid.SampledFrom([]string{"1.9", "1.10", "x"}).Draw(t, "label")}}
			}
			s := rollup.NewSeries("p_"+f.Metric, labels)
			if v := rapid.IntRange(0, 5).Draw(t, "value"); !seen[s] {
				seen[s] = true
				r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: float64(v), Slot: f.Kind.Slot()})
			}
		}
		return r
	})
}

// tallied folds reports into months in their order, and counts those in another.
func tallied(all []rollup.Report, backwards bool) Figures {
	type key struct {
		instance string
		month    rollup.MonthID
	}
	months := make(map[key]rollup.Month)
	var keys []key
	for _, r := range all {
		date := rollup.DateOf(r.Received)
		k := key{r.Instance, date.Month()}
		if _, ok := months[k]; !ok {
			keys = append(keys, k)
		}
		months[k] = months[k].Merge(rollup.FromDay(date.DayOfMonth(), rollup.FromReport(r)))
	}
	if backwards {
		slices.Reverse(keys)
	}
	tally := NewTally(counted())
	for _, k := range keys {
		tally.Add(k.month, rollup.InstanceMonth{Instance: k.instance, Month: months[k]})
	}
	return tally.Figures()
}

// The figures depend on the set of reports: not on their order, on repeats, nor on the
// order in which instances and months are counted.
func TestTallyLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(reports(), 1, 12).Draw(t, "reports")
		want := tallied(all, false)
		if got := tallied(all, true); !reflect.DeepEqual(got, want) {
			t.Fatalf("counted backwards: %v, want %v", got, want)
		}
		other := append(rapid.Permutation(all).Draw(t, "order"), rapid.SampledFrom(all).Draw(t, "repeat"))
		if got := tallied(other, false); !reflect.DeepEqual(got, want) {
			t.Fatalf("in another order: %v, want %v", got, want)
		}
	})
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]struct{ median, p90 float64 }{1: {1, 1}, 2: {1.5, 2}, 3: {2, 3}, 9: {5, 9}, 10: {5.5, 9}, 11: {6, 10}, 100: {50.5, 90}} {
		tally := NewTally(counted())
		for i := range n {
			month := rollup.FromDay(1, rollup.FromReport(rollup.Report{Samples: []rollup.Sample{{Series: "p_gauge", Value: float64(n - i)}}}))
			tally.Add(0, rollup.InstanceMonth{Instance: fmt.Sprint(i), Month: month})
		}
		m := tally.Figures().Metrics
		if m["gauge_median"] != want.median || m["gauge_p90"] != want.p90 || m["gauge"] != float64(n*(n+1)/2) {
			t.Errorf("of 1 to %d: %v", n, m)
		}
	}
}

// What a month makes of a value depends on its kind alone.
func TestKinds(t *testing.T) {
	var months []rollup.Month
	for day, v := range []float64{4, 2} { // of one hour of two days
		r := rollup.Report{}
		for _, f := range fuzzed().Fields {
			if f.Metric == "gauge" || f.Metric == "list" || f.Metric == "map" {
				r.Samples = append(r.Samples, rollup.Sample{Series: rollup.Series("p_" + f.Metric), Value: v, Slot: f.Kind.Slot()})
			}
		}
		months = append(months, rollup.FromDay(day+1, rollup.FromReport(r)))
	}
	tally := NewTally(counted())
	tally.Add(0, rollup.InstanceMonth{Instance: "a", Month: months[0].Merge(months[1])})
	got := tally.Figures().Metrics
	if got["gauge"] != 4 || got["list"] != 3 || got["map_"] != 6 {
		t.Errorf("got %v", got)
	}
	if _, there := got["map"]; there {
		t.Error("a figure by a label has one of no label")
	}
}

func TestCompareNatural(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1.9", "1.10", -1}, {"1.10", "1.9", 1}, {"1.10", "1.10", 0}, {"synapse 1.9", "synapse 1.10", -1}, {"dendrite 9", "synapse 1", -1},
		{"1.2", "1.2.1", -1}, {"1.02", "1.2", 0}, {"dev", "1.2", 1}, {"", "1", -1}, {"1.0", "1.00", 0}, {"other", "unknown", -1},
	} {
		got := CompareNatural(c.a, c.b)
		if got = min(max(got, -1), 1); got != c.want {
			t.Errorf("%q and %q: %d", c.a, c.b, got)
		}
	}
}
