package rollup

import "cmp"

// Compare ranks two snapshots of a month, or of one window, by how near they are to
// the truth: above 0 if s is the better one. It is the one rule for that.
//
// Every figure grows with the set of reports that were seen. So more clusters win,
// then more days with data, then a count of nodes that is exact, then the larger
// figures. Of equal figures, final ones win, then those with the confirmed clusters,
// and then vmselect's, which has the reports of all servers. How many clusters are
// confirmed depends on a flag, so it is no measure.
//
// It is a total preorder: the best of a set does not depend on the set's order.
func (s Snapshot) Compare(other Snapshot) int {
	return cmp.Or(
		cmp.Compare(s.Clusters, other.Clusters),
		cmp.Compare(s.days(), other.days()),
		compareBools(s.exact(), other.exact()),
		cmp.Compare(s.TotalNodes, other.TotalNodes),
		cmp.Compare(s.TotalTenants, other.TotalTenants),
		cmp.Compare(sum(s.Apps), sum(other.Apps)),
		compareBools(s.Final, other.Final),
		compareBools(s.ConfirmedClusters != nil, other.ConfirmedClusters != nil),
		cmp.Compare(s.Source.rank(), other.Source.rank()),
	)
}

// Ranked returns the snapshot itself, which ranks by its own figures: see
// [ProductSnapshot.Ranked].
func (s Snapshot) Ranked() Snapshot { return s }

// Keep returns what stands of a month when a snapshot is offered in place of the
// stored one: the offered one, unless the stored one is better. That is noted to have
// been checked, and asked, as the offered one was. Whichever it is, it has the better
// confirmed figures of the two; but an imported one has none: of what the original server
// has collected the rollups have a part at most, and nothing counts it again.
func Keep(stored, offered Snapshot) Snapshot {
	kept := keep(stored, offered)
	kept.Confirmed = nil
	if kept.Source != SourceImported {
		kept.Confirmed = keepConfirmed(stored, offered)
	}
	return kept
}

// keepConfirmed returns the confirmed figures of more days, the offered ones of as many,
// but none that are not final in place of what is. They come from the rollups alone, so
// the better count of the rest may be without them.
func keepConfirmed(stored, offered Snapshot) *Confirmed {
	had, comes := stored.Confirmed, offered.Confirmed
	if comes == nil || stored.Final && !offered.Final || had != nil && had.DaysWithData > comes.DaysWithData {
		return had
	}
	return comes
}

func keep(stored, offered Snapshot) Snapshot {
	if offered.Compare(stored) >= 0 {
		return offered
	}
	stored.Asked = stored.Asked || offered.Asked
	if offered.CheckedAt.After(stored.CheckedAt) {
		stored.CheckedAt = offered.CheckedAt
	}
	return stored
}

// days counts the days with data. Those of a month that the original server has
// collected to its end are not known, and taken for all.
func (s Snapshot) days() int {
	if s.Source == SourceImported && s.Final {
		return s.Month.Days()
	}
	return s.DaysWithData
}

// exact tells whether TotalNodes is no upper bound. The original server counted the
// node of a kernel upgrade twice.
func (s Snapshot) exact() bool {
	return s.Source == SourceRollups || s.Source == SourceVictoriaMetrics && s.ExactNodes
}

func (s Source) rank() int {
	switch s {
	case SourceVictoriaMetrics:
		return 2
	case SourceRollups:
		return 1
	}
	return 0
}

func compareBools(a, b bool) int { return cmp.Compare(number(a), number(b)) }

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sum(counts map[string]int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}
