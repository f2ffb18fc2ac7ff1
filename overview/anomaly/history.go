package anomaly

import (
	"cmp"
	"fmt"
	"math"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What is usual of a month's figure.
const (
	// It is judged by up to so many months before it that have most of their days, if
	// there are enough of them.
	historyLevel, historyLeast, historyDays = 6, 3, 20
	// Their usual growth from month to month goes on, up to doubling.
	mostGrowth = 2
	// Usual is up to so many times what is expected, more where the months differ from
	// each other, and never above a limit.
	historyTimes, historySigmas, historyMost = 1.5, 6, 4
)

// historyFloor is what a figure may have beside that: few clusters make no total.
var historyFloor = Figures{Clusters: 20, Nodes: 200, Tenants: 100, Apps: 500}

// highMonths finds figures that are above what the months before lets expect. None is
// found to be low: reports can only raise a figure, and a fleet may shrink.
func highMonths(f Facts) (found []Finding) {
	for _, i := range f.recentMonths() {
		for figure := range numFigures {
			most, ok := f.usualMonth(i, figure)
			m := f.Months[i]
			if !ok || m.Totals[figure] <= most {
				continue
			}
			finding := Finding{
				Kind: KindMonth, When: m.Month.String(), Figure: figure.String(), Found: m.Totals[figure], Expected: most,
				What: fmt.Sprintf("the month has %.0f %s; up to %.0f are usual", m.Totals[figure], figure, most),
			}
			finding.Examples, finding.Next = f.whoRaised(i, figure, m.Totals[figure]-most)
			found = append(found, finding)
		}
	}
	return found
}

// whoRaised names the few clusters without which a month's figure is usual, else those
// that were seen in it for the first time.
func (f Facts) whoRaised(i int, figure Figure, excess float64) (examples []string, next string) {
	m := f.Months[i]
	for _, h := range m.Top[figure][:min(len(m.Top[figure]), MaxExamples)] {
		examples = append(examples, h.Instance)
		if excess -= h.Value; excess <= 0 {
			return examples, exclude(examples)
		}
	}
	from, to := f.waves(max(m.Month.First(), f.firstDay()), min(m.Month.Last(), f.Today))
	most := Newcomers{Count: -1}
	for date := from; date <= to; date++ {
		if n := f.New[date-f.firstDay()]; n.Count > most.Count {
			most = n
		}
	}
	return most.Examples, excludeFirstSeen(from, to)
}

// waves returns the first and the last of some days with more new instances than usual,
// or all of the days if there is none.
func (f Facts) waves(from, to rollup.Date) (first, last rollup.Date) {
	for date := from; date <= to; date++ {
		if most, ok := f.usualNewIDs(date); ok && float64(f.New[date-f.firstDay()].Count) > most {
			first, last = cmp.Or(first, date), date
		}
	}
	if first == 0 {
		return from, to
	}
	return first, last
}

// usualMonth returns how much a month's figure may be; not ok where there is too little
// before it to tell.
func (f Facts) usualMonth(i int, figure Figure) (most float64, ok bool) {
	var before []float64
	for _, m := range f.Months[:i] {
		if m.Days.Len() >= historyDays && m.Totals[figure] > 0 {
			before = append(before, m.Totals[figure])
		}
	}
	if len(before) < historyLeast {
		return 0, false
	}
	before = before[max(0, len(before)-historyLevel):]
	growth := usualGrowth(before)
	levels := make([]float64, len(before))
	for j, v := range before { // each, grown to this month
		levels[j] = math.Log(v) + float64(len(before)-j)*math.Log(growth)
	}
	middle, sigma := spread(levels)
	times := min(max(historyTimes, math.Exp(historySigmas*sigma)), historyMost)
	return times*math.Exp(middle) + historyFloor[figure], true
}

// usualGrowth returns by how much figures grow from month to month: 1 where they fall.
func usualGrowth(figures []float64) float64 {
	var ratios []float64
	for i := range len(figures) - 1 {
		ratios = append(ratios, figures[i+1]/figures[i])
	}
	return min(max(median(ratios), 1), mostGrowth)
}
