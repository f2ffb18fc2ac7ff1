package rollup

import (
	"cmp"
	"slices"
	"strings"
)

// Point is what a day knows of one series of an instance.
type Point struct {
	Series Series
	// Peak is the highest value of the day.
	Peak float64
	// Last is the value of the latest hour in which the series was reported;
	// the highest one, if that hour saw several.
	Last float64
	// Hour is that hour, 0 to 23 UTC.
	Hour uint8
	// Slot is what the samples had.
	Slot Slotting
}

// Sum is the peak of one report's sum over all series of a metric. It differs
// from the sum of the series' peaks when a label changed within the day: after
// a kernel upgrade an instance has two series of cozy_nodes_count, but no report
// that had both nodes twice.
type Sum struct {
	Metric string
	Peak   float64
}

// Day is what is kept of one instance on one UTC day. The zero Day is the day
// without a report; merging it changes nothing.
type Day struct {
	// First and Last are the hours, 0 to 23 UTC, of the first and the last
	// report. Hours, not seconds: enough to order last values, little enough
	// that most reports leave the record as it is.
	First, Last uint8
	// Points are sorted by series, Sums by metric. Each metric of Points has its
	// entry in Sums.
	Points []Point
	Sums   []Sum
	// Hours are the slots of the points that are ByHour, sorted by series.
	Hours []HourSlots
}

// FromReport returns the day of an instance that has sent this one report.
// It expects Samples as [Report] has them. Without samples that is the zero Day.
func FromReport(r Report) Day {
	if len(r.Samples) == 0 {
		return Day{}
	}
	hour := uint8(r.Received.UTC().Hour())
	d := Day{First: hour, Last: hour, Points: make([]Point, len(r.Samples))}
	for i, s := range r.Samples {
		d.Points[i] = Point{Series: s.Series, Peak: s.Value, Last: s.Value, Hour: hour, Slot: s.Slot}
		if s.Slot == ByHour {
			d.Hours = append(d.Hours, HourSlots{s.Series, []Slot{{uint16(hour), s.Value}}})
		}
	}
	slices.SortFunc(d.Points, comparePoints)
	slices.SortFunc(d.Hours, compareHours)
	d.Sums = SumPeaks(d.Points)
	return d
}

// SumPeaks returns the sums that points make when all their peaks fell into one
// report. Points are sorted by series, and so are the sums by metric.
func SumPeaks(points []Point) []Sum {
	var sums []Sum
	for _, p := range points {
		metric := p.Series.Metric()
		i := len(sums) - 1
		// The series of one metric need not stand together: in "a", "a_b", "a{x}"
		// the brace sorts last. Only a few metrics lie between.
		for i >= 0 && sums[i].Metric > metric {
			i--
		}
		if i >= 0 && sums[i].Metric == metric {
			sums[i].Peak = min(sums[i].Peak+p.Peak, MaxValue)
			continue
		}
		sums = append(sums, Sum{})
		copy(sums[i+2:], sums[i+1:])
		sums[i+1] = Sum{metric, p.Peak}
	}
	return sums
}

// IsZero tells whether no report was merged into the day.
func (d Day) IsZero() bool { return len(d.Points) == 0 }

// Equal tells whether two days are the same.
func (d Day) Equal(o Day) bool {
	return d.First == o.First && d.Last == o.Last && slices.Equal(d.Points, o.Points) && slices.Equal(d.Sums, o.Sums) &&
		slices.EqualFunc(d.Hours, o.Hours, HourSlots.equal)
}

// Size returns how many values it keeps of series, by which memory is bounded.
func (d Day) Size() int {
	n := len(d.Points)
	for _, h := range d.Hours {
		n += len(h.Slots)
	}
	return n
}

// Merge returns the day of an instance that has sent what both days hold. It is
// commutative, associative and idempotent. The result may share memory with
// either day; treat days as immutable.
func (d Day) Merge(o Day) Day {
	if d.IsZero() {
		return o
	}
	if o.IsZero() {
		return d
	}
	return Day{
		First:  min(d.First, o.First),
		Last:   max(d.Last, o.Last),
		Points: mergeSorted(d.Points, o.Points, comparePoints, mergePoint),
		Sums:   mergeSorted(d.Sums, o.Sums, compareSums, mergeSum),
		Hours:  mergeHours(d.Hours, o.Hours),
	}
}

func comparePoints(a, b Point) int { return strings.Compare(string(a.Series), string(b.Series)) }

func mergePoint(a, b Point) Point {
	last := a
	if cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Last, b.Last)) < 0 {
		last = b
	}
	return Point{a.Series, max(a.Peak, b.Peak), last.Last, last.Hour, max(a.Slot, b.Slot)}
}

func compareSums(a, b Sum) int { return strings.Compare(a.Metric, b.Metric) }

func mergeSum(a, b Sum) Sum { return Sum{a.Metric, max(a.Peak, b.Peak)} }

// mergeSorted joins two slices, each sorted by compare and free of doubles, into
// a new one of the same kind; elements that compare equal become merge(x, y).
func mergeSorted[E any](a, b []E, compare func(E, E) int, merge func(E, E) E) []E {
	out := make([]E, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch c := compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, merge(a[0], b[0])), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
