package census

import (
	"cmp"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// count is how many clusters have something: all that were seen, and those of them that are
// steady, who may lift a value over the line. Of a resource, total is how much they have.
type count struct {
	seen, steady int64
	total        float64
}

func (c count) plus(o count) count {
	return count{c.seen + o.seen, c.steady + o.steady, c.total + o.total}
}

func (c count) minus(o count) count {
	return count{c.seen - o.seen, c.steady - o.steady, c.total - o.total}
}

// few tells whether it is of some clusters, but of too few to be told.
func (c count) few(least int64) bool { return c.seen > 0 && c.steady < least }

func oneCluster(steady bool) count {
	if steady {
		return count{seen: 1, steady: 1}
	}
	return count{seen: 1}
}

// Values that are kept of a dimension. Only a flood has more: while a month is read, the
// rarest are then given up again and again, and at its end all but the first.
const maxTallied, maxKept = 20_000, 1000

// tally counts clusters by value. Values that were given up are in spare: among the others.
type tally[K comparable] struct {
	counts map[K]count
	spare  count
	order  func(a, b K) int
}

func newTally[K comparable](order func(a, b K) int) *tally[K] {
	return &tally[K]{counts: make(map[K]count), order: order}
}

// add counts one cluster with a value.
func (t *tally[K]) add(value K, c count) {
	t.counts[value] = t.counts[value].plus(c)
	if len(t.counts) > 2*maxTallied {
		t.keep(maxTallied)
	}
}

// keep gives up all values but the n that most clusters have.
func (t *tally[K]) keep(n int) {
	if len(t.counts) <= n {
		return
	}
	ranked := ranking(t.counts, t.order)
	for _, value := range ranked[n:] {
		t.spare = t.spare.plus(t.counts[value])
		delete(t.counts, value)
	}
}

// open makes all clusters steady.
func (t *tally[K]) open() {
	for value, c := range t.counts {
		c.steady = c.seen
		t.counts[value] = c
	}
	t.spare.steady = t.spare.seen
}

// ranking returns values by how many clusters have them, the most first.
func ranking[K comparable](counts map[K]count, order func(a, b K) int) []K {
	values := make([]K, 0, len(counts))
	for value := range counts {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b K) int {
		x, y := counts[a], counts[b]
		return cmp.Or(cmp.Compare(y.steady, x.steady), cmp.Compare(y.seen, x.seen), order(a, b))
	})
	return values
}

// missing stands for having no value. No value is empty.
const missing = ""

// among returns the counts of a dimension in which each of all clusters has one value:
// those that were given up are others, and the rest is missing.
func among(t *tally[string], all count) map[string]count {
	if t.spare.seen > 0 {
		t.counts[published.Other] = t.counts[published.Other].plus(t.spare)
	}
	rest := all
	for _, c := range t.counts {
		rest = rest.minus(c)
	}
	if rest.seen > 0 {
		t.counts[missing] = rest
	}
	return t.counts
}
