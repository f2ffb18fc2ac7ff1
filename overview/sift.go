package overview

import (
	"cmp"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// sift returns the table of a month that was flooded with series, those numbered
// from first on, with what can be shown of them: the kinds that keep keeps of the
// month, as its snapshot does, each as one series of a cluster. The numbers of the
// rest are given back, so a flood takes memory only while its month is read.
func (b *book) sift(t *table, first int) *table {
	all := b.tally(ofPeaks)
	eachCluster([]*table{t}, func(_ uint32, e *entry) { all.add(e) })
	kept := all.byKind()

	old, uses := b.series, b.uses
	b.series, b.uses = numbering{}, nil
	numbers := make([]int, old.len()) // the new ones; negative where there is none
	for i := range numbers {
		s := lengthen(old.text(uint32(i)))
		kind := s.Label(rollup.LabelKind)
		switch _, ok := kept[kind]; {
		case i < first:
		case uses[i] == oldTenants:
			s = rollup.MetricTenants
		case ok || uses[i] == newTenants:
			s = rollup.NewSeries(rollup.MetricApplications, []rollup.Label{{Name: rollup.LabelKind, Value: kind}})
		default:
			numbers[i] = -1
			continue
		}
		numbers[i] = int(b.number(s.Metric(), s))
	}

	out := &table{months: t.months}
	eachCluster([]*table{t}, func(cluster uint32, e *entry) {
		e.renumber(numbers)
		out.put(cluster, e)
	})
	return out
}

// renumber gives peaks new numbers. Those of one number are added up, those without
// are left out.
func (e *entry) renumber(numbers []int) {
	renamed := e.spare[:0]
	for _, p := range e.peaks {
		if n := numbers[p.series]; n >= 0 {
			renamed = append(renamed, seriesPeak{uint32(n), p.highest})
		}
	}
	slices.SortFunc(renamed, func(x, y seriesPeak) int { return cmp.Compare(x.series, y.series) })
	e.peaks, e.spare = renamed[:0], e.peaks
	for _, p := range renamed {
		if last := len(e.peaks) - 1; last >= 0 && e.peaks[last].series == p.series {
			e.peaks[last].peak += p.peak
			e.peaks[last].second += p.second
			continue
		}
		e.peaks = append(e.peaks, p)
	}
}
