package rollup_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// checkLaws holds the law that everything leans on: merging is commutative,
// associative and idempotent, and zero is neutral.
func checkLaws[E any](t *testing.T, gen *rapid.Generator[E], merge func(a, b E) E, same func(a, b E) bool) {
	t.Helper()
	laws := map[string]func(a, b, c E) (left, right E){
		"commutative": func(a, b, _ E) (E, E) { return merge(a, b), merge(b, a) },
		"associative": func(a, b, c E) (E, E) { return merge(merge(a, b), c), merge(a, merge(b, c)) },
		"idempotent":  func(a, b, _ E) (E, E) { return merge(merge(a, b), b), merge(a, b) },
		"neutral":     func(a, _, _ E) (E, E) { var zero E; return merge(a, zero), a },
	}
	for name, law := range laws {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				left, right := law(gen.Draw(t, "a"), gen.Draw(t, "b"), gen.Draw(t, "c"))
				if !same(left, right) {
					t.Fatalf("not %s:\n%+v\n%+v", name, left, right)
				}
			})
		})
	}
}

func TestDayLaws(t *testing.T) { checkLaws(t, day(), rollup.Day.Merge, sameDay) }

func TestMonthLaws(t *testing.T) { checkLaws(t, month(), rollup.Month.Merge, sameMonth) }

func TestOrderAndRepetitionOfReportsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reports := rapid.SliceOfN(report(), 1, 6).Draw(t, "reports")
		repeated := rapid.SliceOfN(rapid.SampledFrom(reports), 0, 6).Draw(t, "repeated")
		shuffled := rapid.Permutation(append(slices.Clone(reports), repeated...)).Draw(t, "shuffled")
		if a, b := mergeReports(reports), mergeReports(shuffled); !sameDay(a, b) {
			t.Fatalf("in order:\n%+v\nshuffled, some twice:\n%+v", a, b)
		}
	})
}

func TestDaysFoldLikeTheirMonths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := day().Draw(t, "a"), day().Draw(t, "b")
		dayOfMonth := rapid.IntRange(1, 31).Draw(t, "day of month")
		merged := rollup.FromDay(dayOfMonth, a.Merge(b))
		folded := rollup.FromDay(dayOfMonth, a).Merge(rollup.FromDay(dayOfMonth, b))
		if !sameMonth(merged, folded) {
			t.Fatalf("merged, then folded:\n%+v\nfolded, then merged:\n%+v", merged, folded)
		}
	})
}

func TestMergeLeavesItsArgumentsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := day().Draw(t, "a"), day().Draw(t, "b")
		before := rollup.Day{First: a.First, Last: a.Last, Points: slices.Clone(a.Points), Sums: slices.Clone(a.Sums)}
		for _, h := range a.Hours {
			before.Hours = append(before.Hours, rollup.HourSlots{Series: h.Series, Slots: slices.Clone(h.Slots)})
		}
		a.Merge(b).Merge(b)
		if !sameDay(a, before) {
			t.Fatalf("merging changed %+v into %+v", before, a)
		}
	})
}

// What a Day promises of its slices, whatever was merged into it.
func TestDayInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := day().Draw(t, "day")
		if !slices.IsSortedFunc(d.Points, func(a, b rollup.Point) int { return strings.Compare(string(a.Series), string(b.Series)) }) {
			t.Errorf("points are not sorted: %+v", d.Points)
		}
		metrics := make(map[string]bool)
		for _, p := range d.Points {
			metrics[p.Series.Metric()] = true
			if hours := d.HoursOf(p.Series); (p.Slot == rollup.ByHour) != (len(hours) > 0) {
				t.Errorf("%+v has the hours %v", p, hours)
			}
			if p.Last > p.Peak || p.Hour < d.First || p.Hour > d.Last {
				t.Errorf("%+v does not fit into hours %d to %d", p, d.First, d.Last)
			}
		}
		if len(d.Sums) != len(metrics) {
			t.Errorf("%d sums of %d metrics", len(d.Sums), len(metrics))
		}
		for i, s := range d.Sums {
			if !metrics[s.Metric] || i > 0 && d.Sums[i-1].Metric >= s.Metric {
				t.Errorf("sum %+v is out of place in %+v", s, d.Sums)
			}
		}
	})
}

func TestReportWithoutSamplesIsTheZeroDay(t *testing.T) {
	d := rollup.FromReport(rollup.Report{Received: day0.Add(5 * time.Hour)})
	if !d.IsZero() || !sameDay(d, rollup.Day{}) {
		t.Errorf("got %+v", d)
	}
}

