package rollup

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Bounds limit what is kept of one instance, so that no sender can make a record
// as large as it likes. Reports of real clients never meet them. A bound of 0 is
// none.
//
// What is kept depends on the set of series alone, not on the order in which
// they came: bounding keeps to the laws of merging, so it does not matter whether
// days are bounded before they are merged, or after.
type Bounds struct {
	// Series is how many series are kept. Every metric has the same share: first
	// each keeps its first series, then each its second, and so on while there is
	// room, the metrics in the order of their names. So a flood of one metric's
	// series leaves the others alone.
	Series int
	// Kinds is how many kinds of cozystack's applications are kept, the first ones in the
	// order of their names. Where there is this bound, half of Series is for the
	// applications, half for all other metrics; then Series is 2 at least.
	Kinds int
}

// Bound returns the day within bounds, and how many series were left out. A
// metric keeps its sum, with all series that were reported, as long as it keeps
// a series. The result may share memory with the day.
func (d Day) Bound(b Bounds) (bounded Day, leftOut int) {
	kept, leftOut := b.keep(len(d.Points), func(i int) Series { return d.Points[i].Series })
	if leftOut == 0 {
		return d, 0
	}
	return d.Rename(func(s Series) (Series, bool) { return s, kept[s] }), leftOut
}

// Rename returns the day with each series under the name that it is given, or
// without it. Series of one metric that are given the same name become one, with
// the highest value. The sums of the metrics that keep a series stay.
func (d Day) Rename(name func(Series) (s Series, keep bool)) Day {
	metrics := make(map[string]bool)
	var points []Point
	var hours []HourSlots
	for _, p := range d.Points {
		if s, ok := name(p.Series); ok {
			metrics[s.Metric()] = true
			if p.Slot == ByHour {
				hours = append(hours, HourSlots{s, d.HoursOf(p.Series)})
			}
			p.Series = s
			points = append(points, p)
		}
	}
	d.Points = mergeDoubles(points, comparePoints, mergePoint)
	d.Hours = mergeDoubles(hours, compareHours, mergeHourSlots)
	d.Sums = filtered(d.Sums, func(s Sum) bool { return metrics[s.Metric] })
	return d
}

// Bound does for a month what [Day.Bound] does for a day.
func (m Month) Bound(b Bounds) (bounded Month, leftOut int) {
	kept, leftOut := b.keep(len(m.Peaks), func(i int) Series { return m.Peaks[i].Series })
	if leftOut == 0 {
		return m, 0
	}
	return m.Rename(func(s Series) (Series, bool) { return s, kept[s] }), leftOut
}

// Rename does for a month what [Day.Rename] does for a day.
func (m Month) Rename(name func(Series) (s Series, keep bool)) Month {
	metrics := make(map[string]bool)
	var peaks []Peak
	for _, p := range m.Peaks {
		if s, ok := name(p.Series); ok {
			metrics[s.Metric()] = true
			p.Series = s
			peaks = append(peaks, p)
		}
	}
	m.Peaks = mergeDoubles(peaks, comparePeaks, mergePeak)
	m.Metrics = filtered(m.Metrics, func(mm MetricMonth) bool { return metrics[mm.Metric] })
	return m
}

// mergeDoubles sorts elements, and makes one of those that compare equal.
func mergeDoubles[E any](all []E, compare func(E, E) int, merge func(E, E) E) []E {
	slices.SortFunc(all, compare)
	out := all[:0]
	for _, e := range all {
		if last := len(out) - 1; last >= 0 && compare(out[last], e) == 0 {
			out[last] = merge(out[last], e)
			continue
		}
		out = append(out, e)
	}
	return out
}

// filtered returns a new slice of the elements that keep holds for.
func filtered[E any](all []E, keep func(E) bool) []E {
	var out []E
	for _, e := range all {
		if keep(e) {
			out = append(out, e)
		}
	}
	return out
}

// keep returns which of n series are kept, and how many are left out. If that is
// none, kept may be nil.
func (b Bounds) keep(n int, series func(i int) Series) (kept map[Series]bool, leftOut int) {
	if b.fit(n, series) {
		return nil, 0
	}
	all := make([]Series, n)
	for i := range all {
		all[i] = series(i)
	}
	kept = b.choose(all)
	return kept, n - len(kept)
}

// isApplication tells whether a series is bounded by its kind.
func (b Bounds) isApplication(s Series) bool {
	return b.Kinds > 0 && strings.HasPrefix(string(s), MetricApplications) && s.Metric() == MetricApplications
}

// parts returns how many series are kept of applications, and how many of all else.
func (b Bounds) parts() (applications, others int) {
	switch {
	case b.Series <= 0:
		return math.MaxInt, math.MaxInt
	case b.Kinds <= 0:
		return 0, b.Series
	}
	return b.Series / 2, b.Series - b.Series/2
}

// fit tells whether n series are within the bounds for sure. It is all that a
// usual record costs, so it looks at them only when there are many.
func (b Bounds) fit(n int, series func(i int) Series) bool {
	applications, others := b.parts()
	if b.Kinds > 0 {
		applications = min(applications, b.Kinds)
	}
	if n <= min(applications, others) {
		return true
	}
	seen := 0
	for i := range n {
		if b.isApplication(series(i)) {
			seen++
		}
	}
	return seen <= applications && n-seen <= others
}

// ranked is a series with what its place in the order depends on.
type ranked struct {
	series Series
	metric string
	kind   string
	// rank is its place among the series of its metric.
	rank int
}

// choose returns the series that are kept.
//
// Why this keeps to the laws: a series is left out only when enough others come
// before it, and more series only bring more of those. So what one day leaves
// out, the merged day would have left out too. Applications are bounded for
// themselves, for a kind that is left out later gives back no places that were
// denied to others before; for kinds and series to go together, their series are
// ordered by kind first.
func (b Bounds) choose(series []Series) map[Series]bool {
	var applications, others []ranked
	for _, s := range series {
		r := ranked{series: s, metric: s.Metric()}
		if b.isApplication(s) {
			r.kind = s.Label(LabelKind)
			applications = append(applications, r)
		} else {
			others = append(others, r)
		}
	}
	kept := make(map[Series]bool, len(series))
	forApplications, forOthers := b.parts()
	keepFirst(kept, b.firstKinds(sorted(applications)), forApplications)
	keepFirst(kept, byRank(sorted(others)), forOthers)
	return kept
}

func keepFirst(kept map[Series]bool, all []ranked, n int) {
	for _, r := range all[:min(n, len(all))] {
		kept[r.series] = true
	}
}

// sorted sorts series by metric, kind and text.
func sorted(all []ranked) []ranked {
	slices.SortFunc(all, func(x, y ranked) int {
		return cmp.Or(strings.Compare(x.metric, y.metric), strings.Compare(x.kind, y.kind), cmp.Compare(x.series, y.series))
	})
	return all
}

// byRank sorts what is sorted so that each metric's first series come first, then
// each one's second.
func byRank(all []ranked) []ranked {
	for i := range all {
		if i > 0 && all[i].metric == all[i-1].metric {
			all[i].rank = all[i-1].rank + 1
		}
	}
	slices.SortFunc(all, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), strings.Compare(x.metric, y.metric))
	})
	return all
}

// firstKinds leaves the kinds behind the first ones out. all is sorted by kind.
func (b Bounds) firstKinds(all []ranked) []ranked {
	kinds := 0
	last := ""
	return slices.DeleteFunc(all, func(r ranked) bool {
		if kinds == 0 || r.kind != last {
			kinds++
			last = r.kind
		}
		return kinds > b.Kinds
	})
}
