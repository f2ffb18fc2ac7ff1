package rollup_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The generators draw from few names, hours and values, so that what they make
// collides.

// seriesPool has series whose order is not that of their metrics: "a", "a_b" and
// then "a{" by their texts.
var seriesPool = []rollup.Series{
	"a", `a{x="1"}`, `a{x="2",y="z"}`, "a_b", `a_b{x="1"}`, "a:c", "ab", `b{x="1"}`, `b{x="2"}`, `b{x="3"}`,
}

// slottings are those of the series that are no gauges.
var slottings = map[rollup.Series]rollup.Slotting{"a": rollup.ByHour, "a_b": rollup.ByDay, `b{x="1"}`: rollup.ByHour}

// values has what floats get wrong: fractions whose sum depends on the order of
// adding, and the end of the exact integers.
var values = []float64{0, 1, 2, 3, 0.1, 0.2, 0.7, 1 << 52, 1<<53 - 1, 1 << 53}

var hours = []int{0, 1, 13, 23}

var day0 = time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)

func samples() *rapid.Generator[[]rollup.Sample] {
	return rapid.Custom(func(t *rapid.T) []rollup.Sample {
		set := rapid.SliceOfNDistinct(rapid.SampledFrom(seriesPool), 0, 5, rapid.ID[rollup.Series]).Draw(t, "series")
		slices.Sort(set)
		out := make([]rollup.Sample, len(set))
		for i, s := range set {
			out[i] = rollup.Sample{Series: s, Value: rapid.SampledFrom(values).Draw(t, "value"), Slot: slottings[s]}
		}
		return out
	})
}

// report makes a report of one day.
func report() *rapid.Generator[rollup.Report] {
	return rapid.Custom(func(t *rapid.T) rollup.Report {
		hour := time.Duration(rapid.SampledFrom(hours).Draw(t, "hour")) * time.Hour
		return rollup.Report{Product: "p", Instance: "i", Received: day0.Add(hour), Samples: samples().Draw(t, "samples")}
	})
}

func mergeReports(reports []rollup.Report) rollup.Day {
	var d rollup.Day
	for _, r := range reports {
		d = d.Merge(rollup.FromReport(r))
	}
	return d
}

// day makes a day that reports can lead to, the zero Day among them.
func day() *rapid.Generator[rollup.Day] {
	return rapid.Custom(func(t *rapid.T) rollup.Day {
		return mergeReports(rapid.SliceOfN(report(), 0, 3).Draw(t, "reports"))
	})
}

// month makes a month that days can lead to, the zero Month among them.
func month() *rapid.Generator[rollup.Month] {
	return rapid.Custom(func(t *rapid.T) rollup.Month {
		var m rollup.Month
		for range rapid.IntRange(0, 4).Draw(t, "days") {
			dayOfMonth := rapid.SampledFrom([]int{1, 2, 3, 31}).Draw(t, "day of month")
			m = m.Merge(rollup.FromDay(dayOfMonth, day().Draw(t, "day")))
		}
		return m
	})
}

func sameDay(a, b rollup.Day) bool { return a.Equal(b) }

func sameMonth(a, b rollup.Month) bool { return a.Equal(b) }
