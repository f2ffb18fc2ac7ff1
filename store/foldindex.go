package store

import (
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// foldIndex numbers the series and metrics that a fold wants. Each partition has
// a dictionary of its own; the index is what they have in common.
type foldIndex struct {
	wanted  map[string]bool // the metrics; nil means all
	series  numbering
	metrics numbering
}

// foldSeries is what a number of a partition's dictionary means to the fold:
// numbers of the index, or notWanted.
type foldSeries struct {
	series, metric int32
}

const notWanted = -1

func newFoldIndex(metrics []string) *foldIndex {
	x := &foldIndex{}
	for _, m := range metrics {
		if x.wanted == nil {
			x.wanted = make(map[string]bool, len(metrics))
		}
		x.wanted[m] = true
	}
	return x
}

// add reads a dictionary and returns what its numbers mean.
func (x *foldIndex) add(bucket *bolt.Bucket) ([]foldSeries, error) {
	var out []foldSeries
	err := eachSeries(bucket, func(s rollup.Series) { out = append(out, x.meaning(s)) })
	return out, err
}

func (x *foldIndex) meaning(s rollup.Series) foldSeries {
	metric := s.Metric()
	if x.wanted != nil && !x.wanted[metric] {
		return foldSeries{notWanted, notWanted}
	}
	return foldSeries{x.series.number(string(s)), x.metrics.number(metric)}
}

// sort settles the order of the texts, once all dictionaries were added.
func (x *foldIndex) sort() {
	x.series.sort()
	x.metrics.sort()
}

// numbering gives texts numbers from 0 up, in the order of their coming.
type numbering struct {
	texts []string
	ids   map[string]int32
	// sorted has the numbers in the order of their texts, and rank a number's
	// place in it.
	sorted, rank []int32
}

func (n *numbering) number(text string) int32 {
	if id, ok := n.ids[text]; ok {
		return id
	}
	if n.ids == nil {
		n.ids = make(map[string]int32)
	}
	id := int32(len(n.texts))
	n.ids[text] = id
	n.texts = append(n.texts, text)
	return id
}

func (n *numbering) sort() {
	n.sorted = make([]int32, len(n.texts))
	for i := range n.sorted {
		n.sorted[i] = int32(i)
	}
	slices.SortFunc(n.sorted, func(a, b int32) int { return strings.Compare(n.texts[a], n.texts[b]) })
	n.rank = make([]int32, len(n.texts))
	for rank, id := range n.sorted {
		n.rank[id] = int32(rank)
	}
}
