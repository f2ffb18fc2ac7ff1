package overview

import (
	"math"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// figures are the counts of one window from one source.
type figures struct {
	// known is false when the source has nothing at all of the window.
	known bool
	// clusters, nodes and tenants are what the page shows.
	clusters, nodes, tenants int64
	// upperNodes is set where nodes is an upper bound.
	upperNodes bool
	// kinds has the applications by the kind that clusters report.
	kinds map[string]int64
	// confirmedClusters counts the clusters that were seen on enough distinct days.
	confirmedClusters int64
	// confirmed has the figures of those with their second-highest days; nil where that
	// is not known. Only the rollups fill it.
	confirmed *rollup.Confirmed
	// days counts the days on which any cluster was seen.
	days int
	// monthClusters counts the clusters of each month of the window. Only the
	// rollups fill it.
	monthClusters []int64
}

// count returns the figures of tables that together have the months of a window.
func (b *book) count(w window, confirmDays int, tables ...*table) figures {
	f := figures{monthClusters: make([]int64, w.months())}
	seen, confirmed := b.tally(ofPeaks), b.tally(ofSecond)
	eachCluster(tables, func(_ uint32, e *entry) {
		f.known = true
		seen.add(e)
		if e.days >= confirmDays {
			confirmed.add(e)
		}
	})
	for _, t := range tables {
		for _, m := range t.months {
			f.monthClusters[m.month-w.from] = m.clusters
			f.days += m.days.Len()
		}
	}
	f.clusters, f.nodes, f.tenants, f.kinds = seen.clusters, round(seen.nodes), round(seen.tenants), seen.byKind()
	f.confirmedClusters = confirmed.clusters
	f.confirmed = confirmed.confirmed(f.days, tables)
	return f
}

// What a tally counts.
const (
	ofPeaks  = false
	ofSecond = true
)

// tally adds up clusters. Each one counts with one value of what its entry has: its
// peaks, or those of the second-highest day.
type tally struct {
	book           *book
	second         bool
	clusters       int64
	nodes, tenants float64
	totals         []float64 // by series; negative where no cluster has it
}

func (b *book) tally(second bool) *tally {
	return &tally{book: b, second: second, totals: slices.Repeat([]float64{-1}, b.series.len())}
}

func (t *tally) of(h highest) float64 {
	if t.second {
		return h.second
	}
	return h.peak
}

// add counts one cluster.
func (t *tally) add(e *entry) {
	if e.days > 0 {
		t.clusters++
	}
	t.nodes += t.of(e.nodes)
	var tenants [oldTenants + 1]float64
	for _, p := range e.peaks {
		v := t.of(p.highest)
		t.totals[p.series] = max(t.totals[p.series], 0) + v
		tenants[t.book.uses[p.series]] += v
	}
	// A cluster that was upgraded in the window has sent its tenants both ways.
	t.tenants += max(tenants[newTenants], tenants[oldTenants])
}

// byKind adds up the totals by kind, and returns what keep keeps of them. From a flood
// it keeps what is kept of a part of it at a time, so that memory is bounded; kinds
// that keep always keeps are counted in full.
func (t *tally) byKind() map[string]int64 {
	sums := make(map[string]float64)
	for i, total := range t.totals {
		if total < 0 || t.book.uses[i] == oldTenants {
			continue
		}
		if kind := lengthen(t.book.series.text(uint32(i))).Label(rollup.LabelKind); kind != "" {
			sums[kind] += total
		}
		if len(sums) > manySeries {
			kept := t.book.keep(rounded(sums))
			clear(sums)
			for kind, n := range kept {
				sums[kind] = float64(n)
			}
		}
	}
	return t.book.keep(rounded(sums))
}

func rounded(sums map[string]float64) map[string]int64 {
	out := make(map[string]int64, len(sums))
	for kind, sum := range sums {
		out[kind] = round(sum)
	}
	return out
}

// round makes a count of a sum: half away from zero, saturated where a float64
// stops to hold every integer.
func round(v float64) int64 { return int64(math.Round(min(v, rollup.MaxValue))) }
