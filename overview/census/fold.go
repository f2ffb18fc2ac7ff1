package census

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// folding is what is shown of a dimension in a month, and what is not. It knows both, so
// that the next month's can be held against it.
type folding struct {
	least  int64
	counts map[string]count // each cluster has one value; some may be missing
	hidden map[string]bool
}

// maxShown bounds how many values are shown of a dimension. Who wants to fill an answer needs
// MinShare clusters for each, for ConfirmDays days.
const maxShown = 100

// fold decides what is shown. Nothing that is hidden in a month can be told from its total,
// nor what comes to the others or leaves them from what was shown in the month before; nil
// where there is none. A [missing] value that is shown is a smaller total; where it is
// hidden, those clusters are among the others.
func fold(counts map[string]count, least int64, before *folding) *folding {
	f := &folding{least, counts, make(map[string]bool)}
	ranked := ranking(counts, strings.Compare)
	shown := 0
	for _, value := range ranked {
		if value == published.Other || counts[value].few(least) || value != missing && shown == maxShown {
			f.hidden[value] = true
		} else if value != missing {
			shown++
		}
	}
	f.hideUntil(ranked, func() bool { return !f.others().few(least) })
	if before != nil {
		f.follow(before, ranked)
	}
	return f
}

// others returns how many clusters are not shown.
func (f *folding) others() (sum count) {
	for value := range f.hidden {
		sum = sum.plus(f.counts[value])
	}
	return sum
}

// hideUntil hides the smallest values, one after the other.
func (f *folding) hideUntil(ranked []string, enough func() bool) {
	for i := len(ranked) - 1; i >= 0 && !enough(); i-- {
		f.hidden[ranked[i]] = true
	}
}

// follow hides more, so that the month before tells nothing of few clusters. What one of two
// months hides is split by what the other shows; each part must be of none or of enough
// clusters, or be mixed with others:
//
//   - what is shown now of what was hidden is hidden again where it would leave few behind;
//   - where few left the others, or came to them, others that were shown come along, so that
//     what the two months' others differ by is not of those few alone.
func (f *folding) follow(before *folding, ranked []string) {
	for _, value := range slices.Backward(ranked) {
		if left := before.parted(f); left.seen == 0 || !before.others().minus(left).few(f.least) {
			break
		}
		if before.hidden[value] {
			f.hidden[value] = true
		}
	}
	if !before.parted(f).few(f.least) && !f.parted(before).few(f.least) {
		return
	}
	for _, value := range slices.Backward(ranked) {
		if f.parted(before).steady >= f.least {
			return
		}
		if before.shows(value) {
			f.hidden[value] = true
		}
	}
	for value := range before.hidden { // nobody is there to come along
		if f.shows(value) {
			f.hidden[value] = true
		}
	}
}

// shows tells whether a value is told apart.
func (f *folding) shows(value string) bool {
	_, ok := f.counts[value]
	return ok && !f.hidden[value]
}

// parted returns how many clusters are hidden here with values that another month shows.
func (f *folding) parted(other *folding) (sum count) {
	for value := range f.hidden {
		if other.shows(value) {
			sum = sum.plus(f.counts[value])
		}
	}
	return sum
}

// dimension returns what is shown, the largest first. Its denominator is without those who
// have no value, where that is shown. Where all together are too few, there is no value.
func (f *folding) dimension(d published.Dimension) published.Dimension {
	d.Values = []published.Share{}
	for value, c := range f.counts {
		d.Clusters += c.seen
		switch {
		case f.hidden[value]:
		case value == missing:
			d.Clusters -= c.seen
		default:
			d.Values = append(d.Values, published.Share{Value: value, Clusters: c.seen})
		}
	}
	slices.SortFunc(d.Values, byClusters)
	if others := f.others(); others.seen > 0 && !others.few(f.least) {
		d.Values = append(d.Values, published.Share{Value: published.Other, Clusters: others.seen})
	}
	return d
}

// byClusters orders values as they are published: what most have first.
func byClusters(a, b published.Share) int {
	return cmp.Or(cmp.Compare(b.Clusters, a.Clusters), strings.Compare(a.Value, b.Value))
}
