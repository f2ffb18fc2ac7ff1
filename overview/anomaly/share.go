package anomaly

import "fmt"

// What is usual of one cluster's part of a total.
const (
	// mostShare is for fleets of at least shareClusters: in a small one somebody has
	// most of it.
	mostShare, shareClusters = 0.2, 20
	// A cluster that had half as much in each of so many months before is known. Where
	// there are fewer, one that came in a file's first days is: it was there before.
	shareMonths, shareDays = 2, 7
)

// largeShares finds clusters that have a large part of a month's total.
func largeShares(f Facts) (found []Finding) {
	for _, i := range f.recentMonths() {
		if f.Months[i].Totals[Clusters] < shareClusters {
			continue
		}
		for figure := Nodes; figure < numFigures; figure++ {
			found = append(found, f.largeHolders(i, figure)...)
		}
	}
	return found
}

// largeHolders finds those of one figure of a month.
func (f Facts) largeHolders(i int, figure Figure) (found []Finding) {
	m := f.Months[i]
	total := m.Totals[figure]
	if i > 0 { // a month that has just begun lacks most clusters
		total = max(total, f.Months[i-1].Totals[figure])
	}
	for _, h := range m.Top[figure] {
		part := share(h.Value, total)
		if part <= mostShare || f.knownHolder(i, figure, h) {
			continue
		}
		found = append(found, Finding{
			Kind: KindShare, When: m.Month.String(), Figure: figure.String(), Found: part, Expected: mostShare,
			What: fmt.Sprintf("one cluster, first seen on %s, has %.0f of %.0f %s, which is %.0f %%; up to %.0f %% are usual",
				h.First, h.Value, total, figure, 100*part, 100*mostShare),
			Examples: []string{h.Instance},
			Next:     exclude([]string{h.Instance}),
		})
	}
	return found
}

// knownHolder tells whether a cluster had half of what it has in the months before.
func (f Facts) knownHolder(i int, figure Figure, h Holder) bool {
	if i < shareMonths {
		return h.First < f.firstDay()+shareDays
	}
	for _, before := range f.Months[i-shareMonths : i] {
		had := 0.0
		for _, b := range before.Top[figure] {
			if b.Instance == h.Instance {
				had = b.Value
			}
		}
		if 2*had < h.Value {
			return false
		}
	}
	return true
}