func TestLastValueIsThatOfTheLatestHour(t *testing.T) {
	at := func(hour int, value float64) rollup.Day {
		return rollup.FromReport(rollup.Report{
			Received: day0.Add(time.Duration(hour) * time.Hour),
			Samples:  []rollup.Sample{{Series: "a", Value: value}},
		})
	}
	got := at(8, 5).Merge(at(3, 9)).Merge(at(8, 4)).Merge(at(2, 1))
	want := rollup.Day{
		First: 2, Last: 8,
		Points: []rollup.Point{{Series: "a", Peak: 9, Last: 5, Hour: 8}},
		Sums:   []rollup.Sum{{Metric: "a", Peak: 9}},
	}
	if !sameDay(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The hour is that of UTC, wherever the time was taken.
func TestHoursAreUTC(t *testing.T) {
	tokyo := time.FixedZone("Tokyo", 9*60*60)
	d := rollup.FromReport(rollup.Report{
		Received: time.Date(2026, 3, 5, 8, 0, 0, 0, tokyo),
		Samples:  []rollup.Sample{{Series: "a", Value: 1}},
	})
	if d.First != 23 || d.Points[0].Hour != 23 {
		t.Errorf("got hour %d and %d, want 23", d.First, d.Points[0].Hour)
	}
}

func TestKernelUpgradeDoesNotCountANodeTwice(t *testing.T) {
	nodes := func(hour int, values map[string]float64) rollup.Day {
		r := rollup.Report{Received: day0.Add(time.Duration(hour) * time.Hour)}
		for _, kernel := range []string{"6.6", "6.7"} {
			if v, ok := values[kernel]; ok {
				series := rollup.NewSeries("cozy_nodes_count", []rollup.Label{{Name: "os", Value: "linux"}, {Name: "kernel", Value: kernel}})
				r.Samples = append(r.Samples, rollup.Sample{Series: series, Value: v})
			}
		}
		return rollup.FromReport(r)
	}
	before := nodes(1, map[string]float64{"6.6": 3})
	during := nodes(2, map[string]float64{"6.6": 2, "6.7": 1})
	after := nodes(3, map[string]float64{"6.7": 3})
	d := before.Merge(during).Merge(after)
	if len(d.Points) != 2 || d.Points[0].Peak != 3 || d.Points[1].Peak != 3 {
		t.Errorf("points: %+v", d.Points)
	}
	want := []rollup.Sum{{Metric: "cozy_nodes_count", Peak: 3}}
	if !slices.Equal(d.Sums, want) {
		t.Errorf("within a day: got %+v, want %+v", d.Sums, want)
	}
	m := rollup.FromDay(4, before).Merge(rollup.FromDay(5, after))
	if m.Metrics[0].Peak != 3 || m.Metrics[0].Days != rollup.DaySetOf(4)|rollup.DaySetOf(5) {
		t.Errorf("within a month: got %+v", m.Metrics)
	}
}

func TestSumPeaks(t *testing.T) {
	series := rapid.Custom(func(t *rapid.T) rollup.Series {
		metric := rapid.StringMatching(`[a-b_:]{1,3}`).Draw(t, "metric")
		var labels []rollup.Label
		if v := rapid.IntRange(0, 3).Draw(t, "label"); v > 0 {
			labels = []rollup.Label{{Name: "x", Value: strings.Repeat("v", v)}}
		}
		return rollup.NewSeries(metric, labels)
	})
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfDistinct(series, rapid.ID[rollup.Series]).Draw(t, "series")
		slices.Sort(set)
		want := make(map[string]float64)
		var points []rollup.Point
		for _, s := range set {
			v := rapid.SampledFrom(values).Draw(t, "value")
			points = append(points, rollup.Point{Series: s, Peak: v})
			want[s.Metric()] = math.Min(want[s.Metric()]+v, rollup.MaxValue)
		}
		got := rollup.SumPeaks(points)
		if len(got) != len(want) {
			t.Fatalf("got %+v, want %v", got, want)
		}
		for i, s := range got {
			if v, ok := want[s.Metric]; !ok || v != s.Peak || i > 0 && got[i-1].Metric >= s.Metric {
				t.Fatalf("got %+v, want %v sorted by metric", got, want)
			}
		}
	})
}

func TestSumsSaturate(t *testing.T) {
	var points []rollup.Point
	for _, s := range []rollup.Series{"a", `a{x="1"}`, `a{x="2"}`} {
		points = append(points, rollup.Point{Series: s, Peak: rollup.MaxValue})
	}
	if got := rollup.SumPeaks(points); got[0].Peak != rollup.MaxValue {
		t.Errorf("got %v, want %v", got[0].Peak, float64(rollup.MaxValue))
	}
}

func TestDaySet(t *testing.T) {
	var s rollup.DaySet
	for d := 1; d <= 31; d++ {
		if s |= rollup.DaySetOf(d); s.Len() != d {
			t.Fatalf("%d days counted as %d", d, s.Len())
		}
	}
	if s |= rollup.DaySetOf(31); s.Len() != 31 || s != 1<<31-1 {
		t.Errorf("all days: %b", s)
	}
}

func TestMonthDays(t *testing.T) {
	d := func(series rollup.Series) rollup.Day {
		return rollup.FromReport(rollup.Report{Received: day0, Samples: []rollup.Sample{{Series: series, Value: 0}}})
	}
	m := rollup.FromDay(1, d("a")).Merge(rollup.FromDay(31, d("b")))
	if want := rollup.DaySetOf(1) | rollup.DaySetOf(31); m.Days() != want {
		t.Errorf("got %b, want %b", m.Days(), want)
	}
	if (rollup.Month{}).Days() != 0 {
		t.Error("the zero month has days")
	}
}

func TestOrderOfSamplesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := report().Draw(t, "report")
		shuffled := r
		shuffled.Samples = rapid.Permutation(r.Samples).Draw(t, "shuffled")
		if a, b := rollup.FromReport(r), rollup.FromReport(shuffled); !sameDay(a, b) {
			t.Fatalf("in order:\n%+v\nshuffled:\n%+v", a, b)
		}
	})
}
