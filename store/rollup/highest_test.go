package rollup_test

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// dayValue is one entry of what [rollup.Highest] are the first two of.
type dayValue struct {
	day   uint8
	value float64
}

// dayValues draws from few days and values, so that they collide; day 0 is among them.
func dayValues() *rapid.Generator[[]dayValue] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dayValue {
		return dayValue{rapid.SampledFrom([]uint8{0, 1, 2, 3, 31}).Draw(t, "day"), rapid.SampledFrom(values).Draw(t, "value")}
	}), 0, 6)
}

func highest(all []dayValue) (h rollup.Highest) {
	for _, v := range all {
		h = h.With(v.day, v.value)
	}
	return h
}

// naiveHighest is what Highest promises: a map of all days, its first two.
func naiveHighest(all []dayValue) rollup.Highest {
	days := make(map[uint8]float64)
	for _, v := range all {
		days[v.day] = max(days[v.day], v.value)
	}
	sorted := []dayValue{}
	for day, v := range days {
		sorted = append(sorted, dayValue{day, v})
	}
	slices.SortFunc(sorted, func(a, b dayValue) int { return -cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.day, b.day)) })
	sorted = append(sorted, dayValue{}, dayValue{})
	return rollup.Highest{Peak: sorted[0].value, PeakDay: sorted[0].day, Second: sorted[1].value, SecondDay: sorted[1].day}
}

func TestHighestLaws(t *testing.T) {
	checkLaws(t, rapid.Map(dayValues(), highest), rollup.Highest.Merge, func(a, b rollup.Highest) bool { return a == b })
}

// However days come, in whatever order and how often, alone or merged before.
func TestHighestAreTheFirstTwoOfAllDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := dayValues().Draw(t, "a"), dayValues().Draw(t, "b")
		all := slices.Concat(a, b)
		want := naiveHighest(all)
		if got := highest(all); got != want {
			t.Fatalf("one by one: got %+v, want %+v", got, want)
		}
		if got := highest(a).Merge(highest(b)); got != want {
			t.Fatalf("merged: got %+v, want %+v", got, want)
		}
	})
}

func TestHighestKnown(t *testing.T) {
	for _, c := range []struct {
		days []dayValue
		want bool
	}{
		{nil, true},
		{[]dayValue{{5, 0}}, true},
		{[]dayValue{{5, 3}}, true},
		{[]dayValue{{5, 3}, {0, 0}}, true}, // all of the days that are not known had 0
		{[]dayValue{{0, 3}}, false},
		{[]dayValue{{0, 3}, {5, 3}}, false}, // may be the same day
		{[]dayValue{{0, 3}, {5, 3}, {6, 3}}, true},
	} {
		if h := highest(c.days); h.Known() != c.want {
			t.Errorf("%+v of %v: known is %v", h, c.days, h.Known())
		}
	}
}

// reports of a month, each on a day of its own or not.
func dayReports() *rapid.Generator[map[int][]rollup.Report] {
	return rapid.MapOfN(rapid.SampledFrom([]int{1, 2, 3, 30, 31}), rapid.SliceOfN(report(), 1, 3), 1, 4)
}

// A month of days has of each series what a model that keeps all of it has.
func TestMonthIsWhatAllItsReportsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m rollup.Month
		peaks, seen := make(map[rollup.Series][]dayValue), make(map[rollup.Series]uint16)
		slots := make(map[rollup.Series]map[uint16]float64)
		for day, reports := range dayReports().Draw(t, "reports") {
			m = m.Merge(rollup.FromDay(day, mergeReports(reports)))
			for _, r := range reports {
				hour := uint16(day-1)*24 + uint16(r.Received.Hour())
				for _, s := range r.Samples {
					peaks[s.Series] = append(peaks[s.Series], dayValue{uint8(day), s.Value})
					seen[s.Series] = max(seen[s.Series], hour)
					if slots[s.Series] == nil {
						slots[s.Series] = make(map[uint16]float64)
					}
					switch s.Slot {
					case rollup.ByDay:
						at := hour - hour%24
						slots[s.Series][at] = max(slots[s.Series][at], s.Value)
					case rollup.ByHour:
						slots[s.Series][hour] = max(slots[s.Series][hour], s.Value)
					}
				}
			}
		}
		if len(m.Peaks) != len(peaks) {
			t.Fatalf("%d series of %d", len(m.Peaks), len(peaks))
		}
		for _, p := range m.Peaks {
			if p.Highest != naiveHighest(peaks[p.Series]) || p.Seen != seen[p.Series] {
				t.Errorf("got %+v, want %+v, seen %d", p, naiveHighest(peaks[p.Series]), seen[p.Series])
			}
			checkSlots(t, p, slots[p.Series])
		}
	})
}

func checkSlots(t *rapid.T, p rollup.Peak, want map[uint16]float64) {
	if len(p.Slots) != len(want) || !slices.IsSortedFunc(p.Slots, func(a, b rollup.Slot) int { return cmp.Compare(a.At, b.At) }) {
		t.Errorf("%s: slots %v, want %v", p.Series, p.Slots, want)
	}
	for _, s := range p.Slots {
		if v, ok := want[s.At]; !ok || v != s.Value {
			t.Errorf("%s: slots %v, want %v", p.Series, p.Slots, want)
		}
	}
}
