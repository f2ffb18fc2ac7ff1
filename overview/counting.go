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
	// confirmed counts the clusters that were seen on enough distinct days.
	confirmed int64
	// days counts the days on which any cluster was seen.
	days int
	// monthClusters counts the clusters of each month of the window. Only the
	// rollups fill it.
	monthClusters []int64
}

// counter adds up clusters. Each one counts with its peaks over the window.
type counter struct {
	figures
	book           *book
	confirmDays    int
	nodes, tenants float64
	totals         []float64 // by series; negative where no cluster has it
}

// count returns the figures of tables that together have the months of a window.
func (b *book) count(w window, confirmDays int, tables ...*table) figures {
	c := counter{book: b, confirmDays: confirmDays, totals: slices.Repeat([]float64{-1}, b.series.len())}
	eachCluster(tables, func(_ uint32, e *entry) { c.add(e) })
	c.monthClusters = make([]int64, w.months())
	for _, t := range tables {
		for _, m := range t.months {
			c.monthClusters[m.month-w.from] = m.clusters
			c.days += m.days.Len()
		}
	}
	c.figures.nodes, c.figures.tenants = round(c.nodes), round(c.tenants)
	c.kinds = c.byKind()
	return c.figures
}

// add counts one cluster.
func (c *counter) add(e *entry) {
	c.known = true
	if e.days > 0 {
		c.clusters++
	}
	if e.days >= c.confirmDays {
		c.confirmed++
	}
	c.nodes += e.nodes
	var tenants [oldTenants + 1]float64
	for _, p := range e.peaks {
		c.totals[p.series] = max(c.totals[p.series], 0) + p.value
		tenants[c.book.uses[p.series]] += p.value
	}
	// A cluster that was upgraded in the window has sent its tenants both ways.
	c.tenants += max(tenants[newTenants], tenants[oldTenants])
}

// byKind adds up the totals by kind, and returns what keep keeps of them. From a flood
// it keeps what is kept of a part of it at a time, so that memory is bounded; kinds
// that keep always keeps are counted in full.
func (c *counter) byKind() map[string]int64 {
	sums := make(map[string]float64)
	for i, total := range c.totals {
		if total < 0 || c.book.uses[i] == oldTenants {
			continue
		}
		if kind := lengthen(c.book.series.text(uint32(i))).Label(rollup.LabelKind); kind != "" {
			sums[kind] += total
		}
		if len(sums) > manySeries {
			kept := c.book.keep(rounded(sums))
			clear(sums)
			for kind, n := range kept {
				sums[kind] = float64(n)
			}
		}
	}
	return c.book.keep(rounded(sums))
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
