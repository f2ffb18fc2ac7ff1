package anomaly

import (
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What is usual of new ids on a day.
const (
	// A day is judged by those of eight weeks before it, if there are two weeks of them.
	newIDsDays, newIDsLeast = 56, 14
	// Usual are this many times the median, and as many deviations; beside that either
	// a few, or a part of the clusters there are.
	newIDsTimes, newIDsSigmas = 4, 8
	newIDsFloor, newIDsPart   = 20, 0.05
)

// newIDs finds days on which far more instances than usual were seen for the first time.
func newIDs(f Facts) (found []Finding) {
	for date := f.Today - lookBack + 1; date <= f.Today; date++ {
		most, ok := f.usualNewIDs(date)
		if !ok {
			continue
		}
		n := f.New[date-f.firstDay()]
		if float64(n.Count) <= most {
			continue
		}
		found = append(found, Finding{
			Kind: KindNewIDs, When: date.String(), Figure: Clusters.String(),
			Found: float64(n.Count), Expected: most,
			What:     fmt.Sprintf("%d clusters were seen for the first time; up to %.0f are usual", n.Count, most),
			Examples: n.Examples,
			Next:     excludeFirstSeen(date, date),
		})
	}
	return found
}

// usualNewIDs returns how many new instances a day may have; not ok where there is too
// little before it to tell.
func (f Facts) usualNewIDs(date rollup.Date) (most float64, ok bool) {
	first := f.firstDay()
	var counts []float64
	// The first day has all that were there before it.
	for d := max(first+1, date-newIDsDays); d < date; d++ {
		if f.hasData(d) && f.hasData(d-1) {
			counts = append(counts, float64(f.New[d-first].Count))
		}
	}
	if len(counts) < newIDsLeast || !f.hasData(date) {
		return 0, false
	}
	middle, sigma := spread(counts)
	most = max(newIDsTimes*middle, middle+newIDsSigmas*sigma)
	for d := date - 1; !f.hasData(d); d-- {
		most += middle // who came during an outage is seen after it
	}
	return most + max(newIDsFloor, newIDsPart*f.clustersBefore(date)), true
}

// clustersBefore returns how many clusters there were before a day: in the month before
// it, or of the days before it where that has none.
func (f Facts) clustersBefore(date rollup.Date) float64 {
	if i := int(date.Month() - f.Months[0].Month); i > 0 && f.Months[i-1].Totals[Clusters] > 0 {
		return f.Months[i-1].Totals[Clusters]
	}
	known := 0
	for _, n := range f.New[:date-f.firstDay()] {
		known += n.Count
	}
	return float64(known)
}
