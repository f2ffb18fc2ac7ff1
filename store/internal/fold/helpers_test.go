package fold

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fatal is what *testing.T and *rapid.T have in common.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

func must(t fatal, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// march is a day that most tests report on.
var march = time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)

// report returns a report of some series, each with the value 1.
func report(instance string, received time.Time, series ...rollup.Series) rollup.Report {
	r := rollup.Report{Product: "cozystack", Instance: instance, Received: received}
	for _, s := range slices.Sorted(slices.Values(series)) {
		r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: 1})
	}
	return r
}

// randomReport draws from few series and values, so that reports collide. The
// fractions' sum depends on the order of adding, and may be an integer.
func randomReport(product, instance string, received time.Time) *rapid.Generator[rollup.Report] {
	series := []rollup.Series{"a", `a{x="1"}`, `a{x="2"}`, `a{x="3"}`, "a_b", `a_b{x="1"}`, "b", `c{x="1"}`}
	values := []float64{0, 1, 2, 0.1, 0.2, 0.7, 1<<52 + 1, 1 << 53}
	slottings := map[rollup.Series]rollup.Slotting{"a_b": rollup.ByDay, "b": rollup.ByHour, `a{x="2"}`: rollup.ByHour}
	return rapid.Custom(func(t *rapid.T) rollup.Report {
		set := rapid.SliceOfNDistinct(rapid.SampledFrom(series), 1, 5, rapid.ID[rollup.Series]).Draw(t, "series")
		slices.Sort(set)
		r := rollup.Report{Product: product, Instance: instance, Received: received}
		for _, s := range set {
			r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: rapid.SampledFrom(values).Draw(t, "value"), Slot: slottings[s]})
		}
		return r
	})
}

// restrict leaves only some metrics of a month; nil means all.
func restrict(m rollup.Month, metrics []string) rollup.Month {
	if metrics == nil {
		return m
	}
	var out rollup.Month
	for _, p := range m.Peaks {
		if slices.Contains(metrics, p.Series.Metric()) {
			out.Peaks = append(out.Peaks, p)
		}
	}
	for _, mm := range m.Metrics {
		if slices.Contains(metrics, mm.Metric) {
			out.Metrics = append(out.Metrics, mm)
		}
	}
	return out
}

func sameDay(a, b rollup.Day) bool { return a.Equal(b) }

func sameMonth(a, b rollup.Month) bool { return a.Equal(b) }
