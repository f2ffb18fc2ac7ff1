package anomaly

import "fmt"

// mostAlike is the part of each figure that clusters which report the same may have.
// Small clusters are honestly alike, as they come from the same installer with nothing in
// them: a third of the clusters may be, since they have few nodes and applications.
var mostAlike = Figures{Clusters: 1. / 3, Nodes: 0.1, Tenants: 0.1, Apps: 0.1}

// alikeTimes is how many times more than in the weeks before is not usual any more.
const alikeTimes = 3

// anyLargeGroup tells whether the recent days have what is to be compared.
func (f Facts) anyLargeGroup() bool {
	for _, d := range f.Days {
		for _, g := range d.Groups {
			for figure := range numFigures {
				if g.part(f.whole(d), figure) > mostAlike[figure] {
					return true
				}
			}
		}
	}
	return false
}

// whole returns a day with the totals of the recent day that has more: one that has just
// begun lacks most clusters.
func (f Facts) whole(d Day) Day {
	for _, o := range f.Days {
		for figure := range numFigures {
			d.Totals[figure] = max(d.Totals[figure], o.Totals[figure])
		}
	}
	return d
}

// alike finds groups of clusters that report the same and have a large part of a figure,
// which no group had in the weeks before.
func alike(f Facts) (found []Finding) {
	if len(f.Usual) == 0 {
		return nil // nothing tells what is usual
	}
	var most Figures
	for figure := range numFigures {
		most[figure] = max(mostAlike[figure], alikeTimes*f.usualAlike(figure))
	}
	for _, d := range f.Days {
		whole := f.whole(d)
		for _, g := range d.Groups {
			if figure, ok := g.above(whole, most); ok {
				found = append(found, g.finding(whole, figure, most[figure]))
			}
		}
	}
	return found
}

// above returns the figure of which the group exceeds the most that is usual by most.
func (g Group) above(d Day, most Figures) (worst Figure, ok bool) {
	times := 1.0
	for figure := range numFigures {
		if t := g.part(d, figure) / most[figure]; t > times {
			worst, times, ok = figure, t, true
		}
	}
	return worst, ok
}

func (g Group) finding(d Day, figure Figure, most float64) Finding {
	part := g.part(d, figure)
	return Finding{
		Kind: KindAlike, When: d.Date.String(), Figure: figure.String(), Found: part, Expected: most,
		What: fmt.Sprintf("%d clusters report the same series with the same values, and have %.0f %% of all %s; up to %.0f %% are usual",
			g.Count, 100*part, figure, 100*most),
		Examples: []string{g.Example},
		Next:     excludeLike(g.Example, g.From, g.To),
	}
}

// usualAlike returns the part of a figure that the largest group had in the weeks before.
func (f Facts) usualAlike(figure Figure) float64 {
	var parts []float64
	for _, d := range f.Usual {
		largest := 0.0
		for _, g := range d.Groups {
			largest = max(largest, g.part(d, figure))
		}
		parts = append(parts, largest)
	}
	return median(parts)
}
